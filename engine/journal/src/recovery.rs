//! Reads a journal back: walks the chain from its first batch, and judges where it ends.
//!
//! Reading changes nothing. Only once the whole journal is found good is a torn tail erased.

mod chain;
pub(crate) mod check;
pub(crate) mod copies;

pub(crate) mod follower;
mod judge;
pub(crate) mod onlooker;
mod scan;
pub(crate) mod span;

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use kessai_engine::Lsn;

use crate::error::{Corruption, Flaw, OpenError};
use crate::format::chain::{ChainKey, Link};
use crate::format::{BLOCK_BYTES, wide};
use crate::options::JournalOptions;
use crate::priority::PriorityOutcome;
use crate::queue::following;
use crate::recovery::chain::Stretch;
use crate::recovery::copies::Repair;
use crate::recovery::scan::Scan;
use crate::stamps::{Stamp, Stamps};
use crate::storage::{Place, Segment, Storage};
use crate::writer::Tail;

/// Bytes that are written and synced at once when something is mended.
const PIECE_BYTES: usize = 1 << 20;

/// Takes the records in order.
pub(crate) type Replay<'a> = dyn FnMut(Lsn, &[u8]) -> Result<(), OpenError> + 'a;

/// What was found when a journal was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The records held: the first one, and the one that will come next.
    pub records: Range<Lsn>,
    /// How often the journal was opened, this time included.
    pub epoch: u64,
    /// The unfinished write that was cut off at the end, if any. Nothing in it was ever told.
    pub torn: Option<TornTail>,
    /// What was repaired in the journal from its mirror, or the other way round, unfinished writes
    /// included.
    pub repairs: Vec<Repair>,
    /// How the wish for a writer's priority was met.
    pub priority: PriorityOutcome,
}

/// An unfinished write that was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Where it began.
    pub place: Place,
    /// Its length in bytes.
    pub bytes: u64,
    /// What was wrong with it.
    pub flaw: Flaw,
}

/// The batch that a record stands in, as it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batched {
    /// Where it begins.
    pub place: Place,
    /// How often the journal had been opened when it was written.
    pub epoch: u64,
    /// Its records: the first one, and the one behind the last. They became durable together.
    pub records: Range<Lsn>,
    /// The keyed hash of the batch before, zeros in the very first.
    pub previous: [u8; 16],
    /// The keyed hash of this one, which was verified.
    pub hash: [u8; 16],
}

/// A journal that was read to its end.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) records: Range<Lsn>,
    /// The end, with the epoch of the last batch; 0 in a journal never opened.
    pub(crate) tail: Tail,
    pub(crate) torn: Option<TornTail>,
    /// Where the last batch stands, and its length on disk.
    pub(crate) last: Option<Stretch>,
    /// Each segment up to the tail's, and the first record that may stand in it.
    pub(crate) segments: VecDeque<(u64, Lsn)>,
    /// Blank segments behind, prepared but never used.
    pub(crate) spare: Vec<Segment>,
    /// The stamps of the latest batches.
    pub(crate) stamps: Stamps,
}

