//! The archive's answers.

use std::convert::Infallible;

use kessai_engine::{Entry, Lsn, Slot};
use kessai_journal::{
    Archive, ArchiveError, Archiver, Journal, JournalOptions, Recorded, SimulatedDisk, read,
};
use proptest::prelude::*;

use crate::model::{DEVICE, Model, NOW_MS, entry, id};
use crate::world::{World, check, key, options};

/// An archive of the records up to 80, in batches of 7.
fn filled() -> Archive {
    let mut world = World::start(&SimulatedDisk::new(1)).unwrap();
    for _ in 0..11 {
        assert!(world.write(7));
    }
    assert!(world.write(3));
    assert_eq!(world.catch_up().unwrap(), Lsn(80));
    world.archive
}

#[test]
fn everything_recorded_is_found_and_nothing_else() {
    let archive = filled();
    check(&archive);
    let status = archive.status().unwrap();
    assert_eq!(status.covers, Lsn(1)..Lsn(81));
    assert!(status.bytes > 4_096, "{status:?}");
}

#[test]
fn payments_are_listed_by_time_page_by_page() {
    let archive = filled();
    let list = |from, to, before: Option<u64>, limit| {
        let before = before.map(id);
        archive.payments(NOW_MS + from..NOW_MS + to, before.as_ref(), limit).unwrap()
    };
    assert_eq!(list(2, 5, None, 9), [id(4), id(3), id(2)]);
    assert_eq!(list(2, 5, None, 2), [id(4), id(3)]);
    assert_eq!(list(2, 5, Some(3), 2), [id(2)]);
    assert_eq!(list(2, 5, Some(2), 2), []);
    assert_eq!(list(2, 5, Some(100), 1), [id(4)]);
    assert_eq!(list(5, 2, None, 9), []);
    assert_eq!(list(2, 5, None, 0), []);
}

#[test]
fn merchants_and_handsets_are_as_they_were_then() {
    let archive = filled();
    let model = Model::upto(Lsn(80));
    let merchant = "M1".parse().unwrap();
    let customer = "customer-1".parse().unwrap();
    for at in 0..=80 {
        let then = model.merchant.iter().rev().find(|(lsn, _)| lsn.0 <= at);
        let found = archive.merchant(&merchant, Lsn(at)).unwrap().map(|m| m.name.to_string());
        assert_eq!(found.as_ref(), then.map(|(_, name)| name));
        let then: Vec<_> =
            model.handset.iter().map(|(lsn, _)| *lsn).filter(|lsn| lsn.0 <= at).collect();
        let found = archive.handset(&customer, DEVICE, Lsn(at)).unwrap();
        assert_eq!(found.iter().map(|recorded| recorded.lsn).collect::<Vec<_>>(), then);
    }
    assert_eq!(archive.merchant(&"M".parse().unwrap(), Lsn(80)).unwrap(), None);
    assert_eq!(archive.store(&"M1".parse().unwrap(), Lsn(80)).unwrap(), None);
    assert!(archive.handset(&"customer-".parse().unwrap(), DEVICE, Lsn(80)).unwrap().is_empty());
}

/// A journal in files of so many records, in batches of at most 100, and its archive.
pub(crate) fn archived_files(records: u64) -> (tempfile::TempDir, Archive) {
    let directory = tempfile::tempdir().unwrap();
    let (log, store) = (directory.path().join("journal"), directory.path().join("archive"));
    let options = JournalOptions { segment_bytes: 32 << 20, ..JournalOptions::default() };
    let replay = |_: Lsn, _: Entry| Ok::<(), Infallible>(());
    let (journal, _) = Journal::open(&log, None, &options, key(), replay).unwrap();
    let mut last = Lsn::NONE;
    for lsn in 1..=records {
        last = journal.reserve().unwrap().push(entry(lsn));
        while lsn % 100 == 0 && journal.durable() < last {
            std::thread::yield_now();
        }
    }
    journal.close();
    let archive = Archive::open(&store, &self::options()).unwrap();
    let mut archiver = Archiver::new(&journal, key(), archive.clone()).unwrap();
    assert_eq!(archiver.step().unwrap().upto, last);
    (directory, archive)
}

/// The archive tells of each record the same as reading the journal does.
#[test]
fn a_record_comes_back_with_its_batch() {
    let (directory, archive) = archived_files(500);
    let (log, store) = (directory.path().join("journal"), directory.path().join("archive"));
    check(&archive);
    let mut compared = 0;
    let visit = |recorded: Recorded| {
        for payment in recorded.entry.record.payments() {
            assert!(archive.payment(&payment).unwrap().contains(&recorded));
            compared += 1;
        }
        Ok::<(), Infallible>(())
    };
    read(&log, &key(), Lsn::NONE, visit).unwrap();
    assert!(compared > 300);
    // One handle keeps others out; with it gone all is still there.
    let refused = Archive::open(&store, &options()).unwrap_err();
    assert!(matches!(refused, ArchiveError::InUse(_)), "{refused}");
    drop(archive);
    check(&Archive::open(&store, &options()).unwrap());
    Archive::check(&store, &options()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the records fall into batches, groups and lives of the process.
    #[test]
    fn the_archive_answers_as_a_plain_map(
        batches in proptest::collection::vec((1_u64..20, any::<bool>(), 0_u8..8), 1..25),
        seed: u64,
    ) {
        let disk = SimulatedDisk::new(seed);
        let mut world = World::start(&disk).unwrap();
        let mut pushed = 0;
        for (records, archives, restart) in batches {
            prop_assert!(world.write(records));
            pushed += records;
            if archives {
                prop_assert_eq!(world.catch_up().unwrap(), Lsn(pushed));
            }
            if restart == 0 {
                drop(world);
                disk.restart();
                world = World::start(&disk).unwrap();
            }
            prop_assert!(world.archive.upto() <= world.journal.durable());
        }
        prop_assert_eq!(world.catch_up().unwrap(), Lsn(pushed));
        check(&world.archive);
    }
}
