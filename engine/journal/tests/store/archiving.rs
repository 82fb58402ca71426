//! The archiver: never ahead of the journal, never with a gap, and never on after a failure.

use kessai_engine::{Lsn, Slot};
use kessai_journal::{
    Archive, ArchiveError, Archiver, Fault, Journal, OpenError, Place, SimulatedDisk,
};

use crate::model::entry;
use crate::world::{ARCHIVE, World, check, key, options};

#[test]
fn nothing_is_archived_before_it_is_durable() {
    let disk = SimulatedDisk::new(1);
    let mut world = World::start(&disk).unwrap();
    assert!(world.write(5));
    world.journal.reserve().unwrap().push(entry(6));
    let archived = world.archiver.step().unwrap();
    assert_eq!((archived.upto, archived.behind), (Lsn(5), 0));
    // The batch is in the segment, but its sync has failed.
    disk.plan(disk.operations() + 1, Fault::Error);
    assert!(!world.write(0));
    assert_eq!(world.archiver.step().unwrap().upto, Lsn(5));
    check(&world.archive);
}

#[test]
fn a_long_journal_is_archived_in_groups() {
    let disk = SimulatedDisk::new(1);
    let mut world = World::start(&disk).unwrap();
    for _ in 0..500 {
        assert!(world.write(20));
    }
    let archived = world.archiver.step().unwrap();
    assert_eq!((archived.upto, archived.behind), (Lsn(4_100), 5_900), "whole batches");
    assert_eq!(world.catch_up().unwrap(), Lsn(10_000));
    check(&world.archive);
}

#[test]
fn idle_steps_write_nothing() {
    let disk = SimulatedDisk::new(1);
    let mut world = World::start(&disk).unwrap();
    assert!(world.write(5));
    world.catch_up().unwrap();
    let before = disk.operations();
    assert_eq!(world.archiver.step().unwrap().behind, 0);
    assert_eq!(disk.operations(), before);
}

#[test]
fn it_goes_on_where_it_was_in_a_journal_trimmed_behind_it() {
    let disk = SimulatedDisk::new(1);
    let mut world = World::start(&disk).unwrap();
    for round in 1..=10 {
        for _ in 0..6 {
            assert!(world.write(10));
        }
        let upto = world.catch_up().unwrap();
        assert_eq!(upto, Lsn(round * 60));
        world.journal.trim(upto);
        assert!(world.write(0));
        assert!(disk.segments().first().unwrap().number > 1);
        if round % 3 == 0 {
            drop(world);
            disk.restart();
            world = World::start_behind(&disk, upto).unwrap();
        }
    }
    check(&world.archive);
}

#[test]
fn a_gap_is_refused_by_name() {
    let disk = SimulatedDisk::new(1);
    let mut world = World::start(&disk).unwrap();
    for _ in 0..10 {
        assert!(world.write(10));
    }
    // Trimmed ahead of the archive, which nobody may do.
    world.journal.trim(world.journal.durable());
    assert!(world.write(1));
    let error = world.archiver.step().unwrap_err();
    assert!(
        matches!(error, ArchiveError::Journal(OpenError::Missing { wanted: Lsn(1), .. })),
        "{error}"
    );
    assert_eq!(world.archive.upto(), Lsn::NONE);
    assert!(matches!(world.archiver.step(), Err(ArchiveError::Ended)));
}

#[test]
fn a_durable_batch_that_has_changed_ends_the_archiving_by_place() {
    let disk = SimulatedDisk::new(1);
    let mut world = World::start(&disk).unwrap();
    assert!(world.write(3));
    assert!(world.write(3));
    world.catch_up().unwrap();
    assert!(world.write(3));
    let last = disk
        .segments()
        .iter()
        .rev()
        .map(|segment| segment.number)
        .find(|number| disk.contents(*number).iter().any(|byte| *byte != 0));
    let number = last.unwrap();
    let contents = disk.contents(number);
    let block = contents.chunks(4_096).rposition(|block| block.iter().any(|byte| *byte != 0));
    let offset = block.unwrap() as u64 * 4_096;
    disk.flip(Place { segment: number, offset: offset + 120 }, 1);
    let error = world.archiver.step().unwrap_err();
    assert!(error.to_string().contains(&format!("segment {number} offset {offset}")), "{error}");
    check(&world.archive);
}

#[test]
fn an_archive_ahead_of_the_journal_is_refused() {
    let disk = SimulatedDisk::new(1);
    let mut world = World::start(&disk).unwrap();
    assert!(world.write(9));
    world.catch_up().unwrap();
    drop(world);
    for segment in disk.segments() {
        disk.lose(segment.number);
    }
    let error = World::start(&disk).err().unwrap();
    let said = format!("{error:?}");
    assert!(said.contains("Ahead { archived: Lsn(9), durable: Lsn(0) }"), "{said}");
}

#[test]
fn a_journal_without_storage_cannot_be_archived() {
    let archive = Archive::open_on(&SimulatedDisk::new(1).folder(ARCHIVE), &options()).unwrap();
    let refused = Archiver::new(&Journal::volatile(), key(), archive).unwrap_err();
    assert!(matches!(refused, ArchiveError::NoJournal), "{refused}");
}

/// A full or failing disk under the archive ends the archiving, once and for all; the journal goes
/// on, and after a restart so does the archive.
#[test]
fn a_failure_of_the_archive_ends_archiving_and_nothing_else() {
    for fault in [Fault::Error, Fault::Full] {
        let disk = SimulatedDisk::new(1);
        let mut world = World::start(&disk).unwrap();
        assert!(world.write(20));
        world.catch_up().unwrap();
        assert!(world.write(20));
        disk.plan(disk.operations(), fault);
        let error = world.archiver.step().unwrap_err();
        assert!(matches!(error, ArchiveError::Storage(_)), "{error}");
        assert_eq!(world.archive.upto(), Lsn(20), "the watermark stays");
        assert!(matches!(world.archiver.step(), Err(ArchiveError::Ended)));
        assert!(world.write(20), "payments go on");
        drop(world);
        let mut world = World::start(&disk).unwrap();
        check(&world.archive);
        assert_eq!(world.catch_up().unwrap(), Lsn(60));
        check(&world.archive);
    }
}
