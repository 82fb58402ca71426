//! How a mirror agrees with its journal, block by block.

use std::io;
use std::ops::Range;

use kessai_engine::Lsn;

use crate::format::{BLOCK_BYTES, wide};
use crate::recovery::check::CopyReport;
use crate::recovery::copies::Replica;
use crate::storage::{Place, Segment, Source};

/// What is compared at once.
const PIECE_BYTES: usize = 1 << 20;

/// How the two copies agree up to where the shorter ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Which copy ends first, and the records that it lacks. While the journal is in use that is
    /// what was written between the looks at the one and at the other.
    pub behind: Option<(Replica, Range<Lsn>)>,
    /// Where they are not alike.
    pub differences: Vec<Difference>,
}

/// A stretch in which the copies differ, in whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Where it begins.
    pub place: Place,
    /// Its length.
    ///
    /// # Units
    /// Bytes.
    pub bytes: u64,
}

impl Agreement {
    /// Tells whether both hold the same as far as both go.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.differences.is_empty()
    }

    /// Compares two copies as far as batches verify in both.
    pub(super) fn of<S: Source>(
        journal: &CopyReport,
        mirror: &CopyReport,
        [ours, theirs]: [S; 2],
    ) -> io::Result<Self> {
        let (our_end, their_end) = (end(journal), end(mirror));
        let behind = match our_end.1.cmp(&their_end.1) {
            std::cmp::Ordering::Less => Some((Replica::Journal, our_end.1..their_end.1)),
            std::cmp::Ordering::Greater => Some((Replica::Mirror, their_end.1..our_end.1)),
            std::cmp::Ordering::Equal => None,
        };
        let mut comparison = Comparison {
            sources: [ours, theirs],
            differences: Vec::new(),
            until: our_end.0.min(their_end.0),
        };
        comparison.run()?;
        Ok(Self { behind, differences: comparison.differences })
    }
}

/// Behind the last batch that verifies, and the record that comes next.
fn end(copy: &CopyReport) -> (Place, Lsn) {
    copy.segments.last().map_or((Place { segment: 0, offset: 0 }, Lsn::NONE), |last| {
        (Place { segment: last.number, offset: last.used_bytes }, last.records.end)
    })
}

struct Comparison<S> {
    sources: [S; 2],
    differences: Vec<Difference>,
    until: Place,
}

impl<S: Source> Comparison<S> {
    fn run(&mut self) -> io::Result<()> {
        let [ours, theirs] = &mut self.sources;
        let (ours, theirs) = (ours.list()?, theirs.list()?);
        let bytes_in = |list: &[Segment], number| {
            list.iter().find(|segment| segment.number == number).map_or(0, |segment| segment.bytes)
        };
        // What only one has kept before the other begins may have been trimmed there.
        let begin = |list: &[Segment]| list.first().map_or(u64::MAX, |segment| segment.number);
        for number in begin(&ours).max(begin(&theirs))..=self.until.segment {
            let longer = bytes_in(&ours, number).max(bytes_in(&theirs, number));
            let end = if number == self.until.segment { self.until.offset } else { longer };
            let both = bytes_in(&ours, number).min(bytes_in(&theirs, number)).min(end);
            self.compare(number, both)?;
            if both < end {
                self.note(Place { segment: number, offset: both }, end.saturating_sub(both));
            }
        }
        Ok(())
    }

    /// Compares the first bytes of a segment.
    fn compare(&mut self, segment: u64, bytes: u64) -> io::Result<()> {
        let mut place = Place { segment, offset: 0 };
        while place.offset < bytes {
            let left = usize::try_from(bytes.saturating_sub(place.offset)).unwrap_or(usize::MAX);
            let pieces = [0, 1].map(|_| vec![0; left.min(PIECE_BYTES)]);
            let [mut ours, mut theirs] = pieces;
            let [our_source, their_source] = &mut self.sources;
            let unread = our_source.fill(place, &mut ours).is_err()
                || their_source.fill(place, &mut theirs).is_err();
            let blocks = ours.chunks(BLOCK_BYTES).zip(theirs.chunks(BLOCK_BYTES));
            for (index, (ours, theirs)) in blocks.enumerate() {
                if unread || ours != theirs {
                    let offset =
                        place.offset.saturating_add(wide(index.saturating_mul(BLOCK_BYTES)));
                    self.note(Place { offset, ..place }, wide(ours.len()));
                }
            }
            place.offset = place.offset.saturating_add(wide(ours.len()));
        }
        Ok(())
    }

    /// Takes note of a stretch that differs, as one with that before it if it touches.
    fn note(&mut self, place: Place, bytes: u64) {
        if let Some(last) = self.differences.last_mut()
            && last.place.segment == place.segment
            && last.place.offset.saturating_add(last.bytes) == place.offset
        {
            last.bytes = last.bytes.saturating_add(bytes);
        } else {
            self.differences.push(Difference { place, bytes });
        }
    }
}
