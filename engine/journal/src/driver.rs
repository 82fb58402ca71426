//! Carries out what the [`Writer`] says: in its own thread, or step by step for tests and the
//! simulator.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::thread::panicking;
use std::time::{Duration, Instant};

use kessai_engine::Lsn;
use kessai_engine::planted::{self, Bug};

use crate::failure::Failure;
use crate::format::batch::Batch;
use crate::options::{JournalOptions, WriterPriority};
use crate::priority::{PriorityOutcome, prioritise};
use crate::queue::{Queue, QueueState, advanced, following, release};
use crate::stamps::Stamp;
use crate::storage::{Place, Storage};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{lock, mpsc};
use crate::tally::Written;
use crate::writer::{Backlog, Ending, Step, Writer};

/// Everything the writer owns.
#[derive(Debug)]
pub(crate) struct Pump<S> {
    queue: Arc<Queue>,
    writer: Writer,
    storage: S,
    gather_bytes: usize,
    segment_bytes: u64,
    /// To how many copies the storage writes.
    copies: u16,
    timing: Timing,
    /// The batch being written; empty otherwise.
    batch: Batch,
    /// Each segment and the first record that may stand in it.
    segments: VecDeque<(u64, Lsn)>,
    woken: Vec<Waker>,
}

/// Whether it is measured how long writing takes.
#[derive(Debug, Clone, Copy)]
enum Timing {
    Timed,
    /// With a stepped writer, whose time is its caller's.
    Untimed,
}

/// What to do with the queue's lock let go.
enum Work {
    Trim(Lsn),
    Write,
    Finish,
}

/// What to do before there is work.
enum Wait {
    ForWork,
    Until(Duration),
}

impl<S: Storage> Pump<S> {
    pub(crate) fn new(
        options: &JournalOptions,
        queue: Arc<Queue>,
        writer: Writer,
        storage: S,
        segments: VecDeque<(u64, Lsn)>,
    ) -> Self {
        Self {
            queue,
            writer,
            copies: storage.copies(),
            storage,
            gather_bytes: options.gather_bytes,
            segment_bytes: options.segment_bytes,
            timing: Timing::Untimed,
            batch: Batch::with_capacity(options.queue_bytes),
            segments,
            woken: Vec::new(),
        }
    }

    /// What it shares with the handles.
    pub(crate) const fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    pub(crate) const fn storage(&self) -> &S {
        &self.storage
    }

    /// Makes the empty batch durable that opens the epoch.
    pub(crate) fn open_epoch(&mut self) -> Result<(), Failure> {
        self.write()
    }

    /// Looks at the queue under its lock: takes work, or says what to wait for.
    fn look(&mut self, state: &mut QueueState, now: Duration) -> Result<Work, Wait> {
        if self.queue.has_failed() {
            return Ok(Work::Finish);
        }
        if let Some(upto) = state.trim.take() {
            return Ok(Work::Trim(upto));
        }
        let backlog = Backlog {
            records: state.batch.count(),
            bytes: state.batch.record_bytes(),
            ending: match (self.queue.room.is_closed(), self.queue.room.is_empty()) {
                (false, _) => Ending::Open,
                (true, false) => Ending::Closing,
                (true, true) => Ending::Drained,
            },
        };
        match self.writer.next(now, backlog) {
            Step::Idle => {
                state.wake_at = 1;
                Err(Wait::ForWork)
            }
            Step::Gather(until) => {
                state.wake_at = self.gather_bytes;
                Err(Wait::Until(until))
            }
            Step::Write => {
                state.wake_at = usize::MAX;
                state.swap(&mut self.batch);
                Ok(Work::Write)
            }
            Step::Finished => Ok(Work::Finish),
        }
    }

    /// Writes the batch, moves the watermark, frees its places and wakes its waiters.
    fn write(&mut self) -> Result<(), Failure> {
        let (records, bytes) = (self.batch.count(), self.batch.record_bytes());
        let first = following(self.queue.waiters.durable());
        let target = self.writer.seal(&mut self.batch)?;
        let place = target.place;
        if let Some(segment) = target.starts {
            self.storage
                .activate(segment, self.segment_bytes)
                .map_err(|source| Failure::Activate { segment: segment.number, source })?;
            self.segments.push_back((segment.number, first));
        }
        if planted::is(Bug::ToldBeforeSync) {
            let last = advanced(self.queue.waiters.durable(), records);
            self.queue.waiters.advance(last, &mut self.woken);
        }
        self.append(place, records)?;
        let durable = self.writer.durable();
        self.batch.clear();
        if records > 0 {
            let tail = self.writer.tail();
            self.queue.stamps.note(first, tail.next, Stamp::new(tail.epoch, tail.link));
            release(&self.queue.room, records, bytes);
            self.queue.waiters.advance(durable, &mut self.woken);
        }
        Ok(())
    }

