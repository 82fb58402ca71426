//! The journal on disk, version 3. Knows bytes only: no file, no queue, no meaning of a record.
//!
//! A journal is a row of **segments**, numbered from 1 without a gap, each as long as it will ever
//! be and full of zeros before its first use. A segment holds **batches**, each starting on a
//! [`BLOCK`], the first at offset 0, none between two segments. A batch is a header, records, and
//! zeros up to the next block:
//!
//! | offset | bytes | field of the header (integers little-endian) |
//! | --- | --- | --- |
//! | 0 | 8 | magic `kessaijr` |
//! | 8 | 2 | version, 3 |
//! | 10 | 2 | copies that the batch was written to: 1, or 2 with a mirror |
//! | 12 | 4 | records in the batch; 0 in the batch that opens an epoch |
//! | 16 | 8 | number of the segment |
//! | 24 | 8 | epoch: rises whenever the journal is opened |
//! | 32 | 8 | LSN of the first record; in an empty batch, of the next one |
//! | 40 | 4 | length of header and records, without the zeros behind |
//! | 44 | 4 | length of the segment, in blocks |
//! | 48 | 16 | keyed hash of the batch before; zeros in the very first |
//! | 64 | 16 | keyed hash of this batch, zeros behind included |
//! | 80 | 4 | where in the segment the batch stands, in blocks |
//! | 84 | 8 | zero |
//! | 92 | 4 | CRC-32C of the 92 bytes above |
//!
//! The keyed hash is BLAKE3 under the chain key, cut to 16 bytes, taken with the hash's own field
//! and the CRC at zero. A record is its length (4 bytes), the CRC-32C of length and contents
//! (4 bytes), and its contents. Magic, version and the CRC's place and reach stay the same in every
//! version, so that a later version is told from a damaged one.
//!
//! Batches are written strictly one after another: the next is not begun before the last is known
//! to be durable. So any byte of a later batch proves that all before it were durable.

pub(crate) mod batch;
pub(crate) mod chain;
pub(crate) mod header;
pub(crate) mod record;

/// The unit in which batches are laid out.
///
/// # Units
/// Bytes.
pub const BLOCK_BYTES: usize = 4096;

/// What a disk writes whole or not at all.
///
/// # Units
/// Bytes.
pub(crate) const SECTOR_BYTES: usize = 512;

/// Rounds up to whole blocks.
pub(crate) const fn blocks_up(bytes: usize) -> usize {
    bytes.next_multiple_of(BLOCK_BYTES)
}

/// Widens a length in memory to a length on disk.
pub(crate) fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Tells whether every byte is zero.
pub(crate) fn is_blank(bytes: &[u8]) -> bool {
    const ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];
    // Compared block by block with zeros in memory, which is many times faster than byte by byte.
    bytes.chunks(BLOCK_BYTES).all(|chunk| ZEROS.get(..chunk.len()) == Some(chunk))
}
