//! What goes on beside the payments: the archive follows, payments leave the memory, snapshots are
//! made and the journal is trimmed behind them.

use std::io;
use std::sync::Arc;
use std::thread;

use kessai_engine::{Lsn, Snapshot};
use kessai_journal::PublishError;

use super::{Event, Stage};
use crate::simulation::actors::Ending;
use crate::simulation::judge::Violation;

/// How often the archive follows.
const KEEP_EVERY_MS: u64 = 700;
/// How often a snapshot is made.
const SNAPSHOT_EVERY_MS: std::ops::RangeInclusive<u64> = 2_000..=12_000;
/// How many things happen, at the most, while one chunk is written.
const MEANWHILE: u64 = 6;

/// A copy of the state that is under way.
///
/// After a panic in a command its shard is locked for good, and the process ends with whoever comes
/// to it: that must not be the end of the copy, or nobody says which seed it was.
struct Copying<'a>(Option<Snapshot<'a>>);

impl Copying<'_> {
    fn next_chunk(&mut self, out: &mut Vec<u8>) -> bool {
        self.0.as_mut().is_some_and(|copy| copy.next_chunk(out))
    }
}

impl Drop for Copying<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            std::mem::forget(self.0.take());
        }
    }
}

/// Why a snapshot was not made.
enum GivenUp {
    /// The disk would not have it, or the machine stopped: there is none then.
    ByDisk,
    /// A promise was broken meanwhile.
    Broken(Violation),
}

impl From<io::Error> for GivenUp {
    fn from(_error: io::Error) -> Self {
        Self::ByDisk
    }
}

impl From<Violation> for GivenUp {
    fn from(violation: Violation) -> Self {
        Self::Broken(violation)
    }
}

impl Stage {
    /// The archive follows the journal, and payments leave the memory.
    pub(super) fn keep(&mut self) -> Result<(), Violation> {
        self.agenda.put(KEEP_EVERY_MS, Event::Keep);
        let mut left = 0;
        self.command(|gateway, _| {
            left = gateway.keep();
            Ok(())
        })?;
        let left = u64::try_from(left).unwrap_or(u64::MAX);
        self.tally.evicted = self.tally.evicted.saturating_add(left);
        self.notice_stop();
        // An archive that has failed follows again after a restart.
        let has_failed = self.gateway.as_ref().is_some_and(|gateway| gateway.shelf().has_failed());
        if has_failed && self.ending == Ending::Now {
            self.crash();
        }
        Ok(())
    }

    /// A snapshot is made while life goes on, unless one is being made.
    pub(super) fn snapshot(&mut self) -> Result<(), Violation> {
        let in_ms = self.machine.chance().between(SNAPSHOT_EVERY_MS);
        self.agenda.put(in_ms, Event::Snapshot);
        if std::mem::replace(&mut self.is_copying, true) {
            return Ok(());
        }
        let made = self.copy();
        self.is_copying = false;
        match made {
            Ok(()) => Ok(()),
            Err(GivenUp::ByDisk) => {
                self.notice_stop();
                Ok(())
            }
            Err(GivenUp::Broken(violation)) => Err(violation),
        }
    }

    fn copy(&mut self) -> Result<(), GivenUp> {
        let Some(gateway) = &self.gateway else { return Ok(()) };
        let (engine, life) = (Arc::clone(gateway.engine()), self.lives);
        let (journal, snapshots) = (gateway.journal().clone(), gateway.shelf().snapshots.clone());
        // Taken before anything is copied: what was decided until then is in every copy.
        let replay_after = journal.latest();
        let Some(copy) = engine.snapshot() else { return Ok(()) };
        let mut copy = Copying(Some(copy));
        let mut writer = snapshots.begin(replay_after)?;
        let mut chunk = Vec::new();
        while copy.next_chunk(&mut chunk) {
            writer.push(&chunk)?;
            chunk.clear();
            self.live_on(life)?;
        }
        drop(copy);
        let finished = writer.finish(journal.latest())?;
        while journal.durable() < finished.reaches() {
            self.live_on(life)?;
        }
        match finished.publish(journal.durable()) {
            Ok(()) => {}
            Err(PublishError::Storage(error)) => return Err(error.into()),
            Err(error) => return Err(Violation::new(error.to_string()).into()),
        }
        self.machine.note_snapshot();
        self.tally.snapshots = self.tally.snapshots.saturating_add(1);
        let upto = snapshots.trimmable()?.unwrap_or(Lsn::NONE);
        if let Some(gateway) = &self.gateway {
            gateway.trim(upto);
        }
        Ok(())
    }

    /// Life goes on for a moment; not for a process that was killed in it.
    fn live_on(&mut self, life: u64) -> Result<(), GivenUp> {
        for _ in 0..self.machine.chance().between(0..=MEANWHILE) {
            self.step()?;
        }
        let lives = self.gateway.is_some() && self.lives == life;
        if lives && !self.halted { Ok(()) } else { Err(GivenUp::ByDisk) }
    }

    /// A disk that nobody waits for may have stopped the machine.
    fn notice_stop(&mut self) {
        if self.gateway.is_some() && self.machine.has_stopped() {
            self.crash();
        }
    }
}
