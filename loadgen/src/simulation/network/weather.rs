//! What becomes of datagrams on their way, and the note of each: together with what everybody was
//! told, that is the run.

use std::fmt::Debug;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::plan::Loss;
use super::time;
use crate::simulation::chance::{Chance, Of};
use crate::simulation::trace::{Trace, Voice};

/// Decides about every datagram and notes it. Clones are the same weather.
#[derive(Debug, Clone)]
pub(super) struct Weather(Arc<Mutex<Air>>);

#[derive(Debug)]
struct Air {
    chance: Chance,
    loss: Loss,
    trace: Trace,
    datagrams: u64,
}

impl Weather {
    pub(super) fn new(seed: u64, loss: Loss, voice: Voice) -> Self {
        let chance = Chance::new(seed, Of::Bus);
        Self(Arc::new(Mutex::new(Air { chance, loss, trace: Trace::new(voice), datagrams: 0 })))
    }

    /// Notes a datagram, and says how many of it arrive.
    pub(super) fn copies(&self, from: SocketAddr, to: SocketAddr, contents: &[u8]) -> usize {
        let mut air = self.air();
        air.datagrams = air.datagrams.saturating_add(1);
        air.trace.note(time::micros(), &("datagram", contents.len(), from, to));
        let Loss { lost_per_cent, repeated_per_cent } = air.loss;
        match (air.chance.per_cent(lost_per_cent), air.chance.per_cent(repeated_per_cent)) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        }
    }

    /// Notes that somebody was told something.
    pub(super) fn told(&self, what: &(impl Hash + Debug)) {
        self.air().trace.note(time::micros(), &("told", what));
    }

    /// Loses and repeats nothing from now on.
    pub(super) fn clear_up(&self) {
        self.air().loss = Loss::default();
    }

    /// The hash over all that was noted, in its order.
    pub(super) fn hash(&self) -> u64 {
        self.air().trace.hash()
    }

    /// How many datagrams were sent.
    pub(super) fn datagrams(&self) -> u64 {
        self.air().datagrams
    }

    fn air(&self) -> MutexGuard<'_, Air> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
