//! Rows that are too many for the memory: on disk, in parts that are read one at a time.
//!
//! Every row belongs to one of 256 parts, by a byte of what it is about. So whatever has to be held
//! against each other lies in the same part of two spills, and memory holds a part of each: a join
//! by hash partitions. Rows of a part come back in the order in which they were put there.
//!
//! What is written waits in memory until it is worth a write, so that little of it never reaches
//! the disk. The folder is temporary and goes with the spill; [`keep`](Spill::keep) copies it.
//!
//! # Source
//! The Grace hash join: Kitsuregawa, Tanaka, Moto-oka, "Application of hash to data base machine and
//! its architecture", New Generation Computing 1 (1983).

mod index;

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use index::Index;

/// How many parts there are: as many as a byte has values.
const PARTS: usize = 256;

/// How much of a part waits in memory before it is written, in bytes.
const AT_ONCE: usize = 16 << 10;

/// Something that belongs to a part.
pub trait Parted {
    /// The part.
    fn part(&self) -> u8;
}

/// Finds the part of a key that has no byte of its own for that. It is the same within a run of the
/// program, and not beyond: nothing that is kept depends on it.
pub(crate) fn part_of(key: &impl Hash) -> u8 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let [part, ..] = hasher.finish().to_le_bytes();
    part
}

/// Why spilled rows cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SpillError {
    /// They cannot be written. TMPDIR says where they go unless they are kept.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// They cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Where from.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is read is not what was written.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// Where it stands.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Some could not be written before.
    #[error("not everything could be written down: {0}")]
    Incomplete(String),
}

/// Rows of one type.
#[derive(Debug)]
pub struct Spill<T> {
    parts: Box<[Mutex<Part>]>,
    folder: Mutex<Folder>,
    /// Why something is missing.
    failed: Mutex<Option<String>>,
    rows: PhantomData<fn() -> T>,
}

/// What is not written yet of a part.
#[derive(Debug, Default)]
struct Part {
    waiting: Vec<u8>,
    is_on_disk: bool,
}

/// Where the rest lies.
#[derive(Debug)]
enum Folder {
    /// Nowhere: everything still waits.
    None,
    /// In a folder that goes with the spill.
    Temporary(TempDir),
    /// In one that was kept, and is only read.
    Kept(PathBuf, Index),
}

impl<T> Default for Spill<T> {
    fn default() -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        let folder = Mutex::new(Folder::None);
        Self { parts, folder, failed: Mutex::default(), rows: PhantomData }
    }
}

impl<T: Parted + Serialize + DeserializeOwned> Spill<T> {
    /// Opens what was [kept](Self::keep), to be read.
    ///
    /// # Errors
    /// [`SpillError`] if it is not there as a whole.
    pub fn open(folder: &Path) -> Result<Self, SpillError> {
        let index = Index::read(folder)?;
        let spill = Self::default();
        for part in index.parts() {
            spill.part(part).is_on_disk = true;
        }
        *lock(&spill.folder) = Folder::Kept(folder.to_owned(), index);
        Ok(spill)
    }

    /// Puts a row behind the others of its part. That it cannot be written is told to whoever reads:
    /// then nothing can be said about the whole.
    pub fn put(&self, row: &T) {
        let number = row.part();
        let mut part = self.part(number);
        let encoded = postcard::to_io(row, &mut part.waiting).map(drop);
        let written = encoded.map_err(|error| error.to_string()).and_then(|()| {
            if part.waiting.len() < AT_ONCE {
                return Ok(());
            }
            self.write(number, &mut part).map_err(|error| error.to_string())
        });
        if let Err(problem) = written {
            lock(&self.failed).get_or_insert(problem);
        }
    }

