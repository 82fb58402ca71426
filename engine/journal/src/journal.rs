//! The handle that the gateway holds.

use std::error::Error;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use kessai_engine::{Entry, Lsn, Slot};

use crate::driver::{Pump, SteppedWriter, spawn};
use crate::error::OpenError;
use crate::format::chain::ChainKey;
use crate::options::JournalOptions;
use crate::priority::PriorityOutcome;
use crate::queue::{Queue, Reserved};
use crate::recovery::{self, Recovered};
use crate::stamps::{self, Stamp, Standing};
use crate::storage::{Background, Directory, Files, Mirrored, Readers, Shortage, Source, Storage};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{AtomicU64, Mutex, lock};
use crate::tally::Tally;
use crate::waiters::Ticket;
use crate::writer::Writer;

/// A journal: a cheap handle, to be cloned for everyone who records or waits.
///
/// When the last handle is dropped the journal is [closed](Self::close).
#[derive(Debug, Clone)]
pub struct Journal(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Stored(Arc<Stored>),
    /// Counts the records and forgets them.
    Volatile(Arc<AtomicU64>),
}

/// The thread is joined once, by whoever closes first.
#[derive(Debug)]
struct Stored {
    queue: Arc<Queue>,
    /// Read beside the writer.
    readers: Readers,
    shortage: Shortage,
    /// None with a stepped writer, and once joined.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Opens the journal in a directory, which is created if it does not exist: hands every record
    /// that it holds to `replay`, in order, and starts the writer's thread.
    ///
    /// A mirror is a directory on another disk that holds the same. Where the two are not alike,
    /// what one of them lacks or has damaged is restored from the other first.
    ///
    /// # Errors
    /// [`OpenError`]; the journal is as it was then. What `replay` has made of the records until
    /// then must be thrown away.
    pub fn open<E: Into<Box<dyn Error + Send + Sync>>>(
        directory: &Path,
        mirror: Option<&Path>,
        options: &JournalOptions,
        key: ChainKey,
        replay: impl FnMut(Lsn, Entry) -> Result<(), E>,
    ) -> Result<(Self, Recovered), OpenError> {
        options.check()?;
        let first = Files::open(directory)?;
        let Some(mirror) = mirror else {
            return Self::open_on(first, options, key, replay);
        };
        let second = Background::start(Files::open(mirror)?, options.priority)
            .map_err(OpenError::storage("start the writer of the mirror"))?;
        Self::open_on(Mirrored::new(first, second), options, key, replay)
    }

