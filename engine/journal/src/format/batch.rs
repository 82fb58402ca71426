//! A batch while records are gathered into it, and when it is sealed for the disk.

use kessai_engine::Lsn;
use kessai_engine::planted::{self, Bug};

use crate::format::chain::{ChainKey, Link};
use crate::format::header::{HEADER_BYTES, Header};
use crate::format::{BLOCK_BYTES, blocks_up};

/// A batch in memory, laid out as it will stand on disk, so that it is never copied.
///
/// Its memory is taken once; used within its bounds it never grows.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Room for the header, then framed records; once sealed, the header and the zeros behind too.
    bytes: Vec<u8>,
    first: Lsn,
    count: u32,
}

impl Batch {
    /// Makes an empty batch that `record_bytes` of framed records fit into without growing.
    pub(crate) fn with_capacity(record_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(Self::largest(record_bytes));
        bytes.extend_from_slice(&[0; HEADER_BYTES]);
        Self { bytes, first: Lsn::NONE, count: 0 }
    }

    /// The length on disk of a batch of `record_bytes` of framed records.
    pub(crate) const fn largest(record_bytes: usize) -> usize {
        blocks_up(HEADER_BYTES.saturating_add(record_bytes))
    }

    /// Appends one framed record.
    pub(crate) fn push(&mut self, lsn: Lsn, framed: &[u8]) {
        if self.count == 0 {
            self.first = lsn;
        }
        self.count = self.count.saturating_add(1);
        if planted::is(Bug::LsnOrderBroken) {
            self.bytes.splice(HEADER_BYTES..HEADER_BYTES, framed.iter().copied());
        } else {
            self.bytes.extend_from_slice(framed);
        }
    }

    /// How many records it holds.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// The LSN of its first record, [`Lsn::NONE`] if it holds none.
    pub(crate) const fn first(&self) -> Lsn {
        self.first
    }

    /// The length of header and records.
    pub(crate) const fn used_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The length of the framed records. Asked before the batch is sealed.
    pub(crate) const fn record_bytes(&self) -> usize {
        self.bytes.len().saturating_sub(HEADER_BYTES)
    }

    /// Fills up the last block, hashes the batch, writes its header, and gives the hash.
    pub(crate) fn seal(&mut self, header: &Header, key: &ChainKey) -> Link {
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK_BYTES), 0);
        let (head, behind) = self.bytes.split_at_mut(HEADER_BYTES);
        let link = key.link(header, behind);
        head.copy_from_slice(&header.encode(link));
        link
    }

    /// The bytes for the disk, once sealed.
    pub(crate) fn image(&self) -> &[u8] {
        &self.bytes
    }

    /// Empties the batch and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(HEADER_BYTES);
        self.first = Lsn::NONE;
        self.count = 0;
    }
}
