//! Segments as files in a directory: their names, and how one is made and removed durably.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::format::wide;
use crate::storage::Segment;

const PREFIX: &str = "segment-";
/// A segment that is not whole yet. Left over by a crash it is written anew.
pub(crate) const UNFINISHED: &str = "unfinished";
/// A segment is written and synced in pieces, so that the writer's syncs never queue behind much.
const PIECE_BYTES: usize = 1 << 20;

/// Gives a piece of a segment's contents from an offset on.
pub type Contents<'a> = dyn FnMut(u64, &mut [u8]) -> io::Result<()> + 'a;

/// Gives the path of a segment.
pub(crate) fn segment_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(segment_name(number))
}

/// Gives the name of a segment.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{PREFIX}{number:012}")
}

/// Gives the number of the segment that has this name, if one can have it.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix(PREFIX)?.parse().ok()?;
    (segment_name(number) == name).then_some(number)
}

/// Lists the numbers of the segments in a directory, in no order.
pub(crate) fn existing(directory: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(segment_number));
    }
    Ok(numbers)
}

/// Makes a directory durably, and those above that are missing, for their owner only.
pub(crate) fn create(directory: &Path) -> io::Result<()> {
    let above = directory.parent().filter(|above| !above.as_os_str().is_empty());
    if !directory.is_dir() {
        above.map_or(Ok(()), create)?;
        match fs::DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    // Also if it is there: whoever made it may not have come to this.
    above.map_or(Ok(()), sync_directory)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Opens a segment, or makes it durably, full of zeros: under its name it is always whole.
pub(crate) fn prepare(directory: &Path, segment: Segment) -> io::Result<File> {
    let path = segment_path(directory, segment.number);
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) if file.metadata()?.len() == segment.bytes => Ok(file),
        Ok(_) => {
            let message = format!("segment {} has another length", segment.number);
            Err(io::Error::new(ErrorKind::InvalidData, message))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(directory, segment, &mut |_, piece| {
                piece.fill(0);
                Ok(())
            })
        }
        Err(error) => Err(error),
    }
}

/// Makes a segment durably, in place of what may be there.
pub(crate) fn make(
    directory: &Path,
    segment: Segment,
    contents: &mut Contents<'_>,
) -> io::Result<File> {
    let unfinished = directory.join(UNFINISHED);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    let mut buffer = vec![0; PIECE_BYTES];
    let mut offset = 0;
    while offset < segment.bytes {
        let left = usize::try_from(segment.bytes - offset).unwrap_or(usize::MAX);
        let (piece, _) = buffer.split_at_mut(left.min(PIECE_BYTES));
        contents(offset, piece)?;
        // A short count is followed up: what it is short for is an error that has a name.
        file.write_all_at(piece, offset)?;
        file.sync_data()?;
        offset += wide(piece.len());
    }
    file.sync_all()?;
    fs::rename(&unfinished, segment_path(directory, segment.number))?;
    sync_directory(directory)?;
    Ok(file)
}

/// Gives the room of a segment back that could not be made.
pub(crate) fn abandon(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(UNFINISHED)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Removes a segment.
pub(crate) fn remove(directory: &Path, number: u64) -> io::Result<()> {
    fs::remove_file(segment_path(directory, number))?;
    // At once, so that a crash leaves no hole among the segments.
    sync_directory(directory)
}

/// Tells how much of the file system is free for this process.
///
/// # Units
/// Bytes.
pub(crate) fn free_bytes(directory: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(directory)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}