    /// Opens the journal on any storage, with the writer in its own thread.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_on<S: Storage, E: Into<Box<dyn Error + Send + Sync>>>(
        storage: S,
        options: &JournalOptions,
        key: ChainKey,
        replay: impl FnMut(Lsn, Entry) -> Result<(), E>,
    ) -> Result<(Self, Recovered), OpenError> {
        let (pump, mut recovered) = recover(storage, options, key, replay)?;
        let stored = Stored::beside(&pump);
        let (thread, priority) =
            spawn(pump, options.priority).map_err(OpenError::storage("start the writer"))?;
        recovered.priority = priority;
        *lock(&stored.thread) = Some(thread);
        Ok((Self(Kind::Stored(Arc::new(stored))), recovered))
    }

    /// Opens the journal on any storage, with a writer that the caller steps.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_stepped<S: Storage, E: Into<Box<dyn Error + Send + Sync>>>(
        storage: S,
        options: &JournalOptions,
        key: ChainKey,
        replay: impl FnMut(Lsn, Entry) -> Result<(), E>,
    ) -> Result<(Self, SteppedWriter<S>, Recovered), OpenError> {
        let (pump, recovered) = recover(storage, options, key, replay)?;
        let journal = Self(Kind::Stored(Arc::new(Stored::beside(&pump))));
        Ok((journal, SteppedWriter::new(pump), recovered))
    }

    /// Tells which record comes next in the journal of a directory, as a glance at it says: nothing is
    /// verified, nothing written. For progress, not for decisions.
    ///
    /// # Errors
    /// What the files say.
    pub fn glance(directory: &Path) -> io::Result<Lsn> {
        stamps::end(&mut Directory::new(directory))
    }

    /// Makes a journal without storage, for tests and benches: it only counts, never refuses, and
    /// calls every record durable at once.
    #[must_use]
    pub fn volatile() -> Self {
        Self(Kind::Volatile(Arc::default()))
    }

    /// Reserves a place for one record. None if the queue is full, or the journal is closed or has
    /// failed.
    #[must_use]
    pub fn reserve(&self) -> Option<JournalSlot> {
        match &self.0 {
            Kind::Stored(stored) => Reserved::take(&stored.queue).map(SlotKind::Stored),
            Kind::Volatile(count) => Some(SlotKind::Volatile(Arc::clone(count))),
        }
        .map(JournalSlot)
    }

    /// Tells the latest record that is durable, with all before it.
    #[must_use]
    pub fn durable(&self) -> Lsn {
        match &self.0 {
            Kind::Stored(stored) => stored.queue.waiters.durable(),
            Kind::Volatile(count) => Lsn(count.load(Ordering::Acquire)),
        }
    }

    /// Tells the latest record that was queued: whoever waits for it has all that is now so.
    #[must_use]
    pub fn latest(&self) -> Lsn {
        match &self.0 {
            Kind::Stored(stored) => stored.queue.latest(),
            Kind::Volatile(count) => Lsn(count.load(Ordering::Acquire)),
        }
    }

    /// Tells what the writer has done since the start; nothing of a volatile journal.
    #[must_use]
    pub fn tally(&self) -> Option<Tally> {
        match &self.0 {
            Kind::Stored(stored) => Some(stored.queue.counts.read()),
            Kind::Volatile(_) => None,
        }
    }

    /// Waits until `lsn` is durable. Its waker is woken once, exactly then; dropped, it is
    /// forgotten. It never ends if the record never becomes durable, after a failure.
    pub fn when_durable(&self, lsn: Lsn) -> WhenDurable {
        let queue = match &self.0 {
            Kind::Stored(stored) if stored.queue.waiters.durable() < lsn => {
                Some(Arc::clone(&stored.queue))
            }
            Kind::Stored(_) | Kind::Volatile(_) => None,
        };
        WhenDurable { queue, lsn, ticket: None }
    }

    /// Gives the epoch and the chain hash by which a durable record can be told from another in its
    /// place. None if it is not durable yet, or its batch is no longer among the latest.
    #[must_use]
    pub fn stamp(&self, lsn: Lsn) -> Option<Stamp> {
        match &self.0 {
            Kind::Stored(stored) => stored.queue.stamps.of(lsn),
            Kind::Volatile(_) => None,
        }
    }

    /// Tells how a record that once had `stamp` stands to what the journal holds. For an older one
    /// it reads headers from the segments, so that it may block for some milliseconds.
    ///
    /// # Errors
    /// What the storage says when it cannot be read, or when no batch stands where one must.
    pub fn compare(&self, lsn: Lsn, stamp: Stamp) -> io::Result<Standing> {
        let durable = self.durable();
        if lsn > durable {
            return Ok(Standing::Above { durable });
        }
        let Kind::Stored(stored) = &self.0 else {
            return Ok(Standing::NotKept);
        };
        let ours = match stored.queue.stamps.of(lsn) {
            None => stamps::find(stored.readers.open().as_mut(), lsn)?,
            remembered => remembered,
        };
        Ok(ours.map_or(Standing::NotKept, |ours| Standing::of(ours, stamp)))
    }

    /// Opens a way to read the segments beside the writer; none of a volatile journal. What is not
    /// [durable](Self::durable) yet may be seen, in whole or in part.
    #[must_use]
    pub fn reader(&self) -> Option<Box<dyn Source>> {
        match &self.0 {
            Kind::Stored(stored) => Some(stored.readers.open()),
            Kind::Volatile(_) => None,
        }
    }

    /// Tells whether fewer than two further segments fit on a disk, or the next could not be
    /// prepared. The segment in use and the one prepared are there: what was begun can still end.
    #[must_use]
    pub fn is_short_of_space(&self) -> bool {
        match &self.0 {
            Kind::Stored(stored) => stored.shortage.is_short(),
            Kind::Volatile(_) => false,
        }
    }

    /// Has old segments removed that hold no record behind `upto`, soon.
    ///
    /// The caller keeps elsewhere, durably, what these records led to.
    pub fn trim(&self, upto: Lsn) {
        if let Kind::Stored(stored) = &self.0 {
            stored.queue.trim(upto);
        }
    }

    /// Gives no more places, and returns once every record is durable and the storage is free
    /// again. Blocks until the places that were given are used or dropped. With a stepped writer
    /// it returns at once, and the steps do the rest.
    pub fn close(&self) {
        if let Kind::Stored(stored) = &self.0 {
            stored.close();
        }
    }
}

