//! How far a start has come.

use std::path::Path;

use kessai_engine::Entry;

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
    /// Of how much; of a journal it is estimated by the length of its files.
    pub of: u64,
}

/// Who is told how far a start has come: often, so it must be quick.
pub type Watch<'w> = dyn FnMut(Progress) + 'w;

/// How often the watcher is told, in records.
const OFTEN: u64 = 4_096;

/// What stands around each record: its length and checksum.
const FRAME_BYTES: u64 = 8;

/// Follows the replay of a journal.
pub(super) struct Replay {
    records: u64,
    /// What the segments hold at most.
    bytes: u64,
    /// Of the records that were measured.
    measured: (u64, u64),
    scratch: Vec<u8>,
}

impl Replay {
    pub(super) fn of(journal: &Path) -> Self {
        let files = std::fs::read_dir(journal).into_iter().flatten().flatten();
        let lengths = files.filter_map(|file| Some(file.metadata().ok()?.len()));
        Self { records: 0, bytes: lengths.sum(), measured: (0, 0), scratch: Vec::new() }
    }

    /// Counts a record, and now and then tells how far it is.
    pub(super) fn step(&mut self, entry: &Entry, watch: &mut Watch<'_>) {
        if self.records.is_multiple_of(OFTEN) {
            self.measure(entry);
            watch(Progress { stage: Stage::Journal, done: self.records, of: self.estimate() });
        }
        self.records = self.records.saturating_add(1);
    }

    fn measure(&mut self, entry: &Entry) {
        self.scratch.clear();
        entry.encode_into(&mut self.scratch);
        let bytes = u64::try_from(self.scratch.len()).unwrap_or(0).saturating_add(FRAME_BYTES);
        let (records, all) = self.measured;
        self.measured = (records.saturating_add(1), all.saturating_add(bytes));
    }

    /// How many records of the measured lengths would fill the files.
    fn estimate(&self) -> u64 {
        let (records, bytes) = self.measured;
        let each = bytes.checked_div(records).unwrap_or(0);
        self.bytes.checked_div(each).unwrap_or(0).max(self.records)
    }
}

#[cfg(test)]
mod tests {
    use kessai_engine::terms::CustomerId;
    use kessai_engine::{BusinessDate, Entry, Record, Unit};

    use super::{FRAME_BYTES, OFTEN, Progress, Replay, Stage};

    #[test]
    fn records_are_estimated_by_the_length_of_the_files() {
        let customer: CustomerId = "C-1".parse().unwrap();
        let record = Record::Unblocked(customer);
        let business_date = BusinessDate::from_yyyymmdd(20_261_122).unwrap();
        let entry = Entry { unit: Unit(1), sequence: 1, at_ms: 1, business_date, record };
        let mut bytes = Vec::new();
        entry.encode_into(&mut bytes);
        let each = u64::try_from(bytes.len()).unwrap() + FRAME_BYTES;
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("segment")).unwrap();
        file.set_len(each * 10_000).unwrap();
        let mut replay = Replay::of(folder.path());
        let mut told = Vec::new();
        for _ in 0..OFTEN * 3 {
            replay.step(&entry, &mut |progress| told.push(progress));
        }
        let at = |done, of| Progress { stage: Stage::Journal, done, of };
        assert_eq!(told, [at(0, 10_000), at(OFTEN, 10_000), at(OFTEN * 2, 10_000)]);
    }
}
