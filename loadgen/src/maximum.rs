//! Finds how much a gateway carries: one audited run after the other, at the rates that a search or
//! a list asks for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::board::Board;
use crate::capacity::{self, CapacityTest};
use crate::goal::Goals;
use crate::report::Report;
use crate::schedule::Rate;
use crate::search::{Manner, Mark, Next, Search};
use crate::trial::TrialError;

/// The version of [`Capacity`] as JSON.
pub const VERSION: u32 = 1;

/// What a gateway was found to carry, and everything that says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// The version of these keys.
    pub version: u32,
    /// What had to be kept.
    pub goals: String,
    /// What was found; nothing by a mere list of rates.
    pub found: Option<Found>,
    /// Every run in the order in which they were made.
    pub trials: Vec<Trial>,
}

/// Where the capacity lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The goals are kept at the first rate and missed at the second.
    Between(f64, f64),
    /// They are kept even at the highest rate that was to be tried.
    AtLeast(f64),
    /// They are kept at the first rate; above, the load generator itself was the limit.
    GeneratorLimited(f64),
    /// They are missed at every rate.
    Nothing,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// How many payments were offered a second.
    pub rate_per_s: f64,
    /// For how long.
    pub seconds: f64,
    /// Whether the goals were kept.
    pub mark: Mark,
    /// What was missed.
    pub missed: Vec<String>,
    /// In which ways the load generator was the limit.
    pub limited_by: Vec<String>,
    /// How many payments ended a second.
    pub throughput_per_s: f64,
    /// What half of the payments took of machines, in milliseconds.
    pub p50_ms: f64,
    /// What 99 of a hundred took.
    pub p99_ms: f64,
}

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
pub enum MaximumError {
    /// A run could not be made.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// A gateway that loses money has no capacity.
    #[error("at {rate} payments/s the audit failed: {}", problems.join("; "))]
    Audit {
        /// At which rate.
        rate: Rate,
        /// What it found.
        problems: Vec<String>,
    },
}

/// A gateway and the goals that it has to keep.
#[derive(Debug)]
pub struct Tried<'a, F> {
    /// What is run; its rate and its time are set for each trial.
    pub test: &'a CapacityTest,
    /// What has to be kept.
    pub goals: Goals,
    /// Is told of every trial.
    pub told: F,
    /// Calls it off when it becomes true.
    pub stop: watch::Receiver<bool>,
}

impl<F: FnMut(&Trial)> Tried<'_, F> {
    /// Searches for the highest rate at which the goals are kept.
    ///
    /// # Errors
    /// [`MaximumError`].
    pub async fn find(mut self, manner: Manner) -> Result<Capacity, MaximumError> {
        let mut search = Search::new(manner);
        let mut trials = Vec::new();
        let found = loop {
            match search.next() {
                Next::Try { rate, span } => {
                    let trial = self.run(rate, span).await?;
                    search.note(trial.mark);
                    trials.push(trial);
                }
                Next::Between(low, high) => break between(low, high, &trials),
                Next::AtLeast(rate) => break Found::AtLeast(rate.payments()),
                Next::None => break Found::Nothing,
            }
        };
        Ok(self.capacity(Some(found), trials))
    }

    /// Tries each of a list of rates once.
    ///
    /// # Errors
    /// [`MaximumError`].
    pub async fn sweep(mut self, rates: &[Rate], span: Duration) -> Result<Capacity, MaximumError> {
        let mut trials = Vec::new();
        for rate in rates {
            trials.push(self.run(*rate, span).await?);
        }
        Ok(self.capacity(None, trials))
    }

    fn capacity(&self, found: Option<Found>, trials: Vec<Trial>) -> Capacity {
        Capacity { version: VERSION, goals: self.goals.to_string(), found, trials }
    }

    async fn run(&mut self, rate: Rate, span: Duration) -> Result<Trial, MaximumError> {
        let mut test = self.test.clone();
        (test.workload.rate, test.workload.span) = (rate, span);
        let board = Arc::new(Board::new(span));
        let report = capacity::run(&test, board, self.stop.clone()).await?.report;
        if *self.stop.borrow() {
            return Err(TrialError::Interrupted.into());
        }
        if !report.audit.ok {
            return Err(MaximumError::Audit { rate, problems: report.audit.problems });
        }
        let trial = Trial::new(rate, span, &report, &self.goals);
        (self.told)(&trial);
        Ok(trial)
    }
}

