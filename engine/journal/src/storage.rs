//! Where batches are kept. Knows places and bytes, nothing of what is in them.

mod ahead;
mod files;
mod folder;
mod simulated;
mod source;

use std::fmt;
use std::io;

pub use crate::storage::files::Files;
pub use crate::storage::folder::{FileFolder, Folder, FolderFile};
pub use crate::storage::simulated::{
    Fault, SimulatedDisk, SimulatedFile, SimulatedFolder, SimulatedStorage, Work,
};
pub(crate) use crate::storage::source::{Directory, Source};

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
pub trait Storage: Send + 'static {
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
    /// none. May have the one after it prepared with the length `next_bytes` behind the scenes.
    ///
    /// # Errors
    /// What the medium says; [`io::ErrorKind::InvalidData`] if it exists with another length.
    fn activate(&mut self, segment: Segment, next_bytes: u64) -> io::Result<()>;

    /// Writes a batch at `place` of the active segment and returns once it is durable.
    ///
    /// # Errors
    /// What the medium says, also about earlier work behind the scenes.
    fn append(&mut self, place: Place, batch: &[u8]) -> io::Result<()>;

    /// Sets `bytes` bytes from `place` of the active segment to zero and returns once that is
    /// durable.
    ///
    /// # Errors
    /// What the medium says.
    fn erase(&mut self, place: Place, bytes: u64) -> io::Result<()>;

    /// Removes a segment; may do so later, in the order in which it was asked to.
    ///
    /// # Errors
    /// What the medium says.
    fn remove(&mut self, number: u64) -> io::Result<()>;
}
