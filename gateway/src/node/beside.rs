//! What lies beside the journal: snapshots, and the archive.

use std::path::Path;

use kessai_engine::{Engine, Lsn};
use kessai_journal::{Archive, ArchiveOptions, ChainKey, FileFolder, Recovered, Search, Snapshots};

use super::NodeError;
use super::progress::{Progress, Stage, Watch};
use super::shelf::Shelf;

/// Holds the snapshots.
pub(crate) const SNAPSHOTS: &str = "snapshots";

/// Holds the archive.
pub(crate) const ARCHIVE: &str = "archive";

/// What lies beside the journal.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    snapshots: Snapshots<FileFolder>,
    shelf: Shelf,
    chain_key: ChainKey,
    replay_after: Lsn,
}

/// What a start has found of a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Behind which record replay starts.
    pub(crate) replay_after: Lsn,
    /// The last record that may have left a trace in it: durable when it was made.
    pub(crate) reaches: Lsn,
}

/// Finds the newest snapshot that is as it was written, and loads it into an empty engine.
pub(super) fn load(
    data: &Path,
    key: &ChainKey,
    engine: &Engine,
    watch: &mut Watch<'_>,
) -> Result<(Snapshots<FileFolder>, Loaded), NodeError> {
    let path = data.join(SNAPSHOTS);
    let failed = |source| NodeError::File { path: path.clone(), source };
    let snapshots = Snapshots::open(&path, key).map_err(failed)?;
    let Search { found, refused } = snapshots.latest().map_err(failed)?;
    for refused in &refused {
        tracing::warn!(path = %path.display(), "a snapshot cannot be used, the one before is: {refused}");
    }
    let Some(snapshot) = found else { return Ok((snapshots, Loaded::default())) };
    let mut progress = Progress { stage: Stage::Snapshot, done: 0, of: snapshot.bytes() };
    snapshot
        .visit(|chunk| {
            progress.done = progress.done.saturating_add(u64::try_from(chunk.len()).unwrap_or(0));
            watch(progress);
            engine.load(chunk)
        })
        .map_err(|source| NodeError::Snapshot { path: path.clone(), source: Box::new(source) })?;
    let (replay_after, reaches) = (snapshot.replay_after(), snapshot.reaches());
    Ok((snapshots, Loaded { replay_after, reaches }))
}

impl Kept {
    /// Opens the archive beside what was recovered. Whatever is wrong with it, payments go on: it
    /// is told, and nothing leaves the memory.
    pub(super) fn open(
        data: &Path,
        snapshots: Snapshots<FileFolder>,
        loaded: Loaded,
        chain_key: ChainKey,
        recovered: &Recovered,
    ) -> Self {
        let path = data.join(ARCHIVE);
        let archive =
            Archive::open(&path, &ArchiveOptions::default()).map_err(|error| error.to_string());
        let archive = archive.and_then(|archive| fits(&archive, recovered).map(|()| archive));
        let archive = archive.map_err(|problem| {
            format!("{}: {problem}; `kessai archive rebuild` makes it anew", path.display())
        });
        let shelf = Shelf::new(archive);
        Self { snapshots, shelf, chain_key, replay_after: loaded.replay_after }
    }

    /// The snapshots.
    pub(crate) const fn snapshots(&self) -> &Snapshots<FileFolder> {
        &self.snapshots
    }

    /// The archive.
    pub(crate) const fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// What the journal's batches are chained under.
    pub(crate) const fn chain_key(&self) -> &ChainKey {
        &self.chain_key
    }

    /// Behind which record the start has replayed.
    pub(crate) const fn replay_after(&self) -> Lsn {
        self.replay_after
    }
}

/// Says what keeps an archive from following a journal.
fn fits(archive: &Archive, recovered: &Recovered) -> Result<(), String> {
    let (upto, held) = (archive.upto(), &recovered.records);
    if upto.0.saturating_add(1) < held.start.0 {
        return Err(format!(
            "it ends with record {}, and the journal begins with record {}",
            upto.0, held.start.0
        ));
    }
    if upto >= held.end {
        return Err(format!(
            "it has record {}, and the journal ends before record {}",
            upto.0, held.end.0
        ));
    }
    Ok(())
}
