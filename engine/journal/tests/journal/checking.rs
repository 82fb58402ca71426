//! A journal is looked over, in use or damaged, and nothing is changed.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use kessai_engine::{Lsn, Slot};
use kessai_journal::{
    ChainKey, Damage, Difference, Ending, Flaw, Journal, JournalOptions, OpenError, Place, Replica,
    Report, SegmentReport, check,
};
use tempfile::TempDir;

use crate::support::{block_on, entry, key, small};

const BLOCK: u64 = 4_096;

/// A directory with a journal and its mirror.
struct Pair(TempDir);

impl Pair {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn journal(&self) -> PathBuf {
        self.0.path().join("journal")
    }

    fn mirror(&self) -> PathBuf {
        self.0.path().join("mirror")
    }

    fn open(&self) -> Journal {
        let replay = |_, _| Ok::<(), Infallible>(());
        let options = JournalOptions { segment_bytes: 8_192, ..small() };
        let (journal, mirror) = (self.journal(), self.mirror());
        Journal::open(&journal, Some(&mirror), &options, key(), replay).unwrap().0
    }

    fn check(&self) -> Report {
        check(&self.journal(), Some(&self.mirror()), &key()).unwrap()
    }
}

/// The opening batch, and the records 1 to 6 in a batch each: four segments of two blocks, the last
/// half full, and one prepared.
fn written() -> Pair {
    let pair = Pair::new();
    let journal = pair.open();
    for lsn in 1..=6 {
        let lsn = journal.reserve().unwrap().push(entry(lsn));
        block_on(journal.when_durable(lsn));
    }
    journal.close();
    pair
}

fn change(directory: &Path, segment: u64, what: impl FnOnce(&mut Vec<u8>)) {
    let path = directory.join(format!("segment-{segment:012}"));
    let mut bytes = fs::read(&path).unwrap();
    what(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn flip(directory: &Path, place: Place) {
    change(directory, place.segment, |bytes| bytes[place.offset as usize] ^= 1);
}

const fn at(segment: u64, offset: u64) -> Place {
    Place { segment, offset }
}

fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

fn places(damage: &[Damage]) -> Vec<(Place, Option<std::ops::Range<Lsn>>)> {
    damage.iter().map(|damage| (damage.corruption.place, damage.lost.clone())).collect()
}

#[test]
fn a_sound_pair_is_told_segment_by_segment() {
    let pair = written();
    let report = pair.check();
    assert!(report.is_sound());
    let segment = |number, records: std::ops::Range<u64>, batches, used_bytes| SegmentReport {
        number,
        records: Lsn(records.start)..Lsn(records.end),
        batches,
        epochs: (1, 1),
        used_bytes,
    };
    let expected = [
        segment(1, 1..2, 2, 2 * BLOCK),
        segment(2, 2..4, 2, 2 * BLOCK),
        segment(3, 4..6, 2, 2 * BLOCK),
        segment(4, 6..7, 1, BLOCK),
    ];
    assert_eq!(report.journal.segments, expected);
    assert_eq!(report.journal.ending, Ending::Clean(at(4, BLOCK)));
    let (mirror, agreement) = report.mirror.unwrap();
    assert_eq!(mirror, report.journal);
    assert_eq!((agreement.behind, agreement.differences), (None, Vec::new()));
}

#[test]
fn a_journal_in_use_is_looked_over() {
    let pair = Pair::new();
    let journal = pair.open();
    for lsn in 1..=6 {
        let lsn = journal.reserve().unwrap().push(entry(lsn));
        block_on(journal.when_durable(lsn));
        let report = pair.check();
        assert!(report.is_sound(), "{report:?}");
        assert_eq!(report.journal.segments.last().unwrap().records.end.0, lsn.0 + 1);
    }
}

#[test]
fn every_damaged_place_is_told_with_the_records_lost_and_nothing_is_changed() {
    let pair = written();
    let journal = pair.journal();
    flip(&journal, at(1, BLOCK + 110));
    flip(&journal, at(2, 10));
    flip(&journal, at(3, BLOCK + 100));
    let before = files(&journal);
    let report = pair.check();
    assert!(before == files(&journal));
    let lost = |from, to| Some(Lsn(from)..Lsn(to));
    assert_eq!(
        places(&report.journal.damage),
        // The first two are next to each other.
        [(at(1, BLOCK), lost(1, 3)), (at(3, BLOCK), lost(5, 6))]
    );
    assert_eq!(report.journal.damage[0].corruption.flaw, Flaw::Record(Lsn(1)));
    assert_eq!(report.journal.ending, Ending::Clean(at(4, BLOCK)));
    assert!(!report.is_sound());
    let (mirror, agreement) = report.mirror.unwrap();
    assert!(mirror.damage.is_empty());
    let difference = |segment, offset| Difference { place: at(segment, offset), bytes: BLOCK };
    let expected = [difference(1, BLOCK), difference(2, 0), difference(3, BLOCK)];
    assert_eq!(agreement.differences, expected);
    assert_eq!(agreement.behind, None);
}

#[test]
fn lost_and_shortened_segments_and_a_changed_last_batch_are_told() {
    let pair = written();
    let mirror = pair.mirror();
    fs::remove_file(mirror.join("segment-000000000001")).unwrap();
    change(&mirror, 2, |bytes| bytes.truncate(5_000));
    fs::remove_file(mirror.join("segment-000000000003")).unwrap();
    flip(&mirror, at(4, 300));
    let report = pair.check();
    let (copy, agreement) = report.mirror.unwrap();
    assert!(report.journal.damage.is_empty());
    assert_eq!(
        places(&copy.damage),
        [(at(2, 0), None)],
        "behind a first segment that is damaged nothing else verifies here"
    );
    assert!(matches!(copy.damage[0].corruption.flaw, Flaw::SegmentLength { found: 5_000, .. }));
    assert_eq!(agreement.behind, Some((Replica::Mirror, Lsn(0)..Lsn(7))));
}

#[test]
fn a_lost_segment_in_the_middle_is_one_place() {
    let pair = written();
    fs::remove_file(pair.mirror().join("segment-000000000002")).unwrap();
    let (copy, agreement) = pair.check().mirror.unwrap();
    assert_eq!(places(&copy.damage), [(at(2, 0), Some(Lsn(2)..Lsn(4)))]);
    assert_eq!(copy.damage[0].corruption.flaw, Flaw::SegmentMissing);
    assert_eq!(agreement.differences, [Difference { place: at(2, 0), bytes: 2 * BLOCK }]);
    assert!(!agreement.is_sound());
}

#[test]
fn a_mirror_that_is_behind_is_told_with_what_it_lacks() {
    let pair = written();
    change(&pair.mirror(), 4, |bytes| bytes.fill(0));
    let report = pair.check();
    let (copy, agreement) = report.mirror.clone().unwrap();
    assert!(copy.damage.is_empty());
    assert_eq!(agreement.behind, Some((Replica::Mirror, Lsn(6)..Lsn(7))));
    assert!(agreement.differences.is_empty());
}

#[test]
fn another_key_and_a_missing_directory_are_errors() {
    let pair = written();
    let other = ChainKey([1; 32]);
    let error = check(&pair.journal(), None, &other).err().unwrap();
    assert!(matches!(error, OpenError::WrongKey(_)), "{error}");
    let missing = pair.0.path().join("nowhere");
    let error = check(&pair.journal(), Some(&missing), &key()).err().unwrap();
    assert!(matches!(error, OpenError::Mirror(_)), "{error}");
}
