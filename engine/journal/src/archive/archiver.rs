//! Follows the journal behind its writer, and has the archive keep what it says.

use kessai_engine::Lsn;

use crate::archive::append::Group;
use crate::archive::{Archive, ArchiveError};
use crate::format::chain::ChainKey;
use crate::journal::Journal;
use crate::recovery::follower::{Bound, Follower};

/// How many records a transaction holds, but for the rest of its last batch: enough that its two
/// syncs cost little each.
const GROUP_RECORDS: u64 = 4_096;
/// How many bytes of batches it holds, likewise: so long records do not take more memory.
const GROUP_BYTES: usize = 8 << 20;

/// Archives what the journal has durable, group by group, on its caller's thread.
///
/// It reads the segments back by the code that recovers, so what it archives was verified, and
/// never a record that is not durable. Any error is final: nothing more is archived, hence nothing
/// may be dropped from memory or trimmed any more, but payments go on. The process need not end:
/// nothing was told that depends on the archive, and whatever is missing in it is in the journal.
#[derive(Debug)]
pub struct Archiver {
    journal: Journal,
    archive: Archive,
    /// None once it has failed.
    follower: Option<Follower>,
}

/// How far the archive has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archived {
    /// The last record looked at.
    pub upto: Lsn,
    /// How many more are durable. With none, the next step is best taken a little later, so that a
    /// group gathers.
    pub behind: u64,
}

impl Archiver {
    /// Makes ready to go on where the archive ends.
    ///
    /// # Errors
    /// [`ArchiveError::Ahead`] if the archive holds records that the journal does not have, and
    /// [`ArchiveError::NoJournal`] if the journal has no storage.
    pub fn new(journal: &Journal, key: ChainKey, archive: Archive) -> Result<Self, ArchiveError> {
        let (archived, durable) = (archive.upto(), journal.durable());
        if archived > durable {
            return Err(ArchiveError::Ahead { archived, durable });
        }
        let source = journal.reader().ok_or(ArchiveError::NoJournal)?;
        let follower = Follower::new(source, key, archive.next());
        Ok(Self { journal: journal.clone(), archive, follower: Some(follower) })
    }

    /// Archives the next group, if there is anything to archive; it is durable on return.
    ///
    /// # Errors
    /// [`ArchiveError`]: it is final, and every further step gives [`ArchiveError::Ended`].
    pub fn step(&mut self) -> Result<Archived, ArchiveError> {
        let mut follower = self.follower.take().ok_or(ArchiveError::Ended)?;
        let (archived, durable) = (self.archive.upto(), self.journal.durable());
        if durable > archived {
            self.archive.follow(&mut follower, durable)?;
        }
        self.follower = Some(follower);
        let upto = self.archive.upto();
        Ok(Archived { upto, behind: durable.0.saturating_sub(upto.0) })
    }
}

impl Archive {
    /// Takes the next group of what the journal holds up to `upto`; durable on return.
    pub(super) fn follow(&self, follower: &mut Follower, upto: Lsn) -> Result<(), ArchiveError> {
        let group_end = Lsn(self.upto().0.saturating_add(GROUP_RECORDS));
        let bound = Bound { upto: upto.min(group_end), bytes: GROUP_BYTES };
        let mut group = Group::default();
        follower.advance(bound, &mut |batch, lsn, contents| {
            group.push(batch, lsn, contents);
            Ok(())
        })?;
        self.append(&group)
    }
}
