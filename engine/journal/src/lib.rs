//! Remembers: queues what the engine decided, makes it durable in groups, and gives it back after
//! a restart. Decides nothing and knows nothing of what a record means.
//!
//! - A place is [reserved](Journal::reserve) before a shard is locked; under the lock the record is
//!   pushed, which never waits for the disk. One writer takes all that is queued, writes one batch,
//!   syncs once, and then wakes everyone who waits for one of its records.
//! - Nothing may be told before [`Journal::when_durable`] of the latest record it depends on.
//! - A failed write or sync ends the process: see [`OnFailure`].
//! - On disk the journal is a chain of batches under a keyed hash. What a crash left unfinished is
//!   cut off and reported; anything else that is not as it was written refuses to open and says
//!   where: see [`OpenError`].
//! - Anyone who has the chain key can [`read`] along: a journal that is in use, at rest or damaged,
//!   without touching it.

mod archive;
mod driver;
mod error;
mod failure;
mod format;
mod journal;
mod options;
mod priority;
mod queue;
mod recovery;
mod room;
#[cfg(all(test, feature = "shuttle"))]
mod schedules;
mod snapshot;
mod stamps;
mod storage;
mod sync;
mod tally;
mod waiters;
mod writer;

pub use crate::archive::{
    Archive, ArchiveError, ArchiveOptions, ArchiveStatus, Archived, Archiver, Missing, Rebuilt,
};
pub use crate::driver::{Stepped, SteppedWriter};
pub use crate::error::{Corruption, Divergence, Flaw, OpenError};
pub use crate::failure::{Failure, OnFailure};
pub use crate::format::BLOCK_BYTES;
pub use crate::format::chain::ChainKey;
pub use crate::journal::{Journal, JournalSlot, WhenDurable};
pub use crate::options::{JournalOptions, OptionsError, WriterPriority};
pub use crate::priority::PriorityOutcome;
pub use crate::recovery::check::{
    Agreement, CopyReport, Damage, Difference, Report, SegmentReport, check,
};
pub use crate::recovery::copies::{Remedy, Repair, Replica};
pub use crate::recovery::onlooker::{Ending, Reading, Recorded, read};
pub use crate::recovery::{Batched, Recovered, TornTail};
pub use crate::snapshot::{
    FinishedSnapshot, PublishError, RefusedSnapshot, Search, Snapshot, SnapshotFlaw,
    SnapshotWriter, Snapshots, VisitError,
};
pub use crate::stamps::{Stamp, Standing};
pub use crate::storage::{
    Contents, Fault, FileFolder, Files, Folder, FolderFile, Mirrored, Place, Readers, Segment,
    Shortage, SimulatedDisk, SimulatedFile, SimulatedFolder, SimulatedStorage, Source, Storage,
    Work,
};
pub use crate::tally::{Tally, WritingTimes};
