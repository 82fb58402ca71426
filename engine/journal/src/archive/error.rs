//! Why the archive does not answer, or keeps nothing more.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use kessai_engine::{DecodeError, Lsn};

use crate::archive::blocks::Damaged;
use crate::error::OpenError;

/// Why the archive does not answer, or keeps nothing more.
///
/// Nothing is ever answered from what is not as it was written. After [`Damaged`](Self::Damaged)
/// and [`Storage`](Self::Storage) everything else that is asked of the same archive fails as well.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Another process, or this one, has the directory open.
    #[error("the archive in {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// Something in the archive is not as it was written. It can be rebuilt.
    #[error("the archive is damaged: {0}")]
    Damaged(String),
    /// Another version of the program wrote it. It can be rebuilt.
    #[error("the archive has format version {0}; this program reads version 1")]
    Version(u64),
    /// The storage failed, now or before.
    #[error("the archive's storage failed: {0}")]
    Storage(Box<dyn Error + Send + Sync>),
    /// A record in the archive is no entry: another version of the program wrote it.
    #[error("record {} in the archive: {source}", .lsn.0)]
    Decode {
        /// The record.
        lsn: Lsn,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The archive holds records that the journal does not have durable: one of them is not the
    /// other's.
    #[error("the archive reaches record {}, but the journal only {}", .archived.0, .durable.0)]
    Ahead {
        /// The last record archived.
        archived: Lsn,
        /// The last record that the journal has durable.
        durable: Lsn,
    },
    /// The journal only counts and forgets, so there is nothing to archive.
    #[error("the journal has no storage")]
    NoJournal,
    /// Archiving has failed before.
    #[error("archiving has ended")]
    Ended,
    /// The journal could not be read, or does not hold what is to be archived next.
    #[error("the journal cannot be archived: {0}")]
    Journal(#[from] OpenError),
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Damaged>()) {
            Some(damaged) => Self::Damaged(damaged.to_string()),
            None => Self::Storage(error.into()),
        }
    }
}

impl From<redb::Error> for ArchiveError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => error.into(),
            redb::Error::Corrupted(what) => Self::Damaged(what),
            error @ redb::Error::TableDoesNotExist(_) => Self::Damaged(error.to_string()),
            other => Self::Storage(other.into()),
        }
    }
}

/// redb names each operation's errors apart; here only their cause counts.
macro_rules! through_redb_error {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for ArchiveError {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}

through_redb_error!(
    CommitError,
    DatabaseError,
    SetDurabilityError,
    StorageError,
    TableError,
    TransactionError
);
