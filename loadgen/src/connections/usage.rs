//! What connections cost: processor time and memory of both sides, by what the gateway tells at its
//! `/metrics` and the system of this process.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::administration::Administration;
use crate::cost::{Reading, whole};
use crate::generator::{Spent, Start, own_memory};

/// What both sides had at one moment.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    at: Instant,
    own: Start,
    own_memory: Option<u64>,
    gateway: Reading,
}

/// What both sides spent from one moment to another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// How long it was.
    pub seconds: f64,
    /// The gateway's process, as far as it tells.
    pub gateway: Side,
    /// The load generator's own.
    pub generator: Side,
}

/// What one process spent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Its processor time, in seconds.
    pub cpu_s: Option<f64>,
    /// Its memory before, in bytes.
    pub resident_before_bytes: Option<u64>,
    /// Its memory after, in bytes.
    pub resident_after_bytes: Option<u64>,
}

/// What the gateway counted of those who knocked; none where it does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knocks {
    /// Handshakes that were completed.
    pub completed: Option<u64>,
    /// Handshakes that were given up, were too slow, or that TLS refused.
    pub failed: Option<u64>,
    /// Those who were asked to prove their address first.
    pub retried: Option<u64>,
    /// Those who were turned away as there was no room for another connection or handshake.
    pub refused_crowded: Option<u64>,
    /// Those who were turned away as too many came from their address.
    pub refused_source: Option<u64>,
}

/// What it cost both sides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Usage {
    /// Until the connections stood; none where they come and go.
    pub opening: Option<Stretch>,
    /// What it is about: handshakes, holding, storm, moves.
    pub measured: Stretch,
    /// By how much the gateway's memory grew for each connection that stood, in bytes.
    pub gateway_bytes_per_connection: Option<u64>,
    /// By how much the load generator's own did.
    pub generator_bytes_per_connection: Option<u64>,
    /// What a full handshake cost the gateway in processor time, in milliseconds.
    pub gateway_cpu_ms_per_handshake: Option<f64>,
}

impl Mark {
    /// Looks at both sides.
    pub(super) async fn now(administration: &Administration) -> Self {
        let gateway = Reading::of(administration).await;
        Self { at: Instant::now(), own: Start::now(), own_memory: own_memory(), gateway }
    }

    /// What this process spent from this moment to a later one.
    pub(super) fn spent(&self, later: &Self) -> Spent {
        self.own.until(&later.own)
    }

    /// Says what was spent from this moment to a later one.
    pub(super) fn until(&self, later: &Self) -> Stretch {
        let of = |reading: &Reading, name| reading.of_metric(name);
        let cpu = |reading| of(reading, "process_cpu_seconds_total");
        let memory = |reading| of(reading, "process_resident_memory_bytes").and_then(whole);
        let spent = |before: Option<f64>, after: Option<f64>| {
            // Less than before is another process.
            Some(after? - before?).filter(|seconds| *seconds >= 0.0)
        };
        Stretch {
            seconds: later.at.saturating_duration_since(self.at).as_secs_f64(),
            gateway: Side {
                cpu_s: spent(cpu(&self.gateway), cpu(&later.gateway)),
                resident_before_bytes: memory(&self.gateway),
                resident_after_bytes: memory(&later.gateway),
            },
            generator: Side {
                cpu_s: self.spent(later).cpu().map(|cpu| cpu.as_secs_f64()),
                resident_before_bytes: self.own_memory,
                resident_after_bytes: later.own_memory,
            },
        }
    }

    /// Says who knocked from this moment to a later one.
    pub(super) fn knocks(&self, later: &Self) -> Knocks {
        let of =
            |outcome| self.gateway.grown("handshakes_total", ("outcome", outcome), &later.gateway);
        Knocks {
            completed: of("completed"),
            failed: of("failed"),
            retried: of("retried"),
            refused_crowded: of("refused_crowded"),
            refused_source: of("refused_source"),
        }
    }
}

impl Side {
    /// By how much its memory grew for each of so many things; none where it did not.
    pub(super) fn grown_for(&self, things: usize) -> Option<u64> {
        let grown = self.resident_after_bytes?.checked_sub(self.resident_before_bytes?)?;
        grown.checked_div(u64::try_from(things).ok()?)
    }
}

impl Usage {
    pub(super) fn of(
        stands: Option<usize>,
        opening: Stretch,
        measured: Stretch,
        knocks: &Knocks,
    ) -> Self {
        let per = |grown: Option<u64>| stands.and(grown);
        let count = stands.unwrap_or_default();
        let handshakes = if stands.is_some() { opening } else { measured };
        let cpu_ms = handshakes.gateway.cpu_s.map(|seconds| seconds * 1_000.0);
        let made = stands.map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        let made = made.or(knocks.completed).filter(|count| *count > 0);
        Self {
            opening: stands.map(|_count| opening),
            measured,
            gateway_bytes_per_connection: per(opening.gateway.grown_for(count)),
            generator_bytes_per_connection: per(opening.generator.grown_for(count)),
            gateway_cpu_ms_per_handshake: cpu_ms
                .zip(made)
                .map(|(ms, made)| ms / f64::from(u32::try_from(made).unwrap_or(u32::MAX))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Side;

    #[test]
    fn memory_is_shared_by_what_it_grew_for() {
        let side = |before, after| Side {
            cpu_s: None,
            resident_before_bytes: before,
            resident_after_bytes: after,
        };
        assert_eq!(side(Some(1_000), Some(31_000)).grown_for(10), Some(3_000));
        assert_eq!(side(Some(1_000), Some(900)).grown_for(10), None, "it shrank");
        assert_eq!(side(None, Some(900)).grown_for(10), None);
        assert_eq!(side(Some(0), Some(900)).grown_for(0), None);
    }
}
