//! A disk in memory with a small file system, which crashes, tears, lies, fails and runs full on
//! demand, the same way for the same seed.
//!
//! A running machine reads what it wrote. On the disk is for sure only what was synced: bytes by
//! the sync of their file, names by the sync of their folder. A [crash](Fault::Crash) or a
//! [restart](SimulatedDisk::restart) leaves any set of the sectors and of the changes of names that
//! were not. A test may have several disks, each with a seed of its own.

mod contents;
mod disk;
mod faults;
mod folder;
mod names;
mod segments;

use std::io;
use std::sync::Arc;

use crate::format::wide;
use crate::storage::directory::segment_name;
use crate::storage::simulated::disk::Disk;
pub use crate::storage::simulated::faults::{Fault, Work};
pub use crate::storage::simulated::folder::{SimulatedFile, SimulatedFolder};
use crate::storage::simulated::names::Inode;
pub use crate::storage::simulated::segments::SimulatedStorage;
use crate::storage::{Place, Segment};
use crate::sync::{Mutex, MutexGuard, lock};

/// The folder of the journal's segments.
const JOURNAL: &str = "journal";

/// A disk in memory, shared between the test and what runs on it.
#[derive(Debug, Clone)]
pub struct SimulatedDisk(Arc<Mutex<Disk>>);

impl SimulatedDisk {
    /// Makes an empty disk; `seed` decides what a crash leaves.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Disk::new(seed))))
    }

    /// Gives access to the journal's segments until the machine stops.
    #[must_use]
    pub fn storage(&self) -> SimulatedStorage {
        SimulatedStorage::new(self.folder(JOURNAL))
    }

    /// Gives access to a folder until the machine stops.
    #[must_use]
    pub fn folder(&self, name: &str) -> SimulatedFolder {
        SimulatedFolder::new(self, name)
    }

    /// Has `fault` happen to the operation numbered `operation`, counted from 0, or to the first
    /// one after it that the fault can happen to.
    pub fn plan(&self, operation: u64, fault: Fault) {
        self.disk().plan.add(operation, fault);
    }

    /// Lets so many bytes fit on the disk, all files together; none for no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.disk().capacity = bytes;
    }

    /// Tells how many more bytes fit, if there is a limit.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        let disk = self.disk();
        disk.capacity.map(|capacity| capacity.saturating_sub(disk.used()))
    }

    /// How many operations that change the disk have begun.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.disk().plan.operations
    }

    /// Tells what the disk was asked to do so far.
    #[must_use]
    pub fn work(&self) -> Work {
        self.disk().plan.work
    }

    /// Tells whether a planned fault has happened since the machine was started.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.disk().plan.happened > 0
    }

    /// Has every read that covers `place` fail from now on.
    pub fn make_unreadable(&self, place: Place) {
        let bad = (segment_path(place.segment), place.offset);
        self.disk().unreadable.push(bad);
    }

    /// Cuts the power, unless a crash has, and starts the machine again: with what is on the disk
    /// and no fault planned.
    pub fn restart(&self) {
        self.disk().restart();
    }

    /// Lists the files of a folder with their lengths, in rising order.
    #[must_use]
    pub fn files(&self, folder: &str) -> Vec<(String, u64)> {
        self.disk().lengths(folder)
    }

    /// Copies a file as the machine reads it; none if there is none.
    #[must_use]
    pub fn file(&self, folder: &str, name: &str) -> Option<Vec<u8>> {
        let disk = self.disk();
        let inode = disk.find(&path(folder, name)).ok()?;
        disk.seen(inode).ok().map(<[u8]>::to_vec)
    }

    /// Puts a file on the disk, in place of one that has the name; with none takes it off.
    pub fn replace_file(&self, folder: &str, name: &str, contents: Option<Vec<u8>>) {
        self.disk().put(&path(folder, name), contents);
    }

    /// Changes one bit of a file.
    pub fn flip_file(&self, folder: &str, name: &str, offset: u64, bit: u8) {
        self.disk().flip(&path(folder, name), offset, bit);
    }

    /// Lists the segments in rising order.
    #[must_use]
    pub fn segments(&self) -> Vec<Segment> {
        segments::segments(self.files(JOURNAL))
    }

    /// Copies a segment; empty if there is none.
    #[must_use]
    pub fn contents(&self, segment: u64) -> Vec<u8> {
        self.file(JOURNAL, &segment_name(segment)).unwrap_or_default()
    }

    /// Puts a segment on the disk, in place of what was there.
    pub fn replace(&self, segment: u64, contents: Vec<u8>) {
        self.replace_file(JOURNAL, &segment_name(segment), Some(contents));
    }

    /// Takes a segment off the disk.
    pub fn lose(&self, segment: u64) {
        self.replace_file(JOURNAL, &segment_name(segment), None);
    }

    /// Changes one bit at `place`.
    pub fn flip(&self, place: Place, bit: u8) {
        self.flip_file(JOURNAL, &segment_name(place.segment), place.offset, bit);
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        lock(&self.0)
    }
}

impl Disk {
    fn lengths(&self, folder: &str) -> Vec<(String, u64)> {
        let length = |inode| self.seen(inode).map_or(0, |bytes| wide(bytes.len()));
        self.names.folder(folder).map(|(name, inode)| (name.to_owned(), length(inode))).collect()
    }

    fn read(&mut self, path: &str, inode: Inode, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.plan.work.reads += 1;
        let covered = offset..offset.saturating_add(wide(into.len()));
        if self.unreadable.iter().any(|(bad, at)| bad == path && covered.contains(at)) {
            return Err(Fault::Error.into());
        }
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = self.seen(inode)?.get(start..start.saturating_add(into.len()));
        into.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Joins folder and name.
fn path(folder: &str, name: &str) -> String {
    format!("{folder}/{name}")
}

fn segment_path(number: u64) -> String {
    path(JOURNAL, &segment_name(number))
}

#[cfg(test)]
mod tests;