    /// Makes the batch durable at `place`, and counts it.
    fn append(&mut self, place: Place, records: u32) -> Result<(), Failure> {
        let began = match self.timing {
            Timing::Timed => Some(Instant::now()),
            Timing::Untimed => None,
        };
        let image = self.batch.image();
        let bytes = image.len();
        self.storage.append(place, image).map_err(|source| Failure::Append { place, source })?;
        let took = began.map(|began| began.elapsed());
        self.queue.counts.note(&Written { records, bytes, copies: self.copies, took });
        Ok(())
    }

    /// Removes the segments that hold nothing behind `upto`; never the one appended to.
    fn trim(&mut self, upto: Lsn) -> Result<(), Failure> {
        while let (Some((number, _)), Some((_, first))) =
            (self.segments.front(), self.segments.get(1))
        {
            if *first > following(upto) {
                break;
            }
            let segment = *number;
            self.storage.remove(segment).map_err(|source| Failure::Remove { segment, source })?;
            self.segments.pop_front();
        }
        Ok(())
    }

    /// Does the work; false once it has ended.
    fn perform(&mut self, work: &Work) -> bool {
        let result = match work {
            Work::Trim(upto) => self.trim(*upto),
            Work::Write => self.write(),
            Work::Finish => return false,
        };
        match result {
            Ok(()) => true,
            Err(failure) => {
                self.queue.fail(&failure);
                false
            }
        }
    }

    fn run(&mut self, started: Instant) {
        let queue = Arc::clone(&self.queue);
        self.timing = Timing::Timed;
        loop {
            let mut state = lock(&queue.state);
            let work = loop {
                let now = started.elapsed();
                state = match self.look(&mut state, now) {
                    Ok(work) => break work,
                    Err(Wait::ForWork) => {
                        queue.work.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner)
                    }
                    Err(Wait::Until(until)) => {
                        queue
                            .work
                            .wait_timeout(state, until.saturating_sub(now))
                            .unwrap_or_else(std::sync::PoisonError::into_inner)
                            .0
                    }
                };
            };
            drop(state);
            if !self.perform(&work) {
                return;
            }
        }
    }
}

/// Starts the writer's thread, and tells how its priority turned out.
pub(crate) fn spawn<S: Storage>(
    mut pump: Pump<S>,
    priority: WriterPriority,
) -> io::Result<(JoinHandle<()>, PriorityOutcome)> {
    let (tell, told) = mpsc::sync_channel(1);
    let run = move || {
        let _guard = PanicGuard(Arc::clone(&pump.queue));
        // The other end waits for exactly this.
        drop(tell.send(prioritise(priority)));
        pump.run(Instant::now());
    };
    let thread = thread::Builder::new().name("kessai-journal".to_owned()).spawn(run)?;
    let outcome = told.recv().map_err(io::Error::other)?;
    Ok((thread, outcome))
}

/// Reports a panic of the writer, behind which nothing would ever become durable again.
struct PanicGuard(Arc<Queue>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if panicking() {
            self.0.fail(&Failure::WriterPanicked);
        }
    }
}

/// What one step of a [`SteppedWriter`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// Nothing: nothing is queued.
    Idle,
    /// Nothing: it gathers until then, unless enough is queued before.
    Gathering(Duration),
    /// It wrote a batch, or trimmed. All up to here is durable.
    Worked(Lsn),
    /// Nothing ever again: the journal is closed and drained, or it failed.
    Ended,
}

/// Drives the writer on its caller's thread and clock.
#[derive(Debug)]
pub struct SteppedWriter<S>(Pump<S>);

impl<S: Storage> SteppedWriter<S> {
    pub(crate) const fn new(pump: Pump<S>) -> Self {
        Self(pump)
    }

    /// Does what there is to do at `now`, counted from any fixed instant.
    pub fn step(&mut self, now: Duration) -> Stepped {
        let queue = Arc::clone(&self.0.queue);
        let mut state = lock(&queue.state);
        let looked = self.0.look(&mut state, now);
        drop(state);
        match looked {
            Err(Wait::ForWork) => Stepped::Idle,
            Err(Wait::Until(until)) => Stepped::Gathering(until),
            Ok(work) if self.0.perform(&work) => Stepped::Worked(queue.waiters.durable()),
            Ok(_) => Stepped::Ended,
        }
    }
}