/// Reads a journal to its end and hands each record from `replay_from` on to `each`.
pub(crate) fn read<S: Storage>(
    storage: &mut S,
    options: &JournalOptions,
    key: &ChainKey,
    each: &mut Replay<'_>,
) -> Result<Read, OpenError> {
    let segments = storage.segments().map_err(OpenError::storage("sync and list the segments"))?;
    let (_, gap) = numbered(&segments);
    if let Some(gap) = gap {
        return Err(gap.into());
    }
    let mut scan = Scan::new(storage, key, options.replay_from);
    let stamps = Stamps::default();
    let end = scan.walk(&segments, &mut |batch, lsn, contents| {
        if following(lsn) == batch.records.end {
            let Batched { epoch, records, hash, .. } = batch;
            stamps.note(records.start, records.end, Stamp::new(*epoch, Link(*hash)));
        }
        each(lsn, contents)
    })?;
    let torn = scan.judge(&segments, &end)?;
    let chain = scan.into_chain();
    let first = chain.first.unwrap_or(Lsn(1));
    let records = first..chain.next;
    if options.replay_from < first || options.replay_from > chain.next {
        return Err(OpenError::Missing { wanted: options.replay_from, held: records });
    }
    let fresh = Segment { number: 1, bytes: options.segment_bytes };
    let segment = segments.get(end.index).copied().unwrap_or(fresh);
    let mut firsts: VecDeque<_> =
        chain.segments.iter().map(|segment| (segment.number, segment.records.start)).collect();
    if firsts.back().is_none_or(|(number, _)| *number != segment.number) {
        firsts.push_back((segment.number, chain.next));
    }
    let (offset, link) = (end.offset, chain.link.unwrap_or(Link::FIRST));
    Ok(Read {
        records,
        tail: Tail { segment, offset, next: chain.next, epoch: chain.epoch, link },
        torn,
        last: chain.last,
        segments: firsts,
        spare: segments.into_iter().skip(end.index.saturating_add(1)).collect(),
        stamps,
    })
}

/// Writes the last batch again, erases a torn tail, and makes ready to append.
pub(crate) fn settle<S: Storage>(
    storage: &mut S,
    options: &JournalOptions,
    read: &Read,
) -> Result<(), OpenError> {
    // From the last, so that a crash leaves no hole.
    for spare in read.spare.iter().rev().filter(|spare| spare.bytes != options.segment_bytes) {
        storage
            .remove(spare.number)
            .map_err(OpenError::storage(format!("remove the unused segment {}", spare.number)))?;
    }
    let segment = read.tail.segment;
    storage
        .activate(segment, options.segment_bytes)
        .map_err(OpenError::storage(format!("make segment {} ready", segment.number)))?;
    if let Some(Stretch { place, bytes }) = read.last {
        // If its sync failed it may have been read, and yet not be on the disk.
        let mut image = vec![0; bytes];
        storage
            .read(place, &mut image)
            .and_then(|()| storage.mend(place, &image))
            .map_err(OpenError::storage(format!("write the last batch again at {place}")))?;
    }
    if let Some(torn) = read.torn {
        erase(storage, torn.place, torn.bytes)
            .map_err(OpenError::storage(format!("erase the unfinished write at {}", torn.place)))?;
    }
    Ok(())
}

/// Sets bytes from `place` on to zero, durably.
fn erase<S: Storage>(storage: &mut S, mut place: Place, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; PIECE_BYTES];
    let end = place.offset.saturating_add(bytes);
    while place.offset < end {
        let left = usize::try_from(end - place.offset).unwrap_or(usize::MAX);
        let (piece, _) = zeros.split_at(left.min(zeros.len()));
        storage.mend(place, piece)?;
        place.offset = place.offset.saturating_add(wide(piece.len()));
    }
    Ok(())
}

/// Gives the segments up to the first that is not as it must be: they are numbered without a gap;
/// each is whole blocks, and at least one.
fn numbered(segments: &[Segment]) -> (&[Segment], Option<Corruption>) {
    let mut expected = segments.first().map_or(1, |first| first.number);
    for (index, segment) in segments.iter().enumerate() {
        let corrupt = |flaw| {
            let place = Place { segment: expected, offset: 0 };
            let good = segments.get(..index).unwrap_or_default();
            (good, Some(Corruption { place, flaw, later: None }))
        };
        if segment.number != expected {
            return corrupt(Flaw::SegmentMissing);
        }
        let block = wide(BLOCK_BYTES);
        if segment.bytes == 0 || !segment.bytes.is_multiple_of(block) {
            let expected = segment.bytes.next_multiple_of(block).max(block);
            return corrupt(Flaw::SegmentLength { expected, found: segment.bytes });
        }
        expected = expected.saturating_add(1);
    }
    (segments, None)
}

#[cfg(test)]
mod tests;
