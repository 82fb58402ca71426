//! What the writer counts of its work.

use kessai_engine::Slot;
use kessai_journal::{Journal, JournalOptions, Mirrored, SimulatedDisk};

use crate::support::{block_on, entry, key, open, open_storage, small};

const BLOCK: u64 = 4_096;

#[test]
fn batches_records_bytes_and_syncs_are_counted_from_the_start() {
    let disk = SimulatedDisk::new(3);
    let mut opened = open(&disk).unwrap();
    opened.write(1);
    opened.write(30);
    // The first batch opens the epoch and has no record.
    let tally = opened.journal.tally().unwrap();
    assert_eq!((tally.batches, tally.records, tally.syncs), (3, 31, 3));
    assert_eq!(tally.bytes, 3 * BLOCK, "each fits into a block");
    assert!(tally.writing.sum.is_zero(), "a stepped writer's time is its caller's");
    drop(opened);
    let again = open(&disk).unwrap().journal.tally().unwrap();
    assert_eq!((again.batches, again.records), (1, 0), "what is recovered is not written again");
}

#[test]
fn a_mirror_counts_as_often_as_it_is_written() {
    let disks = [SimulatedDisk::new(3), SimulatedDisk::new(4)];
    let both = Mirrored::new(disks[0].storage(), disks[1].storage());
    let mut opened = open_storage(both, &small()).unwrap();
    opened.write(1);
    let tally = opened.journal.tally().unwrap();
    assert_eq!((tally.batches, tally.records, tally.syncs), (2, 1, 4));
    assert_eq!(tally.bytes, 4 * BLOCK);
}

#[test]
fn the_writers_thread_times_every_batch_but_the_one_that_opens() {
    let disk = SimulatedDisk::new(3);
    let replay = |_, _| Ok::<_, std::convert::Infallible>(());
    let options = JournalOptions::default();
    let (journal, _) = Journal::open_on(disk.storage(), &options, key(), replay).unwrap();
    let lsn = journal.reserve().unwrap().push(entry(1));
    block_on(journal.when_durable(lsn));
    let tally = journal.tally().unwrap();
    let classes = tally.writing.classes.iter().map(|(_, count)| count).sum::<u64>();
    assert_eq!((tally.batches, classes + tally.writing.beyond), (2, 1));
    assert!(!tally.writing.sum.is_zero());
    assert_eq!(Journal::volatile().tally(), None);
}
