//! Writes into one copy what it lacks, and nothing where it is as it must be.

use std::io;
use std::ops::Range;

use crate::error::OpenError;
use crate::format::{BLOCK_BYTES, is_blank, wide};
use crate::recovery::copies::patched::Patched;
use crate::recovery::copies::{Remedy, Repair, Replica};
use crate::storage::{Place, Segment, Source, Storage};

/// What is compared, written and synced at once.
const PIECE_BYTES: usize = 1 << 20;

/// A copy under repair.
pub(super) struct Patient<'a, S> {
    pub(super) storage: &'a mut S,
    pub(super) replica: Replica,
    /// The segments that it has.
    pub(super) own: &'a [Segment],
    /// The segments that the other copy has.
    pub(super) other: &'a [Segment],
    /// The copy as it must be, up to the tail.
    pub(super) whole: &'a mut Patched,
    /// Where the last batch ends.
    pub(super) tail: Place,
}

impl<S: Storage> Patient<'_, S> {
    /// Repairs the copy, and tells what there was to do.
    pub(super) fn mend(mut self) -> Result<Vec<Repair>, OpenError> {
        let mut repairs = Vec::new();
        self.trim(&mut repairs).map_err(OpenError::storage("remove a trimmed segment"))?;
        for segment in self.whole.segments.clone() {
            if segment.number > self.tail.segment {
                continue;
            }
            let written = if self.own.contains(&segment) {
                self.restore(segment, &mut repairs)
            } else {
                self.make(segment, &mut repairs)
            };
            let doing = || format!("repair segment {} of {}", segment.number, self.replica);
            written.map_err(|source| OpenError::Storage { doing: doing(), source })?;
        }
        self.clear(&mut repairs).map_err(OpenError::storage("remove an unused segment"))?;
        Ok(repairs)
    }

    /// Removes the segments before those that the journal is to have.
    fn trim(&mut self, repairs: &mut Vec<Repair>) -> io::Result<()> {
        let Some(first) = self.whole.segments.first().map(|first| first.number) else {
            return Ok(());
        };
        for segment in self.own.iter().filter(|segment| segment.number < first) {
            let place = Place { segment: segment.number, offset: 0 };
            self.note(repairs, Remedy::Trimmed, place, segment.bytes);
            self.storage.remove(segment.number)?;
        }
        Ok(())
    }

    /// Makes a segment that is missing or has another length.
    fn make(&mut self, segment: Segment, repairs: &mut Vec<Repair>) -> io::Result<()> {
        let Self { storage, whole, tail, .. } = self;
        storage.replace(segment, &mut |offset, piece| {
            let place = Place { segment: segment.number, offset };
            wanted(whole, *tail, place, piece)
        })?;
        let place = Place { segment: segment.number, offset: 0 };
        self.note(repairs, Remedy::SegmentMade, place, segment.bytes);
        Ok(())
    }

    /// Writes again what is not as it must be, and erases what is behind the tail.
    fn restore(&mut self, segment: Segment, repairs: &mut Vec<Repair>) -> io::Result<()> {
        let end =
            if segment.number == self.tail.segment { self.tail.offset } else { segment.bytes };
        let damaged: Vec<_> = self.whole.patches.of(segment.number).collect();
        for range in damaged {
            self.overwrite(segment, range.start..range.end.min(end), Remedy::Restored, repairs)?;
        }
        self.overwrite(segment, end..segment.bytes, Remedy::Erased, repairs)
    }

    /// Writes the blocks of a stretch that differ from what is wanted.
    fn overwrite(
        &mut self,
        segment: Segment,
        range: Range<u64>,
        remedy: Remedy,
        repairs: &mut Vec<Repair>,
    ) -> io::Result<()> {
        let mut differs: Option<Range<u64>> = None;
        let mut place = Place { segment: segment.number, offset: range.start };
        while place.offset < range.end {
            let left = usize::try_from(range.end - place.offset).unwrap_or(usize::MAX);
            let mut want = vec![0; left.min(PIECE_BYTES)];
            wanted(self.whole, self.tail, place, &mut want)?;
            let mut have = vec![0; want.len()];
            // What cannot be read is written too.
            let unread = self.whole.own.fill(place, &mut have).is_err();
            for (index, (want, have)) in
                want.chunks(BLOCK_BYTES).zip(have.chunks(BLOCK_BYTES)).enumerate()
            {
                if unread || want != have {
                    let offset =
                        place.offset.saturating_add(wide(index.saturating_mul(BLOCK_BYTES)));
                    self.storage.mend(Place { offset, ..place }, want)?;
                    let until = offset.saturating_add(wide(want.len()));
                    differs = Some(differs.map_or(offset, |range| range.start)..until);
                }
            }
            place.offset = place.offset.saturating_add(wide(want.len()));
        }
        if let Some(differs) = differs {
            let place = Place { segment: segment.number, offset: differs.start };
            self.note(repairs, remedy, place, differs.end.saturating_sub(differs.start));
        }
        Ok(())
    }

    /// Removes the segments behind the tail's, but for those that both have blank and alike.
    fn clear(&mut self, repairs: &mut Vec<Repair>) -> io::Result<()> {
        let mut kept = self.tail.segment;
        for segment in self.own {
            let is_next = segment.number == kept.saturating_add(1);
            if is_next && self.other.contains(segment) && !self.whole.segments.contains(segment) {
                kept = segment.number;
            }
        }
        // From the last, so that a crash leaves no hole.
        for segment in self.own.iter().rev().filter(|segment| segment.number > kept) {
            let place = Place { segment: segment.number, offset: 0 };
            if self.whole.segments.contains(segment) && !self.is_blank(*segment) {
                self.note(repairs, Remedy::Erased, place, segment.bytes);
            }
            self.storage.remove(segment.number)?;
        }
        Ok(())
    }

    fn is_blank(&mut self, segment: Segment) -> bool {
        let mut piece = vec![0; PIECE_BYTES];
        let mut place = Place { segment: segment.number, offset: 0 };
        while place.offset < segment.bytes {
            let left = usize::try_from(segment.bytes - place.offset).unwrap_or(usize::MAX);
            piece.truncate(left);
            if self.whole.own.fill(place, &mut piece).is_err() || !is_blank(&piece) {
                return false;
            }
            place.offset = place.offset.saturating_add(wide(piece.len()));
        }
        true
    }

    fn note(&self, repairs: &mut Vec<Repair>, remedy: Remedy, place: Place, bytes: u64) {
        repairs.push(Repair { replica: self.replica, place, bytes, remedy });
    }
}

/// Gives what must stand in a stretch: batches up to the tail, and zeros behind.
fn wanted(whole: &mut Patched, tail: Place, place: Place, into: &mut [u8]) -> io::Result<()> {
    let held = if place.segment < tail.segment {
        into.len()
    } else {
        usize::try_from(tail.offset.saturating_sub(place.offset)).unwrap_or(usize::MAX)
    };
    let (batches, zeros) = into.split_at_mut(held.min(into.len()));
    zeros.fill(0);
    if batches.is_empty() { Ok(()) } else { whole.fill(place, batches) }
}
