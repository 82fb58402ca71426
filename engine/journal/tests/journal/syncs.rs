//! A sync that failed: what it should have made durable still reads as written, counts as clean, is
//! not on the disk, and no later sync puts it there.

use std::io;

use kessai_engine::Lsn;
use kessai_journal::{
    Contents, Fault, JournalOptions, Place, Readers, Segment, Shortage, SimulatedDisk,
    SimulatedStorage, Stepped, Storage,
};

use crate::support::{Opened, counting, open_storage, open_with, small};

/// Room for both commits in one segment.
fn roomy() -> JournalOptions {
    JournalOptions { segment_bytes: 16_384, ..small() }
}

/// A storage that cannot drop what the system has in memory, so that recovery reads that.
#[derive(Debug)]
struct Cached(SimulatedDisk, SimulatedStorage);

impl Cached {
    fn new(disk: &SimulatedDisk) -> Self {
        Self(disk.clone(), disk.storage())
    }
}

impl Storage for Cached {
    fn copies(&self) -> u16 {
        1
    }

    fn segments(&mut self) -> io::Result<Vec<Segment>> {
        Ok(self.0.segments())
    }

    fn read(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        self.1.read(place, into)
    }

    fn activate(&mut self, segment: Segment, next_bytes: u64) -> io::Result<()> {
        self.1.activate(segment, next_bytes)
    }

    fn append(&mut self, place: Place, batch: &[u8]) -> io::Result<()> {
        self.1.append(place, batch)
    }

    fn mend(&mut self, place: Place, bytes: &[u8]) -> io::Result<()> {
        self.1.mend(place, bytes)
    }

    fn replace(&mut self, segment: Segment, contents: &mut Contents<'_>) -> io::Result<()> {
        self.1.replace(segment, contents)
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        self.1.remove(number)
    }

    fn readers(&self) -> Readers {
        self.1.readers()
    }

    fn shortage(&self) -> Shortage {
        self.1.shortage()
    }
}

/// A disk on which the sync of the second commit failed, and the process ended.
fn failed(seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    let (options, _) = counting(roomy());
    let mut opened: Opened = open_with(&disk, &options).unwrap();
    assert_eq!(opened.write(1), Stepped::Worked(Lsn(1)));
    // A commit is a write and a sync.
    disk.plan(disk.operations() + 1, Fault::Error);
    assert_eq!(opened.write(30), Stepped::Ended);
    disk
}

#[test]
fn what_was_replayed_from_memory_is_on_the_disk_then() {
    let mut replayed_all = 0;
    for seed in 0..50 {
        let disk = failed(seed);
        // The process starts again, and after that the power fails.
        let replayed = open_storage(Cached::new(&disk), &roomy()).unwrap().replayed;
        replayed_all += u64::from(replayed == 31);
        disk.restart();
        assert_eq!(open_with(&disk, &roomy()).unwrap().replayed, replayed, "seed {seed}");
    }
    assert_eq!(replayed_all, 50, "it was read from memory");
}

#[test]
fn what_is_only_in_memory_is_not_believed() {
    let mut lost = 0;
    for seed in 0..50 {
        let disk = failed(seed);
        let replayed = open_with(&disk, &roomy()).unwrap().replayed;
        lost += u64::from(replayed == 1);
        disk.restart();
        assert_eq!(open_with(&disk, &roomy()).unwrap().replayed, replayed, "seed {seed}");
    }
    assert!(lost > 5, "{lost}");
}
