//! The disk itself: files, their names, and what happens to every operation.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

use crate::format::{SECTOR_BYTES, wide};
use crate::storage::simulated::contents::{Contents, Extent};
use crate::storage::simulated::faults::{Fault, Kind, Luck, Plan};
use crate::storage::simulated::names::{Inode, Names};

#[derive(Debug)]
pub(super) struct Disk {
    pub(super) names: Names,
    files: BTreeMap<Inode, Contents>,
    next_inode: Inode,
    pub(super) plan: Plan,
    /// How many bytes fit; none if as many as there is memory.
    pub(super) capacity: Option<u64>,
    /// Paths and offsets that cannot be read.
    pub(super) unreadable: Vec<(String, u64)>,
    /// Nothing works until the machine is started again.
    pub(super) crashed: bool,
    /// Rises at each restart: what was opened before is dead.
    pub(super) life: u64,
}

impl Disk {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            names: Names::default(),
            files: BTreeMap::new(),
            next_inode: 1,
            plan: Plan::new(seed),
            capacity: None,
            unreadable: Vec::new(),
            crashed: false,
            life: 0,
        }
    }

    /// Cuts the power and starts the machine again.
    pub(super) fn restart(&mut self) {
        self.names.crash(&mut self.plan);
        for contents in self.files.values_mut() {
            contents.crash(&mut self.plan);
        }
        self.sweep();
        self.plan.clear();
        self.crashed = false;
        self.life += 1;
    }

    /// Gives what a path leads to.
    pub(super) fn find(&self, path: &str) -> io::Result<Inode> {
        self.names.find(path).ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Gives the bytes of a file as the machine reads them.
    pub(super) fn seen(&self, inode: Inode) -> io::Result<&[u8]> {
        self.files.get(&inode).map(Contents::seen).ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Puts a file on the disk, or takes it off, past the running machine.
    pub(super) fn put(&mut self, path: &str, bytes: Option<Vec<u8>>) {
        let inode = bytes.map(|bytes| self.add(Contents::on_disk(bytes)));
        self.names.put(path, inode);
        self.sweep();
    }

    /// Changes one bit of a file, past the running machine.
    pub(super) fn flip(&mut self, path: &str, offset: u64, bit: u8) {
        let file = self.names.find(path).and_then(|inode| self.files.get_mut(&inode));
        if let (Some(file), Ok(at)) = (file, usize::try_from(offset)) {
            file.flip(at, bit);
        }
    }

    /// How many bytes are taken.
    pub(super) fn used(&self) -> u64 {
        self.files.values().map(|file| wide(file.seen().len())).sum()
    }

    /// Makes an empty file; one that had the path is cut instead.
    pub(super) fn create(&mut self, path: &str) -> io::Result<Inode> {
        let luck = self.begin(Kind::Allocate);
        if self.succeeds(luck) {
            match self.names.find(path) {
                Some(inode) => self.file(inode)?.set_len(0),
                None => {
                    let inode = self.add(Contents::default());
                    self.names.create(path.to_owned(), inode);
                }
            }
        }
        told(luck)?;
        self.find(path)
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.find(from)?;
        let luck = self.begin(Kind::Change);
        if self.succeeds(luck) {
            self.names.rename(from.to_owned(), to.to_owned());
        }
        told(luck)
    }

    pub(super) fn remove(&mut self, path: &str) -> io::Result<()> {
        self.find(path)?;
        let luck = self.begin(Kind::Change);
        if self.succeeds(luck) {
            self.names.remove(path.to_owned());
        }
        told(luck)
    }

    /// Makes the names in a folder durable.
    pub(super) fn sync_names(&mut self, folder: &str) -> io::Result<()> {
        let luck = self.begin(Kind::Sync);
        if self.succeeds(luck) {
            self.names.sync(folder);
            self.sweep();
        }
        told(luck)
    }

    pub(super) fn drop_cached(&mut self, inode: Inode) -> io::Result<()> {
        self.files.get_mut(&inode).ok_or(ErrorKind::NotFound)?.drop_cached();
        Ok(())
    }

    pub(super) fn sync(&mut self, inode: Inode) -> io::Result<()> {
        let luck = self.begin(Kind::Sync);
        let Self { files, plan, .. } = self;
        let file = files.get_mut(&inode).ok_or(ErrorKind::NotFound)?;
        match luck {
            Luck::Good | Luck::Lost | Luck::Misdirected => file.sync(),
            // Of a crash the restart draws what is left.
            Luck::Bad(Fault::Crash) => {}
            Luck::Bad(_) => file.sync_in_vain(plan),
        }
        told(luck)
    }

    pub(super) fn set_len(&mut self, inode: Inode, bytes: u64) -> io::Result<()> {
        let now = wide(self.file(inode)?.seen().len());
        let luck = self.begin(if bytes > now { Kind::Allocate } else { Kind::Change });
        self.make_room(bytes.saturating_sub(now))?;
        if self.succeeds(luck) {
            self.file(inode)?.set_len(length(bytes)?);
        }
        told(luck)
    }

    pub(super) fn write(&mut self, inode: Inode, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let luck = self.begin(Kind::Write(bytes.len()));
        let now = wide(self.file(inode)?.seen().len());
        let end = offset.saturating_add(wide(bytes.len()));
        self.make_room(end.saturating_sub(now))?;
        let at = length(offset)?;
        match luck {
            Luck::Good => self.write_file(inode, at, bytes, Extent::Whole)?,
            Luck::Bad(Fault::Full) | Luck::Lost => {}
            Luck::Bad(_) => self.write_file(inode, at, bytes, Extent::Torn)?,
            Luck::Misdirected => self.write_astray(inode, at, bytes)?,
        }
        told(luck)
    }

    fn write_file(
        &mut self,
        inode: Inode,
        at: usize,
        bytes: &[u8],
        extent: Extent,
    ) -> io::Result<()> {
        let Self { files, plan, .. } = self;
        let file = files.get_mut(&inode).ok_or(ErrorKind::NotFound)?;
        file.write(at, bytes, extent, plan);
        Ok(())
    }

    /// Writes to another sector, of this file or another, as far as that one is long.
    fn write_astray(&mut self, meant: Inode, at: usize, bytes: &[u8]) -> io::Result<()> {
        let sectors = |file: &Contents| file.seen().len() / SECTOR_BYTES;
        let places: Vec<(Inode, usize)> =
            self.files.iter().map(|(inode, file)| (*inode, sectors(file))).collect();
        let all: usize = places.iter().map(|(_, sectors)| sectors).sum();
        let mut drawn = usize::try_from(self.plan.below(wide(all))).unwrap_or(0);
        for (inode, sectors) in places {
            if drawn < sectors {
                let mut astray = drawn.saturating_mul(SECTOR_BYTES);
                if inode == meant && astray == at / SECTOR_BYTES * SECTOR_BYTES {
                    // The one place where it would not be astray.
                    astray = if drawn == 0 { SECTOR_BYTES } else { 0 };
                }
                let room = self.seen(inode)?.len().saturating_sub(astray);
                let fits = bytes.get(..room).unwrap_or(bytes);
                return self.write_file(inode, astray, fits, Extent::Whole);
            }
            drawn -= sectors;
        }
        Ok(())
    }

    fn begin(&mut self, kind: Kind) -> Luck {
        let luck = self.plan.begin(kind);
        self.crashed |= luck == Luck::Bad(Fault::Crash);
        luck
    }

    /// Tells whether an operation that is whole or nothing takes effect.
    fn succeeds(&mut self, luck: Luck) -> bool {
        match luck {
            Luck::Good | Luck::Lost | Luck::Misdirected => true,
            Luck::Bad(Fault::Full) => false,
            Luck::Bad(_) => self.plan.below(2) == 0,
        }
    }

    fn make_room(&self, more: u64) -> io::Result<()> {
        match self.capacity {
            Some(capacity) if more > 0 && self.used().saturating_add(more) > capacity => {
                Err(Fault::Full.into())
            }
            _ => Ok(()),
        }
    }

    fn file(&mut self, inode: Inode) -> io::Result<&mut Contents> {
        self.files.get_mut(&inode).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn add(&mut self, contents: Contents) -> Inode {
        let inode = self.next_inode;
        self.next_inode += 1;
        self.files.insert(inode, contents);
        inode
    }

    /// Frees the files that no name can lead to any more.
    fn sweep(&mut self) {
        let Self { names, files, .. } = self;
        files.retain(|inode, _| names.is_named(*inode));
    }
}

fn told(luck: Luck) -> io::Result<()> {
    match luck {
        Luck::Good | Luck::Lost | Luck::Misdirected => Ok(()),
        Luck::Bad(fault) => Err(fault.into()),
    }
}

fn length(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(io::Error::other)
}
