//! By what a record is told from another in its place.

use kessai_engine::Lsn;
use kessai_journal::{JournalOptions, SimulatedDisk, Stamp, Standing};

use crate::support::{Opened, open, open_with, small};

/// Batches of 1, 2 and 3 records over two segments.
fn written(disk: &SimulatedDisk) -> Opened {
    let mut opened = open(disk).unwrap();
    for records in 1..=3 {
        opened.write(records);
    }
    opened
}

fn stamps(opened: &Opened) -> Vec<Stamp> {
    (1..=6).map(|lsn| opened.journal.stamp(Lsn(lsn)).expect("durable")).collect()
}

#[test]
fn the_records_of_a_batch_share_a_stamp_and_no_others_do() {
    let opened = written(&SimulatedDisk::new(1));
    let stamps = stamps(&opened);
    assert!(stamps.iter().all(|stamp| stamp.epoch == 1));
    assert_eq!(stamps[1], stamps[2]);
    assert!(stamps[3] == stamps[4] && stamps[4] == stamps[5]);
    assert!(stamps[0] != stamps[1] && stamps[2] != stamps[3]);
    assert_eq!(opened.journal.stamp(Lsn::NONE), None);
}

#[test]
fn a_record_has_a_stamp_once_it_is_durable_and_after_reopening() {
    let disk = SimulatedDisk::new(1);
    let mut opened = written(&disk);
    let before = stamps(&opened);
    let lsn = opened.push(1);
    assert_eq!(opened.journal.stamp(lsn), None);
    drop(opened);
    assert_eq!(stamps(&open(&disk).unwrap()), before);
}

#[test]
fn a_stamp_is_compared_with_what_is_remembered_and_with_what_is_on_disk() {
    let disk = SimulatedDisk::new(1);
    let opened = written(&disk);
    let stamps = stamps(&opened);
    // Replayed from 7 on, nothing is remembered of the records before.
    let from_disk = open_with(&disk, &JournalOptions { replay_from: Lsn(7), ..small() }).unwrap();
    assert_eq!(from_disk.journal.stamp(Lsn(6)), None);
    for journal in [&opened.journal, &from_disk.journal] {
        for (lsn, ours) in (1..).zip(&stamps) {
            assert_eq!(journal.compare(Lsn(lsn), *ours).unwrap(), Standing::Ours);
            let mut other = *ours;
            other.prefix[7] ^= 1;
            let beside = Standing::Beside { ours: *ours };
            assert_eq!(journal.compare(Lsn(lsn), other).unwrap(), beside);
            let other = Stamp { epoch: 2, ..*ours };
            assert_eq!(journal.compare(Lsn(lsn), other).unwrap(), beside);
        }
        let above = Standing::Above { durable: Lsn(6) };
        assert_eq!(journal.compare(Lsn(7), stamps[5]).unwrap(), above);
    }
}

#[test]
fn what_was_trimmed_is_not_compared() {
    let disk = SimulatedDisk::new(1);
    let mut opened = written(&disk);
    let first = opened.journal.stamp(Lsn(1)).unwrap();
    // The opening batch and record 1 stand in the first segment.
    opened.journal.trim(Lsn(1));
    opened.writer.step(crate::support::NOW);
    drop(opened);
    let opened = open_with(&disk, &JournalOptions { replay_from: Lsn(7), ..small() }).unwrap();
    assert_eq!(opened.journal.compare(Lsn(1), first).unwrap(), Standing::NotKept);
    let second = opened.journal.compare(Lsn(2), first).unwrap();
    assert!(matches!(second, Standing::Beside { ours } if ours.epoch == 1));
}

#[test]
fn what_cannot_be_looked_up_is_an_error_and_no_verdict() {
    let disk = SimulatedDisk::new(1);
    let opened = written(&disk);
    let first = opened.journal.stamp(Lsn(1)).unwrap();
    let opened = open_with(&disk, &JournalOptions { replay_from: Lsn(7), ..small() }).unwrap();
    let place = kessai_journal::Place { segment: 1, offset: 4_096 };
    disk.flip(place, 0);
    assert!(opened.journal.compare(Lsn(1), first).is_err());
    disk.make_unreadable(place);
    assert!(opened.journal.compare(Lsn(1), first).is_err());
}

#[test]
fn an_epoch_above_those_that_were_lost_is_gone_on_with() {
    let disk = SimulatedDisk::new(1);
    drop(written(&disk));
    let options = JournalOptions { first_epoch: 40, ..small() };
    let mut opened = open_with(&disk, &options).unwrap();
    assert_eq!(opened.recovered.epoch, 40);
    opened.write(1);
    assert_eq!(opened.journal.stamp(Lsn(7)).unwrap().epoch, 40);
    assert_eq!(open_with(&disk, &options).unwrap().recovered.epoch, 41, "it only rises");
    assert_eq!(open(&disk).unwrap().recovered.epoch, 42);
}
