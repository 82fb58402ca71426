//! Reads a snapshot: once to verify it, and then as often as its chunks are wanted.

use std::error::Error;
use std::io;

use kessai_engine::Lsn;

use crate::format::record::{FRAME_BYTES, checksum};
use crate::format::wide;
use crate::snapshot::format::{
    HASHED_BYTES, HEADER_BYTES, SnapshotFlaw, TRAILER_BYTES, Trailer, check_header,
};
use crate::storage::{Folder, FolderFile};

/// How much is read at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// A snapshot that verified.
#[derive(Debug)]
pub struct Snapshot<R> {
    file: R,
    replay_after: Lsn,
    trailer: Trailer,
}

/// Why a snapshot was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// It has changed since it was verified, or cannot be read any more.
    #[error("the snapshot: {0}")]
    Flaw(#[from] SnapshotFlaw),
    /// The visitor could not use a chunk.
    #[error("chunk {number} of the snapshot cannot be loaded: {source}")]
    Visitor {
        /// Which one, from 0.
        number: u64,
        /// What it says.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl<R: FolderFile> Snapshot<R> {
    /// Reads a file whole and checks everything.
    pub(super) fn verify<F: Folder<File = R>>(
        folder: &F,
        name: &str,
        key: &[u8; 32],
        replay_after: Lsn,
    ) -> Result<Self, SnapshotFlaw> {
        let file = folder.open(name)?;
        file.sync()?;
        let found = file.bytes()?;
        let end = found.checked_sub(wide(TRAILER_BYTES)).filter(|end| *end >= wide(HEADER_BYTES));
        let mut header = [0; HEADER_BYTES];
        if found >= wide(HEADER_BYTES) {
            file.read_at(0, &mut header)?;
        }
        check_header(&header, replay_after)?;
        let end = end.ok_or(SnapshotFlaw::Trailer)?;
        let mut last = [0; TRAILER_BYTES];
        file.read_at(end, &mut last)?;
        let (trailer, hash) = Trailer::decode(&last)?;
        if trailer.bytes != found {
            return Err(SnapshotFlaw::Length { expected: trailer.bytes, found });
        }
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(&header);
        let snapshot = Self { file, replay_after, trailer };
        let mut chunks = snapshot.chunks();
        let mut hash_on = |read: &[u8]| {
            hasher.update(read);
        };
        while chunks.next_into(&mut hash_on)?.is_some() {}
        hasher.update(last.split_at(HASHED_BYTES).0);
        if hasher.finalize() == hash { Ok(snapshot) } else { Err(SnapshotFlaw::Hash) }
    }

    /// Tells the record behind which replay starts.
    #[must_use]
    pub const fn replay_after(&self) -> Lsn {
        self.replay_after
    }

    /// Tells the last record that may have left a trace in the snapshot. It was durable when the
    /// snapshot was published, so a journal that ends before it has lost records.
    #[must_use]
    pub const fn reaches(&self) -> Lsn {
        self.trailer.reaches
    }

    /// Tells how long the file is.
    ///
    /// # Units
    /// Bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.trailer.bytes
    }

    /// Hands every chunk to `each`, in the order in which they were written.
    ///
    /// # Errors
    /// [`VisitError`] when a chunk is not as it was verified, or `each` fails.
    pub fn visit<E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), VisitError> {
        let mut chunks = self.chunks();
        let mut number: u64 = 0;
        while let Some(chunk) = chunks.next_into(|_| {})? {
            each(chunk).map_err(|error| VisitError::Visitor { number, source: error.into() })?;
            number = number.saturating_add(1);
        }
        Ok(())
    }

    fn chunks(&self) -> Chunks<'_, R> {
        let unread = wide(HEADER_BYTES);
        let end = self.trailer.bytes.saturating_sub(wide(TRAILER_BYTES));
        let (expected, found) = (self.trailer.chunks, 0);
        Chunks { file: &self.file, unread, end, window: Vec::new(), at: 0, expected, found }
    }
}

/// A walk over the chunks.
struct Chunks<'a, R> {
    file: &'a R,
    /// Where to read on.
    unread: u64,
    /// Where the chunks end.
    end: u64,
    /// What was read, of which all before `at` was handed on.
    window: Vec<u8>,
    at: usize,
    expected: u64,
    found: u64,
}

impl<R: FolderFile> Chunks<'_, R> {
    /// Gives the next chunk; tells `read` of every stretch of bytes that is read for it.
    fn next_into(&mut self, mut read: impl FnMut(&[u8])) -> Result<Option<&[u8]>, SnapshotFlaw> {
        let offset = self.unread.saturating_sub(wide(self.window.len().saturating_sub(self.at)));
        let broken = || SnapshotFlaw::Chunk { offset };
        if offset == self.end {
            let (expected, found) = (self.expected, self.found);
            let right = expected == found;
            return if right { Ok(None) } else { Err(SnapshotFlaw::Chunks { expected, found }) };
        }
        self.fill(FRAME_BYTES, &mut read)?.ok_or_else(broken)?;
        let head = self.window.get(self.at..).and_then(<[u8]>::split_first_chunk::<4>);
        let (length, behind) = head.ok_or_else(broken)?;
        let (length, sum) = (*length, behind.first_chunk::<4>().copied().ok_or_else(broken)?);
        let bytes = usize::try_from(u32::from_le_bytes(length)).map_err(|_| broken())?;
        let whole = FRAME_BYTES.saturating_add(bytes);
        self.fill(whole, &mut read)?.ok_or_else(broken)?;
        let start = self.at.saturating_add(FRAME_BYTES);
        self.at = self.at.saturating_add(whole);
        self.found = self.found.saturating_add(1);
        let chunk = self.window.get(start..self.at).ok_or_else(broken)?;
        if checksum(length, chunk) == sum { Ok(Some(chunk)) } else { Err(broken()) }
    }

    /// Reads on until `bytes` bytes are there that were not handed on; none if the file has not
    /// as many.
    fn fill(&mut self, bytes: usize, read: &mut impl FnMut(&[u8])) -> io::Result<Option<()>> {
        let there = self.window.len().saturating_sub(self.at);
        let left = usize::try_from(self.end.saturating_sub(self.unread)).unwrap_or(usize::MAX);
        if there >= bytes {
            return Ok(Some(()));
        }
        // Asked before memory is taken: a broken length is no reason to run out of it.
        if there.saturating_add(left) < bytes {
            return Ok(None);
        }
        self.window.drain(..self.at);
        self.at = 0;
        let more = bytes.saturating_sub(there).max(WINDOW_BYTES).min(left);
        self.window.resize(there.saturating_add(more), 0);
        let (_, into) = self.window.split_at_mut(there);
        self.file.read_at(self.unread, into)?;
        read(into);
        self.unread = self.unread.saturating_add(wide(more));
        Ok(Some(()))
    }
}
