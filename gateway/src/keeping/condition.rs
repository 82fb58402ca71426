//! How well the gateway is apart from payments: what fails now, and why.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use kessai_engine::Lsn;
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

/// What fails now, and how far the latest snapshot reaches.
#[derive(Debug, Default)]
pub(crate) struct Condition(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    troubles: BTreeMap<Part, String>,
    /// Behind which record it has a start replay; none if nobody makes any.
    snapshot: Option<Lsn>,
}

impl Condition {
    /// Notes that a part fails.
    pub(crate) fn trouble(&self, part: Part, problem: &dyn Display) {
        self.with(|state| state.troubles.insert(part, problem.to_string()));
    }

    /// Notes that a part works.
    pub(crate) fn well(&self, part: Part) {
        self.with(|state| state.troubles.remove(&part));
    }

    /// Says whether a part fails.
    pub(crate) fn fails(&self, part: Part) -> bool {
        self.with(|state| state.troubles.contains_key(&part))
    }

    /// Tells everything that fails.
    pub(crate) fn troubles(&self) -> BTreeMap<Part, String> {
        self.with(|state| state.troubles.clone())
    }

    /// Notes behind which record the latest snapshot has a start replay.
    pub(crate) fn has_snapshot(&self, replay_after: Lsn) {
        self.with(|state| state.snapshot = Some(replay_after));
    }

    /// Behind which record the latest snapshot has a start replay: the first, if there is none yet.
    /// None if nobody makes any.
    pub(crate) fn snapshot(&self) -> Option<Lsn> {
        self.with(|state| state.snapshot)
    }

    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
