//! Small journals on a simulated disk.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use kessai_engine::terms::ids::CustomerId;
use kessai_engine::terms::money::Amount;
use kessai_engine::{BusinessDate, Credited, Entry, Lsn, Record, Slot, Unit};
use kessai_journal::{
    ChainKey, Journal, JournalOptions, OnFailure, OpenError, Recovered, SimulatedDisk,
    SimulatedStorage, Stepped, SteppedWriter, Storage,
};

pub(crate) const NOW: Duration = Duration::ZERO;

pub(crate) fn key() -> ChainKey {
    ChainKey([0x5a; 32])
}

/// Two blocks a segment, so that a few batches fill several.
pub(crate) fn small() -> JournalOptions {
    JournalOptions {
        segment_bytes: 8_192,
        queue_records: 100,
        queue_bytes: 8_000,
        record_bytes: 500,
        // Every step writes; gathering has its own test.
        gather_after: u32::MAX,
        ..JournalOptions::default()
    }
}

/// Counts failures instead of ending the process.
pub(crate) fn counting(options: JournalOptions) -> (JournalOptions, Arc<AtomicUsize>) {
    let failures = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&failures);
    let on_failure = OnFailure::call(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    (JournalOptions { on_failure, ..options }, failures)
}

/// The entry that the tests push as the record `lsn`.
pub(crate) fn entry(lsn: u64) -> Entry {
    let customer = CustomerId::new("customer-1").unwrap();
    let reference = "top-up".parse().unwrap();
    let amount = Amount::new(1_000 + lsn).unwrap();
    Entry {
        unit: Unit(1),
        sequence: lsn,
        at_ms: 1_700_000_000_000 + lsn,
        business_date: BusinessDate(20_000),
        record: Record::Credited(Credited { customer, amount, reference }),
    }
}

/// An opened journal, its writer, and what was replayed.
pub(crate) struct Opened<S = SimulatedStorage> {
    pub(crate) journal: Journal,
    pub(crate) writer: SteppedWriter<S>,
    pub(crate) recovered: Recovered,
    pub(crate) replayed: u64,
}

impl<S: Storage> Opened<S> {
    /// Pushes the next `records` records as one batch and writes it.
    pub(crate) fn write(&mut self, records: u64) -> Stepped {
        let pushed = self.push(records);
        let stepped = self.writer.step(NOW);
        if let Stepped::Worked(durable) = stepped {
            assert_eq!(durable, pushed);
        }
        stepped
    }

    /// Pushes the next `records` records and gives the last.
    pub(crate) fn push(&mut self, records: u64) -> Lsn {
        let mut last = self.journal.durable();
        for _ in 0..records {
            let expected = last.0 + 1;
            last = self.journal.reserve().expect("room").push(entry(expected));
            assert_eq!(last, Lsn(expected));
        }
        last
    }
}

/// Opens the journal on `disk`, and checks that exactly the entries pushed are replayed in order.
pub(crate) fn open_with(
    disk: &SimulatedDisk,
    options: &JournalOptions,
) -> Result<Opened, OpenError> {
    open_storage(disk.storage(), options)
}

/// The same on any storage.
pub(crate) fn open_storage<S: Storage>(
    storage: S,
    options: &JournalOptions,
) -> Result<Opened<S>, OpenError> {
    let mut replayed = options.replay_from.0 - 1;
    let replay = |lsn: Lsn, found: Entry| {
        replayed += 1;
        assert_eq!(lsn, Lsn(replayed));
        assert_eq!(found, entry(replayed));
        Ok::<(), Infallible>(())
    };
    let (journal, writer, recovered) = Journal::open_stepped(storage, options, key(), replay)?;
    assert_eq!(recovered.records.end, Lsn(replayed + 1));
    assert_eq!(journal.durable(), Lsn(replayed), "what was recovered is durable");
    Ok(Opened { journal, writer, recovered, replayed })
}

pub(crate) fn open(disk: &SimulatedDisk) -> Result<Opened, OpenError> {
    open_with(disk, &small())
}

/// Counts how often it is woken.
#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let count = Arc::<Self>::default();
        (Arc::clone(&count), Waker::from(count))
    }

    pub(crate) fn woken(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Runs a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
