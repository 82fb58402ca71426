//! What really went into the journal, and what really came to the disk: seen at the two seams where
//! it cannot be told otherwise, the engine's slot and the journal's storage.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use kessai_engine::{Entry, Lsn, Slot};
use kessai_journal::{
    ChainKey, Contents, Journal, JournalSlot, Mirrored, OpenError, Place, Readers, Repair, Segment,
    Shortage, SimulatedStorage, Storage,
};

/// Every entry that was ever queued and not lost, in the order of the journal.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: RefCell<Vec<Entry>>,
    /// The first number that was not the next one.
    disorder: Cell<Option<Lsn>>,
}

impl Log {
    /// The entry that was queued last.
    pub(super) fn latest(&self) -> Lsn {
        Lsn(u64::try_from(self.entries.borrow().len()).unwrap_or(u64::MAX))
    }

    /// A number that an entry got out of turn, if any did.
    pub(super) const fn disorder(&self) -> Option<Lsn> {
        self.disorder.get()
    }

    /// Says whether `entry` is what was queued as `lsn`.
    pub(super) fn is(&self, lsn: Lsn, entry: &Entry) -> bool {
        let place = usize::try_from(lsn.0).ok().and_then(|number| number.checked_sub(1));
        place.is_some_and(|place| self.entries.borrow().get(place) == Some(entry))
    }

    /// Hands out all entries up to `last`, in order.
    pub(super) fn each<E>(
        &self,
        last: Lsn,
        mut each: impl FnMut(Lsn, &Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let entries = self.entries.borrow();
        (1..=last.0).zip(entries.iter()).try_for_each(|(lsn, entry)| each(Lsn(lsn), entry))
    }

    /// Forgets what a crash has lost.
    pub(super) fn take_back(&self, last: Lsn) {
        self.entries.borrow_mut().truncate(usize::try_from(last.0).unwrap_or(usize::MAX));
    }

    fn take(&self, lsn: Lsn, entry: Entry) {
        self.entries.borrow_mut().push(entry);
        if lsn != self.latest() && self.disorder.get().is_none() {
            self.disorder.set(Some(lsn));
        }
    }
}

/// A place in the journal whose entry is logged as well.
pub(super) struct WitnessedSlot {
    slot: JournalSlot,
    log: Rc<Log>,
}

impl WitnessedSlot {
    pub(super) fn new(slot: JournalSlot, log: &Rc<Log>) -> Self {
        Self { slot, log: Rc::clone(log) }
    }
}

impl Slot for WitnessedSlot {
    fn push(self, entry: Entry) -> Lsn {
        let lsn = self.slot.push(entry.clone());
        self.log.take(lsn, entry);
        lsn
    }
}

/// What others see of the journal while the disk is at work.
///
/// In a real process other threads go on meanwhile; here the time between the beginning of a write
/// and its end is this one look.
#[derive(Debug, Default)]
pub(super) struct Watch {
    journal: OnceLock<Journal>,
    seen: AtomicU64,
    appended: AtomicU64,
}

impl Watch {
    /// Looks at `journal` from now on.
    pub(super) fn look_at(&self, journal: &Journal) {
        // A watch is made for one journal, and told of it once.
        drop(self.journal.set(journal.clone()));
    }

    /// What the journal called durable while the latest batch was being written.
    pub(super) fn seen(&self) -> Lsn {
        Lsn(self.seen.load(Ordering::Relaxed))
    }

    /// How many batches were written and synced.
    pub(super) fn appended(&self) -> u64 {
        self.appended.load(Ordering::Relaxed)
    }
}

/// The journal's disk, or the two that hold the same, with a [`Watch`] that looks at them.
#[derive(Debug)]
pub(super) struct Watched {
    copies: Copies,
    watch: Arc<Watch>,
}

/// How many copies there are.
#[derive(Debug)]
enum Copies {
    One(SimulatedStorage),
    Two(Mirrored<SimulatedStorage, SimulatedStorage>),
}

impl Watched {
    pub(super) fn new(
        first: SimulatedStorage,
        mirror: Option<SimulatedStorage>,
        watch: &Arc<Watch>,
    ) -> Self {
        let copies = match mirror {
            None => Copies::One(first),
            Some(mirror) => Copies::Two(Mirrored::new(first, mirror)),
        };
        Self { copies, watch: Arc::clone(watch) }
    }

    fn storage(&mut self) -> &mut dyn Storage {
        match &mut self.copies {
            Copies::One(storage) => storage,
            Copies::Two(storage) => storage,
        }
    }

    fn shared(&self) -> &dyn Storage {
        match &self.copies {
            Copies::One(storage) => storage,
            Copies::Two(storage) => storage,
        }
    }
}

impl Storage for Watched {
    fn reconcile(&mut self, key: &ChainKey, needed: Lsn) -> Result<Vec<Repair>, OpenError> {
        self.storage().reconcile(key, needed)
    }

    fn copies(&self) -> u16 {
        self.shared().copies()
    }

    fn segments(&mut self) -> io::Result<Vec<Segment>> {
        self.storage().segments()
    }

    fn read(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        self.storage().read(place, into)
    }

    fn activate(&mut self, segment: Segment, next_bytes: u64) -> io::Result<()> {
        self.storage().activate(segment, next_bytes)
    }

    fn append(&mut self, place: Place, batch: &[u8]) -> io::Result<()> {
        let seen = self.watch.journal.get().map_or(Lsn::NONE, Journal::durable);
        self.watch.seen.fetch_max(seen.0, Ordering::Relaxed);
        self.storage().append(place, batch)?;
        self.watch.appended.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn mend(&mut self, place: Place, bytes: &[u8]) -> io::Result<()> {
        self.storage().mend(place, bytes)
    }

    fn replace(&mut self, segment: Segment, contents: &mut Contents<'_>) -> io::Result<()> {
        self.storage().replace(segment, contents)
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        self.storage().remove(number)
    }

    fn readers(&self) -> Readers {
        self.shared().readers()
    }

    fn shortage(&self) -> Shortage {
        self.shared().shortage()
    }
}
