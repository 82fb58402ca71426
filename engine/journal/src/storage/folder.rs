//! Whole files in one directory: what snapshots are kept in, and what an archive is built beside.
//! Segments have a trait of their own, [`Storage`](crate::Storage).

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::storage::directory::{create, sync_directory};

/// A directory of files that one process writes to.
///
/// Bytes are durable once their file was [synced](FolderFile::sync); a name that was created,
/// changed or removed is durable once the folder was [synced](Folder::sync).
pub trait Folder: Debug + Send + Sync + 'static {
    /// An open file.
    type File: FolderFile;

    /// Lists the names of the files, in rising order.
    ///
    /// # Errors
    /// What the medium says.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Creates an empty file, in place of one that may have the name.
    ///
    /// # Errors
    /// What the medium says.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// What the medium says; [`io::ErrorKind::NotFound`] if there is none.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Gives a file another name, in place of the file that may have it.
    ///
    /// # Errors
    /// What the medium says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the medium says; [`io::ErrorKind::NotFound`] if there is none.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names durable.
    ///
    /// # Errors
    /// What the medium says.
    fn sync(&self) -> io::Result<()>;
}

/// A file in a [`Folder`].
pub trait FolderFile: Debug + Send + Sync + 'static {
    /// Tells its length.
    ///
    /// # Units
    /// Bytes.
    ///
    /// # Errors
    /// What the medium says.
    fn bytes(&self) -> io::Result<u64>;

    /// Cuts it, or lengthens it with zeros.
    ///
    /// # Errors
    /// What the medium says.
    fn set_bytes(&self, bytes: u64) -> io::Result<()>;

    /// Fills `into` with the bytes at `offset`.
    ///
    /// # Errors
    /// What the medium says; [`io::ErrorKind::UnexpectedEof`] behind the end.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Writes at `offset`, and lengthens the file if need be.
    ///
    /// # Errors
    /// What the medium says; part of the bytes may be written then.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes bytes and length durable.
    ///
    /// # Errors
    /// What the medium says; nobody knows then what is durable.
    fn sync(&self) -> io::Result<()>;
}

/// A directory of the file system.
#[derive(Debug, Clone)]
pub struct FileFolder(PathBuf);

impl FileFolder {
    /// Names a directory, and creates it durably, readable by its owner only, if there is none.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        create(path)?;
        Ok(Self(path.to_owned()))
    }

    /// Tells where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Folder for FileFolder {
    type File = File;

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            // A name that is no text is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        options.open(self.0.join(name))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.0.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        sync_directory(&self.0)
    }
}

impl FolderFile for File {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(into, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        // Flushes the length as well, where it is needed to read the bytes.
        self.sync_data()
    }
}
