//! Places in the journal's queue, taken at a pace that leaves room for payments.

use std::time::{Duration, Instant};

use kessai_engine::Lsn;
use kessai_journal::{Journal, JournalSlot};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::report::Halt;

/// The part of the queue that may wait for the journal at a time, twice: one part is written while
/// the other fills.
const PART_OF_QUEUE: u32 = 8;

/// More would only fill memory: it is far more than the journal writes at once.
const MOST: u32 = 1_024;

/// How long to wait for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to leave a full queue to others.
const PAUSE: Duration = Duration::from_millis(1);

/// Takes places and waits for the journal, outside the runtime.
pub(super) struct Pace {
    journal: Journal,
    runtime: Handle,
    stop: CancellationToken,
    latest: Lsn,
    /// The last record of the part before this one.
    before: Lsn,
    taken: u32,
    part: u32,
}

impl Pace {
    pub(super) fn new(
        journal: Journal,
        queue: u32,
        runtime: Handle,
        stop: CancellationToken,
    ) -> Self {
        let part = queue.div_euclid(PART_OF_QUEUE).clamp(1, MOST);
        Self { journal, runtime, stop, latest: Lsn::NONE, before: Lsn::NONE, taken: 0, part }
    }

    /// Takes up to `most` places, as many as there are, and waits while there is none.
    pub(super) fn slots(&mut self, most: usize) -> Result<Vec<JournalSlot>, Halt> {
        if self.taken >= self.part {
            self.wait(self.before);
            (self.before, self.taken) = (self.latest, 0);
        }
        let since = Instant::now();
        loop {
            if self.stop.is_cancelled() {
                return Err(Halt::Stopping);
            }
            let slots: Vec<_> = (0..most).map_while(|_| self.journal.reserve()).collect();
            if !slots.is_empty() {
                let count = u32::try_from(slots.len()).unwrap_or(u32::MAX);
                self.taken = self.taken.saturating_add(count);
                return Ok(slots);
            }
            if since.elapsed() > PATIENCE {
                return Err(Halt::Full);
            }
            self.wait(self.latest);
            std::thread::sleep(PAUSE);
        }
    }

    /// Notes the last record that was queued.
    pub(super) fn queued(&mut self, after: Lsn) {
        self.latest = self.latest.max(after);
    }

    /// Waits until all that was queued is durable.
    pub(super) fn settle(&self) {
        self.wait(self.latest);
    }

    fn wait(&self, after: Lsn) {
        self.runtime.block_on(self.journal.when_durable(after));
    }
}