/// The load generator is to blame if it was the limit whenever the upper rate was bad.
fn between(low: Rate, high: Rate, trials: &[Trial]) -> Found {
    let mut bad = trials
        .iter()
        .filter(|trial| trial.mark == Mark::Bad && trial.rate_per_s >= high.payments() * 0.999_999);
    if bad.all(|trial| !trial.limited_by.is_empty()) {
        Found::GeneratorLimited(low.payments())
    } else {
        Found::Between(low.payments(), high.payments())
    }
}

impl Trial {
    fn new(rate: Rate, span: Duration, report: &Report, goals: &Goals) -> Self {
        let missed = goals.missed(report);
        Self {
            rate_per_s: rate.payments(),
            seconds: span.as_secs_f64(),
            mark: if missed.is_empty() { Mark::Good } else { Mark::Bad },
            missed,
            limited_by: report.generator.limited_by.clone(),
            throughput_per_s: report.throughput_per_s,
            p50_ms: report.latency_ms.machine.p50,
            p99_ms: report.latency_ms.machine.p99,
        }
    }
}

/// One line of the table.
impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.mark {
            Mark::Good => "kept",
            Mark::Bad => "missed",
        };
        write!(
            f,
            "{:>10.1}/s for {:>5.1} s   ended {:>10.1}/s   p50 {:>8.2} ms   p99 {:>8.2} ms   {mark}",
            self.rate_per_s, self.seconds, self.throughput_per_s, self.p50_ms, self.p99_ms
        )?;
        let why = self.missed.iter().chain(&self.limited_by).map(String::as_str);
        let why: Vec<_> = why.collect();
        if why.is_empty() { Ok(()) } else { write!(f, ": {}", why.join("; ")) }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Between(low, high) => {
                write!(f, "between {low:.1} and {high:.1} payments a second, in 19 of 20 searches")
            }
            Self::AtLeast(rate) => write!(f, "at least {rate:.1} payments a second"),
            Self::GeneratorLimited(rate) => write!(
                f,
                "at least {rate:.1} payments a second: above, the load generator was the limit"
            ),
            Self::Nothing => f.write_str("none: the goals were missed at every rate"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Trial, between};
    use crate::goal::Goals;
    use crate::sample;
    use crate::schedule::Rate;
    use crate::search::Mark;
    use std::time::Duration;

    fn rate(payments: f64) -> Rate {
        Rate::per_second(payments).unwrap()
    }

    fn trial(payments: f64, p99_ms: f64, limited: bool) -> Trial {
        let goals = Goals { p99: Duration::from_millis(20), timeouts: "1%".parse().unwrap() };
        let mut report = sample::report();
        report.latency_ms.machine.p99 = p99_ms;
        report.payments.refused = 0;
        report.generator.limited_by =
            limited.then(|| "it was busy".to_owned()).into_iter().collect();
        Trial::new(rate(payments), Duration::from_secs(3), &report, &goals)
    }

    #[test]
    fn a_trial_is_marked_by_its_goals() {
        assert_eq!(trial(100.0, 20.0, true).mark, Mark::Good, "a busy generator misses nothing");
        let bad = trial(100.0, 21.0, true);
        assert_eq!(bad.mark, Mark::Bad);
        let line = bad.to_string();
        assert!(line.contains("missed: p99 was 21.0 ms") && line.contains("it was busy"), "{line}");
    }

    #[test]
    fn a_generator_that_was_the_limit_gets_the_blame() {
        let (low, high) = (rate(100.0), rate(102.0));
        let good = trial(100.0, 10.0, false);
        let trials = [good.clone(), trial(102.0, 30.0, true), trial(200.0, 30.0, true)];
        assert_eq!(between(low, high, &trials), Found::GeneratorLimited(100.0));
        let trials = [good, trial(102.0, 30.0, false), trial(200.0, 30.0, true)];
        assert_eq!(between(low, high, &trials), Found::Between(100.0, 102.0));
    }
}
