//! The archive: what the journal recorded of each payment, found by its id when the payment has
//! long left memory. Decides nothing; it keeps copies of what is durable in the journal, and can
//! be rebuilt.
//!
//! - It is fed behind the hot path by an [`Archiver`], which reads durable batches back. One
//!   transaction holds many records and the number of the next: so [`Archive::upto`] is never
//!   beyond what is held, whatever a crash leaves.
//! - It is kept in one file by redb, an ordered store that never overwrites what a durable
//!   transaction needs, through [`blocks`] with a checksum each.
//! - It answers from what is as it was written, or not at all: [`ArchiveError`].

mod append;
mod archiver;
mod blocks;
mod error;
mod layout;
mod lookup;
mod rebuild;

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kessai_engine::Lsn;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, WriteTransaction};

pub use crate::archive::archiver::{Archived, Archiver};
use crate::archive::blocks::Blocks;
pub use crate::archive::error::ArchiveError;
use crate::archive::layout::{
    BATCHES, FACTS, FIRST_FACT, HANDSETS, NEXT_FACT, PAYEES, RECORDS, REFUNDS, VERSION,
    VERSION_FACT,
};

pub use crate::archive::rebuild::{Missing, Rebuilt};
use crate::storage::{FileFolder, Folder, FolderFile};

const ARCHIVE: &str = "archive";
/// An archive that is being made. Left over by a crash it is made anew.
const UNFINISHED: &str = "unfinished";
const LOCK: &str = "lock";

/// The settings of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveOptions {
    /// How much memory is taken for what was read and is being written; little more than that is
    /// ever used.
    pub cache_bytes: usize,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20 }
    }
}

/// An archive: a cheap handle, to be cloned for everyone who looks something up.
///
/// Every lookup may block for the time that the disk takes.
#[derive(Debug, Clone)]
pub struct Archive(Arc<Open>);

struct Open {
    database: Database,
    /// The same file once more, for its length.
    file: Box<dyn FolderFile>,
    /// The first record that was looked at, and the one that will be next.
    first: Lsn,
    next: AtomicU64,
    /// Held for its lock alone.
    _lock: Option<File>,
}

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveStatus {
    /// Records of payments.
    pub records: u64,
    /// The length of the file.
    pub bytes: u64,
    /// The records of the journal that were looked at: the first, and the one that comes next.
    pub covers: Range<Lsn>,
}

impl Archive {
    /// Opens the archive in a directory, or makes one that is empty. The directory stays locked
    /// while a handle lives.
    ///
    /// # Errors
    /// [`ArchiveError::InUse`] if it is locked; anything else if it cannot be used.
    pub fn open(directory: &Path, options: &ArchiveOptions) -> Result<Self, ArchiveError> {
        let folder = FileFolder::open(directory)?;
        let lock = lock(directory)?;
        Self::open_locked(&folder, options, Some(lock))
    }

