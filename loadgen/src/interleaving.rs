//! Compares two gateways by runs that take turns: first, second, second, first, and so on.
//!
//! What changes slowly, such as a disk that fills or a neighbour that wakes, falls on both alike; and
//! both runs of a round are drawn from one seed, so that they offer the same payments at the same
//! moments. So the rounds are compared pair by pair.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use kessai_gateway::admin::rows::GatewayRow;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::board::Board;
use crate::capacity::{self, CapacityTest};
use crate::comparison::{Comparison, Incomparable};
use crate::report::Report;
use crate::trial::TrialError;

/// One of two gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that is compared with.
    First,
    /// The one that may be better or worse.
    Second,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::First => "first",
            Self::Second => "second",
        })
    }
}

/// A run that was made.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// Counts the rounds from 1.
    pub round: u32,
    /// Which gateway it was.
    pub side: Side,
    /// What came of it.
    pub report: &'a Report,
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum InterleavingError {
    /// A run could not be made.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// They are set otherwise, so that more would be compared than the gateways.
    #[error("the gateways are set otherwise: they differ in {}", .0.join(", "))]
    Settings(Vec<&'static str>),
    /// A gateway that loses money is compared with none.
    #[error("round {round}: the audit of the {side} gateway failed: {}", problems.join("; "))]
    Audit {
        /// In which round.
        round: u32,
        /// Of which gateway.
        side: Side,
        /// What it found.
        problems: Vec<String>,
    },
    /// What it could not load it cannot compare.
    #[error(
        "round {round}: the load generator was the limit of the {side} run: {}", limits.join("; ")
    )]
    GeneratorLimited {
        /// In which round.
        round: u32,
        /// Of which gateway.
        side: Side,
        /// In which ways.
        limits: Vec<String>,
    },
    /// The runs are not alike.
    #[error(transparent)]
    Incomparable(#[from] Incomparable),
}

/// Two gateways that take turns.
#[derive(Debug)]
pub struct Interleaving<'a, F> {
    /// What is run against the first.
    pub first: &'a CapacityTest,
    /// What is run against the second: the same, elsewhere.
    pub second: &'a CapacityTest,
    /// How often either has its turn.
    pub rounds: NonZeroU32,
    /// Is told of every run.
    pub told: F,
    /// Calls it off when it becomes true.
    pub stop: watch::Receiver<bool>,
}

/// Who has the first turn of a round, and who the second: they take turns in that as well.
const fn order(round: u32) -> [Side; 2] {
    if round % 2 == 1 { [Side::First, Side::Second] } else { [Side::Second, Side::First] }
}

impl<F: FnMut(Turn<'_>)> Interleaving<'_, F> {
    /// Makes all runs, and compares them round by round.
    ///
    /// # Errors
    /// [`InterleavingError`] at the first run that is no measurement.
    pub async fn compare(mut self) -> Result<Comparison, InterleavingError> {
        let (first, second) = (settings(self.first).await?, settings(self.second).await?);
        let differs = differences(&first, &second);
        if !differs.is_empty() {
            return Err(InterleavingError::Settings(differs));
        }
        let mut rounds = Vec::new();
        for round in 1..=self.rounds.get() {
            let order = order(round);
            let mut reports = Vec::new();
            for side in order {
                reports.push(self.run(round, side).await?);
            }
            if order == [Side::Second, Side::First] {
                reports.reverse();
            }
            rounds.extend(<[Report; 2]>::try_from(reports));
        }
        Ok(Comparison::paired(&rounds)?)
    }

    async fn run(&mut self, round: u32, side: Side) -> Result<Report, InterleavingError> {
        let mut test = match side {
            Side::First => self.first.clone(),
            Side::Second => self.second.clone(),
        };
        test.workload.seed = test.workload.seed.wrapping_add(round.into());
        let board = Arc::new(Board::new(test.workload.span));
        let report = capacity::run(&test, board, self.stop.clone()).await?.report;
        if *self.stop.borrow() {
            return Err(TrialError::Interrupted.into());
        }
        if !report.audit.ok {
            let problems = report.audit.problems;
            return Err(InterleavingError::Audit { round, side, problems });
        }
        if !report.generator.kept_up() {
            let limits = report.generator.limited_by;
            return Err(InterleavingError::GeneratorLimited { round, side, limits });
        }
        (self.told)(Turn { round, side, report: &report });
        Ok(report)
    }
}

async fn settings(test: &CapacityTest) -> Result<GatewayRow, TrialError> {
    let administration = test.administration.clone();
    Ok(spawn_blocking(move || administration.ask("/v1/gateway")).await??)
}

/// Names the settings that runs depend on and in which two gateways differ.
fn differences(first: &GatewayRow, second: &GatewayRow) -> Vec<&'static str> {
    let all = [
        ("payments.prompt", first.prompt_ms == second.prompt_ms),
        ("payments.tries", first.tries == second.tries),
        ("payments.tries_in_row", first.tries_in_row == second.tries_in_row),
        ("connections.most", first.connections_most == second.connections_most),
        ("connections.idle", first.idle_ms == second.idle_ms),
    ];
    all.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

impl fmt::Display for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { round, side, report } = self;
        let (ended, machine) = (report.throughput_per_s, &report.latency_ms.machine);
        write!(
            f,
            "round {round:>2}  {side:6}  ended {ended:>9.1}/s  p50 {:>8.2} ms  p99 {:>8.2} ms",
            machine.p50, machine.p99
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Side, Turn, differences, order};
    use crate::sample;
    use kessai_gateway::admin::rows::GatewayRow;

    #[test]
    fn neither_is_always_first() {
        use Side::{First, Second};
        let turns: Vec<_> = (1..=4).flat_map(order).collect();
        assert_eq!(turns, [First, Second, Second, First, First, Second, Second, First]);
    }

    #[test]
    fn settings_that_change_runs_are_named_and_addresses_are_not() {
        let row = GatewayRow {
            version: "0.1.0".into(),
            announce: "127.0.0.1:7443".into(),
            root_pin: "00".into(),
            time_ms: 1,
            prompt_ms: 3_000,
            tries: 3,
            tries_in_row: 5,
            connections_most: 9,
            handshakes_most: 9,
            per_source_per_second: 9,
            handshake_ms: 9,
            idle_ms: 9,
        };
        let check = |change: fn(&mut GatewayRow), expected: &[&str]| {
            let mut other = row.clone();
            change(&mut other);
            assert_eq!(differences(&row, &other), expected);
        };
        check(|row| row.version = "0.2.0".into(), &[]);
        check(|row| (row.announce, row.time_ms) = ("127.0.0.1:7444".into(), 2), &[]);
        check(|row| row.prompt_ms += 1, &["payments.prompt"]);
        check(
            |row| (row.tries, row.tries_in_row) = (4, 6),
            &["payments.tries", "payments.tries_in_row"],
        );
        check(|row| row.connections_most += 1, &["connections.most"]);
        check(|row| row.idle_ms += 1, &["connections.idle"]);
    }

    #[test]
    fn a_turn_is_told_in_a_line() {
        let report = sample::report();
        let line = Turn { round: 2, side: Side::First, report: &report }.to_string();
        assert!(line.starts_with("round  2  first   ended "), "{line}");
    }
}
