//! Where batches are kept. Knows places and bytes, nothing of what is in them.

mod ahead;
mod background;
mod directory;
mod files;
mod folder;
mod mirrored;
mod shortage;
mod simulated;
mod source;

use std::fmt;
use std::io;

use kessai_engine::Lsn;

use crate::error::OpenError;
use crate::format::chain::ChainKey;
use crate::recovery::copies::Repair;
pub(crate) use crate::storage::background::Background;
pub use crate::storage::directory::Contents;
pub use crate::storage::files::Files;
pub use crate::storage::folder::{FileFolder, Folder, FolderFile};
pub use crate::storage::mirrored::Mirrored;
pub use crate::storage::shortage::Shortage;
pub use crate::storage::simulated::{
    Fault, SimulatedDisk, SimulatedFile, SimulatedFolder, SimulatedStorage, Work,
};
pub(crate) use crate::storage::source::Directory;
pub use crate::storage::source::{Readers, Source};

/// A place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The number of the segment, from 1.
    pub segment: u64,
    /// The offset in it, in bytes.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} offset {}", self.segment, self.offset)
    }
}

/// A segment that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its number, from 1.
    pub number: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Keeps batches: append one and return when it is durable, read back, remove what is trimmed.
///
/// One owner uses it from one thread. Any error is final: the journal does not call it again.
pub trait Storage: fmt::Debug + Send + 'static {
    /// Makes its copies alike, where it keeps several, and tells what was done; asked once, before
    /// anything else. The records from `needed` on are going to be replayed.
    ///
    /// # Errors
    /// [`OpenError`] when they do not belong together, or what one lacks is in no other.
    fn reconcile(&mut self, key: &ChainKey, needed: Lsn) -> Result<Vec<Repair>, OpenError> {
        let _of_one_copy = (key, needed);
        Ok(Vec::new())
    }

    /// Tells to how many copies it writes: none of them is ahead of another by more than the batch
    /// that is being written.
    fn copies(&self) -> u16;

    /// Makes whatever is there durable, so that nothing is believed that is not on disk, and lists
    /// the segments in rising order.
    ///
    /// # Errors
    /// What the medium says.
    fn segments(&mut self) -> io::Result<Vec<Segment>>;

    /// Fills `into` with the bytes at `place`.
    ///
    /// # Errors
    /// What the medium says; [`io::ErrorKind::UnexpectedEof`] behind the end of a segment.
    fn read(&mut self, place: Place, into: &mut [u8]) -> io::Result<()>;

    /// Makes `segment` the one that is appended to; creates it durably, full of zeros, if there is
    /// none. May have the one after it prepared with the length `next_bytes` behind the scenes: that
    /// there is no room for that one is told by the [`Shortage`] alone.
    ///
    /// # Errors
    /// What the medium says; [`io::ErrorKind::InvalidData`] if it exists with another length.
    fn activate(&mut self, segment: Segment, next_bytes: u64) -> io::Result<()>;

    /// Writes a batch at `place` of the active segment and returns once it is durable.
    ///
    /// # Errors
    /// What the medium says, also about earlier work behind the scenes.
    fn append(&mut self, place: Place, batch: &[u8]) -> io::Result<()>;

    /// Begins to [append](Self::append); returns at once where the storage works behind the scenes.
    /// Nothing else is asked before [`Self::finish`].
    ///
    /// # Errors
    /// As [`Self::append`].
    fn begin(&mut self, place: Place, batch: &[u8]) -> io::Result<()> {
        self.append(place, batch)
    }

    /// Returns once the batch that was [begun](Self::begin) is durable.
    ///
    /// # Errors
    /// As [`Self::append`].
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Writes over bytes of any segment, not only the active one, and returns once that is durable.
    ///
    /// # Errors
    /// What the medium says.
    fn mend(&mut self, place: Place, bytes: &[u8]) -> io::Result<()>;

    /// Makes a segment with these contents, in place of what may be there, and returns once that is
    /// durable. A crash leaves what was there or all that should be.
    ///
    /// # Errors
    /// What the medium says.
    fn replace(&mut self, segment: Segment, contents: &mut Contents<'_>) -> io::Result<()>;

    /// Removes a segment; may do so later, in the order in which it was asked to.
    ///
    /// # Errors
    /// What the medium says.
    fn remove(&mut self, number: u64) -> io::Result<()>;

    /// Gives ways to read beside the owner.
    fn readers(&self) -> Readers;

    /// Tells, from now on, whether fewer than two further segments fit, or the next could not be
    /// prepared for lack of room.
    fn shortage(&self) -> Shortage;
}
