//! What came of many seeds: for people as a table, for programs as JSON.

use std::fmt;
use std::time::Duration;

use serde_json::json;

use super::Course;
use super::campaign::Failure;

/// What came of many seeds.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Seeds that were played twice and broke no promise.
    passed: u64,
    failures: Vec<Failure>,
    /// Of those that passed, in one of the two times that each was played.
    datagrams: u64,
    told: u64,
    stops: u64,
    recoveries: u64,
    virtual_time: Duration,
    took: Duration,
}

impl Summary {
    /// The seeds that broke a promise, in rising order.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// How often the gateway was recovered.
    #[must_use]
    pub const fn recoveries(&self) -> u64 {
        self.recoveries
    }

    pub(super) fn add(&mut self, course: &Course) {
        self.passed = self.passed.saturating_add(1);
        self.datagrams = self.datagrams.saturating_add(course.datagrams);
        self.told = self.told.saturating_add(course.told);
        self.stops = self.stops.saturating_add(course.stops);
        self.recoveries = self.recoveries.saturating_add(course.recoveries);
        self.virtual_time = self.virtual_time.saturating_add(course.virtual_time);
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failures.push(failure);
    }

    pub(super) fn finish(&mut self, took: Duration) {
        self.failures.sort_by_key(|failure| failure.seed);
        self.took = took;
    }

    /// How many seconds of virtual time there were to one of real time, both times counted.
    fn virtual_s_per_s(&self) -> u64 {
        let twice = self.virtual_time.as_millis().saturating_mul(2);
        let per_s = twice.checked_div(self.took.as_millis());
        per_s.and_then(|per_s| u64::try_from(per_s).ok()).unwrap_or(0)
    }

    fn rows(&self) -> [(&'static str, u64); 8] {
        let failed = u64::try_from(self.failures.len()).unwrap_or(u64::MAX);
        [
            ("seeds", self.passed.saturating_add(failed)),
            ("failed", failed),
            ("datagrams", self.datagrams),
            ("told", self.told),
            ("stops", self.stops),
            ("recoveries", self.recoveries),
            ("virtual_s", self.virtual_time.as_secs()),
            ("virtual_s_per_s", self.virtual_s_per_s()),
        ]
    }

    /// The summary as JSON has it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::Map::new();
        for (name, number) in self.rows() {
            object.insert(name.to_owned(), json!(number));
        }
        let failures = self.failures.iter();
        let failures =
            failures.map(|failure| json!({ "seed": failure.seed, "what": failure.what }));
        object.insert("failures".to_owned(), failures.collect());
        object.into()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows().into_iter().try_for_each(|(name, number)| {
            writeln!(f, "{:<20} {number:>14}", name.replace('_', " "))
        })
    }
}
