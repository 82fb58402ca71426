//! What a sound journal gives back.

use std::convert::Infallible;

use kessai_engine::Lsn;
use kessai_journal::{
    ChainKey, Flaw, Journal, JournalOptions, OpenError, Place, SimulatedDisk, Stepped,
};

use crate::support::{NOW, key, open, open_with, small};

fn numbers(disk: &SimulatedDisk) -> Vec<u64> {
    disk.segments().iter().map(|segment| segment.number).collect()
}

#[test]
fn all_records_come_back_in_order_and_the_epoch_rises() {
    let disk = SimulatedDisk::new(1);
    let mut written = 0;
    for epoch in 1..=6 {
        let mut opened = open(&disk).unwrap();
        assert_eq!(opened.replayed, written);
        assert_eq!(opened.recovered.records, Lsn(1)..Lsn(written + 1));
        assert_eq!(opened.recovered.epoch, epoch);
        assert_eq!(opened.recovered.torn, None);
        for records in [1, 50, 3] {
            assert_eq!(opened.write(records), Stepped::Worked(Lsn(written + records)));
            written += records;
        }
    }
    assert!(numbers(&disk).len() > 6, "it rolled over");
}

#[test]
fn a_journal_opened_and_not_used_keeps_its_epochs() {
    let disk = SimulatedDisk::new(1);
    for epoch in 1..=9 {
        assert_eq!(open(&disk).unwrap().recovered.epoch, epoch);
    }
}

#[test]
fn the_length_of_new_segments_may_change() {
    let disk = SimulatedDisk::new(1);
    open(&disk).unwrap().write(2);
    let longer = JournalOptions { segment_bytes: 16_384, ..small() };
    let mut opened = open_with(&disk, &longer).unwrap();
    for _ in 0..3 {
        opened.write(1);
    }
    assert_eq!(open(&disk).unwrap().replayed, 5);
}

#[test]
fn trimming_removes_whole_segments_that_nobody_needs() {
    let disk = SimulatedDisk::new(1);
    let mut opened = open(&disk).unwrap();
    // The opening batch and record 1 fill segment 1, records 2 and 3 segment 2, and so on.
    for lsn in 1..=6 {
        assert_eq!(opened.write(1), Stepped::Worked(Lsn(lsn)));
    }
    assert_eq!(numbers(&disk), [1, 2, 3, 4, 5]);
    let trim = |opened: &mut crate::support::Opened, upto| {
        opened.journal.trim(Lsn(upto));
        assert_eq!(opened.writer.step(NOW), Stepped::Worked(Lsn(6)));
        numbers(&disk)
    };
    assert_eq!(trim(&mut opened, 0), [1, 2, 3, 4, 5]);
    assert_eq!(trim(&mut opened, 2), [2, 3, 4, 5]);
    assert_eq!(trim(&mut opened, 3), [3, 4, 5]);
    assert_eq!(trim(&mut opened, u64::MAX), [4, 5], "the active segment stays");
    drop(opened);

    let missing = open(&disk).err().unwrap();
    let expected = Lsn(1);
    assert!(matches!(missing, OpenError::Missing { wanted, .. } if wanted == expected));
    let from = |lsn| JournalOptions { replay_from: Lsn(lsn), ..small() };
    let mut opened = open_with(&disk, &from(6)).unwrap();
    assert_eq!(opened.recovered.records, Lsn(6)..Lsn(7));
    assert_eq!(opened.write(1), Stepped::Worked(Lsn(7)));
    let opened = open_with(&disk, &from(7)).unwrap();
    assert_eq!(opened.replayed, 7, "only record 7 was replayed");
}

#[test]
fn a_journal_that_ends_before_the_snapshot_is_refused() {
    let disk = SimulatedDisk::new(1);
    open(&disk).unwrap().write(2);
    let from = |lsn| JournalOptions { replay_from: Lsn(lsn), ..small() };
    assert!(open_with(&disk, &from(3)).is_ok());
    let error = open_with(&disk, &from(4)).err().unwrap();
    assert!(
        matches!(&error, OpenError::Missing { wanted: Lsn(4), held } if *held == (Lsn(1)..Lsn(3))),
        "{error}"
    );
}

#[test]
fn another_key_is_told_from_corruption_and_changes_nothing() {
    let disk = SimulatedDisk::new(1);
    let mut opened = open(&disk).unwrap();
    opened.write(1);
    opened.write(1);
    let before: Vec<_> = (1..4).map(|number| disk.contents(number)).collect();
    let replay = |_, _| -> Result<(), Infallible> { panic!("nothing is replayed") };
    let error = Journal::open_stepped(disk.storage(), &small(), ChainKey([1; 32]), replay);
    let error = error.err().unwrap();
    assert!(matches!(error, OpenError::WrongKey(Place { segment: 1, offset: 0 })), "{error}");
    let after: Vec<_> = (1..4).map(|number| disk.contents(number)).collect();
    assert_eq!(before, after);
}

#[test]
fn a_batch_from_a_journal_under_another_key_does_not_fit_in() {
    let write = |key: ChainKey| {
        let disk = SimulatedDisk::new(1);
        let replay = |_, _| Ok::<(), Infallible>(());
        let (journal, writer, recovered) =
            Journal::open_stepped(disk.storage(), &small(), key, replay).unwrap();
        let mut opened = crate::support::Opened { journal, writer, recovered, replayed: 0 };
        opened.write(1);
        disk
    };
    let (ours, theirs) = (write(key()), write(ChainKey([1; 32])));
    let mut forged = ours.contents(1);
    forged[4_096..].copy_from_slice(&theirs.contents(1)[4_096..]);
    ours.replace(1, forged);
    let error = open(&ours).err().unwrap();
    let OpenError::Corrupt(corruption) = error else { panic!("{error}") };
    assert_eq!(corruption.place, Place { segment: 1, offset: 4_096 });
    assert_eq!(corruption.flaw, Flaw::Chain);
}

#[test]
fn a_record_refused_by_the_caller_is_named() {
    let disk = SimulatedDisk::new(1);
    open(&disk).unwrap().write(2);
    let replay = |lsn, _| if lsn == Lsn(2) { Err("out of order") } else { Ok(()) };
    let error = Journal::open_stepped(disk.storage(), &small(), key(), replay).err().unwrap();
    assert_eq!(error.to_string(), "record Lsn(2) cannot be replayed: out of order");
}
