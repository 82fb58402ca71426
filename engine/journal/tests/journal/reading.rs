//! A journal that is read by someone who does not own it.

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::SystemTime;

use kessai_engine::{Lsn, Slot};
use kessai_journal::{
    ChainKey, Corruption, Ending, Flaw, Journal, JournalOptions, OpenError, Place, Reading,
    Recorded, read,
};
use tempfile::TempDir;

use crate::support::{block_on, entry, key, small};

const BLOCK: u64 = 4_096;

fn open(directory: &Path, options: &JournalOptions) -> Result<Journal, OpenError> {
    Journal::open(directory, None, options, key(), |_, _| Ok::<(), Infallible>(()))
        .map(|(journal, _)| journal)
}

/// Pushes each record alone and waits until it is durable, so that each has a batch of its own.
fn write(journal: &Journal, records: u64) {
    for _ in 0..records {
        let number = journal.durable().0 + 1;
        let lsn = journal.reserve().unwrap().push(entry(number));
        assert_eq!(lsn, Lsn(number));
        block_on(journal.when_durable(lsn));
    }
}

/// A journal at rest, of segments of two blocks: the opening batch and record 1, records 2 and 3,
/// record 4 with a blank block behind; and a blank segment.
fn written() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path(), &small()).unwrap();
    write(&journal, 4);
    journal.close();
    directory
}

/// Reads everything that is held, and checks that it is what was pushed.
fn read_all(directory: &Path) -> (Reading, Vec<Recorded>) {
    let mut found = Vec::new();
    let visit = |recorded| {
        found.push(recorded);
        Ok::<(), Infallible>(())
    };
    let reading = read(directory, &key(), Lsn::NONE, visit).unwrap();
    for (lsn, recorded) in (reading.records.start.0..).zip(&found) {
        assert_eq!(recorded.lsn, Lsn(lsn));
        assert_eq!(recorded.entry, entry(lsn));
        assert!(recorded.batch.records.contains(&recorded.lsn));
    }
    assert_eq!(found.len() as u64, reading.records.end.0 - reading.records.start.0);
    (reading, found)
}

/// Everything about a directory that a reader could change: names, contents, times of change.
fn state(directory: &Path) -> Vec<(String, Vec<u8>, SystemTime)> {
    let mut state: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|file| {
            let file = file.unwrap();
            let changed = file.metadata().unwrap().modified().unwrap();
            let name = file.file_name().into_string().unwrap();
            (name, fs::read(file.path()).unwrap(), changed)
        })
        .collect();
    state.push((".".to_owned(), Vec::new(), fs::metadata(directory).unwrap().modified().unwrap()));
    state.sort();
    state
}

fn segment(directory: &Path, number: u64) -> std::path::PathBuf {
    directory.join(format!("segment-{number:012}"))
}

