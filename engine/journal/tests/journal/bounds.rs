//! What is reserved, queued and in flight is bounded, and what comes too late or too long is named.

use std::sync::atomic::Ordering;

use kessai_engine::{Lsn, Slot};
use kessai_journal::{JournalOptions, OpenError, OptionsError, SimulatedDisk, Stepped};

use crate::support::{NOW, counting, entry, open_with, small};

fn few() -> JournalOptions {
    JournalOptions { queue_records: 3, ..small() }
}

#[test]
fn no_more_places_are_given_than_there_are() {
    let mut opened = open_with(&SimulatedDisk::new(1), &few()).unwrap();
    let first = opened.journal.reserve().unwrap();
    let second = opened.journal.reserve().unwrap();
    let third = opened.journal.reserve().unwrap();
    assert!(opened.journal.reserve().is_none());
    drop(second);
    let second = opened.journal.reserve().expect("an unused place is free again");
    for (slot, lsn) in [(third, 1), (first, 2), (second, 3)] {
        assert_eq!(slot.push(entry(lsn)), Lsn(lsn), "in the order of the pushes");
    }
    assert!(opened.journal.reserve().is_none(), "queued records still take up their places");
    assert_eq!(opened.writer.step(NOW), Stepped::Worked(Lsn(3)));
    assert!(opened.journal.reserve().is_some());
}

#[test]
fn places_are_bounded_by_bytes_too() {
    let options = JournalOptions { queue_bytes: 1_200, ..small() };
    let opened = open_with(&SimulatedDisk::new(1), &options).unwrap();
    let slots: Vec<_> = std::iter::from_fn(|| opened.journal.reserve()).collect();
    assert_eq!(slots.len(), 2, "of 508 bytes each");
    for (slot, lsn) in slots.into_iter().zip(1..) {
        slot.push(entry(lsn));
    }
    assert!(opened.journal.reserve().is_some(), "the records are shorter");
}

#[test]
fn a_record_that_is_too_long_ends_everything() {
    let (options, failures) = counting(JournalOptions { record_bytes: 8, ..small() });
    let mut opened = open_with(&SimulatedDisk::new(1), &options).unwrap();
    opened.journal.reserve().unwrap().push(entry(1));
    assert_eq!(failures.load(Ordering::SeqCst), 1);
    assert_eq!(opened.writer.step(NOW), Stepped::Ended);
    assert!(opened.journal.reserve().is_none());
    assert_eq!(opened.journal.durable(), Lsn::NONE);
}

#[test]
fn a_closed_journal_writes_what_was_reserved_and_gives_no_more() {
    let mut opened = open_with(&SimulatedDisk::new(1), &few()).unwrap();
    let used = opened.journal.reserve().unwrap();
    let unused = opened.journal.reserve().unwrap();
    opened.journal.close();
    assert!(opened.journal.reserve().is_none());
    assert_eq!(opened.writer.step(NOW), Stepped::Idle, "it waits for the places given");
    used.push(entry(1));
    assert_eq!(opened.writer.step(NOW), Stepped::Worked(Lsn(1)));
    assert_eq!(opened.writer.step(NOW), Stepped::Idle);
    drop(unused);
    assert_eq!(opened.writer.step(NOW), Stepped::Ended);
}

#[test]
fn gathering_is_cut_short_by_time() {
    let options = JournalOptions { gather_after: 2, ..small() };
    let mut opened = open_with(&SimulatedDisk::new(1), &options).unwrap();
    assert_eq!(opened.write(2), Stepped::Worked(Lsn(2)));
    opened.push(1);
    let until = NOW + options.gather;
    assert_eq!(opened.writer.step(NOW), Stepped::Gathering(until));
    assert_eq!(opened.writer.step(until), Stepped::Worked(Lsn(3)));
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let options = JournalOptions { queue_bytes: 8_192, ..small() };
    let error = open_with(&SimulatedDisk::new(1), &options).err().unwrap();
    assert!(matches!(error, OpenError::Options(OptionsError::SegmentTooShort)), "{error}");
}
