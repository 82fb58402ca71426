//! Decides what the end of the chain means: a clean end, an unfinished write, or corruption.
//!
//! Batches are strictly serial, so at most the last one can be unfinished, and its sectors are as
//! written or blank. Whatever else is found was changed after it was durable.

use std::ops::ControlFlow;

use kessai_engine::Lsn;
use kessai_engine::planted::{self, Bug};

use crate::error::{Corruption, Flaw, OpenError};
use crate::format::header::Header;
use crate::format::{BLOCK_BYTES, is_blank, wide};
use crate::recovery::TornTail;
use crate::recovery::scan::{End, Found};
use crate::storage::{Place, Segment, Source};

const CHUNK_BYTES: usize = 1 << 20;

/// What stands in a stretch of a segment.
#[derive(Debug, Default)]
struct Survey {
    /// The first block that holds anything.
    first_used: Option<u64>,
    /// The end of the last block that holds anything.
    used_until: Option<u64>,
    /// The first block that starts with a whole header, and the record it starts with.
    header: Option<(u64, Lsn)>,
}

/// Finds the first block from `offset` on that holds anything and is as wanted.
pub(super) fn find_used<S: Source + ?Sized>(
    storage: &mut S,
    segment: Segment,
    offset: u64,
    is_wanted: impl Fn(&[u8]) -> bool,
) -> Result<Option<u64>, OpenError> {
    let mut found = None;
    each_used(storage, segment, offset, |at, block| {
        if !is_wanted(block) {
            return ControlFlow::Continue(());
        }
        found = Some(at);
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// Finds the first block from `offset` on that holds anything.
pub(super) fn first_used<S: Source + ?Sized>(
    storage: &mut S,
    segment: Segment,
    offset: u64,
) -> Result<Option<u64>, OpenError> {
    find_used(storage, segment, offset, |_| true)
}

/// Looks at every block of a segment from `offset` on.
fn survey<S: Source>(storage: &mut S, segment: Segment, offset: u64) -> Result<Survey, OpenError> {
    let mut survey = Survey::default();
    each_used(storage, segment, offset, |at, block| {
        survey.first_used.get_or_insert(at);
        survey.used_until = Some(at.saturating_add(wide(block.len())));
        if survey.header.is_none() {
            survey.header = Header::decode(block).ok().map(|(header, _)| (at, header.first));
        }
        ControlFlow::Continue(())
    })?;
    Ok(survey)
}

/// Gives every block from `offset` on that is not blank to `used`, until it breaks off.
pub(super) fn each_used<S: Source + ?Sized>(
    storage: &mut S,
    segment: Segment,
    offset: u64,
    mut used: impl FnMut(u64, &[u8]) -> ControlFlow<()>,
) -> Result<(), OpenError> {
    // The first block often settles it, so it is read alone.
    let mut buffer = vec![0; BLOCK_BYTES];
    let mut place = Place { segment: segment.number, offset };
    while place.offset < segment.bytes {
        let left = usize::try_from(segment.bytes - place.offset).unwrap_or(usize::MAX);
        buffer.truncate(left);
        storage.fill(place, &mut buffer).map_err(OpenError::storage(format!("read {place}")))?;
        if !is_blank(&buffer) {
            for (index, block) in buffer.chunks(BLOCK_BYTES).enumerate() {
                let at = place.offset.saturating_add(wide(index.saturating_mul(BLOCK_BYTES)));
                if !is_blank(block) && used(at, block).is_break() {
                    return Ok(());
                }
            }
        }
        place.offset = place.offset.saturating_add(wide(buffer.len()));
        buffer.resize(CHUNK_BYTES.min(left), 0);
    }
    Ok(())
}

/// Tells a clean end from an unfinished write.
///
/// # Errors
/// [`OpenError::Corrupt`] if neither explains what is there.
pub(super) fn judge<S: Source>(
    storage: &mut S,
    segments: &[Segment],
    end: &End,
    next: Lsn,
) -> Result<Option<TornTail>, OpenError> {
    let Some(segment) = segments.get(end.index).copied() else {
        return Ok(None);
    };
    let place = Place { segment: segment.number, offset: end.offset };
    let (flaw, own_bytes) = match end.found {
        Found::Full | Found::NoHeader | Found::Enough => (Flaw::Missing, 0),
        Found::Changed(flaw) => (flaw, wide(BLOCK_BYTES)),
        Found::Unfinished { flaw, bytes } => (flaw, bytes),
    };
    if planted::is(Bug::CutAtFirstBadChecksum) && end.found != Found::Full {
        let bytes = segment.bytes.saturating_sub(end.offset);
        return Ok(Some(TornTail { place, bytes, flaw }));
    }
    let behind = survey(storage, segment, end.offset.saturating_add(own_bytes))?;
    let later = behind.header.filter(|(_, first)| *first >= next);
    let mut later = later.map(|(offset, _)| Place { offset, ..place });
    // Nothing is begun in a later segment before all in this one was durable.
    for segment in segments.iter().skip(end.index.saturating_add(1)) {
        let used = first_used(storage, *segment, 0)?;
        later = later.or(used.map(|offset| Place { segment: segment.number, offset }));
    }
    // A whole header of an earlier record has no business there either.
    if later.is_some() || behind.header.is_some() {
        return Err(corrupt(place, flaw, later));
    }
    match end.found {
        Found::Full | Found::Enough => Ok(None),
        Found::NoHeader => Ok(behind.used_until.map(|until| TornTail {
            place,
            bytes: until.saturating_sub(place.offset),
            flaw,
        })),
        Found::Changed(flaw) if is_one_bit(storage, segment, end.offset)? => {
            Ok(Some(TornTail { place, bytes: own_bytes, flaw }))
        }
        Found::Changed(flaw) => Err(corrupt(place, flaw, None)),
        // An unfinished write leaves nothing behind its own end.
        Found::Unfinished { flaw, bytes } => match behind.first_used {
            None => Ok(Some(TornTail { place, bytes, flaw })),
            Some(offset) => Err(corrupt(place, flaw, Some(Place { offset, ..place }))),
        },
    }
}

/// Tells whether a single bit is all that stands in a segment from `offset` on: nothing was written
/// there then, and a bit has flipped.
fn is_one_bit<S: Source>(
    storage: &mut S,
    segment: Segment,
    offset: u64,
) -> Result<bool, OpenError> {
    let mut bits: u32 = 0;
    each_used(storage, segment, offset, |_, block| {
        bits = block.iter().map(|byte| byte.count_ones()).fold(bits, u32::saturating_add);
        if bits > 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(bits == 1)
}

fn corrupt(place: Place, flaw: Flaw, later: Option<Place>) -> OpenError {
    OpenError::Corrupt(Corruption { place, flaw, later })
}