/// Changes the bytes of a segment.
fn damage(directory: &Path, number: u64, change: impl FnOnce(&mut Vec<u8>)) {
    let path = segment(directory, number);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_journal_at_rest_is_read_whole_with_the_facts_of_each_batch() {
    let directory = written();
    let (reading, found) = read_all(directory.path());
    assert_eq!((&reading.records, reading.epoch), (&(Lsn(1)..Lsn(5)), 1));
    assert_eq!(reading.ending, Ending::Clean(Place { segment: 3, offset: BLOCK }));
    let places: Vec<_> =
        found.iter().map(|r| (r.batch.place.segment, r.batch.place.offset)).collect();
    assert_eq!(places, [(1, BLOCK), (2, 0), (2, BLOCK), (3, 0)]);
    for pair in found.windows(2) {
        assert_eq!(pair[1].batch.previous, pair[0].batch.hash);
        assert_ne!(pair[0].batch.hash, [0; 16]);
    }
    // Opened again, it goes on in the next epoch, with many records in a batch.
    let journal = open(directory.path(), &small()).unwrap();
    let slots: Vec<_> = (5..=14).map(|number| (journal.reserve().unwrap(), number)).collect();
    for (slot, number) in slots {
        slot.push(entry(number));
    }
    journal.close();
    let (reading, found) = read_all(directory.path());
    assert_eq!((reading.records.end, reading.epoch), (Lsn(15), 2));
    assert_eq!(found[3].batch.epoch, 1);
    assert_eq!(found[13].batch.epoch, 2);
}

#[test]
fn reading_starts_where_it_is_asked_to() {
    let directory = written();
    let from = |from| {
        let mut found = Vec::new();
        let visit = |recorded: Recorded| {
            found.push(recorded.lsn.0);
            Ok::<(), Infallible>(())
        };
        let reading = read(directory.path(), &key(), Lsn(from), visit).unwrap();
        assert_eq!(reading.records, Lsn(1)..Lsn(5), "all is verified");
        found
    };
    assert_eq!(from(0), [1, 2, 3, 4]);
    assert_eq!(from(1), [1, 2, 3, 4]);
    assert_eq!(from(3), [3, 4]);
    assert_eq!(from(5), [0; 0]);
    assert_eq!(from(99), [0; 0]);
}

#[test]
fn a_trimmed_journal_is_read_from_what_it_holds() {
    let directory = written();
    fs::remove_file(segment(directory.path(), 1)).unwrap();
    let (reading, _) = read_all(directory.path());
    assert_eq!(reading.records, Lsn(2)..Lsn(5));
    let visit = |_| Ok::<(), Infallible>(());
    let error = read(directory.path(), &key(), Lsn(1), visit).unwrap_err();
    assert!(matches!(error, OpenError::Missing { wanted: Lsn(1), .. }), "{error}");
}

#[test]
fn an_unfinished_write_is_told_and_left_alone() {
    let directory = written();
    let first = Place { segment: 3, offset: BLOCK };
    // A batch of which only the second sector reached the disk.
    damage(directory.path(), 3, |bytes| bytes[4_096 + 512..4_096 + 1_024].fill(7));
    let before = state(directory.path());
    let (reading, _) = read_all(directory.path());
    assert_eq!(reading.records, Lsn(1)..Lsn(5));
    let Ending::Torn(torn) = reading.ending else { panic!("{reading:?}") };
    assert_eq!((torn.place, torn.bytes, torn.flaw), (first, BLOCK, Flaw::Missing));
    assert!(before == state(directory.path()), "reading changed the directory");
}

/// In the first and the last batch and one between: in the header, in a record's frame and
/// contents, and in the zeros behind. What is told is what recovery would refuse.
#[test]
fn a_changed_bit_is_told_by_place_and_reason_behind_what_is_good() {
    let directory = written();
    // The opening batch has no record, so zeros stand there.
    let batches = [
        (1, 0, Lsn(1), Flaw::Padding),
        (1, BLOCK, Lsn(1), Flaw::Record(Lsn(1))),
        (2, BLOCK, Lsn(3), Flaw::Record(Lsn(3))),
        (3, 0, Lsn(4), Flaw::Record(Lsn(4))),
    ];
    for (number, offset, next, contents) in batches {
        let header = Flaw::Header;
        let places =
            [(9, header), (50, header), (97, contents), (110, contents), (4_095, Flaw::Padding)];
        for (at, flaw) in places {
            let flip = |bytes: &mut Vec<u8>| bytes[offset as usize + at] ^= 0x10;
            damage(directory.path(), number, flip);
            let before = state(directory.path());
            let (reading, _) = read_all(directory.path());
            assert!(before == state(directory.path()), "reading changed the directory");
            assert_eq!(reading.records.end, next, "segment {number} offset {offset} + {at}");
            let Ending::Corrupt(found) = reading.ending else { panic!("{reading:?}") };
            assert_eq!((found.place, found.flaw), (Place { segment: number, offset }, flaw));
            let said =
                format!("the journal is corrupt at segment {number} offset {offset}: {flaw}");
            assert!(found.to_string().starts_with(&said), "{found}");
            assert_eq!(refusal(directory.path()), found, "recovery sees the same");
            damage(directory.path(), number, flip);
        }
    }
    assert!(matches!(read_all(directory.path()).0.ending, Ending::Clean(_)));
}

/// What recovery says of the directory.
fn refusal(directory: &Path) -> Corruption {
    match open(directory, &small()) {
        Err(OpenError::Corrupt(corruption)) => corruption,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_stands_before_a_lost_segment_is_read() {
    let directory = written();
    fs::remove_file(segment(directory.path(), 2)).unwrap();
    let (reading, _) = read_all(directory.path());
    assert_eq!(reading.records, Lsn(1)..Lsn(2));
    let place = Place { segment: 2, offset: 0 };
    let expected = Corruption { place, flaw: Flaw::SegmentMissing, later: None };
    assert_eq!(reading.ending, Ending::Corrupt(expected));
    assert_eq!(refusal(directory.path()), expected);
}

#[test]
fn another_key_is_named_before_anything_is_visited() {
    let directory = written();
    let visit = |recorded: Recorded| -> Result<(), Infallible> { panic!("{recorded:?}") };
    let error = read(directory.path(), &ChainKey([0; 32]), Lsn::NONE, visit).unwrap_err();
    assert!(matches!(error, OpenError::WrongKey(Place { segment: 1, offset: 0 })), "{error}");
}

#[test]
fn a_visitor_that_fails_ends_the_reading_by_name() {
    let directory = written();
    let visit = |recorded: Recorded| match recorded.lsn {
        Lsn(3) => Err("enough"),
        _ => Ok(()),
    };
    let error = read(directory.path(), &key(), Lsn::NONE, visit).unwrap_err();
    assert_eq!(error.to_string(), "record Lsn(3) cannot be replayed: enough");
}

#[test]
fn a_directory_without_a_journal_is_read_as_empty_and_one_that_is_not_there_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let (reading, _) = read_all(directory.path());
    assert_eq!((reading.records, reading.epoch), (Lsn(1)..Lsn(1), 0));
    assert_eq!(reading.ending, Ending::Clean(Place { segment: 1, offset: 0 }));
    assert_eq!(state(directory.path()).len(), 1);
    let missing = directory.path().join("missing");
    let visit = |_| Ok::<(), Infallible>(());
    let error = read(&missing, &key(), Lsn::NONE, visit).unwrap_err();
    assert!(error.to_string().starts_with("could not list the segments: "), "{error}");
    assert!(!missing.exists());
}

#[test]
fn a_journal_in_use_is_read_without_a_lock_and_without_a_trace() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path(), &small()).unwrap();
    write(&journal, 3);
    let before = state(directory.path());
    let (reading, _) = read_all(directory.path());
    assert_eq!(reading.records, Lsn(1)..Lsn(4));
    assert!(before == state(directory.path()), "reading changed the directory");
    write(&journal, 1);
    journal.close();
    // Nor does a reader keep the owner out.
    let visit = |recorded: Recorded| {
        if recorded.lsn == Lsn(1) {
            open(directory.path(), &small()).unwrap().close();
        }
        Ok::<(), Infallible>(())
    };
    let reading = read(directory.path(), &key(), Lsn::NONE, visit).unwrap();
    assert_eq!((reading.records.end, reading.epoch), (Lsn(5), 2));
}

