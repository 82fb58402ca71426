//! What a walk over a journal has read so far.

use std::collections::VecDeque;
use std::ops::Range;

use kessai_engine::Lsn;

use crate::format::chain::Link;
use crate::format::header::Header;
use crate::format::wide;
use crate::queue::advanced;
use crate::storage::Place;

/// What was read so far, and what must follow.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// The first record held; none before the first batch.
    pub(super) first: Option<Lsn>,
    pub(super) next: Lsn,
    pub(super) epoch: u64,
    /// The hash of the last batch; none before the first of a trimmed journal.
    pub(super) link: Option<Link>,
    /// What was read of each segment.
    pub(super) segments: VecDeque<SegmentRead>,
    /// Where the last batch stands.
    pub(super) last: Option<Stretch>,
    /// Where the batch before it stands, if that was read too.
    pub(super) last_but_one: Option<Stretch>,
    /// To how many copies the last batch was written.
    pub(super) copies: u16,
}

/// Where a batch stands, with the zeros behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) place: Place,
    pub(crate) bytes: usize,
}

/// What was read of a segment.
#[derive(Debug)]
pub(super) struct SegmentRead {
    pub(super) number: u64,
    pub(super) records: Range<Lsn>,
    pub(super) batches: u64,
    /// Those of the first and of the last batch.
    pub(super) epochs: (u64, u64),
    /// Where its last batch ends.
    pub(super) used_bytes: u64,
}

impl Chain {
    /// Takes in the batch that continues the chain, at `place` and so long on disk.
    pub(super) fn extend(&mut self, header: &Header, link: Link, place: Place, bytes: usize) {
        self.next = advanced(header.first, header.count);
        self.epoch = header.epoch;
        self.link = Some(link);
        self.last_but_one = self.last.replace(Stretch { place, bytes });
        self.copies = header.copies;
        if self.segments.back().is_none_or(|segment| segment.number != header.segment) {
            self.segments.push_back(SegmentRead::begun(header));
        }
        if let Some(segment) = self.segments.back_mut() {
            segment.records.end = self.next;
            segment.batches = segment.batches.saturating_add(1);
            segment.epochs.1 = header.epoch;
            segment.used_bytes = place.offset.saturating_add(wide(bytes));
        }
    }
}

impl SegmentRead {
    /// A segment that begins with this batch.
    const fn begun(header: &Header) -> Self {
        Self {
            number: header.segment,
            records: header.first..header.first,
            batches: 0,
            epochs: (header.epoch, header.epoch),
            used_bytes: 0,
        }
    }
}
