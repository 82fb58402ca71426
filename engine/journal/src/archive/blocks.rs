//! What redb reads and writes, with a checksum on every block: redb believes what it reads, and
//! would answer from a page that has changed.
//!
//! A block of 4096 bytes is followed by 8: the CRC-32C of its number and its bytes, and four that
//! are never zero, so that a block that was never written is told from one of zeros. The same CRC
//! stands once more in a table before every 1024 blocks, which is written apart: so a block that
//! the disk did not write, or wrote elsewhere, is told from the one that should be there.
//!
//! redb never overwrites a block that a durable transaction needs, so a torn one is never read, nor
//! one whose entry in the table is of another write. The exception is the first block: of it redb
//! uses the start alone, in place, so its checksum stands in the same sector, which a disk writes
//! whole or not at all. If that write is lost, redb sees an earlier transaction, whole.

use std::io::{self, ErrorKind};
use std::iter;
use std::ops::Range;

use redb::StorageBackend;

use crate::format::{BLOCK_BYTES, SECTOR_BYTES, wide};
use crate::storage::FolderFile;

const SUM_BYTES: usize = 4;
const MARK: [u8; 4] = *b"kess";
const SEAL_BYTES: usize = SUM_BYTES + MARK.len();
const SEALED_BYTES: usize = BLOCK_BYTES + SEAL_BYTES;
/// What of the first block can be used.
const FIRST_BYTES: usize = SECTOR_BYTES - SEAL_BYTES;
/// How many blocks share a table: as many as make it as long as a block.
const GROUP_BLOCKS: usize = BLOCK_BYTES / SUM_BYTES;
const GROUP_BYTES: usize = BLOCK_BYTES + GROUP_BLOCKS * SEALED_BYTES;

/// A file of sealed blocks.
#[derive(Debug)]
pub(super) struct Blocks<R>(R);

/// Says that a block is not as it was written.
#[derive(Debug, thiserror::Error)]
#[error("block {block} of the archive is not as it was written")]
pub(super) struct Damaged {
    block: u64,
}

impl<R: FolderFile> Blocks<R> {
    pub(super) const fn new(file: R) -> Self {
        Self(file)
    }

    fn read_first(&self, offset: usize, out: &mut [u8]) -> io::Result<()> {
        let mut sector = [0; SECTOR_BYTES];
        self.0.read_at(place(0), &mut sector)?;
        let (usable, _) = open_seal(0, &sector, FIRST_BYTES)?;
        let wanted = usable.get(offset..offset.saturating_add(out.len()));
        out.copy_from_slice(wanted.ok_or_else(unexpected)?);
        Ok(())
    }

    fn write_first(&self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let mut usable = [0; FIRST_BYTES];
        // Written whole by redb, so what was there is not asked for.
        let target = usable.get_mut(offset..offset.saturating_add(bytes.len()));
        target.ok_or_else(unexpected)?.copy_from_slice(bytes);
        let mut sector = Vec::with_capacity(SECTOR_BYTES);
        seal(0, &usable, &mut sector);
        self.0.write_at(place(0), &sector)
    }
}

