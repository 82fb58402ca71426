//! The orders in which those who record, those who wait, and the writer can come to the queue,
//! tried by a model checker in the place of locks and threads.
//!
//! `cargo test -p kessai-journal --features shuttle --lib schedules`

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kessai_engine::terms::ids::CustomerId;
use kessai_engine::terms::money::Amount;
use kessai_engine::{BusinessDate, Credited, Entry, Lsn, Record, Slot, Unit};
use shuttle::future::block_on;
use shuttle::sync::Mutex;
use shuttle::thread;

use crate::format::header::Header;
use crate::options::{JournalOptions, WriterPriority};
use crate::queue::advanced;
use crate::storage::{
    Background, Contents, Mirrored, Place, Readers, Segment, Shortage, SimulatedDisk, Storage,
};
use crate::{ChainKey, Journal};

/// How many orders are tried: there are too many to try all.
const TRIED: usize = 10_000;
/// A few places, so that some find none.
const PLACES: u32 = 2;

fn options() -> JournalOptions {
    JournalOptions {
        segment_bytes: 8_192,
        queue_records: PLACES,
        queue_bytes: 8_000,
        record_bytes: 500,
        gather_after: u32::MAX,
        ..JournalOptions::default()
    }
}

fn key() -> ChainKey {
    ChainKey([3; 32])
}

fn entry(unit: u16, sequence: u64) -> Entry {
    Entry {
        unit: Unit(unit),
        sequence,
        at_ms: 1,
        business_date: BusinessDate(20_000),
        record: Record::Credited(Credited {
            customer: CustomerId::new("customer-1").unwrap(),
            amount: Amount::new(1).unwrap(),
            reference: "top-up".parse().unwrap(),
        }),
    }
}

/// Notes the last record of each batch that a storage says is durable.
#[derive(Debug)]
struct Noting<S>(S, Arc<AtomicU64>);

impl<S: Storage> Noting<S> {
    fn note(&self, batch: &[u8]) {
        let (header, _) = Header::decode(batch).unwrap();
        let next = advanced(header.first, header.count);
        self.1.store(next.0 - 1, Ordering::SeqCst);
    }
}

impl<S: Storage> Storage for Noting<S> {
    fn copies(&self) -> u16 {
        self.0.copies()
    }

    fn segments(&mut self) -> io::Result<Vec<Segment>> {
        self.0.segments()
    }

    fn read(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        self.0.read(place, into)
    }

    fn activate(&mut self, segment: Segment, next_bytes: u64) -> io::Result<()> {
        self.0.activate(segment, next_bytes)
    }

    fn append(&mut self, place: Place, batch: &[u8]) -> io::Result<()> {
        self.0.append(place, batch)?;
        self.note(batch);
        Ok(())
    }

    fn mend(&mut self, place: Place, bytes: &[u8]) -> io::Result<()> {
        self.0.mend(place, bytes)
    }

    fn replace(&mut self, segment: Segment, contents: &mut Contents<'_>) -> io::Result<()> {
        self.0.replace(segment, contents)
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        self.0.remove(number)
    }

    fn readers(&self) -> Readers {
        self.0.readers()
    }

    fn shortage(&self) -> Shortage {
        self.0.shortage()
    }
}

/// A shard: whoever has its lock gives the next number and pushes.
#[derive(Debug, Default)]
struct Shard(Mutex<u64>);

/// Records once in a shard, as the engine does: the place is taken before the lock. None if there
/// was no place.
fn record(journal: &Journal, shard: &Shard, unit: u16) -> Option<Lsn> {
    let slot = journal.reserve()?;
    let mut sequence = shard.0.lock().unwrap();
    *sequence += 1;
    Some(slot.push(entry(unit, *sequence)))
}

