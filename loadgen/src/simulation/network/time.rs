//! Virtual time, and the gateway's clock and randomness in it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use kessai_gateway::clock::Clock;
use kessai_gateway::entropy::Entropy;

use crate::simulation::chance::{Chance, Of};

/// When every simulation begins: 2026-04-01T00:00:00Z, in milliseconds since the Unix epoch.
pub(super) const BEGINNING_MS: u64 = 1_774_998_000_000;

/// Tells how long the simulation has run, on the machine whose turn it is.
pub(super) fn elapsed() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

/// The same in microseconds.
pub(super) fn micros() -> u64 {
    u64::try_from(elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// The same in milliseconds.
fn millis() -> u64 {
    u64::try_from(elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The clock of one life of the gateway: set by a machine's clock, and not before the last record.
#[derive(Debug)]
pub(super) struct LifeClock {
    began_ms: u64,
    at_ms: u64,
}

impl LifeClock {
    /// Starts from a machine's clock that is `ahead_ms` before the true time.
    pub(super) fn start(ahead_ms: u64, floor_ms: u64) -> Self {
        let began_ms = millis();
        let wall_ms = BEGINNING_MS.saturating_add(began_ms).saturating_add(ahead_ms);
        Self { began_ms, at_ms: wall_ms.max(floor_ms) }
    }
}

impl Clock for LifeClock {
    fn now_ms(&self) -> u64 {
        self.at_ms.saturating_add(millis().saturating_sub(self.began_ms))
    }
}

/// Randomness that a seed repeats.
#[derive(Debug)]
pub(super) struct SeededEntropy(Mutex<Chance>);

impl SeededEntropy {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(Chance::new(seed, Of::Gateway)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        let mut chance = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in out.chunks_mut(8) {
            let drawn: [u8; 8] = chance.bytes();
            chunk.iter_mut().zip(drawn).for_each(|(byte, drawn)| *byte = drawn);
        }
    }
}
