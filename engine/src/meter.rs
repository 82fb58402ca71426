//! What is counted of one terminal: taken before a shard is locked, without a lock.
//!
//! All of it is ephemeral. Open payments and the day's sums are counted again by recovery; the
//! minute's declines are forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use kessai_terms::money::Amount;

use crate::calendar::BusinessDate;
use crate::policy::Limits;

const MS_PER_MINUTE: u64 = 60_000;

/// Counts one terminal's payments; shared by all versions of the register.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    pending: AtomicU32,
    declined: Tally<32>,
    count: Tally<32>,
    amount: Tally<14>,
}

/// One payment's share of its terminal's counts; dropping it gives back what did not come to a
/// payment.
#[derive(Debug)]
pub(crate) struct Stand {
    meter: Meter,
    taken: Option<Taken>,
}

/// What was added to the day's sums, and to which days': threads may disagree about midnight.
#[derive(Debug, Clone, Copy)]
struct Taken {
    count_tag: u64,
    amount_tag: u64,
    price: u64,
}

impl Meter {
    /// Counts one more open payment if that stays within `limit`.
    pub(crate) fn open(&self, limit: u32) -> Option<Stand> {
        let pending = self.0.pending.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
            (count < limit).then(|| count.saturating_add(1))
        });
        pending.ok().map(|_| Stand { meter: self.clone(), taken: None })
    }

    /// Counts the declined opens of the minute that `now_ms` is in.
    pub(crate) fn declined(&self, now_ms: u64) -> u64 {
        self.0.declined.sum(minute(now_ms))
    }
}

impl Meter {
    /// Counts what was approved of a day before, as a snapshot has it.
    pub(crate) fn count_again(&self, day: BusinessDate, payments: u32, price: u64) {
        let day = u64::from(day.0);
        let _is_full = self.0.count.add(day, payments.into(), u64::MAX).is_none();
        let _is_full = self.0.amount.add(day, price, u64::MAX).is_none();
    }
}

impl Stand {
    /// Takes `price` from what the terminal may still take on `day`, if its limits allow it.
    pub(crate) fn take(&mut self, day: BusinessDate, price: Amount, limits: &Limits) -> Option<()> {
        if limits.per_payment.is_some_and(|most| price > most) {
            return None;
        }
        let (day, price) = (u64::from(day.0), price.minor());
        let counts = &self.meter.0;
        let most_payments = limits.count_per_day.unwrap_or(u32::MAX).into();
        let count_tag = counts.count.add(day, 1, most_payments)?;
        let most = limits.per_day.unwrap_or(Amount::MAX).minor();
        let Some(amount_tag) = counts.amount.add(day, price, most) else {
            counts.count.take_off(count_tag, 1);
            return None;
        };
        self.taken = Some(Taken { count_tag, amount_tag, price });
        Some(())
    }

    /// The payment was approved: what it took of the day stays taken.
    pub(crate) fn keep(&mut self) {
        self.taken = None;
    }

    /// Counts a declined open.
    pub(crate) fn decline(&self, now_ms: u64) {
        let _is_full = self.meter.0.declined.add(minute(now_ms), 1, u32::MAX.into()).is_none();
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let counts = &self.meter.0;
        counts.pending.fetch_sub(1, Ordering::AcqRel);
        if let Some(Taken { count_tag, amount_tag, price }) = self.taken {
            counts.count.take_off(count_tag, 1);
            counts.amount.take_off(amount_tag, price);
        }
    }
}

const fn minute(now_ms: u64) -> u64 {
    now_ms.div_euclid(MS_PER_MINUTE)
}

/// The sum of one window of time in one word: the window's number, of which the lowest `TAG` bits
/// are kept, stands above the sum, so that both change together.
#[derive(Debug, Default)]
struct Tally<const TAG: u32>(AtomicU64);

/// How many windows late somebody may still count: threads do not read the clock in the order in
/// which they count. What comes late counts in the newest window.
const LATE: u64 = 2;

/// How many of the latest days can matter to a meter.
pub(crate) const DAYS_COUNTED: usize = 3;

const _: () = assert!(LATE == 2 && DAYS_COUNTED == 3, "a day and those that may be counted late");

impl<const TAG: u32> Tally<TAG> {
    const SUM_BITS: u32 = u64::BITS.saturating_sub(TAG);
    const SUM: u64 = u64::MAX >> TAG;
    const TAGS: u64 = u64::MAX >> Self::SUM_BITS;

    const fn parts(word: u64) -> (u64, u64) {
        (word >> Self::SUM_BITS, word & Self::SUM)
    }

    /// Tag and sum that count in `window`, `word` being what is there.
    const fn current(word: u64, window: u64) -> (u64, u64) {
        let (tag, sum) = Self::parts(word);
        let ahead = tag.wrapping_sub(window) & Self::TAGS;
        if ahead <= LATE { (tag, sum) } else { (window & Self::TAGS, 0) }
    }

    fn sum(&self, window: u64) -> u64 {
        Self::current(self.0.load(Ordering::Acquire), window).1
    }