    /// Reads a part, and lends each row in the order in which they were put.
    ///
    /// # Errors
    /// [`SpillError`]; also [`SpillError::Incomplete`] if some row could not be written.
    pub fn read(&self, part: u8, mut take: impl FnMut(T)) -> Result<(), SpillError> {
        let bytes = self.bytes(part)?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (row, behind) = postcard::take_from_bytes(rest).map_err(|error| {
                let path = self.path(part).unwrap_or_default();
                SpillError::Damaged { path, problem: error.to_string() }
            })?;
            take(row);
            rest = behind;
        }
        Ok(())
    }

    /// Reads all parts, one after the other.
    ///
    /// # Errors
    /// [`SpillError`].
    pub fn each(&self, mut take: impl FnMut(T)) -> Result<(), SpillError> {
        (0..=u8::MAX).try_for_each(|part| self.read(part, &mut take))
    }

    /// Copies everything to a folder, which is made.
    ///
    /// # Errors
    /// [`SpillError`].
    pub fn keep(&self, folder: &Path) -> Result<(), SpillError> {
        let unwritable = |path: &Path, source| SpillError::Write { path: path.to_owned(), source };
        fs::create_dir_all(folder).map_err(|source| unwritable(folder, source))?;
        let mut index = Index::default();
        for part in 0..=u8::MAX {
            let bytes = self.bytes(part)?;
            if !bytes.is_empty() {
                let path = folder.join(name(part));
                fs::write(&path, &bytes).map_err(|source| unwritable(&path, source))?;
                index.add(part, &bytes);
            }
        }
        index.write(folder)
    }

    /// Everything of a part as it was encoded.
    fn bytes(&self, number: u8) -> Result<Vec<u8>, SpillError> {
        let part = self.part(number);
        if let Some(problem) = &*lock(&self.failed) {
            return Err(SpillError::Incomplete(problem.clone()));
        }
        let Some(path) = self.path(number).filter(|_| part.is_on_disk) else {
            return Ok(part.waiting.clone());
        };
        let mut bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(SpillError::Read { path, source }),
        };
        if let Folder::Kept(_, index) = &*lock(&self.folder) {
            index.check(number, &path, &bytes)?;
        }
        bytes.extend_from_slice(&part.waiting);
        Ok(bytes)
    }

    /// Writes what waits of a part.
    fn write(&self, number: u8, part: &mut Part) -> Result<(), SpillError> {
        let path = self.made()?.join(name(number));
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(&part.waiting));
        written.map_err(|source| SpillError::Write { path, source })?;
        part.is_on_disk = true;
        part.waiting.clear();
        Ok(())
    }

    /// The folder to write to, which is made now if it has not been.
    fn made(&self) -> Result<PathBuf, SpillError> {
        let mut folder = lock(&self.folder);
        match &*folder {
            Folder::Temporary(made) => Ok(made.path().to_owned()),
            Folder::Kept(path, _) => Err(SpillError::Write {
                path: path.clone(),
                source: io::ErrorKind::ReadOnlyFilesystem.into(),
            }),
            Folder::None => {
                let made = tempfile::Builder::new().prefix("kessai-spill-").tempdir();
                let made = made.map_err(|source| {
                    let path = std::env::temp_dir();
                    SpillError::Write { path, source }
                })?;
                let path = made.path().to_owned();
                *folder = Folder::Temporary(made);
                Ok(path)
            }
        }
    }

    fn path(&self, part: u8) -> Option<PathBuf> {
        match &*lock(&self.folder) {
            Folder::None => None,
            Folder::Temporary(made) => Some(made.path().join(name(part))),
            Folder::Kept(path, _) => Some(path.join(name(part))),
        }
    }

    fn part(&self, number: u8) -> MutexGuard<'_, Part> {
        #[expect(clippy::expect_used, reason = "there is a part for each byte")]
        lock(self.parts.get(usize::from(number)).expect("the spill has this part"))
    }
}

impl<T: Parted + Serialize + DeserializeOwned> Extend<T> for Spill<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, rows: I) {
        rows.into_iter().for_each(|row| self.put(&row));
    }
}

/// The name of the file of a part.
fn name(part: u8) -> String {
    format!("{part:02x}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
