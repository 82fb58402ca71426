//! Whether the load generator itself kept up: what it measured of a gateway that it could not load
//! is no capacity of that gateway.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::tally::{Quantiles, Tally, Times};

/// What the load generator may need without being the limit itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The share of all processors' time.
    pub cpu_share: f64,
    /// How late all but one of a hundred payments may be begun.
    pub lag_p99: Duration,
    /// The share of arrivals that may be skipped for being late.
    pub late_share: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu_share: 0.8, lag_p99: Duration::from_millis(10), late_share: 0.000_1 }
    }
}

/// What the load generator needed for a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effort {
    /// The processor time of its own process, in seconds, where the system tells it; if the gateway
    /// is in it, that too.
    pub cpu_s: Option<f64>,
    /// That as a share of what all processors had.
    pub cpu_share: Option<f64>,
    /// How late it began payments.
    ///
    /// # Units
    /// Milliseconds.
    pub lag_ms: Quantiles,
    /// In which ways it was the limit, a sentence each; none if it kept up.
    pub limited_by: Vec<String>,
}

/// A moment from which on the effort is counted.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    at: Instant,
    cpu: Option<Duration>,
}

/// What was spent since a [`Start`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    /// Processor time, where the system tells it.
    cpu: Option<Duration>,
    /// What all processors had meanwhile.
    available: Duration,
}

impl Start {
    /// Begins to count.
    #[must_use]
    pub fn now() -> Self {
        Self { at: Instant::now(), cpu: own_cpu_time() }
    }

    /// Says what was spent since.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.until(&Self::now())
    }

    /// Says what was spent until a later moment.
    #[must_use]
    pub fn until(&self, later: &Self) -> Spent {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let cores = u32::try_from(cores).unwrap_or(u32::MAX);
        Spent {
            cpu: self.cpu.and_then(|before| Some(later.cpu?.saturating_sub(before))),
            available: later.at.saturating_duration_since(self.at).saturating_mul(cores),
        }
    }
}

impl Spent {
    /// Lends the processor time, where the system tells it.
    #[must_use]
    pub const fn cpu(&self) -> Option<Duration> {
        self.cpu
    }
}

impl Effort {
    /// Judges what was spent for a run that came to `tally`.
    #[must_use]
    pub fn new(spent: &Spent, tally: &Tally, limits: &Limits) -> Self {
        Self::of(spent, (&tally.lag, tally.late_share()), limits)
    }

    /// Judges what was spent, how late things were begun, and which share was skipped for being late.
    #[must_use]
    pub fn of(spent: &Spent, (lag, late_share): (&Times, f64), limits: &Limits) -> Self {
        let cpu_share = spent.cpu.map(|cpu| cpu.div_duration_f64(spent.available));
        let lag_ms = lag.quantiles();
        let mut limited_by = Vec::new();
        limited_by.extend(cpu_share.and_then(|share| too_busy(share, limits)));
        if lag_ms.p99 > limits.lag_p99.as_secs_f64() * 1_000.0 {
            limited_by.push(format!("it began one of a hundred {:.1} ms late", lag_ms.p99));
        }
        if late_share > limits.late_share {
            limited_by.push(format!("it skipped {:.3} % for being late", late_share * 100.0));
        }
        Self { cpu_s: spent.cpu.map(|cpu| cpu.as_secs_f64()), cpu_share, lag_ms, limited_by }
    }

    /// Says whether the load generator kept up.
    #[must_use]
    pub const fn kept_up(&self) -> bool {
        self.limited_by.is_empty()
    }
}

/// Says that so large a share of all processors' time was too much, if it was.
pub(crate) fn too_busy(share: f64, limits: &Limits) -> Option<String> {
    let is_too_much = share > limits.cpu_share;
    is_too_much.then(|| format!("it took {:.0} % of all processors", share * 100.0))
}

/// The processor time that this process has had, if the system tells it.
fn own_cpu_time() -> Option<Duration> {
    own(ProcessRefreshKind::nothing().with_cpu(), Process::accumulated_cpu_time)
        .map(Duration::from_millis)
}

/// The memory that this process has now, in bytes, if the system tells it.
pub(crate) fn own_memory() -> Option<u64> {
    own(ProcessRefreshKind::nothing().with_memory(), Process::memory)
}

/// Asks the system something about this process.
fn own(what: ProcessRefreshKind, tell: impl FnOnce(&Process) -> u64) -> Option<u64> {
    let own = Pid::from_u32(std::process::id());
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), true, what);
    system.process(own).map(tell)
}

#[cfg(test)]
mod tests {
    use super::{Effort, Limits, Spent, Start};
    use crate::schedule::Skip;
    use crate::tally::Tally;
    use std::hint::black_box;
    use std::time::{Duration, Instant};

    fn tally(lag_ms: u64, late: u64) -> Tally {
        let mut tally = Tally::new(Duration::from_secs(1));
        for _ in 0..1_000 {
            tally.lag.add(Duration::from_millis(lag_ms));
            tally.skip(Skip::TooManyOpen);
        }
        (0..late).for_each(|_| tally.skip(Skip::Late));
        tally
    }

    fn check(cpu_ms: u64, tally: &Tally, expected: &[&str]) {
        let cpu = Some(Duration::from_millis(cpu_ms));
        let spent = Spent { cpu, available: Duration::from_secs(1) };
        let effort = Effort::new(&spent, tally, &Limits::default());
        assert_eq!(effort.limited_by.len(), expected.len(), "{effort:?}");
        for (found, words) in effort.limited_by.iter().zip(expected) {
            assert!(found.contains(words), "{found}");
        }
        assert_eq!(effort.kept_up(), expected.is_empty());
    }

    #[test]
    fn every_way_to_be_the_limit_is_named() {
        check(790, &tally(9, 0), &[]);
        check(810, &tally(9, 0), &["81 % of all processors"]);
        check(500, &tally(12, 0), &["ms late"]);
        check(500, &tally(1, 1), &["skipped 0.100 %"]);
        check(900, &tally(30, 9), &["processors", "ms late", "skipped"]);
    }

    #[test]
    fn the_processor_time_is_the_processes_own() {
        let start = Start::now();
        let until = Instant::now() + Duration::from_millis(300);
        let mut sum = 0_u64;
        while Instant::now() < until {
            sum = black_box(sum.wrapping_add(1));
        }
        let effort = Effort::new(&start.spent(), &tally(0, 0), &Limits::default());
        assert!(effort.cpu_s > Some(0.05) && effort.cpu_share > Some(0.01), "{effort:?}");
    }
}
