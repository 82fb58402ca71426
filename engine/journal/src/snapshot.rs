//! Snapshots: the state of the engine at one time, so that recovery need not replay everything.
//! Knows nothing of what is in them: whoever makes one hands over chunks of bytes, and gets the
//! same chunks back.
//!
//! A snapshot is one file, `snapshot-` and the LSN behind which replay starts. It is written under
//! another name and gets its own only when it is whole, synced, and no part of it is ahead of what
//! the journal has durable. Two are kept. The newest that verifies is used; what does not verify
//! is told, and the older one is taken, up to which the journal must reach back.
//!
//! | bytes | what (integers little-endian) |
//! | --- | --- |
//! | 8, 2, 2 | magic `kessaisn`, version 1, zero |
//! | 8, 4 | LSN behind which replay starts; CRC-32C of the 20 bytes above |
//! | 4, 4, n | a chunk: its length, CRC-32C of length and contents, contents; any number of them |
//! | 8, 8 | magic `kessaise`, number of chunks |
//! | 8, 8 | length of the file, LSN that the journal must have durable |
//! | 32, 4 | keyed hash of all above, CRC-32C of the 64 bytes above |
//!
//! The hash is BLAKE3 under a key derived from the chain key. The trailer is the last that is
//! written, so a file without one, or with another length than it says, was cut.

mod format;
mod reader;
mod writer;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use kessai_engine::Lsn;

use crate::format::chain::ChainKey;
pub use crate::snapshot::format::SnapshotFlaw;
pub use crate::snapshot::reader::{Snapshot, VisitError};
pub use crate::snapshot::writer::{FinishedSnapshot, PublishError, SnapshotWriter};
use crate::storage::{FileFolder, Folder};
use crate::sync::{Mutex, lock};

const PREFIX: &str = "snapshot-";
/// A snapshot that is being written. Left over by a crash it is written anew.
const UNFINISHED: &str = "unfinished";
/// How many are kept: one may turn out damaged.
const KEPT: usize = 2;
/// Domain of the key, so that no hash of the journal's fits here.
const KEY_CONTEXT: &str = "kessai journal snapshot v1";

/// The snapshots in a folder of their own.
#[derive(Debug, Clone)]
pub struct Snapshots<F> {
    folder: F,
    key: [u8; 32],
    /// Those that did not verify. They count for nothing, but stay until there is another.
    refused: Arc<Mutex<BTreeSet<Lsn>>>,
}

/// What was found when the newest snapshot was looked for.
#[derive(Debug)]
pub struct Search<F: Folder> {
    /// The newest that verifies; none if there is none at all, or none that does.
    pub found: Option<Snapshot<F::File>>,
    /// Newer ones that do not verify, newest first. They are still there, until the next one is
    /// published.
    pub refused: Vec<RefusedSnapshot>,
}

/// A snapshot that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {flaw}")]
pub struct RefusedSnapshot {
    /// Its file.
    pub name: String,
    /// What is wrong with it.
    pub flaw: SnapshotFlaw,
}

impl Snapshots<FileFolder> {
    /// Names the directory of the snapshots, and creates it if there is none.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(directory: &Path, key: &ChainKey) -> io::Result<Self> {
        Ok(Self::open_on(FileFolder::open(directory)?, key))
    }
}

impl<F: Folder> Snapshots<F> {
    /// Names the folder of the snapshots, on any medium.
    pub fn open_on(folder: F, key: &ChainKey) -> Self {
        Self { folder, key: key.derive(KEY_CONTEXT), refused: Arc::default() }
    }

    /// Begins a snapshot. One that was begun before and not published is given up.
    ///
    /// `replay_after` is the last record whose effects it is known to hold whole: replay starts
    /// with the next.
    ///
    /// # Errors
    /// What the medium says.
    pub fn begin(&self, replay_after: Lsn) -> io::Result<SnapshotWriter<'_, F>> {
        SnapshotWriter::begin(self, replay_after)
    }

    /// Finds the newest snapshot that verifies, which reads it whole. It is made durable first,
    /// so that nothing is believed that is not on disk.
    ///
    /// # Errors
    /// What the medium says to listing; a snapshot that cannot be read is refused by name instead.
    pub fn latest(&self) -> io::Result<Search<F>> {
        self.folder.sync()?;
        let mut refused = Vec::new();
        for replay_after in self.list()?.into_iter().rev() {
            let name = name(replay_after);
            match Snapshot::verify(&self.folder, &name, &self.key, replay_after) {
                Ok(snapshot) => return Ok(Search { found: Some(snapshot), refused }),
                Err(flaw) => {
                    lock(&self.refused).insert(replay_after);
                    refused.push(RefusedSnapshot { name, flaw });
                }
            }
        }
        Ok(Search { found: None, refused })
    }

    /// Lists where the replay of each snapshot starts, oldest first, whether or not it verifies.
    ///
    /// # Errors
    /// What the medium says.
    pub fn list(&self) -> io::Result<Vec<Lsn>> {
        let mut found: Vec<Lsn> = self.folder.names()?.iter().filter_map(|n| parse(n)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Tells up to where the journal may be trimmed: all snapshots that are kept start replay
    /// behind it. None until as many are there as are kept, since a single one may be damaged;
    /// one that did not verify when the [latest](Self::latest) was looked for does not count.
    ///
    /// # Errors
    /// What the medium says.
    pub fn trimmable(&self) -> io::Result<Option<Lsn>> {
        let (usable, _) = self.usable()?;
        Ok(usable.len().checked_sub(KEPT).and_then(|older| usable.get(older).copied()))
    }

    /// Tells those that may verify from those that did not.
    fn usable(&self) -> io::Result<(Vec<Lsn>, Vec<Lsn>)> {
        let found = self.list()?;
        let refused = lock(&self.refused);
        Ok(found.into_iter().partition(|replay_after| !refused.contains(replay_after)))
    }

    /// Takes note of a snapshot that has just been published, and removes what did not verify and
    /// all but the newest of the rest.
    fn published(&self, replay_after: Lsn) -> io::Result<()> {
        lock(&self.refused).remove(&replay_after);
        let (usable, mut old) = self.usable()?;
        old.extend(usable.iter().take(usable.len().saturating_sub(KEPT)));
        for replay_after in &old {
            self.folder.remove(&name(*replay_after))?;
        }
        if old.is_empty() { Ok(()) } else { self.folder.sync() }
    }
}

fn name(replay_after: Lsn) -> String {
    format!("{PREFIX}{:020}", replay_after.0)
}

fn parse(text: &str) -> Option<Lsn> {
    let lsn = Lsn(text.strip_prefix(PREFIX)?.parse().ok()?);
    (name(lsn) == text).then_some(lsn)
}
