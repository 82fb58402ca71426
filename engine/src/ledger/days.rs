//! What went through terminals, by business day: kept for the days that somebody still asks for.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use kessai_terms::ids::TerminalId;
use kessai_terms::money::{Amount, AmountError, Currency, Net};
use serde::{Deserialize, Serialize};

use super::{Turnover, add};
use crate::calendar::BusinessDate;
use crate::sync::SeededMap;

/// For how many business days the sums of terminals are kept: a month and its reports.
pub const TURNOVER_DAYS: u32 = 35;

/// The sums of a shard's terminals by day; few days are looked at, and of these today's at every
/// capture.
#[derive(Debug)]
pub(crate) struct Days {
    by_date: BTreeMap<BusinessDate, Day>,
    seed: u64,
}

/// One day: rows in the order in which they came, which never move, behind a small index.
#[derive(Debug)]
struct Day {
    /// Leads to a terminal's first row.
    index: SeededMap<TerminalId, u32>,
    rows: Vec<DayRow>,
}

/// What went through one terminal on one day in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct DaySums {
    pub(crate) terminal: TerminalId,
    pub(crate) currency: Currency,
    pub(crate) turnover: Turnover,
    /// How many payments that were opened on the day were approved: what counts against limits.
    pub(crate) approvals: u32,
    /// What they were to cost.
    pub(crate) approved: Net,
}

#[derive(Debug)]
struct DayRow {
    sums: DaySums,
    /// The terminal's row in another currency: few have one.
    next: Option<u32>,
    /// The latest cut that has this row. Ephemeral.
    cut: u32,
}

/// A row's place among all days' rows.
pub(crate) type DayPlace = (BusinessDate, usize);

impl DaySums {
    const fn new(terminal: TerminalId, currency: Currency) -> Self {
        let turnover = Turnover::NONE;
        Self { terminal, currency, turnover, approvals: 0, approved: Net::ZERO }
    }

    /// Counts a payment of the day as approved.
    pub(super) fn approve(&mut self, price: Amount) -> Result<(), AmountError> {
        self.approvals = self.approvals.saturating_add(1);
        add(&mut self.approved, price.into())
    }
}

impl Day {
    fn new(seed: u64) -> Self {
        Self { index: SeededMap::with_hasher(FixedState::with_seed(seed)), rows: Vec::new() }
    }

    fn row(&self, place: u32) -> Option<&DayRow> {
        usize::try_from(place).ok().and_then(|place| self.rows.get(place))
    }

    /// Goes through a terminal's rows.
    fn of(&self, terminal: &TerminalId) -> impl Iterator<Item = (u32, &DayRow)> {
        let place_and_row = |place| self.row(place).map(|row| (place, row));
        let first = self.index.get(terminal).copied().and_then(place_and_row);
        std::iter::successors(first, move |(_, row)| row.next.and_then(place_and_row))
    }

    fn place(&self, terminal: &TerminalId, currency: Currency) -> Option<usize> {
        let (place, _) = self.of(terminal).find(|(_, row)| row.sums.currency == currency)?;
        usize::try_from(place).ok()
    }

    /// Puts a row behind all others: nothing if there is no room for another.
    fn push(&mut self, sums: DaySums) -> Option<usize> {
        let place = self.rows.len();
        let number = u32::try_from(place).ok()?;
        // The rows of one terminal lead from the latest to the first.
        let next = self.index.insert(sums.terminal, number);
        self.rows.push(DayRow { sums, next, cut: 0 });
        Some(place)
    }
}

impl Days {
    pub(super) const fn new(seed: u64) -> Self {
        Self { by_date: BTreeMap::new(), seed }
    }

    /// The sums of a terminal on a day in a currency. The first of a later day drops the days that
    /// nobody asks for any more: so memory stays flat, and recovery drops the same.
    pub(super) fn sums(
        &mut self,
        on: BusinessDate,
        terminal: TerminalId,
        currency: Currency,
    ) -> Result<&mut DaySums, AmountError> {
        if !self.by_date.contains_key(&on) {
            self.by_date = self.by_date.split_off(&oldest_beside(on));
        }
        let seed = self.seed;
        let day = self.by_date.entry(on).or_insert_with(|| Day::new(seed));
        let place = day.place(&terminal, currency);
        let place = place.or_else(|| day.push(DaySums::new(terminal, currency)));
        let row = place.and_then(|place| day.rows.get_mut(place));
        row.map(|row| &mut row.sums).ok_or(AmountError::TooGreat)
    }

    /// Enters a kept row.
    pub(crate) fn enter(&mut self, on: BusinessDate, sums: DaySums) -> Option<()> {
        let seed = self.seed;
        let day = self.by_date.entry(on).or_insert_with(|| Day::new(seed));
        day.push(sums).map(|_| ())
    }

    /// Goes through a terminal's sums on a day.
    pub(crate) fn of(
        &self,
        terminal: &TerminalId,
        on: BusinessDate,
    ) -> impl Iterator<Item = &DaySums> {
        let day = self.by_date.get(&on).into_iter();
        day.flat_map(|day| day.of(terminal)).map(|(_, row)| &row.sums)
    }

