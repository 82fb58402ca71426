//! Makes the archive anew: from the old one, as far as it can be read, for what the journal no
//! longer holds, and from the journal for the rest. Until the new one is whole the old one stays.

mod copy;

use std::ops::Range;
use std::path::Path;

use kessai_engine::Lsn;

use crate::archive::layout::{FACTS, FIRST_FACT};
use crate::archive::rebuild::copy::{Copied, copy};
use crate::archive::{
    Archive, ArchiveError, ArchiveOptions, ArchiveStatus, UNFINISHED, begin, lock, publish,
    transact,
};
use crate::format::chain::ChainKey;

use crate::recovery::follower::Follower;
use crate::recovery::span::span;
use crate::storage::{Directory, FileFolder, Folder, Readers};

/// What came of a rebuilding.
#[derive(Debug)]
pub struct Rebuilt {
    /// What the new archive holds. The journal's last batch is left to the archiver: nobody knows
    /// whether it is durable before the journal is opened.
    pub status: ArchiveStatus,
    /// Records that the journal no longer holds, and of which not all are in the new archive.
    pub missing: Option<Missing>,
}

/// Records that neither the journal nor the old archive could give whole.
#[derive(Debug)]
pub struct Missing {
    /// From the first to before the last.
    pub records: Range<Lsn>,
    /// Why the old archive did not give them; none if it never held them, or there was none.
    pub damage: Option<ArchiveError>,
}

impl Archive {
    /// Makes the archive in a directory anew from the journal in another, which must be at rest,
    /// and tells `progress` from time to time how many rows and records were taken so far.
    ///
    /// # Errors
    /// [`ArchiveError::InUse`] if the archive is in use, [`ArchiveError::Journal`] if the journal
    /// cannot be read whole, [`ArchiveError::NoJournal`] if it holds nothing, and what the storage
    /// says. The old archive is then there as it was.
    pub fn rebuild(
        directory: &Path,
        journal: &Path,
        key: &ChainKey,
        options: &ArchiveOptions,
        progress: impl FnMut(u64),
    ) -> Result<Rebuilt, ArchiveError> {
        let folder = FileFolder::open(directory)?;
        let _lock = lock(directory)?;
        let journal = journal.to_owned();
        let journal = Readers::new(move || Directory::new(&journal));
        Self::rebuild_on(&folder, &journal, key, options, progress)
    }

    /// Makes the archive in a folder of any medium anew, as [`Archive::rebuild`] does.
    ///
    /// # Errors
    /// As [`Archive::rebuild`].
    pub fn rebuild_on<F: Folder>(
        folder: &F,
        journal: &Readers,
        key: &ChainKey,
        options: &ArchiveOptions,
        mut progress: impl FnMut(u64),
    ) -> Result<Rebuilt, ArchiveError> {
        let held = span(&mut journal.open(), key)?.ok_or(ArchiveError::NoJournal)?;
        let first = held.records.start;
        let database = begin(folder, options, first)?;
        let Copied { rows, old, damage } = copy(folder, options, &database, first, &mut progress)?;
        let old = old.unwrap_or(Lsn(1)..Lsn(1));
        let missing = match damage {
            Some(_) => old.start..first,
            None => old.end.min(first)..first,
        };
        let missing = (!missing.is_empty()).then_some(Missing { records: missing, damage });
        if missing.is_none() {
            transact(&database, |transaction| {
                transaction.open_table(FACTS)?.insert(FIRST_FACT, old.start.min(first).0)?;
                Ok(())
            })?;
        }
        let file = Box::new(folder.open(UNFINISHED)?);
        let archive = Self::assemble(database, file, None)?;
        let mut follower = Follower::new(journal.open(), key.clone(), first);
        let last = Lsn(held.last.0.saturating_sub(1));
        while archive.upto() < last {
            archive.follow(&mut follower, last)?;
            let followed = archive.upto().0.saturating_add(1).saturating_sub(first.0);
            progress(rows.saturating_add(followed));
        }
        let status = archive.status()?;
        drop(archive);
        publish(folder)?;
        Ok(Rebuilt { status, missing })
    }
}
