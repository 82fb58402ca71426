//! What came of many seeds: for people as a table, for programs as JSON.

use std::fmt;

use serde::Serialize;

use super::faults::{Fault, FaultCounts};
use super::judge::Wrong;
use super::played::{Played, object, table};
use super::rounds::Failure;
use super::stage::Tally;

/// What came of many seeds.
#[derive(Debug, Clone)]
pub struct Summary {
    played: Played,
    tally: Tally,
}

impl Summary {
    pub(super) const fn new(played: Played, tally: Tally) -> Self {
        Self { played, tally }
    }

    /// The seeds that broke a promise, in rising order.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.played.failures
    }

    /// What the seeds that broke none have counted, in one of the two times that each was played.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many seeds were played.
    #[must_use]
    pub fn seeds(&self) -> u64 {
        self.played.seeds()
    }

    fn faults(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        let counts: &FaultCounts = &self.tally.faults;
        Fault::ALL.into_iter().map(|fault| (fault, counts.get(&fault).copied().unwrap_or(0)))
    }

    fn rows(&self) -> [(&'static str, u64); 14] {
        let Self { played, tally } = self;
        [
            ("seeds", played.seeds()),
            ("events", tally.events),
            ("events_per_s", played.per_s(tally.events.into())),
            ("steps", tally.steps),
            ("snapshots", tally.snapshots),
            ("evicted", tally.evicted),
            ("recoveries", tally.recoveries),
            ("payments", tally.payments),
            ("acknowledgements", tally.acknowledgements),
            ("lost", played.broken(Wrong::Lost)),
            ("doubled", played.broken(Wrong::Doubled)),
            ("false_refusals", played.broken(Wrong::FalseRefusal)),
            ("lost_unmirrored", tally.lost_unmirrored),
            ("refused_to_open", tally.refused_to_open),
        ]
    }

    /// The summary as JSON has it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut all = object(self.rows());
        all.insert("faults".to_owned(), object(self.faults()).into());
        all.insert("failures".to_owned(), self.played.failures_as_json());
        all.into()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(f, 0, self.rows())?;
        writeln!(f, "faults")?;
        table(f, 2, self.faults())
    }
}

impl Tally {
    pub(super) fn add(&mut self, more: &Self) {
        for (own, more) in [
            (&mut self.events, more.events),
            (&mut self.steps, more.steps),
            (&mut self.snapshots, more.snapshots),
            (&mut self.evicted, more.evicted),
            (&mut self.recoveries, more.recoveries),
            (&mut self.payments, more.payments),
            (&mut self.acknowledgements, more.acknowledgements),
            (&mut self.lost_unmirrored, more.lost_unmirrored),
            (&mut self.refused_to_open, more.refused_to_open),
        ] {
            *own = own.saturating_add(more);
        }
        for (fault, more) in &more.faults {
            let own = self.faults.entry(*fault).or_default();
            *own = own.saturating_add(*more);
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
