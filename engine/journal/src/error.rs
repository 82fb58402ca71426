//! Why a journal does not open. Nothing on disk was changed then.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use kessai_engine::{DecodeError, Lsn};

use crate::format::header::VERSION;
use crate::options::OptionsError;
use crate::storage::Place;

/// Why a journal does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The settings do not go together.
    #[error("journal settings: {0}")]
    Options(#[from] OptionsError),
    /// Another process, or this one, has the directory open.
    #[error("the journal in {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The storage failed.
    #[error("could not {doing}: {source}")]
    Storage {
        /// What was tried, and where.
        doing: String,
        /// What the storage said.
        source: io::Error,
    },
    /// Bytes that were durable have changed or are gone. Restore them from a copy; cutting them
    /// off would lose what was told.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// All checksums are right, but the first batch was chained under another key.
    #[error("the journal was written under another chain key ({0} does not verify under this one)")]
    WrongKey(Place),
    /// The journal and its mirror are each as they were written, but do not belong together.
    #[error(transparent)]
    Diverged(#[from] Divergence),
    /// What one copy has damaged is not whole in the other.
    #[error("{}; and in the mirror: {}", .0[0], .0[1])]
    CorruptInBoth(Box<[Corruption; 2]>),
    /// It is the mirror that does not open.
    #[error("in the mirror: {0}")]
    Mirror(Box<Self>),
    /// A later version wrote this.
    #[error("{place} has format version {version}; this program reads version {VERSION}")]
    Version {
        /// Where.
        place: Place,
        /// The version found.
        version: u16,
    },
    /// The journal does not hold what the caller needs.
    #[error("the journal holds records {held:?}, but replay must start at {wanted:?}")]
    Missing {
        /// The first record wanted.
        wanted: Lsn,
        /// The first record held, and the one that would come next.
        held: std::ops::Range<Lsn>,
    },
    /// A whole record is no entry: another program version wrote it.
    #[error("record {lsn:?}: {source}")]
    Decode {
        /// The record.
        lsn: Lsn,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The caller refused a record.
    #[error("record {lsn:?} cannot be replayed: {source}")]
    Replay {
        /// The record.
        lsn: Lsn,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The batch that opens the new epoch did not become durable.
    #[error(transparent)]
    Failed(#[from] crate::failure::Failure),
}

impl OpenError {
    /// Wraps what the storage said while `doing`.
    pub(crate) fn storage(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Storage { doing, source }
    }
}

/// Why a journal and its mirror do not belong together: one was used without the other, or they are
/// of two journals. Nothing is repaired then. Whichever is not the one to go on with is to be moved
/// away: an empty directory becomes a new mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Divergence {
    /// One continues otherwise than the other.
    #[error(
        "the journal and its mirror do not belong together: up to record {} they may hold the \
         same, but what the one holds at {place} does not follow on in the other",
        .next.0.saturating_sub(1)
    )]
    Continuation {
        /// Where the one goes on that holds more.
        place: Place,
        /// The record that would come next in the other.
        next: Lsn,
    },
    /// Both end in the same place, with different records.
    #[error(
        "the journal and its mirror do not belong together: both end at {place}, and hold \
         different records"
    )]
    Contents {
        /// Where both end.
        place: Place,
    },
    /// The one ends before the other begins.
    #[error(
        "the journal and its mirror do not belong together, or not for long: no segment is in both"
    )]
    NothingShared,
    /// Both have a segment that is as long as its first batch says, and not equally long.
    #[error(
        "the journal and its mirror do not belong together: segment {segment} has {journal} bytes \
         in the one, and {mirror} in the other"
    )]
    Length {
        /// The number of the segment.
        segment: u64,
        /// Its length in the journal's own directory.
        journal: u64,
        /// Its length in the mirror.
        mirror: u64,
    },
}

/// Durable bytes that are not as they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal is corrupt at {place}: {flaw}{}", Proof(self.later))]
pub struct Corruption {
    /// The first place that is not as it was written.
    pub place: Place,
    /// What is wrong there.
    pub flaw: Flaw,
    /// Something written later, which proves that the place was durable.
    pub later: Option<Place>,
}

struct Proof(Option<Place>);

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(later) => write!(f, "; {later} was written later, so this was durable"),
            None => f.write_str("; no unfinished write leaves this"),
        }
    }
}

/// What is wrong with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// There is nothing where a batch must stand.
    #[error("the batch is missing")]
    Missing,
    /// The header's checksum fails.
    #[error("the header of the batch is broken")]
    Header,
    /// A whole header stands in a segment that it does not name.
    #[error("the batch belongs to segment {0}")]
    Segment(u64),
    /// A whole header stands elsewhere in its segment than it says.
    #[error("the batch belongs to offset {0}")]
    Offset(u64),
    /// The segment is shorter or longer than its batches say.
    #[error("the segment should be {expected} bytes long and is {found}")]
    SegmentLength {
        /// What the header says.
        expected: u64,
        /// What the storage says.
        found: u64,
    },
    /// A segment between others is gone.
    #[error("the segment is missing")]
    SegmentMissing,
    /// The header's length is impossible here.
    #[error("a batch of {0} bytes cannot stand here")]
    Length(u32),
    /// The batch does not follow on from the one before.
    #[error("the batch starts with record {}, {} should follow", found.0, expected.0)]
    Order {
        /// What comes next.
        expected: Lsn,
        /// What the header says.
        found: Lsn,
    },
    /// The epoch does not follow on from the one before.
    #[error("epoch {found} cannot follow epoch {expected}")]
    Epoch {
        /// The epoch of the batch before.
        expected: u64,
        /// What the header says.
        found: u64,
    },
    /// The hash of the batch before is another.
    #[error("the batch is not chained to the one before")]
    Chain,
    /// A record's checksum fails.
    #[error("record {} is broken", .0.0)]
    Record(Lsn),
    /// The batch holds more or fewer records than its header says.
    #[error("the batch does not hold the {0} records that its header names")]
    Count(u32),
    /// The bytes behind the records are not zero.
    #[error("the bytes behind the records are not zero")]
    Padding,
    /// All checksums are right, the keyed hash is not.
    #[error(
        "the batch was changed without the chain key: its checksums are right, its hash is not"
    )]
    Hash,
}
