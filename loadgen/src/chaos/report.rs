//! The report of what a gateway was put through: for people as a table, for programs as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::fault::Fault;
use super::health::Receipts;
use crate::report::Gateway;

/// The report as JSON has it: these keys are relied on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Whether nothing was lost, doubled, wrongly refused or otherwise found.
    pub ok: bool,
    /// How often the gateway was killed.
    pub kills: u64,
    /// Of these, how often while it was starting.
    pub kills_while_starting: u64,
    /// Answers and notices that terminals and handsets hold.
    pub acknowledged: u64,
    /// Payments, customers and terminals of which something was told that the books do not have.
    pub lost: usize,
    /// Payments, customers and terminals that were charged for what nobody was to be charged for.
    pub doubled: usize,
    /// Payments that were refused or declined for reasons that cannot have been.
    pub false_refusals: u64,
    /// What starts took, from the program's start until it served.
    pub restart_ms: Spread,
    /// How often each fault happened.
    pub faults: BTreeMap<Fault, u64>,
    /// What failing syncs led to; none if none failed.
    pub failed_syncs: Option<FailedSyncs>,
    /// Payments that were offered, and those refused, by reason.
    pub offered: u64,
    /// Payments that did not begin, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Answers that were asked for again after a restart.
    pub asked_again: u64,
    /// What receipts of the journal came to that terminals brought back.
    pub receipts: Receipts,
    /// Everything that was found, a sentence each.
    pub problems: Vec<String>,
    /// What it was drawn from.
    pub seed: u64,
    /// How long it took.
    pub seconds: f64,
    /// Which gateway it was.
    pub gateway: Gateway,
    /// How it was run.
    pub config: Config,
}

/// How it was run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// Which faults were drawn from.
    pub faults: Vec<Fault>,
    /// How many payments were offered a second.
    pub rate: String,
    /// How many times faster than life people were.
    pub pace: String,
    /// How many customers there were.
    pub customers: u32,
    /// How many terminals there were.
    pub terminals: u32,
    /// How long payments went on between two faults, on average.
    pub between_ms: u64,
    /// The size of a segment of the journal.
    pub segment_mib: u32,
    /// Whether the journal had a mirror.
    pub mirror: bool,
}

/// How far times are spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// How many there are.
    pub count: usize,
    /// The shortest.
    pub min: u64,
    /// Half are no longer.
    pub p50: u64,
    /// Nine of ten are no longer.
    pub p90: u64,
    /// Ninety-nine of a hundred are no longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

impl Spread {
    /// Sums times up, in whole milliseconds.
    #[must_use]
    pub fn of(times: &[Duration]) -> Self {
        let mut ms: Vec<u64> =
            times.iter().map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).collect();
        ms.sort_unstable();
        let count = ms.len();
        let at = |percent: usize| {
            let place = count.saturating_mul(percent).div_ceil(100).saturating_sub(1);
            ms.get(place).copied().unwrap_or_default()
        };
        Self { count, min: at(0), p50: at(50), p90: at(90), p99: at(99), max: at(100) }
    }
}

/// What failing syncs led to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FailedSyncs {
    /// How many there were.
    pub count: u64,
    /// The longest time from a failure until the process was gone.
    pub gone_within_ms: u64,
    /// The longest time after a failure at which an answer still arrived.
    pub last_told_after_ms: u64,
}

impl Report {
    /// Writes it for programs.
    ///
    /// # Errors
    /// [`serde_json::Error`]; never, for it holds nothing that JSON has no place for.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

/// How many findings are printed; all of them are in the JSON.
const PRINTED: usize = 20;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, value: &dyn fmt::Display| writeln!(f, "  {name:<18}{value}");
        let starting = self.kills_while_starting;
        row("kills", &format_args!("{}, {starting} of them while it started", self.kills))?;
        for (fault, count) in self.faults.iter().filter(|(fault, _)| **fault != Fault::Kill) {
            row(fault.name(), count)?;
        }
        row("payments offered", &self.offered)?;
        row("acknowledged", &self.acknowledged)?;
        row("asked again", &self.asked_again)?;
        row("receipts", &format_args!("{} brought back and found", self.receipts.ours))?;
        row("lost", &self.lost)?;
        row("doubled", &self.doubled)?;
        row("false refusals", &self.false_refusals)?;
        let Spread { min, p50, p90, p99, max, .. } = self.restart_ms;
        row(
            "restart",
            &format_args!("{min} ms at least, p50 {p50}, p90 {p90}, p99 {p99}, max {max}"),
        )?;
        if let Some(syncs) = self.failed_syncs {
            let (gone, told) = (syncs.gone_within_ms, syncs.last_told_after_ms);
            row(
                "failed syncs",
                &format_args!("gone within {gone} ms, last answer after {told} ms"),
            )?;
        }
        row("time", &format_args!("{:.0} s, seed {}", self.seconds, self.seed))?;
        for problem in self.problems.iter().take(PRINTED) {
            writeln!(f, "  found: {problem}")?;
        }
        if let Some(more) = self.problems.len().checked_sub(PRINTED).filter(|more| *more > 0) {
            writeln!(f, "  and {more} more, in the JSON")?;
        }
        writeln!(f, "chaos: {}", if self.ok { "ok" } else { "FAILED" })
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;
    use std::time::Duration;

    #[test]
    fn a_spread_is_of_what_was_measured() {
        let times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        let spread = Spread::of(&times);
        let expected = Spread { count: 200, min: 1, p50: 100, p90: 180, p99: 198, max: 200 };
        assert_eq!(spread, expected);
        assert_eq!(Spread::of(&[]), Spread::default());
        let one = Spread::of(&[Duration::from_millis(7)]);
        assert_eq!((one.min, one.p50, one.max, one.count), (7, 7, 7, 1));
    }
}
