//! How often a customer is asked, and what is kept of few customers.

use kessai_terms::money::Amount;
use kessai_terms::profile::SealedProfile;
use kessai_terms::text::TransferReference;
use serde::{Deserialize, Serialize};

use crate::calendar::BusinessDate;
use crate::policy::Limits;
use crate::rules::Rules;

/// How many of the latest payments are remembered that a customer was asked for in vain.
pub const RECENT_IN_VAIN: usize = 8;

/// For how many business days a credit or debit is known by its reference: a month and its reports.
pub const TRANSFER_DAYS: u32 = 31;

const MS_PER_MINUTE: u64 = 60_000;

/// How often a customer was asked by plain id, or an open declined, within a minute.
///
/// A minute begins with the first that comes after the last minute's end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Asks {
    since_ms: u64,
    count: u32,
}

impl Asks {
    /// How many there have been in the minute that `now_ms` is in.
    pub(crate) fn count_at(self, now_ms: u64) -> u32 {
        if now_ms < self.since_ms.saturating_add(MS_PER_MINUTE) { self.count } else { 0 }
    }

    pub(crate) fn count(&mut self, at_ms: u64) {
        *self = match self.count_at(at_ms) {
            0 => Self { since_ms: at_ms, count: 1 },
            count => Self { count: count.saturating_add(1), ..*self },
        };
    }
}

/// What is kept of customers with a profile, limits, transfers, or payments that they did not want:
/// apart, so that other customers' payments touch and allocate none of it.
#[derive(Debug, Clone, Default, Hash, Serialize, Deserialize)]
pub(crate) struct Dossier {
    /// Who the customer is, sealed.
    pub(crate) profile: Option<SealedProfile>,
    /// The customer's own.
    pub(crate) limits: Limits,
    /// When the latest payments ended that were asked for by plain id in vain, the oldest first.
    pub(crate) in_vain: Vec<u64>,
    /// Credits and debits of the last [`TRANSFER_DAYS`].
    transfers: Vec<Transfer>,
}

/// A credit or debit as it is known again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Transfer {
    reference: TransferReference,
    direction: Direction,
    amount: Amount,
    on: BusinessDate,
}

/// What is known of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing, or nothing any more.
    No,
    /// It did exactly this.
    Alike,
    /// It did something else.
    Otherwise,
}

/// Which way a transfer moves a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Direction {
    Credit,
    Debit,
}

impl Transfer {
    const fn counts_on(&self, day: BusinessDate) -> bool {
        day.0 <= self.on.0.saturating_add(TRANSFER_DAYS)
    }
}

impl Dossier {
    /// Says what a transfer's reference is known for on `day`.
    pub(crate) fn transfer(
        &self,
        reference: &TransferReference,
        (direction, amount): (Direction, Amount),
        day: BusinessDate,
    ) -> Known {
        let mut known = self.transfers.iter().filter(|known| known.counts_on(day));
        match known.find(|known| known.reference == *reference) {
            None => Known::No,
            Some(known) if known.direction == direction && known.amount == amount => Known::Alike,
            Some(_) => Known::Otherwise,
        }
    }

    /// Notes a transfer of `day`, and forgets those that no longer count.
    pub(crate) fn note_transfer(
        &mut self,
        reference: &TransferReference,
        (direction, amount): (Direction, Amount),
        on: BusinessDate,
    ) {
        self.transfers.retain(|known| known.counts_on(on));
        self.transfers.push(Transfer { reference: reference.clone(), direction, amount, on });
    }

    /// Notes a payment that was asked for in vain.
    pub(crate) fn note_in_vain(&mut self, at_ms: u64) {
        if self.in_vain.len() == RECENT_IN_VAIN {
            self.in_vain.remove(0);
        }
        self.in_vain.push(at_ms);
    }

    /// Says whether so many payments were asked for in vain lately that the customer is left in peace.
    pub(crate) fn is_muted(&self, now_ms: u64, rules: &Rules) -> bool {
        let others = usize::from(rules.mute_after).checked_sub(1);
        let counts = others.and_then(|others| self.in_vain.iter().rev().nth(others));
        counts.is_some_and(|at_ms| now_ms < at_ms.saturating_add(rules.mute_window_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_begins_with_its_first_ask() {
        let mut asks = Asks::default();
        for at_ms in [100_000, 110_000, 159_999] {
            asks.count(at_ms);
        }
        assert_eq!((asks.count_at(159_999), asks.count_at(160_000)), (3, 0));
        asks.count(160_000);
        assert_eq!((asks.count_at(219_999), asks.count_at(220_000)), (1, 0));
    }

    #[test]
    fn a_customer_is_muted_until_one_of_the_latest_is_long_ago() {
        let rules = Rules { mute_after: 3, mute_window_ms: 100, ..Rules::default() };
        let mut dossier = Dossier::default();
        let mut at = |at_ms, now_ms| {
            dossier.note_in_vain(at_ms);
            dossier.is_muted(now_ms, &rules)
        };
        assert!(!at(10, 10) && !at(50, 50) && at(60, 60));
        assert!(at(70, 149) && !at(80, 160));
        assert!(!at(500, 500), "long ago");
        assert!(!dossier.is_muted(0, &Rules { mute_after: 0, ..rules }), "never");
        for at_ms in 600..700 {
            dossier.note_in_vain(at_ms);
        }
        assert_eq!(dossier.in_vain, (692..700).collect::<Vec<_>>());
        assert!(dossier.is_muted(699, &Rules { mute_after: 8, ..rules }));
        assert!(!dossier.is_muted(699, &Rules { mute_after: 9, ..rules }), "more than is kept");
    }

    #[test]
    fn a_reference_is_known_for_a_month() {
        let reference = |text: &str| text.parse::<TransferReference>().unwrap();
        let what = (Direction::Credit, Amount::MAX);
        let mut dossier = Dossier::default();
        dossier.note_transfer(&reference("one"), what, BusinessDate(100));
        let known = |dossier: &Dossier, what, day| {
            dossier.transfer(&reference("one"), what, BusinessDate(day))
        };
        assert_eq!(known(&dossier, what, 131), Known::Alike);
        assert_eq!(known(&dossier, what, 132), Known::No);
        assert_eq!(known(&dossier, (Direction::Debit, Amount::MAX), 100), Known::Otherwise);
        assert_eq!(known(&dossier, (Direction::Credit, Amount::ZERO), 100), Known::Otherwise);
        dossier.note_transfer(&reference("two"), what, BusinessDate(131));
        assert_eq!(dossier.transfers.len(), 2);
        dossier.note_transfer(&reference("three"), what, BusinessDate(132));
        assert_eq!(dossier.transfers.len(), 2, "the first is forgotten");
    }
}
