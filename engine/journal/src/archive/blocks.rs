//! What redb reads and writes, with a checksum on every block: redb believes what it reads, and
//! would answer from a page that has changed.
//!
//! A block of 4096 bytes is followed by 8: the CRC-32C of its number and its bytes, and four that
//! are never zero, so that a block that was never written is told from one of zeros. redb never
//! overwrites a block that a durable transaction needs, so a torn one is never read. The exception
//! is the first block: of it redb uses the start alone, in place, so its checksum stands in the
//! same sector, which a disk writes whole or not at all.
//!
//! A block that reads as it was written, but should have been overwritten since, is not found out
//! here: that takes a walk over the whole tree ([`Archive::check`](crate::Archive::check)).

use std::io::{self, ErrorKind};

use redb::StorageBackend;

use crate::format::{BLOCK_BYTES, SECTOR_BYTES, wide};
use crate::storage::FolderFile;

const SEAL_BYTES: usize = 8;
const SEALED_BYTES: usize = BLOCK_BYTES + SEAL_BYTES;
/// What of the first block can be used.
const FIRST_BYTES: usize = SECTOR_BYTES - SEAL_BYTES;
const MARK: [u8; 4] = *b"kess";

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
        self.0.read_at(0, &mut sector)?;
        let usable = open_seal(0, &sector, FIRST_BYTES)?;
        let wanted = usable.get(offset..offset.saturating_add(out.len()));
        out.copy_from_slice(wanted.ok_or_else(unexpected)?);
        Ok(())
    }

    fn write_first(&self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let mut usable = [0; FIRST_BYTES];
        // Written whole by redb, so what was there is not asked for.
        let place = usable.get_mut(offset..offset.saturating_add(bytes.len()));
        place.ok_or_else(unexpected)?.copy_from_slice(bytes);
        let mut sector = Vec::with_capacity(SECTOR_BYTES);
        seal(0, &usable, &mut sector);
        self.0.write_at(0, &sector)
    }
}

impl<R: FolderFile> StorageBackend for Blocks<R> {
    fn len(&self) -> io::Result<u64> {
        // A crash may leave part of a block that was being added.
        Ok(self.0.bytes()? / wide(SEALED_BYTES) * wide(BLOCK_BYTES))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (block, within) = split(offset)?;
        if block == 0 {
            return self.read_first(within, out);
        }
        let mut sealed = vec![0; out.len() / BLOCK_BYTES * SEALED_BYTES];
        if within != 0 || !out.len().is_multiple_of(BLOCK_BYTES) {
            return Err(unexpected());
        }
        self.0.read_at(place(block), &mut sealed)?;
        let blocks = sealed.chunks(SEALED_BYTES).zip(out.chunks_mut(BLOCK_BYTES));
        for ((sealed, out), number) in blocks.zip(block..) {
            out.copy_from_slice(open_seal(number, sealed, BLOCK_BYTES)?);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len.is_multiple_of(wide(BLOCK_BYTES)) {
            self.0.set_bytes(place(len / wide(BLOCK_BYTES)))
        } else {
            Err(unexpected())
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (block, within) = split(offset)?;
        if block == 0 {
            return self.write_first(within, data);
        }
        if within != 0 || !data.len().is_multiple_of(BLOCK_BYTES) {
            return Err(unexpected());
        }
        let mut sealed = Vec::with_capacity(data.len() / BLOCK_BYTES * SEALED_BYTES);
        for (data, number) in data.chunks(BLOCK_BYTES).zip(block..) {
            seal(number, data, &mut sealed);
        }
        self.0.write_at(place(block), &sealed)
    }
}

/// Splits an offset of redb's into a block and an offset in it.
fn split(offset: u64) -> io::Result<(u64, usize)> {
    let within = usize::try_from(offset % wide(BLOCK_BYTES)).map_err(io::Error::other)?;
    Ok((offset / wide(BLOCK_BYTES), within))
}

/// Where a block stands in the file.
fn place(block: u64) -> u64 {
    block.saturating_mul(wide(SEALED_BYTES))
}

fn seal(block: u64, bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(bytes);
    out.extend_from_slice(&checksum(block, bytes));
    out.extend_from_slice(&MARK);
}

/// Gives the bytes before the seal, if it is right.
fn open_seal(block: u64, sealed: &[u8], bytes: usize) -> io::Result<&[u8]> {
    let damaged = || io::Error::new(ErrorKind::InvalidData, Damaged { block });
    let (bytes, seal) = sealed.split_at_checked(bytes).ok_or_else(damaged)?;
    let expected = [checksum(block, bytes), MARK].concat();
    if seal == expected { Ok(bytes) } else { Err(damaged()) }
}

fn checksum(block: u64, bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c_append(crc32c::crc32c(&block.to_le_bytes()), bytes).to_le_bytes()
}

/// redb would access its file in another way than this version of it does.
fn unexpected() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "an access that is not by blocks")
}
