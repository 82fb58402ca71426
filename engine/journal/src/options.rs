//! How a journal is set up.

use std::time::Duration;

use kessai_engine::Lsn;

use crate::failure::OnFailure;
use crate::format::batch::Batch;
use crate::format::record::FRAME_BYTES;
use crate::format::{BLOCK_BYTES, wide};
use crate::room;

/// The settings of a journal.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// The length of a new segment in bytes, whole blocks of 4 KiB.
    pub segment_bytes: u64,
    /// The most records that are reserved, queued or being written at any time.
    pub queue_records: u32,
    /// The most bytes that they take up, hence the longest batch. A reserved place counts as
    /// [`record_bytes`](Self::record_bytes) until its record is there.
    pub queue_bytes: usize,
    /// The longest record. One longer is our bug and ends the process.
    pub record_bytes: usize,
    /// How long to gather on when the batch before held many records.
    pub gather: Duration,
    /// How many records are many.
    pub gather_after: u32,
    /// How many bytes end the gathering early.
    pub gather_bytes: usize,
    /// How urgently the writer wants the processor.
    pub priority: WriterPriority,
    /// The first record that the caller needs: 1, or the one behind its snapshot.
    pub replay_from: Lsn,
    /// The least epoch to go on with: one above all that a lost part of the journal may have had.
    pub first_epoch: u64,
    /// What happens when durability cannot be kept.
    pub on_failure: OnFailure,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            queue_records: 65_536,
            queue_bytes: 16 << 20,
            record_bytes: 128 << 10,
            gather: Duration::from_micros(300),
            gather_after: 64,
            gather_bytes: 64 << 10,
            priority: WriterPriority::Normal,
            replay_from: Lsn(1),
            first_epoch: 1,
            on_failure: OnFailure::abort(),
        }
    }
}

/// How urgently the writer wants the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterPriority {
    /// Like any other thread.
    Normal,
    /// Before all normal threads, where the system grants it: beside busy threads of equal
    /// priority the writer otherwise waits for milliseconds before it may sync.
    Realtime,
}

/// Why settings do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// A segment is made of whole blocks.
    #[error("segment_bytes is not a multiple of 4096")]
    SegmentNotWhole,
    /// All that is queued goes into one batch, and a batch into one segment.
    #[error("segment_bytes is below queue_bytes with a header, so a full queue fits no segment")]
    SegmentTooShort,
    /// Lengths in a header have 32 bits.
    #[error("segment_bytes or queue_bytes is beyond what the format can say")]
    TooLong,
    /// At least one record must fit.
    #[error("queue_records is zero, or queue_bytes is below record_bytes with 8 bytes of framing")]
    QueueTooSmall,
    /// The count of reserved places has its own bound.
    #[error("queue_records is above 4194303")]
    QueueTooLong,
}

impl JournalOptions {
    /// Checks that the settings go together.
    ///
    /// # Errors
    /// [`OptionsError`] names the first setting that does not fit.
    pub fn check(&self) -> Result<(), OptionsError> {
        let largest = Batch::largest(self.queue_bytes);
        if !self.segment_bytes.is_multiple_of(wide(BLOCK_BYTES)) {
            return Err(OptionsError::SegmentNotWhole);
        }
        if self.segment_blocks().is_none() || u32::try_from(largest).is_err() {
            return Err(OptionsError::TooLong);
        }
        if wide(largest) > self.segment_bytes {
            return Err(OptionsError::SegmentTooShort);
        }
        if self.queue_records == 0 || self.reserve_bytes() > self.queue_bytes {
            return Err(OptionsError::QueueTooSmall);
        }
        if self.queue_records > room::MOST_RECORDS {
            return Err(OptionsError::QueueTooLong);
        }
        Ok(())
    }

    /// What a place reserves until its record is there.
    pub(crate) const fn reserve_bytes(&self) -> usize {
        self.record_bytes.saturating_add(FRAME_BYTES)
    }

    fn segment_blocks(&self) -> Option<u32> {
        u32::try_from(self.segment_bytes / wide(BLOCK_BYTES)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_do_not_go_together_are_named() {
        let check = |change: fn(&mut JournalOptions)| {
            let mut options = JournalOptions::default();
            change(&mut options);
            options.check()
        };
        assert_eq!(check(|_| {}), Ok(()));
        assert_eq!(check(|o| o.segment_bytes += 1), Err(OptionsError::SegmentNotWhole));
        assert_eq!(check(|o| o.segment_bytes = 16 << 20), Err(OptionsError::SegmentTooShort));
        assert_eq!(check(|o| o.segment_bytes = 1 << 45), Err(OptionsError::TooLong));
        assert_eq!(check(|o| o.queue_records = 0), Err(OptionsError::QueueTooSmall));
        assert_eq!(check(|o| o.record_bytes = o.queue_bytes), Err(OptionsError::QueueTooSmall));
        assert_eq!(check(|o| o.queue_records = 1 << 22), Err(OptionsError::QueueTooLong));
    }
}