    /// Opens the archive in a folder of any medium, which the caller keeps for it alone.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn open_on<F: Folder>(folder: &F, options: &ArchiveOptions) -> Result<Self, ArchiveError> {
        Self::open_locked(folder, options, None)
    }

    fn open_locked<F: Folder>(
        folder: &F,
        options: &ArchiveOptions,
        lock: Option<File>,
    ) -> Result<Self, ArchiveError> {
        folder.sync()?;
        let file = match folder.open(ARCHIVE) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                drop(begin(folder, options, Lsn(1))?);
                publish(folder)?;
                folder.open(ARCHIVE)?
            }
            Err(error) => return Err(error.into()),
        };
        let database = builder(options).create_with_backend(Blocks::new(file))?;
        Self::assemble(database, Box::new(folder.open(ARCHIVE)?), lock)
    }

    /// Makes a handle of an archive that was made by [`begin`].
    ///
    /// What it covers is durable: if the sync of the last commit failed, the page cache may show a
    /// first block that the disk does not hold, but redb has just written that block again, as it
    /// does unless the file was closed in order.
    fn assemble(
        database: Database,
        file: Box<dyn FolderFile>,
        lock: Option<File>,
    ) -> Result<Self, ArchiveError> {
        let covers = covers(&database.begin_read()?.open_table(FACTS)?)?;
        let next = AtomicU64::new(covers.end.0);
        let open = Open { database, file, first: covers.start, next, _lock: lock };
        Ok(Self(Arc::new(open)))
    }

    /// Reads everything and compares it with every checksum that there is, those by which redb
    /// ties its pages together included. Takes as long as reading the file, which nobody may use
    /// meanwhile.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] if anything is not as it was written.
    pub fn check(directory: &Path, options: &ArchiveOptions) -> Result<(), ArchiveError> {
        let folder = FileFolder::open(directory)?;
        let _lock = lock(directory)?;
        Self::check_on(&folder, options)
    }

    /// Checks the archive in a folder of any medium, as [`Archive::check`] does.
    ///
    /// # Errors
    /// As [`Archive::check`].
    pub fn check_on<F: Folder>(folder: &F, options: &ArchiveOptions) -> Result<(), ArchiveError> {
        let file = folder.open(ARCHIVE)?;
        let mut builder = builder(options);
        builder.set_check_integrity_on_open(true);
        builder.create_with_backend(Blocks::new(file))?;
        Ok(())
    }

    /// Tells the last record of the journal that was looked at: it, and all before it, are held
    /// durably, if they say anything of a payment.
    #[must_use]
    pub fn upto(&self) -> Lsn {
        Lsn(self.next().0.saturating_sub(1))
    }

    fn next(&self) -> Lsn {
        Lsn(self.0.next.load(Ordering::Acquire))
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").field("first", &self.first).field("next", &self.next).finish()
    }
}

fn lock(directory: &Path) -> Result<File, ArchiveError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let lock = options.open(directory.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(ArchiveError::InUse(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn builder(options: &ArchiveOptions) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(options.cache_bytes);
    builder
}

/// Makes an empty archive that nobody sees yet, for the records from `first` on.
fn begin<F: Folder>(
    folder: &F,
    options: &ArchiveOptions,
    first: Lsn,
) -> Result<Database, ArchiveError> {
    let file = folder.create(UNFINISHED)?;
    let database = builder(options).create_with_backend(Blocks::new(file))?;
    transact(&database, |transaction| {
        let mut facts = transaction.open_table(FACTS)?;
        for (fact, value) in [(VERSION_FACT, VERSION), (FIRST_FACT, first.0), (NEXT_FACT, first.0)]
        {
            facts.insert(fact, value)?;
        }
        transaction.open_table(RECORDS)?;
        transaction.open_table(BATCHES)?;
        transaction.open_table(REFUNDS)?;
        transaction.open_table(PAYEES)?;
        transaction.open_table(HANDSETS)?;
        Ok(())
    })?;
    Ok(database)
}

/// Gives the archive that [`begin`] made, and that is closed, its name.
fn publish<F: Folder>(folder: &F) -> io::Result<()> {
    folder.open(UNFINISHED)?.sync()?;
    folder.rename(UNFINISHED, ARCHIVE)?;
    folder.sync()
}

/// Gives the first record that was looked at and the one that comes next.
fn covers(facts: &impl ReadableTable<&'static str, u64>) -> Result<Range<Lsn>, ArchiveError> {
    let fact = |name| match facts.get(name) {
        Ok(Some(value)) => Ok(value.value()),
        Ok(None) => Err(ArchiveError::Damaged(format!("it does not say its {name}"))),
        Err(error) => Err(error.into()),
    };
    let version = fact(VERSION_FACT)?;
    if version != VERSION {
        return Err(ArchiveError::Version(version));
    }
    Ok(Lsn(fact(FIRST_FACT)?)..Lsn(fact(NEXT_FACT)?))
}

/// Does `work` in one transaction, which is durable on return.
fn transact(
    database: &Database,
    work: impl FnOnce(&WriteTransaction) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let mut transaction = database.begin_write()?;
    // Opened after a crash it needs no walk over the whole file; and a transaction is durable
    // before it becomes the last one, so that no checksum is needed to tell.
    transaction.set_quick_repair(true);
    work(&transaction)?;
    Ok(transaction.commit()?)
}
