//! The bound of the queue: places are reserved here before the shard lock, so that under the lock
//! nothing can be refused. One atomic number, no lock.

use std::sync::atomic::Ordering;

use crate::format::wide;
use crate::sync::AtomicU64;

/// The most places that can be counted.
pub(crate) const MOST_RECORDS: u32 = (1 << RECORD_BITS) - 1;

const BYTE_BITS: u32 = 40;
const RECORD_BITS: u32 = 22;
const ONE_RECORD: u64 = 1 << BYTE_BITS;
const BYTES: u64 = ONE_RECORD - 1;
const CLOSED: u64 = 1 << 63;

/// Counts records and bytes from their reservation until they are durable.
#[derive(Debug)]
pub(crate) struct Room {
    /// Bit 63: closed. Bits 40 to 61: records. Bits 0 to 39: bytes.
    taken: AtomicU64,
    records: u64,
    bytes: u64,
    /// What a place counts for until its record is there.
    reserve: u64,
}

impl Room {
    pub(crate) fn new(records: u32, bytes: usize, reserve: usize) -> Self {
        Self {
            taken: AtomicU64::new(0),
            records: u64::from(records),
            bytes: wide(bytes).min(BYTES),
            reserve: wide(reserve),
        }
    }

    /// Takes a place, if there is one and the journal is open.
    pub(crate) fn reserve(&self) -> bool {
        self.taken
            .try_update(Ordering::AcqRel, Ordering::Relaxed, |taken| {
                let open = taken & CLOSED == 0;
                let fits = (taken >> BYTE_BITS) < self.records
                    && (taken & BYTES).saturating_add(self.reserve) <= self.bytes;
                (open && fits)
                    .then(|| taken.saturating_add(ONE_RECORD).saturating_add(self.reserve))
            })
            .is_ok()
    }

    /// Gives a place back that was not used.
    pub(crate) fn give_back(&self) {
        self.release(1, self.reserve);
    }

    /// Lets a reserved place count for the bytes that its record really has.
    pub(crate) fn settle(&self, bytes: usize) {
        self.release(0, self.reserve.saturating_sub(wide(bytes)));
    }

    /// Gives back the places of records that are durable.
    pub(crate) fn release(&self, records: u32, bytes: u64) {
        let released = u64::from(records) << BYTE_BITS | bytes;
        self.taken.fetch_sub(released, Ordering::AcqRel);
    }

    /// Gives no place from now on.
    pub(crate) fn close(&self) {
        self.taken.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Tells whether it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.taken.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Tells whether no place is taken at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken.load(Ordering::Acquire) & !CLOSED == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_bytes_are_both_bounded() {
        let room = Room::new(3, 1000, 400);
        assert!(room.reserve() && room.reserve());
        assert!(!room.reserve(), "three times 400 bytes do not fit");
        room.settle(100);
        assert!(room.reserve(), "700 - 300 + 400 bytes fit");
        room.settle(0);
        room.settle(0);
        assert!(!room.reserve(), "a fourth record does not fit");
        room.release(1, 100);
        assert!(room.reserve());
        room.give_back();
        room.close();
        assert!(!room.reserve());
        assert!(!room.is_empty());
        room.release(2, 0);
        assert!(room.is_empty());
    }
}