    /// Goes through the sums of a day.
    pub(crate) fn on(&self, on: BusinessDate) -> impl Iterator<Item = &DaySums> {
        self.by_date.get(&on).into_iter().flat_map(|day| &day.rows).map(|row| &row.sums)
    }

    /// Goes through all sums.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (BusinessDate, &DaySums)> {
        self.by_date.iter().flat_map(|(on, day)| day.rows.iter().map(|row| (*on, &row.sums)))
    }

    /// Goes through the days, the earliest first.
    pub(crate) fn dates(&self) -> impl Iterator<Item = BusinessDate> {
        self.by_date.keys().copied()
    }

    /// How many rows each day has.
    pub(crate) fn lengths(&self) -> BTreeMap<BusinessDate, usize> {
        self.by_date.iter().map(|(on, day)| (*on, day.rows.len())).collect()
    }

    /// Takes the rows of a day that cut `number` does not have yet, from `places`.
    pub(crate) fn take_down(
        &mut self,
        on: BusinessDate,
        places: std::ops::Range<usize>,
        number: u32,
        into: &mut Vec<(BusinessDate, DaySums)>,
    ) {
        let rows = self.by_date.get_mut(&on).and_then(|day| day.rows.get_mut(places));
        for row in rows.into_iter().flatten().filter(|row| row.cut != number) {
            row.cut = number;
            into.push((on, row.sums));
        }
    }

    /// The place of a terminal's sums on a day in a currency, if there are any.
    pub(crate) fn find(
        &self,
        on: BusinessDate,
        terminal: &TerminalId,
        currency: Currency,
    ) -> Option<usize> {
        self.by_date.get(&on)?.place(terminal, currency)
    }

    /// The days that a record of business day `on` may drop.
    pub(crate) fn dropped_on(&self, on: BusinessDate) -> Vec<BusinessDate> {
        let oldest = oldest_beside(on);
        self.dates().take_while(|date| *date < oldest).collect()
    }
}

/// The oldest day that is kept beside `on`.
const fn oldest_beside(on: BusinessDate) -> BusinessDate {
    BusinessDate(on.0.saturating_sub(TURNOVER_DAYS.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn till(number: u32) -> TerminalId {
        format!("T{number}").parse().unwrap()
    }

    fn counted(days: &mut Days, on: u32, number: u32, currency: Currency) {
        let sums = days.sums(BusinessDate(on), till(number), currency).unwrap();
        sums.turnover.captures = sums.turnover.captures.saturating_add(1);
    }

    fn captures(days: &Days, on: u32, number: u32) -> Vec<(Currency, u64)> {
        let till = till(number);
        let sums = days.of(&till, BusinessDate(on));
        sums.map(|sums| (sums.currency, sums.turnover.captures)).collect()
    }

    #[test]
    fn a_terminal_has_a_row_for_each_currency() {
        let mut days = Days::new(1);
        for currency in [Currency::JPY, Currency::USD, Currency::JPY] {
            counted(&mut days, 7, 1, currency);
            counted(&mut days, 7, 2, currency);
        }
        assert_eq!(captures(&days, 7, 1), [(Currency::USD, 1), (Currency::JPY, 2)]);
        assert_eq!(captures(&days, 7, 3), []);
        assert_eq!(captures(&days, 8, 1), []);
        assert_eq!(days.find(BusinessDate(7), &till(2), Currency::USD), Some(3));
    }

    #[test]
    fn days_are_kept_for_a_month_and_its_reports() {
        let mut days = Days::new(1);
        for on in 100..=134 {
            counted(&mut days, on, 1, Currency::JPY);
        }
        assert_eq!(days.dates().count(), 35);
        assert_eq!(days.dropped_on(BusinessDate(134)), []);
        assert_eq!(days.dropped_on(BusinessDate(136)), [BusinessDate(100), BusinessDate(101)]);
        counted(&mut days, 134, 2, Currency::JPY);
        assert_eq!(days.dates().next(), Some(BusinessDate(100)), "no new day has begun");
        counted(&mut days, 135, 1, Currency::JPY);
        assert_eq!(days.dates().next(), Some(BusinessDate(101)));
        // What counts on a day before, as an approval after midnight does, drops nothing more.
        counted(&mut days, 133, 9, Currency::JPY);
        assert_eq!(days.dates().count(), 35);
    }

    /// A cut takes each row once, however often it is asked for it.
    #[test]
    fn a_cut_takes_each_row_once() {
        let mut days = Days::new(1);
        for number in 0..100 {
            counted(&mut days, 7, number, Currency::JPY);
        }
        let mut taken = Vec::new();
        let on = BusinessDate(7);
        days.take_down(on, 10..20, 1, &mut taken);
        days.take_down(on, 0..64, 1, &mut taken);
        days.take_down(on, 64..100, 1, &mut taken);
        days.take_down(BusinessDate(8), 0..9, 1, &mut taken);
        let mut tills: Vec<_> = taken.iter().map(|(_, sums)| sums.terminal).collect();
        tills.sort();
        tills.dedup();
        assert_eq!((taken.len(), tills.len()), (100, 100));
        days.take_down(on, 0..5, 2, &mut taken);
        assert_eq!(taken.len(), 105, "another cut takes them again");
    }
}
