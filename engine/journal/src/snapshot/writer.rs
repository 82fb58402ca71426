//! Writes a snapshot, chunk by chunk, and gives it its name when that is safe.

use std::io;

use kessai_engine::Lsn;

use crate::format::record::frame;
use crate::format::wide;
use crate::snapshot::format::{TRAILER_BYTES, Trailer, header};
use crate::snapshot::{Snapshots, UNFINISHED, name};
use crate::storage::{Folder, FolderFile};

/// Chunks are gathered up to here, so that hashing and writing go in long stretches. Each is synced
/// at once, so that the journal's syncs never queue behind much.
const BUFFER_BYTES: usize = 1 << 20;

/// A snapshot that is being written. Dropped, it is given up.
#[derive(Debug)]
pub struct SnapshotWriter<'a, F: Folder> {
    snapshots: &'a Snapshots<F>,
    file: F::File,
    replay_after: Lsn,
    hasher: Box<blake3::Hasher>,
    /// What is not written yet, and where it goes.
    buffer: Vec<u8>,
    written: u64,
    chunks: u64,
    framed: Vec<u8>,
}

/// A snapshot that is whole and durable, under a name that nobody reads.
#[derive(Debug)]
pub struct FinishedSnapshot<'a, F> {
    snapshots: &'a Snapshots<F>,
    replay_after: Lsn,
    reaches: Lsn,
    bytes: u64,
}

/// Why a snapshot was not published. It is given up; those before it are still there.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The medium refused.
    #[error("could not publish the snapshot: {0}")]
    Storage(#[from] io::Error),
    /// The snapshot holds effects of records that a crash could still undo.
    #[error("the snapshot reaches {}, but the journal is durable only up to {}", .reaches.0, .durable.0)]
    Ahead {
        /// The last record that may have left a trace in the snapshot.
        reaches: Lsn,
        /// The last record that the journal has durable.
        durable: Lsn,
    },
}

impl<'a, F: Folder> SnapshotWriter<'a, F> {
    pub(super) fn begin(snapshots: &'a Snapshots<F>, replay_after: Lsn) -> io::Result<Self> {
        Ok(Self {
            snapshots,
            file: snapshots.folder.create(UNFINISHED)?,
            replay_after,
            hasher: Box::new(blake3::Hasher::new_keyed(&snapshots.key)),
            buffer: header(replay_after),
            written: 0,
            chunks: 0,
            framed: Vec::new(),
        })
    }

    /// Appends a chunk.
    ///
    /// # Errors
    /// What the medium says; [`io::ErrorKind::InvalidInput`] if the chunk is 4 GiB long or longer.
    /// The snapshot must be given up then.
    pub fn push(&mut self, chunk: &[u8]) -> io::Result<()> {
        if u32::try_from(chunk.len()).is_err() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the chunk is too long"));
        }
        frame(&mut self.framed, |out| out.extend_from_slice(chunk));
        self.buffer.extend_from_slice(&self.framed);
        self.chunks = self.chunks.saturating_add(1);
        if self.buffer.len() < BUFFER_BYTES { Ok(()) } else { self.flush() }
    }

    /// Ends the snapshot and makes it durable. `reaches` is the last record that was queued in
    /// the journal when the last chunk was made: what is in the snapshot is not ahead of it.
    ///
    /// # Errors
    /// What the medium says; the snapshot is given up then.
    pub fn finish(mut self, reaches: Lsn) -> io::Result<FinishedSnapshot<'a, F>> {
        self.flush()?;
        let bytes = self.written.saturating_add(wide(TRAILER_BYTES));
        let trailer = Trailer { chunks: self.chunks, bytes, reaches };
        self.hasher.update(&trailer.hashed());
        let hash = *self.hasher.finalize().as_bytes();
        self.file.write_at(self.written, &trailer.encode(hash))?;
        self.file.sync()?;
        let (snapshots, replay_after) = (self.snapshots, self.replay_after);
        Ok(FinishedSnapshot { snapshots, replay_after, reaches, bytes })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hasher.update(&self.buffer);
        self.file.write_at(self.written, &self.buffer)?;
        self.file.sync()?;
        self.written = self.written.saturating_add(wide(self.buffer.len()));
        self.buffer.clear();
        Ok(())
    }
}

impl<F: Folder> FinishedSnapshot<'_, F> {
    /// Tells which record must be durable before this may be [published](Self::publish).
    #[must_use]
    pub const fn reaches(&self) -> Lsn {
        self.reaches
    }

    /// Tells how long it is.
    ///
    /// # Units
    /// Bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes this the newest snapshot, durably, and removes those that did not verify and all but
    /// two of the rest. `durable` is the last
    /// record that the journal has durable.
    ///
    /// # Errors
    /// [`PublishError`]; nothing is published then, or it is not known to be durable.
    pub fn publish(self, durable: Lsn) -> Result<(), PublishError> {
        if durable < self.reaches {
            return Err(PublishError::Ahead { reaches: self.reaches, durable });
        }
        let folder = &self.snapshots.folder;
        folder.rename(UNFINISHED, &name(self.replay_after))?;
        folder.sync()?;
        Ok(self.snapshots.published(self.replay_after)?)
    }
}