impl<R: FolderFile> StorageBackend for Blocks<R> {
    fn len(&self) -> io::Result<u64> {
        let bytes = self.0.bytes()?;
        let (groups, rest) = (bytes / wide(GROUP_BYTES), bytes % wide(GROUP_BYTES));
        // A crash may leave part of a block that was being added.
        let within = rest.saturating_sub(wide(BLOCK_BYTES)) / wide(SEALED_BYTES);
        Ok((groups * wide(GROUP_BLOCKS) + within) * wide(BLOCK_BYTES))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (block, within) = split(offset);
        if block == 0 {
            return self.read_first(within, out);
        }
        let runs = runs(block, within, out.len())?;
        let mut out = out.chunks_mut(BLOCK_BYTES);
        for (run, blocks) in runs {
            let (mut sealed, mut sums) =
                (vec![0; blocks * SEALED_BYTES], vec![0; blocks * SUM_BYTES]);
            self.0.read_at(place(run.start), &mut sealed)?;
            self.0.read_at(sum_place(run.start), &mut sums)?;
            let read = sealed.chunks(SEALED_BYTES).zip(sums.chunks(SUM_BYTES));
            for ((number, (sealed, expected)), out) in run.zip(read).zip(out.by_ref()) {
                let (bytes, sum) = open_seal(number, sealed, BLOCK_BYTES)?;
                if sum != expected {
                    return Err(damaged(number));
                }
                out.copy_from_slice(bytes);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        match split(len) {
            (0, 0) => self.0.set_bytes(0),
            // Up to the end of the last block: no table stands behind it.
            (blocks, 0) => self.0.set_bytes(place(blocks - 1) + wide(SEALED_BYTES)),
            _ => Err(unexpected()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (block, within) = split(offset);
        if block == 0 {
            return self.write_first(within, data);
        }
        let mut pieces = data.chunks(BLOCK_BYTES);
        for (run, blocks) in runs(block, within, data.len())? {
            let mut sealed = Vec::with_capacity(blocks * SEALED_BYTES);
            let mut sums = Vec::with_capacity(blocks * SUM_BYTES);
            for (number, bytes) in run.clone().zip(pieces.by_ref()) {
                sums.extend_from_slice(&seal(number, bytes, &mut sealed));
            }
            self.0.write_at(place(run.start), &sealed)?;
            self.0.write_at(sum_place(run.start), &sums)?;
        }
        Ok(())
    }
}

/// Splits an offset of redb's into a block and an offset in it.
fn split(offset: u64) -> (u64, usize) {
    let within = usize::try_from(offset % wide(BLOCK_BYTES)).unwrap_or(usize::MAX);
    (offset / wide(BLOCK_BYTES), within)
}

/// Cuts an access of whole blocks into runs between which a table stands, each with its length.
fn runs(
    block: u64,
    within: usize,
    bytes: usize,
) -> io::Result<impl Iterator<Item = (Range<u64>, usize)>> {
    if within != 0 || !bytes.is_multiple_of(BLOCK_BYTES) {
        return Err(unexpected());
    }
    let (mut start, mut left) = (block, bytes / BLOCK_BYTES);
    Ok(iter::from_fn(move || {
        let into_group = usize::try_from(start % wide(GROUP_BLOCKS)).unwrap_or(0);
        let blocks = left.min(GROUP_BLOCKS.saturating_sub(into_group));
        let run = start..start.saturating_add(wide(blocks));
        (start, left) = (run.end, left.saturating_sub(blocks));
        (blocks > 0).then_some((run, blocks))
    }))
}

/// Where the group of a block begins, and which of its blocks it is.
fn group(block: u64) -> (u64, u64) {
    let groups = block / wide(GROUP_BLOCKS);
    (groups.saturating_mul(wide(GROUP_BYTES)), block % wide(GROUP_BLOCKS))
}

/// Where a block stands in the file.
fn place(block: u64) -> u64 {
    let (start, index) = group(block);
    start.saturating_add(wide(BLOCK_BYTES) + index * wide(SEALED_BYTES))
}

/// Where its checksum stands once more.
fn sum_place(block: u64) -> u64 {
    let (start, index) = group(block);
    start.saturating_add(index * wide(SUM_BYTES))
}

/// Appends a block with its seal, and gives the checksum.
fn seal(block: u64, bytes: &[u8], out: &mut Vec<u8>) -> [u8; SUM_BYTES] {
    let sum = checksum(block, bytes);
    out.extend_from_slice(bytes);
    out.extend_from_slice(&sum);
    out.extend_from_slice(&MARK);
    sum
}

/// Gives the bytes before the seal, if it is right, and the checksum.
fn open_seal(block: u64, sealed: &[u8], bytes: usize) -> io::Result<(&[u8], [u8; SUM_BYTES])> {
    let (bytes, seal) = sealed.split_at_checked(bytes).ok_or_else(|| damaged(block))?;
    let sum = checksum(block, bytes);
    if seal == [sum, MARK].concat() { Ok((bytes, sum)) } else { Err(damaged(block)) }
}

fn checksum(block: u64, bytes: &[u8]) -> [u8; SUM_BYTES] {
    crc32c::crc32c_append(crc32c::crc32c(&block.to_le_bytes()), bytes).to_le_bytes()
}

fn damaged(block: u64) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, Damaged { block })
}

/// redb would access its file in another way than this version of it does.
fn unexpected() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "an access that is not by blocks")
}