/// Over many segments, with batches of one record and of many: whatever is read is whole, in order,
/// and at least what was durable before.
#[test]
fn a_journal_is_read_while_it_is_written() {
    const RECORDS: u64 = 3_000;
    let directory = tempfile::tempdir().unwrap();
    let options = JournalOptions { segment_bytes: 32_768, queue_bytes: 30_000, ..small() };
    let journal = open(directory.path(), &options).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=RECORDS {
                let slot = std::iter::repeat_with(|| journal.reserve()).find_map(|slot| slot);
                let lsn = slot.unwrap().push(entry(number));
                if number % 7 == 0 {
                    block_on(journal.when_durable(lsn));
                }
            }
            done.store(true, Ordering::Release);
        });
        let mut readings = 0;
        while !done.load(Ordering::Acquire) || readings < 3 {
            let durable = journal.durable();
            let (reading, _) = read_all(directory.path());
            assert!(matches!(reading.ending, Ending::Clean(_)), "{reading:?}");
            assert_eq!(reading.records.start, Lsn(1));
            assert!(reading.records.end > durable, "{reading:?} after {durable:?}");
            readings += 1;
        }
    });
    journal.close();
    assert_eq!(read_all(directory.path()).0.records, Lsn(1)..Lsn(RECORDS + 1));
}
