//! What came of many seeds: for people as a table, for programs as JSON.

use std::fmt;
use std::time::Duration;

use super::Course;
use crate::simulation::Failure;
use crate::simulation::played::{Played, object, table};

/// What came of many seeds.
#[derive(Debug, Clone)]
pub struct Summary {
    played: Played,
    sums: Sums,
}

/// What the seeds that passed have counted, in one of the two times that each was played.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    datagrams: u64,
    told: u64,
    stops: u64,
    recoveries: u64,
    virtual_time: Duration,
}

impl Sums {
    pub(super) fn add(&mut self, course: &Course) {
        self.datagrams = self.datagrams.saturating_add(course.datagrams);
        self.told = self.told.saturating_add(course.told);
        self.stops = self.stops.saturating_add(course.stops);
        self.recoveries = self.recoveries.saturating_add(course.recoveries);
        self.virtual_time = self.virtual_time.saturating_add(course.virtual_time);
    }
}

impl Summary {
    pub(super) const fn new(played: Played, sums: Sums) -> Self {
        Self { played, sums }
    }

    /// The seeds that broke a promise, in rising order.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.played.failures
    }

    /// How often the gateway was recovered.
    #[must_use]
    pub const fn recoveries(&self) -> u64 {
        self.sums.recoveries
    }

    fn rows(&self) -> [(&'static str, u64); 8] {
        let Self { played, sums } = self;
        [
            ("seeds", played.seeds()),
            ("failed", played.failed()),
            ("datagrams", sums.datagrams),
            ("told", sums.told),
            ("stops", sums.stops),
            ("recoveries", sums.recoveries),
            ("virtual_s", sums.virtual_time.as_secs()),
            ("virtual_s_per_s", played.per_s(sums.virtual_time.as_secs().into())),
        ]
    }

    /// The summary as JSON has it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut all = object(self.rows());
        all.insert("failures".to_owned(), self.played.failures_as_json());
        all.into()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(f, 0, self.rows())
    }
}
