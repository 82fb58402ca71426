//! Lets payments leave the memory that have ended long enough ago.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Keeping, Part};

/// Payments that leave before others get their turn.
const AT_ONCE: usize = 16_384;

/// How often it is looked at, at the most and at the least.
const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Lets payments leave.
pub(super) struct Leaving<'k> {
    keeping: &'k Arc<Keeping>,
}

impl<'k> Leaving<'k> {
    pub(super) const fn new(keeping: &'k Arc<Keeping>) -> Self {
        Self { keeping }
    }

    pub(super) async fn run(self, stop: &CancellationToken) {
        let every = Duration::from_millis(self.keeping.memory_ms / 16).clamp(LOOKS.0, LOOKS.1);
        let mut looks = interval(every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            while !stop.is_cancelled() && self.look().await == AT_ONCE {}
        }
    }

    /// Lets a few go, and tells how many.
    async fn look(&self) -> usize {
        let keeping = Arc::clone(self.keeping);
        let look = move || keeping.let_go(AT_ONCE);
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }
}

impl Keeping {
    /// Raises the floor of the memory, and lets at most `limit` payments go. Blocks.
    ///
    /// The floor is a time of ids. An id may be ahead of our clock, never so far behind it that it
    /// would be refused: so the clock less the time to stay is the floor.
    fn let_go(&self, limit: usize) -> usize {
        let archived = self.archived();
        if self.condition.fails(Part::Archive) {
            return 0;
        }
        let floor_ms = self.clock.now_ms().saturating_sub(self.stay_ms());
        self.engine.evict(floor_ms, archived, limit)
    }

    /// How long payments stay: as long as is set, but if memory fills up only as long as they must.
    fn stay_ms(&self) -> u64 {
        let most = self.engine.rules().payments_in_memory;
        let is_filling_up = self.engine.ids_in_memory() > most - most / 8;
        if is_filling_up { self.least_ms } else { self.memory_ms }
    }
}
