//! A storage whose batches are written by a thread of its own, so that two can be written at once.

use std::io;
use std::sync::Arc;

use crate::options::WriterPriority;
use crate::priority::prioritise;
use crate::storage::{Contents, Place, Readers, Segment, Shortage, Storage};
use crate::sync::mpsc::{self, Receiver, Sender};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Mutex, lock};

/// A batch on its way to the thread, or back with how it went.
#[derive(Debug)]
struct Sealed {
    place: Place,
    /// Copied, and its memory kept: the copy takes a small part of what a sync takes.
    image: Vec<u8>,
}

/// A storage with a thread that writes to it.
#[derive(Debug)]
pub(crate) struct Background<S> {
    /// Locked by the thread while it writes, and never waited for by the owner meanwhile, who waits
    /// for the thread.
    storage: Arc<Mutex<S>>,
    /// None once the thread was told to end.
    batches: Option<Sender<Sealed>>,
    written: Receiver<(Sealed, io::Result<()>)>,
    /// The memory of the batch before.
    spare: Vec<u8>,
    thread: Option<JoinHandle<()>>,
}

impl<S: Storage> Background<S> {
    /// Starts the thread.
    pub(crate) fn start(storage: S, priority: WriterPriority) -> io::Result<Self> {
        let (batches, todo) = mpsc::channel::<Sealed>();
        let (reply, written) = mpsc::channel();
        let storage = Arc::new(Mutex::new(storage));
        let shared = Arc::clone(&storage);
        let work = move || {
            // How it turns out is told of the journal's writer, which asks for the same.
            drop(prioritise(priority));
            while let Ok(sealed) = todo.recv() {
                let result = lock(&shared).append(sealed.place, &sealed.image);
                let failed = result.is_err();
                if reply.send((sealed, result)).is_err() || failed {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("kessai-mirror".to_owned()).spawn(work)?;
        let (batches, thread) = (Some(batches), Some(thread));
        Ok(Self { storage, batches, written, spare: Vec::new(), thread })
    }
}

impl<S: Storage> Storage for Background<S> {
    fn copies(&self) -> u16 {
        lock(&self.storage).copies()
    }

    fn segments(&mut self) -> io::Result<Vec<Segment>> {
        lock(&self.storage).segments()
    }

    fn read(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        lock(&self.storage).read(place, into)
    }

    fn activate(&mut self, segment: Segment, next_bytes: u64) -> io::Result<()> {
        lock(&self.storage).activate(segment, next_bytes)
    }

    fn append(&mut self, place: Place, batch: &[u8]) -> io::Result<()> {
        lock(&self.storage).append(place, batch)
    }

    fn begin(&mut self, place: Place, batch: &[u8]) -> io::Result<()> {
        let mut image = std::mem::take(&mut self.spare);
        image.clear();
        image.extend_from_slice(batch);
        let sealed = Sealed { place, image };
        self.batches.as_ref().and_then(|batches| batches.send(sealed).ok()).ok_or_else(gone)
    }

    fn finish(&mut self) -> io::Result<()> {
        let (sealed, result) = self.written.recv().map_err(|_| gone())?;
        self.spare = sealed.image;
        result
    }

    fn mend(&mut self, place: Place, bytes: &[u8]) -> io::Result<()> {
        lock(&self.storage).mend(place, bytes)
    }

    fn replace(&mut self, segment: Segment, contents: &mut Contents<'_>) -> io::Result<()> {
        lock(&self.storage).replace(segment, contents)
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        lock(&self.storage).remove(number)
    }

    fn readers(&self) -> Readers {
        lock(&self.storage).readers()
    }

    fn shortage(&self) -> Shortage {
        lock(&self.storage).shortage()
    }
}

impl<S> Drop for Background<S> {
    fn drop(&mut self) {
        drop(self.batches.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was seen as a closed channel already.
            drop(thread.join());
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that writes has ended")
}
