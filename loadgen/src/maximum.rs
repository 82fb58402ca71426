//! Finds how much a gateway carries: one audited run after the other, at the rates that a search or
//! a list asks for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::board::Board;
use crate::capacity::{self, CapacityTest};
use crate::cost::GatewayCost;
use crate::fleet::Connections;
use crate::goal::Goals;
use crate::report::{Gateway, Report};
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
    /// Which runs were asked for.
    pub asked: Asked,
    /// What all runs had in common; nothing if none was made.
    pub common: Option<Common>,
    /// What was found; nothing by a mere list of rates.
    pub found: Option<Found>,
    /// Every run in the order in which they were made.
    pub trials: Vec<Trial>,
}

/// Which runs were asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// Those that find the highest rate at which the goals are kept.
    Search {
        /// The rate to begin with.
        from_per_s: f64,
        /// The highest to try.
        to_per_s: f64,
        /// How far apart rates are that are told apart, as a share of the lower.
        width: f64,
        /// How long runs are while climbing, narrowing and confirming.
        seconds: [f64; 3],
        /// How many long runs either bound rests on.
        confirmations: usize,
        /// How many long runs are made at most.
        most_long: usize,
    },
    /// One at each of these rates.
    Sweep {
        /// The rates.
        rates_per_s: Vec<f64>,
        /// How long each run is.
        seconds: f64,
    },
}

/// What all runs of a search had in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Common {
    /// The seed that they were drawn from.
    pub seed: u64,
    /// How much faster than life people were.
    pub pace: f64,
    /// How many customers there were.
    pub customers: u32,
    /// How many terminals.
    pub terminals: u32,
    /// Who paid what, and how: the name of a preset, or the path of a file.
    pub preset: String,
    /// A digest of its values.
    pub preset_digest: String,
    /// Which gateway it was.
    pub gateway: Gateway,
    /// How many connections led to it.
    pub connections: Connections,
}

impl Common {
    fn of(report: &Report) -> Self {
        let Report { seed, config, gateway, connections, .. } = report;
        Self {
            seed: *seed,
            pace: config.pace,
            customers: config.customers,
            terminals: config.terminals,
            preset: config.preset.clone(),
            preset_digest: config.preset_digest.clone(),
            gateway: gateway.clone(),
            connections: *connections,
        }
    }
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
    /// What a payment cost the gateway.
    pub gateway_cost: GatewayCost,
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

/// The runs that were made.
#[derive(Default)]
struct Made {
    common: Option<Common>,
    trials: Vec<Trial>,
}

impl<F: FnMut(&Trial)> Tried<'_, F> {
    /// Searches for the highest rate at which the goals are kept.
    ///
    /// # Errors
    /// [`MaximumError`].
    pub async fn find(mut self, manner: Manner) -> Result<Capacity, MaximumError> {
        let Manner { first, highest, width, spans, confirmations, most_long } = manner;
        let asked = Asked::Search {
            from_per_s: first.payments(),
            to_per_s: highest.payments(),
            width,
            seconds: [spans.short, spans.longer, spans.long].map(|span| span.as_secs_f64()),
            confirmations,
            most_long,
        };
        let mut search = Search::new(manner);
        let mut made = Made::default();
        let found = loop {
            match search.next() {
                Next::Try { rate, span } => search.note(self.run(rate, span, &mut made).await?),
                Next::Between(low, high) => break between(low, high, &made.trials),
                Next::AtLeast(rate) => break Found::AtLeast(rate.payments()),
                Next::None => break Found::Nothing,
            }
        };
        Ok(self.capacity(asked, Some(found), made))
    }

    /// Tries each of a list of rates once.
    ///
    /// # Errors
    /// [`MaximumError`].
    pub async fn sweep(mut self, rates: &[Rate], span: Duration) -> Result<Capacity, MaximumError> {
        let rates_per_s = rates.iter().map(|rate| rate.payments()).collect();
        let asked = Asked::Sweep { rates_per_s, seconds: span.as_secs_f64() };
        let mut made = Made::default();
        for rate in rates {
            self.run(*rate, span, &mut made).await?;
        }
        Ok(self.capacity(asked, None, made))
    }

    fn capacity(&self, asked: Asked, found: Option<Found>, made: Made) -> Capacity {
        let Made { common, trials } = made;
        Capacity { version: VERSION, goals: self.goals.to_string(), asked, common, found, trials }
    }

    /// Makes a run, and says how it went.
    async fn run(
        &mut self,
        rate: Rate,
        span: Duration,
        made: &mut Made,
    ) -> Result<Mark, MaximumError> {
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
        let mark = trial.mark;
        made.common.get_or_insert_with(|| Common::of(&report));
        made.trials.push(trial);
        Ok(mark)
    }
}

/// The load generator is to blame if it was the limit whenever the upper rate was bad. A search that
/// ran out of runs may not have seen it bad at all: then only the lower rate is known.
fn between(low: Rate, high: Rate, trials: &[Trial]) -> Found {
    let mut bad = trials
        .iter()
        .filter(|trial| trial.mark == Mark::Bad && trial.rate_per_s >= high.payments() * 0.999_999)
        .peekable();
    if bad.peek().is_none() {
        Found::AtLeast(low.payments())
    } else if bad.all(|trial| !trial.limited_by.is_empty()) {
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
            gateway_cost: report.gateway_cost,
        }
    }

    /// What stands above the lines of a table of trials: times in milliseconds, and what a payment
    /// cost the gateway.
    pub const HEADING: &str = "offered/s  for s    ended/s    p50 ms    p99 ms    CPU ms  datagrams  \
                               syncs   bytes  goals";
}

/// One line of the table.
impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.mark {
            Mark::Good => "kept",
            Mark::Bad => "missed",
        };
        let Self { rate_per_s, seconds, throughput_per_s, p50_ms, p99_ms, .. } = self;
        write!(
            f,
            "{rate_per_s:>9.1}{seconds:>7.1}{throughput_per_s:>11.1}{p50_ms:>10.2}{p99_ms:>10.2}"
        )?;
        let cost = &self.gateway_cost;
        for (number, width, digits) in [
            (cost.cpu_s.map(|seconds| seconds * 1_000.0), 10, 3),
            (cost.datagrams, 11, 1),
            (cost.syncs, 7, 2),
            (cost.written_bytes, 8, 0),
        ] {
            match number {
                Some(number) => write!(f, "{number:>width$.digits$}")?,
                None => write!(f, "{:>width$}", "-")?,
            }
        }
        write!(f, "  {mark}")?;
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
        // What the sample cost: 0.4 ms, datagrams that are not known, 1.25 syncs, 5120 bytes.
        assert!(line.contains("     0.400          -   1.25    5120  missed"), "{line}");
        assert_eq!(Trial::HEADING.find("goals"), line.find("missed"), "columns are straight");
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

    #[test]
    fn an_upper_rate_that_was_never_bad_is_no_bound() {
        let trials = [trial(100.0, 10.0, false), trial(101.0, 30.0, true)];
        let found = between(rate(100.0), rate(102.0), &trials);
        assert_eq!(found, Found::AtLeast(100.0));
    }
}
