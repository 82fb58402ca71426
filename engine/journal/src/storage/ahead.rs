//! The helper thread of [`Files`](crate::Files): it prepares the next segment and removes trimmed
//! ones, so that the writer waits for neither.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};

use crate::format::wide;
use crate::storage::Segment;

const PREFIX: &str = "segment-";
/// A segment that is not whole yet. Left over by a crash it is written anew.
pub(crate) const UNFINISHED: &str = "unfinished";
/// Zeros are written and synced in pieces, so that the writer's syncs never queue behind much.
const PIECE_BYTES: usize = 1 << 20;

enum Job {
    Prepare(Segment),
    Remove(u64),
}

#[derive(Debug)]
enum Done {
    Prepared(Segment, File),
    Removed,
}

/// The helper thread, and what it has ready.
#[derive(Debug)]
pub(crate) struct Ahead {
    directory: PathBuf,
    /// None once the thread was told to end.
    jobs: Option<Sender<Job>>,
    done: Receiver<io::Result<Done>>,
    /// The segment that was asked for and not taken yet.
    asked: Option<Segment>,
    prepared: Option<File>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    pub(crate) fn start(directory: &Path) -> io::Result<Self> {
        let (jobs, todo) = mpsc::channel();
        let (reply, done) = mpsc::channel();
        let directory = directory.to_owned();
        let worker = directory.clone();
        let work = move || {
            while let Ok(job) = todo.recv() {
                let result = match job {
                    Job::Prepare(segment) => {
                        prepare(&worker, segment).map(|file| Done::Prepared(segment, file))
                    }
                    Job::Remove(number) => remove(&worker, number).map(|()| Done::Removed),
                };
                // Nothing is tried behind a failure; and nobody listens when the storage is gone.
                let failed = result.is_err();
                if reply.send(result).is_err() || failed {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("kessai-ahead".to_owned()).spawn(work)?;
        let (jobs, thread) = (Some(jobs), Some(thread));
        Ok(Self { directory, jobs, done, asked: None, prepared: None, thread })
    }

    /// Has a segment made in the background, to be taken next.
    pub(crate) fn prepare(&mut self, segment: Segment) -> io::Result<()> {
        self.asked = Some(segment);
        self.send(Job::Prepare(segment))
    }

    /// Gives the segment that was prepared, or makes or opens another.
    pub(crate) fn take(&mut self, segment: Segment) -> io::Result<File> {
        if self.asked != Some(segment) {
            return prepare(&self.directory, segment);
        }
        loop {
            if let Some(file) = self.prepared.take() {
                self.asked = None;
                return Ok(file);
            }
            let done = self.done.recv().map_err(|_| gone())?;
            self.note(done?);
        }
    }

    /// Has a segment removed in the background.
    pub(crate) fn remove(&mut self, number: u64) -> io::Result<()> {
        self.send(Job::Remove(number))
    }

    /// Takes note of what the thread has done, and fails if it could not.
    pub(crate) fn check(&mut self) -> io::Result<()> {
        loop {
            match self.done.try_recv() {
                Ok(done) => self.note(done?),
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(gone()),
            }
        }
    }

    fn note(&mut self, done: Done) {
        match done {
            Done::Prepared(segment, file) if self.asked == Some(segment) => {
                self.prepared = Some(file);
            }
            Done::Prepared(..) | Done::Removed => {}
        }
    }

    fn send(&self, job: Job) -> io::Result<()> {
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(gone)
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was seen as a closed channel already.
            drop(thread.join());
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the helper thread has ended")
}

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

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Opens a segment, or makes it durably, full of zeros: under its name it is always whole.
fn prepare(directory: &Path, segment: Segment) -> io::Result<File> {
    let path = segment_path(directory, segment.number);
    match OpenOptions::new().read(true).write(true).open(&path) {
        Ok(file) if file.metadata()?.len() == segment.bytes => return Ok(file),
        Ok(_) => {
            let message = format!("segment {} has another length", segment.number);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let unfinished = directory.join(UNFINISHED);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    let zeros = vec![0; PIECE_BYTES];
    let mut offset = 0;
    while offset < segment.bytes {
        let left = usize::try_from(segment.bytes - offset).unwrap_or(usize::MAX);
        let (piece, _) = zeros.split_at(left.min(PIECE_BYTES));
        file.write_all_at(piece, offset)?;
        file.sync_data()?;
        offset += wide(piece.len());
    }
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    sync_directory(directory)?;
    Ok(file)
}

fn remove(directory: &Path, number: u64) -> io::Result<()> {
    fs::remove_file(segment_path(directory, number))?;
    // At once, so that a crash leaves no hole among the segments.
    sync_directory(directory)
}
