//! The sessions that are there, to be told or ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use kessai_engine::Peer;

use crate::session::Session;

/// How many connections there are, by who opened them, and what they wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Connected {
    pub(crate) terminals: u64,
    pub(crate) handsets: u64,
    pub(crate) controllers: u64,
    pub(crate) hubs: u64,
    /// Requests without a written answer.
    pub(crate) in_flight: u64,
}

/// The sessions that are there, by the number of their connection: gone through from the oldest.
#[derive(Default)]
pub(crate) struct Sessions {
    count: AtomicU64,
    live: Mutex<BTreeMap<u64, Weak<Session>>>,
}

impl Sessions {
    /// Numbers a connection.
    pub(super) fn number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn enter(&self, number: u64, session: &Arc<Session>) {
        self.with(|live| live.insert(number, Arc::downgrade(session)));
    }

    pub(super) fn leave(&self, number: u64) {
        self.with(|live| live.remove(&number));
    }

    /// Goes through the sessions that are there now, without keeping others from coming and going.
    pub(super) fn live(&self) -> impl Iterator<Item = Arc<Session>> + use<> {
        let live: Vec<_> = self.with(|live| live.values().cloned().collect());
        live.into_iter().filter_map(|session| session.upgrade())
    }

    /// Counts those that are there now.
    pub(crate) fn connected(&self) -> Connected {
        let mut connected = Connected::default();
        for session in self.live() {
            let count = match session.peer() {
                Peer::Terminal(_) => &mut connected.terminals,
                Peer::Handset(..) => &mut connected.handsets,
                Peer::Controller(..) => &mut connected.controllers,
                Peer::Hub(_) => &mut connected.hubs,
            };
            *count = count.saturating_add(1);
            connected.in_flight = connected.in_flight.saturating_add(session.in_flight().into());
        }
        connected
    }

    fn with<R>(&self, work: impl FnOnce(&mut BTreeMap<u64, Weak<Session>>) -> R) -> R {
        // Whole entries come and go: a panic elsewhere leaves the map whole.
        work(&mut self.live.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
