//! What became of attempts, at handshakes or at round trips: how many, why not, how long.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use crate::measure::Timed;
use crate::report::{OutcomeTimes, QuantileIntervals};
use crate::schedule::Skip;
use crate::statistics::{Block, Blocks, Interval, mean, quantile};
use crate::tally::share;

/// When an attempt was made, from the beginning of its phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moments {
    /// When it was meant to be made.
    pub(super) intended: Duration,
    /// When it was made.
    pub(super) begun: Duration,
    /// When it had an answer, or none was waited for any more.
    pub(super) ended: Duration,
}

/// What became of attempts.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempts {
    done: u64,
    failed: BTreeMap<String, u64>,
    turned_away: u64,
    skipped: BTreeMap<&'static str, u64>,
    late: u64,
    times: Timed,
    /// The response times of what was done, by the second in which it was meant to be.
    seconds: Vec<Block>,
}

/// What became of attempts, as JSON has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptsReport {
    /// All that were meant to be made: the sum of the three below.
    pub offered: u64,
    /// Those that did what they were for.
    pub done: u64,
    /// Those that did not, by the reason.
    pub failed: BTreeMap<String, u64>,
    /// Those that the load generator did not make, by the reason.
    pub skipped: BTreeMap<String, u64>,
    /// How many were done a second, by the second in which they were meant to be, with bounds; none
    /// where too little was seen.
    pub done_per_s: Option<Interval>,
    /// What those took that were done.
    pub times: OutcomeTimes,
    /// Bounds of the response times, in milliseconds.
    pub response_ms: QuantileIntervals,
}

impl Attempts {
    /// Takes in what became of one.
    pub(super) fn take(&mut self, at: Moments, came: &Result<(), Failure>) {
        let Moments { intended, begun, ended } = at;
        self.times.lag.add(begun.saturating_sub(intended));
        if let Err(failure) = came {
            self.turned_away = self.turned_away.saturating_add(u64::from(failure.is_turned_away()));
            return add(&mut self.failed, failure.name());
        }
        let response = ended.saturating_sub(intended);
        self.done = self.done.saturating_add(1);
        self.times.response.add(response);
        self.times.service.add(ended.saturating_sub(begun));
        let second = usize::try_from(intended.as_secs()).unwrap_or(usize::MAX);
        if self.seconds.len() <= second {
            self.seconds.resize_with(second.saturating_add(1), Block::default);
        }
        if let Some(block) = self.seconds.get_mut(second) {
            block.take(u64::try_from(response.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// Takes in one that was not made.
    pub(super) fn skip(&mut self, skip: Skip) {
        self.late = self.late.saturating_add(u64::from(skip == Skip::Late));
        add(&mut self.skipped, skip.name());
    }

    /// Counts those that did what they were for.
    pub(super) const fn done(&self) -> u64 {
        self.done
    }

    /// Counts those that did not.
    pub(super) fn failed(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Counts those that the gateway turned away because it takes no more for the moment.
    pub(super) const fn turned_away(&self) -> u64 {
        self.turned_away
    }

    /// Lends how late they were made.
    pub(super) const fn times(&self) -> &Timed {
        &self.times
    }

    /// The share that was skipped for being late.
    pub(super) fn late_share(&self) -> f64 {
        share(self.late, self.offered())
    }

    fn offered(&self) -> u64 {
        let skipped: u64 = self.skipped.values().sum();
        self.done.saturating_add(self.failed()).saturating_add(skipped)
    }

    /// Sums up what was meant to be done within the first `span`.
    pub(super) fn report(&self, span: Duration) -> AttemptsReport {
        let whole = usize::try_from(span.as_secs()).unwrap_or(usize::MAX);
        let blocks: Vec<_> = self.seconds.iter().take(whole).cloned().collect();
        let done = blocks.iter().map(|block| count(block.count()));
        // Seconds at the end in which nothing was done count as well.
        let done: Vec<_> = done.chain(std::iter::repeat(0.0)).take(whole).collect();
        let blocks = Blocks::new(blocks);
        let at =
            |share| quantile(&blocks, share).map(|found| found.interval.map(|us| us / 1_000.0));
        AttemptsReport {
            offered: self.offered(),
            done: self.done,
            failed: self.failed.clone(),
            skipped: self.skipped.iter().map(|(why, count)| ((*why).to_owned(), *count)).collect(),
            done_per_s: mean(&done).map(Interval::of_a_count),
            times: OutcomeTimes::of(&self.times),
            response_ms: QuantileIntervals {
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p999: at(0.999),
            },
        }
    }
}

/// Counts one more.
pub(super) fn add<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

/// A count of one second as a fraction: far fewer than 2^32.
fn count(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Attempts, Moments};
    use crate::connections::failure::Failure;
    use crate::schedule::Skip;
    use kessai_client::ConnectError;
    use std::time::Duration;

    const fn at(intended_ms: u64, begun_ms: u64, ended_ms: u64) -> Moments {
        Moments {
            intended: Duration::from_millis(intended_ms),
            begun: Duration::from_millis(begun_ms),
            ended: Duration::from_millis(ended_ms),
        }
    }

    #[test]
    fn every_attempt_is_counted_once_and_timed_from_its_intended_moment() {
        let mut attempts = Attempts::default();
        for number in 0..400 {
            attempts.take(at(number * 10, number * 10 + 1, number * 10 + 5), &Ok(()));
        }
        attempts.take(at(0, 0, 9), &Err(Failure::Connect(ConnectError::TurnedAway)));
        attempts.take(at(0, 0, 9), &Err(Failure::Connect(ConnectError::TimedOut)));
        attempts.skip(Skip::Late);
        attempts.skip(Skip::TooManyOpen);
        assert_eq!((attempts.done(), attempts.failed(), attempts.turned_away()), (400, 2, 1));
        assert!((attempts.late_share() - 1.0 / 404.0).abs() < 1e-9);
        let report = attempts.report(Duration::from_millis(4_900));
        assert_eq!((report.offered, report.done), (404, 400));
        assert_eq!(report.failed["turned_away"] + report.failed["timed_out"], 2);
        assert_eq!(report.skipped["skipped_late"], 1);
        let done = report.done_per_s.unwrap();
        assert!((done.estimate - 100.0).abs() < 1e-9, "the cut-off second is left out: {done}");
        let (response, service) = (report.times.response_ms, report.times.service_ms);
        assert!((response.p99 - 5.0).abs() < 0.01 && (service.p99 - 4.0).abs() < 0.01);
        let p50 = report.response_ms.p50.unwrap();
        assert!((p50.estimate / 5.0 - 1.0).abs() < 0.01, "as fine as a block is: {p50}");
    }

    #[test]
    fn seconds_without_anything_done_count() {
        let mut attempts = Attempts::default();
        (0..50).for_each(|_| attempts.take(at(100, 100, 101), &Ok(())));
        let done = attempts.report(Duration::from_secs(5)).done_per_s.unwrap();
        assert!((done.estimate - 10.0).abs() < 1e-9, "{done}");
        assert_eq!(Attempts::default().report(Duration::ZERO).done_per_s, None);
    }
}
