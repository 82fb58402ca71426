//! The helper thread of [`Files`](crate::Files): it prepares the next segment, removes trimmed
//! ones, and watches the room that is left, so that the writer waits for none of them.
//!
//! A lack of room for the next segment ends nothing as long as the one in use has some: it is told
//! by the [`Shortage`], and the segment is made once there is room.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::storage::{Segment, Shortage, directory};

/// How often the room is looked at while nothing else happens.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For how many further segments there must be room.
pub(crate) const FURTHER_SEGMENTS: u64 = 2;

enum Job {
    /// Make a segment ready, whenever there is room.
    Prepare(Segment),
    /// Make it ready now: it is needed.
    Demand(Segment),
    Remove(u64),
}

#[derive(Debug)]
enum Done {
    Prepared(Segment, File),
    /// There is no room for it yet.
    NoRoom(Segment),
    Removed,
}

/// What the thread works on: a directory, and in tests something that runs full.
pub(crate) trait Ground: Send + Sync + 'static {
    /// Opens a segment or makes it, full of zeros.
    fn prepare(&self, segment: Segment) -> io::Result<File>;

    /// Leaves nothing of a segment that could not be made.
    fn abandon(&self) -> io::Result<()>;

    fn remove(&self, number: u64) -> io::Result<()>;

    /// Tells how many bytes are free.
    fn free_bytes(&self) -> io::Result<u64>;
}

impl Ground for PathBuf {
    fn prepare(&self, segment: Segment) -> io::Result<File> {
        directory::prepare(self, segment)
    }

    fn abandon(&self) -> io::Result<()> {
        directory::abandon(self)
    }

    fn remove(&self, number: u64) -> io::Result<()> {
        directory::remove(self, number)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        directory::free_bytes(self)
    }
}

/// The helper thread, and what it has ready.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// None once the thread was told to end.
    jobs: Option<Sender<Job>>,
    done: Receiver<io::Result<Done>>,
    /// The segment that was asked for and not taken yet.
    asked: Option<Segment>,
    prepared: Option<File>,
    /// How many segments are still to be removed.
    removing: usize,
    /// Whether the one that was asked for found no room.
    waits: bool,
    is_short: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    pub(crate) fn start(ground: impl Ground, look_every: Duration) -> io::Result<Self> {
        let (jobs, todo) = mpsc::channel();
        let (reply, done) = mpsc::channel();
        let is_short = Arc::<AtomicBool>::default();
        let told = Arc::clone(&is_short);
        let mut worker = Worker { ground, wanted: None, segment_bytes: 0, is_short: told };
        let work = move || {
            loop {
                let result = match todo.recv_timeout(look_every) {
                    Ok(job) => worker.perform(job).map(Some),
                    Err(RecvTimeoutError::Timeout) => worker.look(),
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                // Nothing is tried behind a failure; and nobody listens when the storage is gone.
                let failed = result.is_err();
                if result.transpose().is_some_and(|done| reply.send(done).is_err()) || failed {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("kessai-ahead".to_owned()).spawn(work)?;
        let (jobs, thread) = (Some(jobs), Some(thread));
        Ok(Self {
            jobs,
            done,
            asked: None,
            prepared: None,
            removing: 0,
            waits: false,
            is_short,
            thread,
        })
    }

    /// Tells whether room is short, as the thread saw it last.
    pub(crate) fn shortage(&self) -> Shortage {
        let is_short = Arc::clone(&self.is_short);
        Shortage::when(move || is_short.load(Ordering::Acquire))
    }

    /// Has a segment made in the background, to be taken next.
    pub(crate) fn prepare(&mut self, segment: Segment) -> io::Result<()> {
        self.asked = Some(segment);
        self.waits = false;
        self.send(Job::Prepare(segment))
    }

    /// Gives the segment that was prepared, or has it made or another opened now.
    pub(crate) fn take(&mut self, segment: Segment) -> io::Result<File> {
        if self.asked != Some(segment) {
            self.demand(segment)?;
        }
        loop {
            if let Some(file) = self.prepared.take() {
                self.asked = None;
                return Ok(file);
            }
            if self.waits {
                self.demand(segment)?;
            }
            let done = self.done.recv().map_err(|_| gone())?;
            self.note(done?);
        }
    }

    /// Has a segment removed in the background.
    pub(crate) fn remove(&mut self, number: u64) -> io::Result<()> {
        self.removing = self.removing.saturating_add(1);
        self.send(Job::Remove(number))
    }

    /// Returns once everything is removed that was to be.
    pub(crate) fn finish_removals(&mut self) -> io::Result<()> {
        while self.removing > 0 {
            let done = self.done.recv().map_err(|_| gone())?;
            self.note(done?);
        }
        Ok(())
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

    fn demand(&mut self, segment: Segment) -> io::Result<()> {
        self.asked = Some(segment);
        self.waits = false;
        self.send(Job::Demand(segment))
    }

    fn note(&mut self, done: Done) {
        match done {
            Done::Prepared(segment, file) if self.asked == Some(segment) => {
                self.prepared = Some(file);
                self.waits = false;
            }
            Done::NoRoom(segment) if self.asked == Some(segment) => {
                self.waits = self.prepared.is_none();
            }
            Done::Removed => self.removing = self.removing.saturating_sub(1),
            Done::Prepared(..) | Done::NoRoom(_) => {}
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

/// What the thread has in hand.
struct Worker<G> {
    ground: G,
    /// The segment that there was no room for.
    wanted: Option<Segment>,
    /// The length of a further segment; 0 before one was asked for.
    segment_bytes: u64,
    is_short: Arc<AtomicBool>,
}

impl<G: Ground> Worker<G> {
    fn perform(&mut self, job: Job) -> io::Result<Done> {
        match job {
            Job::Prepare(segment) => {
                self.segment_bytes = segment.bytes;
                self.tell(self.has_room_for(FURTHER_SEGMENTS.saturating_add(1)));
                self.prepare(segment)
            }
            Job::Demand(segment) => {
                let file = self.ground.prepare(segment)?;
                self.wanted = None;
                Ok(Done::Prepared(segment, file))
            }
            Job::Remove(number) => self.ground.remove(number).map(|()| Done::Removed),
        }
    }

    /// Looks whether there is room now.
    fn look(&mut self) -> io::Result<Option<Done>> {
        match self.wanted {
            Some(segment) if self.has_room_for(1) => self.prepare(segment).map(Some),
            Some(_) => Ok(None),
            None => {
                self.tell(self.has_room_for(FURTHER_SEGMENTS));
                Ok(None)
            }
        }
    }

    fn prepare(&mut self, segment: Segment) -> io::Result<Done> {
        match self.ground.prepare(segment) {
            Ok(file) => {
                self.wanted = None;
                self.tell(self.has_room_for(FURTHER_SEGMENTS));
                Ok(Done::Prepared(segment, file))
            }
            Err(error) if is_lack_of_room(&error) => {
                self.ground.abandon()?;
                self.wanted = Some(segment);
                self.tell(false);
                Ok(Done::NoRoom(segment))
            }
            Err(error) => Err(error),
        }
    }

    /// A file system that does not say how much is free is taken for full.
    fn has_room_for(&self, segments: u64) -> bool {
        let free = self.ground.free_bytes().unwrap_or(0);
        free >= self.segment_bytes.saturating_mul(segments)
    }

    fn tell(&self, has_room: bool) {
        self.is_short.store(!has_room, Ordering::Release);
    }
}

fn is_lack_of_room(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests;
