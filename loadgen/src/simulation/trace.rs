//! What happened, as one number: two runs of a seed must agree in it.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Whether a run says what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// It does not.
    Silent,
    /// It writes each event to standard error.
    Loud,
}

/// A running hash over all events of a run.
#[derive(Debug)]
pub(super) struct Trace {
    hasher: DefaultHasher,
    events: u64,
    voice: Voice,
}

impl Trace {
    pub(super) fn new(voice: Voice) -> Self {
        Self { hasher: DefaultHasher::new(), events: 0, voice }
    }

    /// Takes in one event with its time.
    pub(super) fn note(&mut self, at_ms: u64, event: &(impl Hash + Debug)) {
        if self.voice == Voice::Loud {
            eprintln!("{at_ms:>8} {event:?}");
        }
        self.events = self.events.saturating_add(1);
        at_ms.hash(&mut self.hasher);
        event.hash(&mut self.hasher);
    }

    /// How many events there were.
    pub(super) const fn events(&self) -> u64 {
        self.events
    }

    /// The hash of all of them, in their order.
    pub(super) fn hash(&self) -> u64 {
        self.hasher.finish()
    }
}
