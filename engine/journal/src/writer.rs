//! What the writer does next, as a state machine: it reads no clock, holds no lock and does no
//! I/O. The drivers ask it and act.

use std::time::Duration;

use kessai_engine::Lsn;

use crate::failure::Failure;
use crate::format::batch::Batch;
use crate::format::chain::{ChainKey, Link};
use crate::format::header::Header;
use crate::format::{BLOCK_BYTES, blocks_up, wide};
use crate::options::JournalOptions;
use crate::queue::advanced;
use crate::storage::{Place, Segment};

/// The end of the journal on disk: what the next batch follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    /// The segment that is appended to.
    pub(crate) segment: Segment,
    /// Where in it the next batch goes, if it fits.
    pub(crate) offset: u64,
    /// The next record.
    pub(crate) next: Lsn,
    /// How often the journal was opened.
    pub(crate) epoch: u64,
    /// The hash of the last batch.
    pub(crate) link: Link,
}

/// What is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backlog {
    pub(crate) records: u32,
    pub(crate) bytes: usize,
    pub(crate) ending: Ending,
}

/// Whether more may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The journal is open.
    Open,
    /// No place is given any more, but some that were given may still be used.
    Closing,
    /// Nothing can come any more.
    Drained,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Wait for a record.
    Idle,
    /// Wait until then, or until `gather_bytes` are queued.
    Gather(Duration),
    /// Take what is queued and write it.
    Write,
    /// End: all is durable.
    Finished,
}

/// Where a sealed batch goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) place: Place,
    /// The segment to start first, when the batch is the first in it.
    pub(crate) starts: Option<Segment>,
}

/// The writer's state.
#[derive(Debug)]
pub(crate) struct Writer {
    key: ChainKey,
    /// To how many copies the storage writes.
    copies: u16,
    segment_bytes: u64,
    gather: Duration,
    gather_after: u32,
    gather_bytes: usize,
    /// The end of what is durable.
    tail: Tail,
    /// The end once the batch being written is durable. At most one is, ever.
    in_flight: Option<Tail>,
    /// How many records the batch before held.
    previous_records: u32,
    gather_until: Option<Duration>,
}

impl Writer {
    pub(crate) const fn new(
        options: &JournalOptions,
        key: ChainKey,
        tail: Tail,
        copies: u16,
    ) -> Self {
        Self {
            key,
            copies,
            segment_bytes: options.segment_bytes,
            gather: options.gather,
            gather_after: options.gather_after,
            gather_bytes: options.gather_bytes,
            tail,
            in_flight: None,
            previous_records: 0,
            gather_until: None,
        }
    }

    /// The end of what is durable.
    pub(crate) const fn tail(&self) -> Tail {
        self.tail
    }

    /// Says what to do at `now`, counted from any fixed instant.
    pub(crate) fn next(&mut self, now: Duration, backlog: Backlog) -> Step {
        if backlog.records == 0 {
            self.gather_until = None;
            return if backlog.ending == Ending::Drained { Step::Finished } else { Step::Idle };
        }
        let gathers = self.previous_records >= self.gather_after
            && backlog.bytes < self.gather_bytes
            && backlog.ending == Ending::Open;
        if gathers {
            let until = *self.gather_until.get_or_insert(now.saturating_add(self.gather));
            if now < until {
                return Step::Gather(until);
            }
        }
        self.gather_until = None;
        Step::Write
    }

    /// Chains a batch to the one before and says where it goes.
    ///
    /// # Errors
    /// [`Failure::Order`] if its records do not follow on from those before: our bug.
    ///
    /// # Panics
    /// If the batch before is not durable yet: batches are strictly serial.
    pub(crate) fn seal(&mut self, batch: &mut Batch) -> Result<Target, Failure> {
        assert!(self.in_flight.is_none(), "the batch before is not durable");
        if batch.count() > 0 && batch.first() != self.tail.next {
            return Err(Failure::Order { expected: self.tail.next, found: batch.first() });
        }
        let padded = wide(blocks_up(batch.used_bytes()));
        let mut after = self.tail;
        let mut starts = None;
        if after.offset.saturating_add(padded) > after.segment.bytes {
            let number = after.segment.number.saturating_add(1);
            after.segment = Segment { number, bytes: self.segment_bytes };
            after.offset = 0;
            starts = Some(after.segment);
        }
        let place = Place { segment: after.segment.number, offset: after.offset };
        let header = Header {
            copies: self.copies,
            count: batch.count(),
            segment: place.segment,
            epoch: after.epoch,
            first: after.next,
            // Both were bounded when the settings were checked and the segment was scanned.
            bytes: u32::try_from(batch.used_bytes()).unwrap_or(u32::MAX),
            segment_blocks: u32::try_from(after.segment.bytes / wide(BLOCK_BYTES))
                .unwrap_or(u32::MAX),
            previous: after.link,
            block: u32::try_from(place.offset / wide(BLOCK_BYTES)).unwrap_or(u32::MAX),
        };
        after.link = batch.seal(&header, &self.key);
        after.offset = after.offset.saturating_add(padded);
        after.next = advanced(after.next, batch.count());
        self.in_flight = Some(after);
        self.previous_records = batch.count();
        Ok(Target { place, starts })
    }

    /// Takes note that the batch being written is durable, and gives the last durable record.
    pub(crate) fn durable(&mut self) -> Lsn {
        if let Some(tail) = self.in_flight.take() {
            self.tail = tail;
        }
        Lsn(self.tail.next.0.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests;
