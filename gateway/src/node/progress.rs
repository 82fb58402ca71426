//! How far a start has come.

use std::path::Path;

use kessai_engine::Lsn;
use kessai_journal::Journal;

/// What a start is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Loading the snapshot, in bytes.
    Snapshot,
    /// Replaying the journal behind it, in records.
    Journal,
}

/// How far a start has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub stage: Stage,
    /// How much of it is done.
    pub done: u64,
    /// Of how much; of a journal as a glance at its end says.
    pub of: u64,
}

/// Who is told how far a start has come: often, so it must be quick.
pub type Watch<'w> = dyn FnMut(Progress) + 'w;

/// How often the watcher is told, in records.
const OFTEN: u64 = 4_096;

/// Follows the replay of a journal.
pub(super) struct Replay {
    done: u64,
    /// How many records there are, at a glance.
    of: u64,
}

impl Replay {
    /// Begins with the record `from` of the journal in a directory.
    pub(super) fn of(journal: &Path, from: Lsn) -> Self {
        // What cannot be read is going to be told by the replay.
        let next = Journal::glance(journal).unwrap_or(from);
        Self { done: 0, of: next.0.saturating_sub(from.0) }
    }

    /// Counts a record, and now and then tells how far it is.
    pub(super) fn step(&mut self, watch: &mut Watch<'_>) {
        if self.done.is_multiple_of(OFTEN) {
            let of = self.of.max(self.done);
            watch(Progress { stage: Stage::Journal, done: self.done, of });
        }
        self.done = self.done.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use kessai_engine::Lsn;

    use super::{OFTEN, Progress, Replay, Stage};

    #[test]
    fn the_watcher_is_told_often_and_never_that_more_is_done_than_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut replay = Replay { of: OFTEN * 2 - 1, ..Replay::of(folder.path(), Lsn(7)) };
        let mut told = Vec::new();
        for _ in 0..=OFTEN * 2 {
            replay.step(&mut |progress| told.push(progress));
        }
        let at = |done, of| Progress { stage: Stage::Journal, done, of };
        let of = OFTEN * 2 - 1;
        assert_eq!(told, [at(0, of), at(OFTEN, of), at(OFTEN * 2, OFTEN * 2)]);
    }
}