    /// Adds `more` in `window` if the sum stays within `most`; gives the tag of the window that it
    /// counted in.
    fn add(&self, window: u64, more: u64, most: u64) -> Option<u64> {
        let add = |word| {
            let (tag, sum) = Self::current(word, window);
            let sum = sum.checked_add(more).filter(|sum| *sum <= most.min(Self::SUM))?;
            Some((tag << Self::SUM_BITS) | sum)
        };
        let before = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).ok()?;
        Some(Self::current(before, window).0)
    }

    /// Takes off what was added under `tag`, unless another window has begun.
    fn take_off(&self, tag: u64, less: u64) {
        let take_off = |word| {
            let (current, sum) = Self::parts(word);
            (current == tag).then(|| (tag << Self::SUM_BITS) | sum.saturating_sub(less))
        };
        let _is_over = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, take_off).is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: BusinessDate = BusinessDate(20_779);

    fn yen(minor: u64) -> Amount {
        Amount::new(minor).unwrap()
    }

    fn limits(per_day: u64, count_per_day: u32) -> Limits {
        Limits {
            per_payment: None,
            per_day: Some(yen(per_day)),
            count_per_day: Some(count_per_day),
        }
    }

    /// Takes as one payment would, and keeps it.
    fn takes(meter: &Meter, day: BusinessDate, price: u64, limits: &Limits) -> bool {
        let mut stand = meter.open(u32::MAX).unwrap();
        let taken = stand.take(day, yen(price), limits).is_some();
        stand.keep();
        taken
    }

    #[test]
    fn a_days_sums_stop_at_their_limits() {
        let meter = Meter::default();
        assert!(takes(&meter, TODAY, 600, &limits(1_000, 3)));
        assert!(!takes(&meter, TODAY, 401, &limits(1_000, 3)), "the day's amount");
        assert!(takes(&meter, TODAY, 400, &limits(1_000, 3)), "a refusal took nothing");
        assert!(takes(&meter, TODAY, 1, &limits(1_001, 3)));
        assert!(!takes(&meter, TODAY, 1, &limits(2_000, 3)), "the day's number");
        let one = Limits { per_payment: Some(yen(5)), ..Limits::default() };
        assert!(takes(&meter, TODAY, 5, &one) && !takes(&meter, TODAY, 6, &one));
        assert!(takes(&meter, BusinessDate(TODAY.0 + 1), 1_000, &limits(1_000, 1)), "another day");
    }

    #[test]
    fn what_comes_to_nothing_is_given_back() {
        let meter = Meter::default();
        let all = limits(100, 1);
        for _ in 0..3 {
            let mut stand = meter.open(1).unwrap();
            assert!(meter.open(1).is_none());
            stand.take(TODAY, yen(100), &all).unwrap();
            assert!(meter.open(2).unwrap().take(TODAY, yen(1), &all).is_none());
        }
        let mut stand = meter.open(1).unwrap();
        stand.take(TODAY, yen(100), &all).unwrap();
        stand.keep();
        drop(stand);
        assert!(!takes(&meter, TODAY, 1, &all), "kept");
    }

    #[test]
    fn who_comes_late_counts_in_the_newest_day() {
        let meter = Meter::default();
        let tomorrow = BusinessDate(TODAY.0 + 1);
        let mut late = meter.open(9).unwrap();
        late.take(TODAY, yen(70), &limits(100, 9)).unwrap();
        assert!(takes(&meter, tomorrow, 100, &limits(100, 9)));
        assert!(!takes(&meter, TODAY, 1, &limits(100, 9)));
        drop(late);
        assert!(!takes(&meter, tomorrow, 1, &limits(100, 9)), "another day's is not given back");
        let mut late = meter.open(9).unwrap();
        late.take(TODAY, yen(1), &limits(101, 9)).unwrap();
        drop(late);
        assert!(takes(&meter, tomorrow, 1, &limits(101, 9)), "given back where it was counted");
    }

    #[test]
    fn declines_are_counted_by_the_minute() {
        let meter = Meter::default();
        let stand = meter.open(1).unwrap();
        stand.decline(60_000);
        stand.decline(119_999);
        assert_eq!((meter.declined(119_999), meter.declined(120_000)), (2, 0));
        stand.decline(120_000);
        assert_eq!(meter.declined(120_001), 1);
        let much_later = 60_000 * (1 << 33);
        assert_eq!(meter.declined(much_later + 120_000), 1, "the number of the minute is cut");
        assert_eq!(meter.declined(much_later), 1, "a little late");
        assert_eq!(meter.declined(much_later + 600_000), 0);
    }

    #[test]
    fn the_greatest_sums_fit() {
        let meter = Meter::default();
        assert!(takes(&meter, BusinessDate(u32::MAX), Amount::MAX.minor(), &Limits::default()));
        assert!(!takes(&meter, BusinessDate(u32::MAX), 1, &Limits::default()));
        assert!(takes(&meter, BusinessDate(7), 1, &Limits::default()));
    }
}
