//! What came of many seeds: for people as a table, for programs as JSON.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::campaign::Failure;
use super::faults::{Fault, FaultCounts};
use super::judge::Wrong;
use super::stage::Tally;

/// What came of many seeds.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Seeds that were played twice and broke no promise.
    passed: u64,
    failures: Vec<Failure>,
    tally: Tally,
    took: Duration,
}

impl Summary {
    /// The seeds that broke a promise, in rising order.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// What the seeds that broke none have counted, in one of the two times that each was played.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many seeds were played.
    #[must_use]
    pub fn seeds(&self) -> u64 {
        self.passed.saturating_add(count(self.failures.len()))
    }

    pub(super) fn add(&mut self, tally: &Tally) {
        self.passed = self.passed.saturating_add(1);
        let own = &mut self.tally;
        for (own, more) in [
            (&mut own.events, tally.events),
            (&mut own.steps, tally.steps),
            (&mut own.snapshots, tally.snapshots),
            (&mut own.evicted, tally.evicted),
            (&mut own.recoveries, tally.recoveries),
            (&mut own.payments, tally.payments),
            (&mut own.acknowledgements, tally.acknowledgements),
            (&mut own.lost_unmirrored, tally.lost_unmirrored),
            (&mut own.refused_to_open, tally.refused_to_open),
        ] {
            *own = own.saturating_add(more);
        }
        for (fault, more) in &tally.faults {
            let own = own.faults.entry(*fault).or_default();
            *own = own.saturating_add(*more);
        }
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failures.push(failure);
    }

    pub(super) fn finish(&mut self, took: Duration) {
        self.failures.sort_by_key(|failure| failure.seed);
        self.took = took;
    }

    fn broken(&self, kind: Wrong) -> u64 {
        count(self.failures.iter().filter(|failure| failure.kind == kind).count())
    }

    /// How many events a second were played, both times counted.
    fn events_per_s(&self) -> u64 {
        let twice = u128::from(self.tally.events).saturating_mul(2);
        let per_s = twice.saturating_mul(1_000).checked_div(self.took.as_millis());
        per_s.and_then(|per_s| u64::try_from(per_s).ok()).unwrap_or(0)
    }

    fn faults(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        let counts: &FaultCounts = &self.tally.faults;
        Fault::ALL.into_iter().map(|fault| (fault, counts.get(&fault).copied().unwrap_or(0)))
    }

    fn rows(&self) -> [(&'static str, u64); 14] {
        let tally = &self.tally;
        [
            ("seeds", self.seeds()),
            ("events", tally.events),
            ("events_per_s", self.events_per_s()),
            ("steps", tally.steps),
            ("snapshots", tally.snapshots),
            ("evicted", tally.evicted),
            ("recoveries", tally.recoveries),
            ("payments", tally.payments),
            ("acknowledgements", tally.acknowledgements),
            ("lost", self.broken(Wrong::Lost)),
            ("doubled", self.broken(Wrong::Doubled)),
            ("false_refusals", self.broken(Wrong::FalseRefusal)),
            ("lost_unmirrored", tally.lost_unmirrored),
            ("refused_to_open", tally.refused_to_open),
        ]
    }

    /// The summary as JSON has it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::Map::new();
        for (name, number) in self.rows() {
            object.insert(name.to_owned(), json!(number));
        }
        let mut faults = serde_json::Map::new();
        for (fault, number) in self.faults() {
            faults.insert(fault.to_string(), json!(number));
        }
        object.insert("faults".to_owned(), faults.into());
        let failed = self
            .failures
            .iter()
            .map(|failure| json!({ "seed": failure.seed, "what": failure.what }));
        object.insert("failures".to_owned(), failed.collect());
        object.into()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, number) in self.rows() {
            writeln!(f, "{:<20} {number:>14}", name.replace('_', " "))?;
        }
        writeln!(f, "faults")?;
        for (fault, number) in self.faults() {
            writeln!(f, "  {:<18} {number:>14}", fault.to_string().replace('_', " "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
