//! Between the engine's shards and the one writer: records in, one batch out. A push takes the
//! queue's lock for a copy, never waits for the disk, and never makes memory grow.

use std::cell::RefCell;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kessai_engine::{Entry, Lsn};

use crate::failure::{Failure, OnFailure};
use crate::format::batch::Batch;
use crate::format::record::frame;
use crate::format::wide;
use crate::options::JournalOptions;
use crate::room::Room;
use crate::stamps::Stamps;
use crate::sync::{self, AtomicBool, Condvar, Mutex, lock};
use crate::tally::Counts;
use crate::waiters::Waiters;

sync::thread_local! {
    /// Where a record is framed, so that under the queue's lock it is only copied.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What the handles, the reserved places, the waiting futures and the writer share.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) room: Room,
    pub(crate) waiters: Waiters,
    pub(crate) stamps: Stamps,
    pub(crate) counts: Counts,
    pub(crate) state: Mutex<QueueState>,
    /// Wakes the writer.
    pub(crate) work: Condvar,
    record_bytes: usize,
    failed: AtomicBool,
    on_failure: OnFailure,
}

/// The queue's contents.
#[derive(Debug)]
pub(crate) struct QueueState {
    /// All that is queued, as it will stand on disk.
    pub(crate) batch: Batch,
    /// The LSN of the next record.
    next: Lsn,
    /// How many bytes queued wake the writer; [`usize::MAX`] while it is at work.
    pub(crate) wake_at: usize,
    /// Records up to here are no longer needed.
    pub(crate) trim: Option<Lsn>,
}

impl Queue {
    /// Makes an empty queue behind the record `last`.
    pub(crate) fn new(options: &JournalOptions, last: Lsn, stamps: Stamps) -> Self {
        let reserve = options.reserve_bytes();
        Self {
            room: Room::new(options.queue_records, options.queue_bytes, reserve),
            waiters: Waiters::new(last),
            stamps,
            counts: Counts::default(),
            state: Mutex::new(QueueState {
                batch: Batch::with_capacity(options.queue_bytes),
                next: following(last),
                wake_at: usize::MAX,
                trim: None,
            }),
            work: Condvar::new(),
            record_bytes: options.record_bytes,
            failed: AtomicBool::new(false),
            on_failure: options.on_failure.clone(),
        }
    }

    /// Tells the record that was queued last.
    pub(crate) fn latest(&self) -> Lsn {
        Lsn(lock(&self.state).next.0.saturating_sub(1))
    }

    /// Queues an entry into a place that was reserved before.
    pub(crate) fn push(&self, entry: &Entry) -> Lsn {
        SCRATCH.with(|scratch| {
            let mut framed = scratch.borrow_mut();
            frame(&mut framed, |out| entry.encode_into(out));
            self.push_framed(&framed)
        })
    }

    /// Queues a framed record into a place that was reserved before.
    pub(crate) fn push_framed(&self, framed: &[u8]) -> Lsn {
        let bytes = framed.len().saturating_sub(crate::format::record::FRAME_BYTES);
        if bytes > self.record_bytes {
            self.fail(&Failure::RecordTooLong { bytes, limit: self.record_bytes });
            return self.next_without_record();
        }
        self.room.settle(framed.len());
        let mut state = lock(&self.state);
        let lsn = state.take_lsn();
        state.batch.push(lsn, framed);
        let wake = state.batch.record_bytes() >= state.wake_at;
        if wake {
            state.wake_at = usize::MAX;
        }
        drop(state);
        if wake {
            self.work.notify_one();
        }
        lsn
    }

    /// Gives back a place that was not used.
    pub(crate) fn give_back(&self) {
        self.room.give_back();
        if self.room.is_closed() {
            self.wake_writer();
        }
    }

    /// Gives no place from now on, and has the writer end once all is written.
    pub(crate) fn close(&self) {
        self.room.close();
        self.wake_writer();
    }

    /// Has segments removed that hold nothing behind `upto`.
    pub(crate) fn trim(&self, upto: Lsn) {
        let mut state = lock(&self.state);
        state.trim = state.trim.max(Some(upto));
        drop(state);
        self.wake_writer();
    }

    /// Ends all service: nothing becomes durable any more, and nobody is woken.
    pub(crate) fn fail(&self, failure: &Failure) {
        self.failed.store(true, Ordering::Release);
        self.room.close();
        self.on_failure.report(failure);
        self.wake_writer();
    }

    /// Tells whether durability was lost.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    fn wake_writer(&self) {
        // Under the lock, so that the writer is either before its look at the queue or asleep.
        lock(&self.state).wake_at = usize::MAX;
        self.work.notify_one();
    }

    fn next_without_record(&self) -> Lsn {
        lock(&self.state).take_lsn()
    }
}

impl QueueState {
    /// Takes all that is queued and leaves `empty` in its place.
    pub(crate) fn swap(&mut self, empty: &mut Batch) {
        mem::swap(&mut self.batch, empty);
    }

    fn take_lsn(&mut self) -> Lsn {
        let lsn = self.next;
        self.next = following(lsn);
        lsn
    }
}

/// A place reserved in the queue. Unused it is given back when dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    queue: Arc<Queue>,
    used: bool,
}

impl Reserved {
    /// Reserves a place, if there is one and the journal is open.
    pub(crate) fn take(queue: &Arc<Queue>) -> Option<Self> {
        queue.room.reserve().then(|| Self { queue: Arc::clone(queue), used: false })
    }

    pub(crate) fn push(mut self, entry: &Entry) -> Lsn {
        self.used = true;
        self.queue.push(entry)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.used {
            self.queue.give_back();
        }
    }
}

/// The LSN after `lsn`.
pub(crate) const fn following(lsn: Lsn) -> Lsn {
    Lsn(lsn.0.saturating_add(1))
}

/// The LSN `records` after `lsn`.
pub(crate) fn advanced(lsn: Lsn, records: u32) -> Lsn {
    Lsn(lsn.0.saturating_add(u64::from(records)))
}

/// Gives back the places of a batch that is durable.
pub(crate) fn release(room: &Room, records: u32, record_bytes: usize) {
    room.release(records, wide(record_bytes));
}
