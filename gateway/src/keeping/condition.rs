//! How well the gateway is apart from payments: what fails now, and why.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// What can fail while payments go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// The archive cannot be read or written: nothing leaves the memory.
    Archive,
    /// No snapshot can be made: the journal grows, and a start takes longer.
    Snapshots,
}

/// What fails now.
#[derive(Debug, Default)]
pub(crate) struct Condition(Mutex<BTreeMap<Part, String>>);

impl Condition {
    /// Notes that a part fails.
    pub(crate) fn trouble(&self, part: Part, problem: &dyn Display) {
        self.with(|troubles| troubles.insert(part, problem.to_string()));
    }

    /// Notes that a part works.
    pub(crate) fn well(&self, part: Part) {
        self.with(|troubles| troubles.remove(&part));
    }

    /// Says whether a part fails.
    pub(crate) fn fails(&self, part: Part) -> bool {
        self.with(|troubles| troubles.contains_key(&part))
    }

    /// Tells everything that fails.
    pub(crate) fn troubles(&self) -> BTreeMap<Part, String> {
        self.with(|troubles| troubles.clone())
    }

    fn with<R>(&self, work: impl FnOnce(&mut BTreeMap<Part, String>) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
