//! Which segments there are in either copy, and which of them hold anything.

use crate::error::{Divergence, OpenError};
use crate::format::header::{HEADER_BYTES, Header};
use crate::format::{BLOCK_BYTES, wide};
use crate::recovery::judge::first_used;
use crate::storage::{Place, Segment, Source};

/// The segments of one copy, and a way to read them.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) segments: Vec<Segment>,
    pub(super) source: Box<dyn Source>,
}

impl Held {
    fn bytes_of(&self, number: u64) -> Option<u64> {
        self.segments.iter().find(|segment| segment.number == number).map(|segment| segment.bytes)
    }

    /// Tells whether the copy has this segment with something in it that can be read.
    fn uses(&mut self, number: u64) -> bool {
        let Some(bytes) = self.bytes_of(number) else {
            return false;
        };
        let whole = bytes.saturating_sub(bytes % wide(BLOCK_BYTES));
        let segment = Segment { number, bytes: whole };
        first_used(self.source.as_mut(), segment, 0).is_ok_and(|used| used.is_some())
    }

    /// Tells whether the first batch says that the segment is as long as it is.
    fn fits(&mut self, segment: Segment) -> bool {
        let place = Place { segment: segment.number, offset: 0 };
        let mut bytes = [0; HEADER_BYTES];
        self.source.fill(place, &mut bytes).is_ok()
            && Header::decode(&bytes).is_ok_and(|(header, _)| {
                header.segment == segment.number && header.segment_bytes() == segment.bytes
            })
    }
}

/// Lists the segments that the journal should have up to the last that holds anything in either
/// copy; those behind are spare.
///
/// # Errors
/// [`OpenError::Diverged`] if the copies cannot be of one journal.
pub(super) fn joined(ours: &mut Held, theirs: &mut Held) -> Result<Vec<Segment>, OpenError> {
    let last_used = |held: &mut Held| {
        let numbers: Vec<_> = held.segments.iter().rev().map(|segment| segment.number).collect();
        numbers.into_iter().find(|number| held.uses(*number))
    };
    let (our_last, their_last) = (last_used(ours), last_used(theirs));
    let Some(last) = our_last.max(their_last) else {
        return Ok(Vec::new());
    };
    let mut numbers: Vec<_> = ours
        .segments
        .iter()
        .chain(&theirs.segments)
        .map(|segment| segment.number)
        .filter(|number| *number <= last)
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let begin = |held: &Held| held.segments.first().map(|segment| segment.number);
    if let (Some(our_last), Some(their_last)) = (our_last, their_last)
        && (begin(ours) > Some(their_last) || begin(theirs) > Some(our_last))
    {
        return Err(Divergence::NothingShared.into());
    }
    let segment = |number| length(ours, theirs, number).map(|bytes| Segment { number, bytes });
    numbers.into_iter().map(segment).collect()
}

/// Finds out how long a segment must be.
fn length(ours: &mut Held, theirs: &mut Held, number: u64) -> Result<u64, OpenError> {
    let (our_bytes, their_bytes) = (ours.bytes_of(number), theirs.bytes_of(number));
    if our_bytes == their_bytes {
        return Ok(our_bytes.unwrap_or_default());
    }
    let fits = |held: &mut Held, bytes: Option<u64>| {
        bytes.filter(|bytes| held.fits(Segment { number, bytes: *bytes }))
    };
    match (fits(ours, our_bytes), fits(theirs, their_bytes)) {
        (Some(journal), Some(mirror)) => {
            Err(Divergence::Length { segment: number, journal, mirror }.into())
        }
        (Some(bytes), None) | (None, Some(bytes)) => Ok(bytes),
        // Whichever is wrong, no segment was ever lengthened by being cut short.
        (None, None) => Ok(our_bytes.max(their_bytes).unwrap_or_default()),
    }
}
