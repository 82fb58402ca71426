//! What came of many seeds, whatever was played: how many, which failed, how fast.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::judge::Wrong;
use super::rounds::Failure;

/// What came of many seeds.
#[derive(Debug, Clone, Default)]
pub(super) struct Played {
    /// Seeds that were played twice and broke no promise.
    pub(super) passed: u64,
    /// Those that broke one, in rising order.
    pub(super) failures: Vec<Failure>,
    pub(super) took: Duration,
}

impl Played {
    /// How many seeds were played.
    pub(super) fn seeds(&self) -> u64 {
        self.passed.saturating_add(self.failed())
    }

    /// How many broke a promise.
    pub(super) fn failed(&self) -> u64 {
        count(self.failures.len())
    }

    /// How many broke a promise of that kind.
    pub(super) fn broken(&self, kind: Wrong) -> u64 {
        count(self.failures.iter().filter(|failure| failure.kind == kind).count())
    }

    /// How many a second of what there is so much of in one of the two times that each seed was
    /// played; both times took.
    pub(super) fn per_s(&self, once: u128) -> u64 {
        let twice = once.saturating_mul(2);
        let per_s = twice.saturating_mul(1_000).checked_div(self.took.as_millis());
        per_s.and_then(|per_s| u64::try_from(per_s).ok()).unwrap_or(0)
    }

    /// The seeds that broke a promise, as JSON has them.
    pub(super) fn failures_as_json(&self) -> Value {
        let failures = self.failures.iter();
        failures.map(|failure| json!({ "seed": failure.seed, "what": failure.what })).collect()
    }
}

/// Numbers by their names, as JSON has them.
pub(super) fn object(rows: impl IntoIterator<Item = (impl ToString, u64)>) -> Map<String, Value> {
    rows.into_iter().map(|(name, number)| (name.to_string(), json!(number))).collect()
}

/// Writes numbers by their names, a line each, so far to the right.
pub(super) fn table(
    f: &mut fmt::Formatter<'_>,
    indent: usize,
    rows: impl IntoIterator<Item = (impl ToString, u64)>,
) -> fmt::Result {
    let width = 20_usize.saturating_sub(indent);
    rows.into_iter().try_for_each(|(name, number)| {
        let name = name.to_string().replace('_', " ");
        writeln!(f, "{:indent$}{name:<width$} {number:>14}", "")
    })
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
