//! Files that nobody but their owner may touch.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Why a file is not used.
pub(crate) enum Unfit {
    /// It cannot be opened.
    File(io::Error),
    /// Others than its owner may touch it.
    Exposed,
}

/// Opens a file, and refuses it if others than its owner may touch it.
pub(crate) fn open(path: &Path) -> Result<File, Unfit> {
    // The file that is checked is the one that is read.
    let file = File::open(path).map_err(Unfit::File)?;
    judge(&file.metadata().map_err(Unfit::File)?)?;
    Ok(file)
}

/// Refuses a file that others than its owner may touch; we need not be able to read it.
pub(crate) fn check(path: &Path) -> Result<(), Unfit> {
    judge(&std::fs::metadata(path).map_err(Unfit::File)?)
}

fn judge(found: &Metadata) -> Result<(), Unfit> {
    if found.permissions().mode() & 0o077 == 0 { Ok(()) } else { Err(Unfit::Exposed) }
}