/// Has three threads record in two shards, and wait; checks that each is woken, that none is told
/// before its record is on every disk, and that the numbers of each shard stand in their order.
fn record_and_wait<S: Storage>(storage: S, on_disk: &[Arc<AtomicU64>], reopened: SimulatedDisk) {
    let replay = |_, _| Ok::<(), Infallible>(());
    let (journal, _) = Journal::open_on(storage, &options(), key(), replay).unwrap();
    let shards = Arc::<[Shard; 2]>::default();
    let threads: Vec<_> = [0, 1, 0]
        .into_iter()
        .map(|unit| {
            let (journal, shards) = (journal.clone(), Arc::clone(&shards));
            let on_disk = on_disk.to_vec();
            thread::spawn(move || {
                let lsn = record(&journal, &shards[usize::from(unit)], unit)?;
                block_on(journal.when_durable(lsn));
                assert!(journal.durable() >= lsn);
                assert!(journal.stamp(lsn).is_some());
                let told_early = |disk: &Arc<AtomicU64>| disk.load(Ordering::SeqCst) < lsn.0;
                assert!(!on_disk.iter().any(told_early), "told before it was durable");
                Some(lsn)
            })
        })
        .collect();
    let mut told: Vec<_> =
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect();
    journal.close();
    told.sort_unstable();
    assert!(told.len() >= PLACES as usize, "there are places for two at least");
    assert!(
        told.iter().copied().eq((1..=told.len() as u64).map(Lsn)),
        "each stands once: {told:?}"
    );

    let mut next = [1; 2];
    let replay = |_, entry: Entry| {
        let next = &mut next[usize::from(entry.unit.0)];
        assert_eq!(entry.sequence, *next, "the order under the lock is the order in the journal");
        *next += 1;
        Ok::<(), Infallible>(())
    };
    let again = Journal::open_stepped(reopened.storage(), &options(), key(), replay).unwrap();
    assert_eq!(again.2.records, Lsn(1)..Lsn(told.len() as u64 + 1));
}

#[test]
fn everyone_who_waits_is_woken_and_nobody_before_the_record_is_durable() {
    shuttle::check_random(
        || {
            let disk = SimulatedDisk::new(1);
            let on_disk = Arc::<AtomicU64>::default();
            let storage = Noting(disk.storage(), Arc::clone(&on_disk));
            record_and_wait(storage, &[on_disk], disk);
        },
        TRIED,
    );
}

#[test]
fn nobody_is_told_before_the_mirror_has_it() {
    shuttle::check_random(
        || {
            let disks = [SimulatedDisk::new(1), SimulatedDisk::new(2)];
            let on_disk = [Arc::<AtomicU64>::default(), Arc::default()];
            let [journal, mirror] =
                [0, 1].map(|disk: usize| Noting(disks[disk].storage(), Arc::clone(&on_disk[disk])));
            let mirror = Background::start(mirror, WriterPriority::Normal).unwrap();
            let [_, second] = disks;
            record_and_wait(Mirrored::new(journal, mirror), &on_disk, second);
        },
        TRIED,
    );
}

#[test]
fn closing_lets_those_record_who_have_a_place_and_no_others() {
    shuttle::check_random(
        || {
            let disk = SimulatedDisk::new(1);
            let replay = |_, _| Ok::<(), Infallible>(());
            let (journal, _) = Journal::open_on(disk.storage(), &options(), key(), replay).unwrap();
            let (used, unused) = (journal.reserve().unwrap(), journal.reserve().unwrap());
            let closing = {
                let journal = journal.clone();
                thread::spawn(move || journal.close())
            };
            let dropping = thread::spawn(move || drop(unused));
            let late = {
                let journal = journal.clone();
                thread::spawn(move || journal.reserve().map(|slot| slot.push(entry(0, 2))))
            };
            let lsn = used.push(entry(0, 1));
            block_on(journal.when_durable(lsn));
            let late = late.join().unwrap();
            dropping.join().unwrap();
            closing.join().unwrap();
            assert!(journal.reserve().is_none());
            assert_eq!(journal.durable(), journal.latest(), "what had a place is durable");
            assert_eq!(journal.durable(), late.unwrap_or(lsn).max(lsn));
        },
        TRIED,
    );
}

/// A wait that is given up must not take another one's wake-up with it.
#[test]
fn a_wait_that_is_given_up_disturbs_no_other() {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;
    shuttle::check_random(
        || {
            let disk = SimulatedDisk::new(1);
            let replay = |_, _| Ok::<(), Infallible>(());
            let (journal, _) = Journal::open_on(disk.storage(), &options(), key(), replay).unwrap();
            let lsn = journal.reserve().unwrap().push(entry(0, 1));
            let given_up = {
                let journal = journal.clone();
                thread::spawn(move || {
                    block_on(async {
                        let mut wait = pin!(journal.when_durable(lsn));
                        // Asked once, and dropped.
                        poll_fn(|context| Poll::Ready(wait.as_mut().poll(context).is_ready())).await
                    })
                })
            };
            block_on(journal.when_durable(lsn));
            given_up.join().unwrap();
            journal.close();
        },
        TRIED,
    );
}
