//! Segments as files in one directory that one process owns.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, fadvise};

use crate::error::OpenError;
use crate::storage::ahead::{Ahead, LOOK_EVERY};
use crate::storage::directory::{create, existing, make, segment_path, sync_directory};
use crate::storage::{Contents, Directory, Place, Readers, Segment, Shortage, Storage};

const LOCK: &str = "lock";

/// Segments as files in one directory, which stays locked while this value lives.
#[derive(Debug)]
pub struct Files {
    directory: PathBuf,
    /// Held for its lock alone.
    _lock: File,
    ahead: Ahead,
    active: Option<(u64, File)>,
    /// The segment read last: recovery reads one after another.
    reading: Option<(u64, File)>,
}

impl Files {
    /// Locks `directory`, which is created if it does not exist, readable by its owner only.
    ///
    /// # Errors
    /// [`OpenError::InUse`] if it is locked, [`OpenError::Storage`] if it cannot be used.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let failed = |doing: &str| OpenError::storage(format!("{doing} {}", directory.display()));
        create(directory).map_err(failed("create the journal directory"))?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(directory.join(LOCK))
            .map_err(failed("open the lock file in"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(directory.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed("lock")(error)),
        }
        let directory = directory.to_owned();
        let ahead = Ahead::start(directory.clone(), LOOK_EVERY);
        let ahead = ahead.map_err(failed("start the helper thread for"))?;
        Ok(Self { directory, _lock: lock, ahead, active: None, reading: None })
    }

    fn active(&self, segment: u64) -> io::Result<&File> {
        match &self.active {
            Some((number, file)) if *number == segment => Ok(file),
            _ => Err(io::Error::other(format!("segment {segment} is not the active one"))),
        }
    }

    fn reading(&mut self, segment: u64) -> io::Result<&File> {
        let (number, file) = match self.reading.take() {
            Some((number, file)) if number == segment => (number, file),
            _ => (segment, File::open(segment_path(&self.directory, segment))?),
        };
        Ok(&self.reading.insert((number, file)).1)
    }
}

impl Storage for Files {
    fn copies(&self) -> u16 {
        1
    }

    fn segments(&mut self) -> io::Result<Vec<Segment>> {
        self.ahead.finish_removals()?;
        let mut found = Vec::new();
        for number in existing(&self.directory)? {
            let file = File::open(segment_path(&self.directory, number))?;
            file.sync_all()?;
            // Pages whose write failed once count as clean and read as written, though the disk
            // does not have them: they are dropped, and what is read comes from the disk.
            fadvise(&file, 0, None, Advice::DontNeed)?;
            found.push(Segment { number, bytes: file.metadata()?.len() });
        }
        sync_directory(&self.directory)?;
        found.sort_by_key(|segment| segment.number);
        Ok(found)
    }

    fn read(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        self.reading(place.segment)?.read_exact_at(into, place.offset)
    }

    fn activate(&mut self, segment: Segment, next_bytes: u64) -> io::Result<()> {
        self.reading = None;
        let file = self.ahead.take(segment)?;
        self.active = Some((segment.number, file));
        let number = segment.number.saturating_add(1);
        self.ahead.prepare(Segment { number, bytes: next_bytes })
    }

    fn append(&mut self, place: Place, batch: &[u8]) -> io::Result<()> {
        self.ahead.check()?;
        let file = self.active(place.segment)?;
        write_whole(file, batch, place.offset)?;
        file.sync_data()
    }

    fn mend(&mut self, place: Place, bytes: &[u8]) -> io::Result<()> {
        let path = segment_path(&self.directory, place.segment);
        let file = OpenOptions::new().write(true).open(path)?;
        write_whole(&file, bytes, place.offset)?;
        file.sync_all()
    }

    fn replace(&mut self, segment: Segment, contents: &mut Contents<'_>) -> io::Result<()> {
        self.reading = None;
        make(&self.directory, segment, contents).map(drop)
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        self.ahead.remove(number)
    }

    fn readers(&self) -> Readers {
        let directory = self.directory.clone();
        Readers::new(move || Directory::new(&directory))
    }

    fn shortage(&self) -> Shortage {
        self.ahead.shortage()
    }
}

/// Writes all of `bytes` in one call. Unlike `write_all_at` it does not try again after a short
/// count: on a disk with room that is a failure.
fn write_whole(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let written = loop {
        match file.write_at(bytes, offset) {
            // A signal came before anything was written.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result?,
        }
    };
    if written == bytes.len() {
        Ok(())
    } else {
        let message = format!("only {written} of {} bytes were written", bytes.len());
        Err(io::Error::new(io::ErrorKind::WriteZero, message))
    }
}