impl Stored {
    fn beside<S: Storage>(pump: &Pump<S>) -> Self {
        Self {
            queue: Arc::clone(pump.queue()),
            readers: pump.storage().readers(),
            shortage: pump.storage().shortage(),
            thread: Mutex::new(None),
        }
    }

    fn close(&self) {
        self.queue.close();
        let mut thread = lock(&self.thread);
        if thread.as_ref().is_some_and(|thread| thread.thread().id() != thread::current().id())
            && let Some(thread) = thread.take()
        {
            // Its panic was reported from there.
            drop(thread.join());
        }
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.close();
    }
}

/// Reads the journal, makes it ready to append, and opens the new epoch durably.
fn recover<S: Storage, E: Into<Box<dyn Error + Send + Sync>>>(
    mut storage: S,
    options: &JournalOptions,
    key: ChainKey,
    mut replay: impl FnMut(Lsn, Entry) -> Result<(), E>,
) -> Result<(Pump<S>, Recovered), OpenError> {
    options.check()?;
    let mut each = |lsn, contents: &[u8]| {
        let entry = Entry::decode(contents).map_err(|source| OpenError::Decode { lsn, source })?;
        replay(lsn, entry).map_err(|source| OpenError::Replay { lsn, source: source.into() })
    };
    let repairs = storage.reconcile(&key, options.replay_from)?;
    let read = recovery::read(&mut storage, options, &key, &mut each)?;
    recovery::settle(&mut storage, options, &read)?;
    let mut tail = read.tail;
    tail.epoch = tail.epoch.saturating_add(1).max(options.first_epoch);
    let queue = Arc::new(Queue::new(options, Lsn(tail.next.0.saturating_sub(1)), read.stamps));
    let writer = Writer::new(options, key, tail, storage.copies());
    let mut pump = Pump::new(options, queue, writer, storage, read.segments);
    pump.open_epoch()?;
    let recovered = Recovered {
        records: read.records,
        epoch: tail.epoch,
        torn: read.torn,
        repairs,
        priority: PriorityOutcome::Normal,
    };
    Ok((pump, recovered))
}

/// One reserved place in the queue. Dropped unused, it is free again.
#[derive(Debug)]
pub struct JournalSlot(SlotKind);

#[derive(Debug)]
enum SlotKind {
    Stored(Reserved),
    Volatile(Arc<AtomicU64>),
}

impl Slot for JournalSlot {
    fn push(self, entry: Entry) -> Lsn {
        match self.0 {
            SlotKind::Stored(reserved) => reserved.push(&entry),
            SlotKind::Volatile(count) => {
                Lsn(count.fetch_add(1, Ordering::AcqRel).saturating_add(1))
            }
        }
    }
}

/// The future of [`Journal::when_durable`].
#[derive(Debug)]
#[must_use = "nothing is told before the record is durable"]
pub struct WhenDurable {
    /// None once the record is durable.
    queue: Option<Arc<Queue>>,
    lsn: Lsn,
    ticket: Option<Ticket>,
}

impl Future for WhenDurable {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Some(queue) = &this.queue else {
            return Poll::Ready(());
        };
        if queue.waiters.durable() < this.lsn
            && queue.waiters.register(&mut this.ticket, this.lsn, context.waker())
        {
            return Poll::Pending;
        }
        this.queue = None;
        Poll::Ready(())
    }
}

impl Drop for WhenDurable {
    fn drop(&mut self) {
        if let (Some(queue), Some(ticket)) = (&self.queue, self.ticket) {
            queue.waiters.abandon(ticket);
        }
    }
}
