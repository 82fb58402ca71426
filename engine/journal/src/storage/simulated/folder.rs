//! Files of the simulated disk, as a running machine uses them.

use std::io;

use crate::storage::folder::{Folder, FolderFile};
use crate::storage::simulated::disk::Disk;
use crate::storage::simulated::faults::Fault;
use crate::storage::simulated::names::Inode;
use crate::storage::simulated::{SimulatedDisk, path};
use crate::sync::MutexGuard;

/// A folder of a [`SimulatedDisk`], until the machine stops. The folder itself is always there.
#[derive(Debug, Clone)]
pub struct SimulatedFolder {
    access: Access,
    folder: String,
}

/// A file of a [`SimulatedDisk`], until the machine stops.
///
/// Once its removal is durable it is gone, for those who have it open as well.
#[derive(Debug)]
pub struct SimulatedFile {
    access: Access,
    inode: Inode,
    path: String,
}

/// The disk, as long as the machine runs that opened it.
#[derive(Debug, Clone)]
struct Access {
    disk: SimulatedDisk,
    life: u64,
}

impl Access {
    fn disk(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.disk.disk();
        if disk.crashed || disk.life != self.life { Err(Fault::Crash.into()) } else { Ok(disk) }
    }
}

impl SimulatedFolder {
    pub(super) fn new(disk: &SimulatedDisk, folder: &str) -> Self {
        let life = disk.disk().life;
        Self { access: Access { disk: disk.clone(), life }, folder: folder.to_owned() }
    }

    /// Lists names and lengths, in rising order.
    pub(super) fn lengths(&self) -> io::Result<Vec<(String, u64)>> {
        Ok(self.access.disk()?.lengths(&self.folder))
    }

    /// Gives another folder of the same disk.
    #[must_use]
    pub fn beside(&self, folder: &str) -> Self {
        Self { access: self.access.clone(), folder: folder.to_owned() }
    }

    /// Tells how many more bytes fit on the disk, if there is a limit.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        self.access.disk.free_bytes()
    }

    fn path(&self, name: &str) -> String {
        path(&self.folder, name)
    }
}

impl Folder for SimulatedFolder {
    type File = SimulatedFile;

    fn names(&self) -> io::Result<Vec<String>> {
        let disk = self.access.disk()?;
        Ok(disk.names.folder(&self.folder).map(|(name, _)| name.to_owned()).collect())
    }

    fn create(&self, name: &str) -> io::Result<SimulatedFile> {
        let path = self.path(name);
        let inode = self.access.disk()?.create(&path)?;
        Ok(SimulatedFile { access: self.access.clone(), inode, path })
    }

    fn open(&self, name: &str) -> io::Result<SimulatedFile> {
        let path = self.path(name);
        let inode = self.access.disk()?.find(&path)?;
        Ok(SimulatedFile { access: self.access.clone(), inode, path })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.access.disk()?.rename(&self.path(from), &self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.access.disk()?.remove(&self.path(name))
    }

    fn sync(&self) -> io::Result<()> {
        self.access.disk()?.sync_names(&self.folder)
    }
}

impl SimulatedFile {
    /// Has it read as it is on the disk from now on.
    pub(super) fn drop_cached(&self) -> io::Result<()> {
        self.access.disk()?.drop_cached(self.inode)
    }
}

impl FolderFile for SimulatedFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(crate::format::wide(self.access.disk()?.seen(self.inode)?.len()))
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.access.disk()?.set_len(self.inode, bytes)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.access.disk()?.read(&self.path, self.inode, offset, into)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.access.disk()?.write(self.inode, offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.access.disk()?.sync(self.inode)
    }
}
