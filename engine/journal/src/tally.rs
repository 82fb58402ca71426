//! What the writer has done since the journal was opened: counted beside the work, read at any time
//! without waiting for it.

use std::time::Duration;

use crate::format::wide;
use crate::sync::{Count, Ordering};

/// The greatest time of each class that writing times are counted in, in microseconds: an idle disk
/// syncs in tenths of a millisecond, one that stalls in hundreds.
const BOUNDS_US: [u64; 14] = [
    100, 200, 300, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 50_000, 100_000, 250_000,
    1_000_000,
];

/// What the writer has done since the journal was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Batches that are durable.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of them as they were written, to all copies together.
    pub bytes: u64,
    /// Syncs that they took: one for each copy of each batch.
    pub syncs: u64,
    /// How long writing took.
    pub writing: WritingTimes,
}

/// How long batches took to be written and synced, to all copies; with a stepped writer, whose time
/// is its caller's, nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WritingTimes {
    /// All of them together.
    pub sum: Duration,
    /// How many took at most this long and longer than the class before.
    pub classes: Vec<(Duration, u64)>,
    /// How many took longer than any class has.
    pub beyond: u64,
}

/// The counts behind a [`Tally`].
#[derive(Debug, Default)]
pub(crate) struct Counts {
    batches: Count,
    records: Count,
    bytes: Count,
    syncs: Count,
    nanoseconds: Count,
    classes: [Count; BOUNDS_US.len()],
    beyond: Count,
}

/// A batch that has become durable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) records: u32,
    /// Of one copy.
    pub(crate) bytes: usize,
    pub(crate) copies: u16,
    /// None if nobody measured it.
    pub(crate) took: Option<Duration>,
}

impl Counts {
    pub(crate) fn note(&self, written: &Written) {
        let copies = u64::from(written.copies);
        add(&self.batches, 1);
        add(&self.records, written.records.into());
        add(&self.bytes, wide(written.bytes).saturating_mul(copies));
        add(&self.syncs, copies);
        let Some(took) = written.took else { return };
        add(&self.nanoseconds, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        let class = BOUNDS_US.iter().position(|bound| took <= Duration::from_micros(*bound));
        add(class.and_then(|class| self.classes.get(class)).unwrap_or(&self.beyond), 1);
    }

    pub(crate) fn read(&self) -> Tally {
        let bounds = BOUNDS_US.into_iter().map(Duration::from_micros);
        Tally {
            batches: read(&self.batches),
            records: read(&self.records),
            bytes: read(&self.bytes),
            syncs: read(&self.syncs),
            writing: WritingTimes {
                sum: Duration::from_nanos(read(&self.nanoseconds)),
                classes: bounds.zip(self.classes.iter().map(read)).collect(),
                beyond: read(&self.beyond),
            },
        }
    }
}

fn add(count: &Count, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

fn read(count: &Count) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Counts, Written};

    #[test]
    fn a_time_falls_into_the_class_that_bounds_it() {
        let counts = Counts::default();
        let batch = Written { records: 3, bytes: 4_096, copies: 2, took: None };
        for took_us in [None, Some(0), Some(100), Some(101), Some(1_000_000), Some(1_000_001)] {
            counts.note(&Written { took: took_us.map(Duration::from_micros), ..batch });
        }
        let tally = counts.read();
        assert_eq!((tally.batches, tally.records), (6, 18));
        assert_eq!((tally.bytes, tally.syncs), (6 * 2 * 4_096, 12), "both copies");
        let filled = |class: &&(Duration, u64)| class.1 > 0;
        let classes: Vec<_> = tally.writing.classes.iter().filter(filled).copied().collect();
        let class = |us, count| (Duration::from_micros(us), count);
        assert_eq!(classes, [class(100, 2), class(200, 1), class(1_000_000, 1)]);
        assert_eq!(tally.writing.beyond, 1);
        assert_eq!(tally.writing.sum, Duration::from_micros(2_000_202));
    }
}
