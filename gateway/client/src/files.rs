//! Keeps what a peer was given and has made at its enrolment.
//!
//! A file begins with a line that says what it is; lines of a name and a value follow, then the
//! private key in PEM. Only its owner may read it, and it is replaced as a whole or not at all.

mod handset;
mod peer;
mod receipt;
mod text;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

pub use handset::HandsetFile;
pub(crate) use handset::stretched;
pub use peer::PeerFile;

/// Says why a file cannot be used. It never quotes what is in it.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{path}: the {part} is missing or impossible")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong in it.
        part: &'static str,
    },
    /// Others may read the file, and perhaps have.
    #[error("{path}: others than its owner may read it")]
    Exposed {
        /// Which file.
        path: PathBuf,
    },
}

fn failed(path: &Path, source: io::Error) -> FileError {
    FileError::File { path: path.to_owned(), source }
}

/// Reads a file of secrets, or tells that there is none.
fn read_secret(path: &Path) -> Result<Option<Zeroizing<String>>, FileError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, error)),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path).map_err(|error| failed(path, error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(FileError::Exposed { path: path.to_owned() });
        }
    }
    Ok(Some(text))
}

/// Is a file that is written, but does not have its name yet. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    written: PathBuf,
    kept: bool,
}

impl Draft {
    /// Writes a file that only its owner may read, in a folder that is made if it is not there.
    fn write(folder: &Path, name: &str, text: &str) -> Result<Self, FileError> {
        make_folder(folder).map_err(|error| failed(folder, error))?;
        let path = folder.join(name);
        let written = folder.join(format!("{name}.new"));
        // What an attempt left that was broken off.
        fs::remove_file(&written).ok();
        let draft = Self { path, written, kept: false };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&draft.written)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(|error| failed(&draft.written, error))?;
        Ok(draft)
    }

    /// Gives the file its name, in place of the one that had it.
    pub(crate) fn keep(mut self) -> Result<(), FileError> {
        fs::rename(&self.written, &self.path).map_err(|error| failed(&self.path, error))?;
        self.kept = true;
        match self.path.parent() {
            Some(folder) => sync_folder(folder).map_err(|error| failed(folder, error)),
            None => Ok(()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            // If that fails, the next draft removes it.
            fs::remove_file(&self.written).ok();
        }
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// So that the new name survives a power cut. Only Unix can, and needs to.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder).and_then(|folder| folder.sync_all()) } else { Ok(()) }
}
