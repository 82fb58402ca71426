//! A journal at rest is damaged in every way that fits in here. Either nothing is lost, or it
//! refuses to open and says where; only what may be an unfinished write is cut, and reported.

use kessai_engine::Lsn;
use kessai_journal::{Flaw, JournalOptions, OpenError, Place, SimulatedDisk, Stepped};

use crate::support::{open, open_with, small};

const BLOCK: u64 = 4_096;

/// A journal of two segments of two blocks, all used: the opening batch, and three batches with
/// the records 1, 2 to 3 and 4. A third segment is prepared and blank.
fn written() -> SimulatedDisk {
    let disk = SimulatedDisk::new(7);
    let mut opened = open(&disk).unwrap();
    for (records, last) in [(1, 1), (2, 3), (1, 4)] {
        assert_eq!(opened.write(records), Stepped::Worked(Lsn(last)));
    }
    disk
}

fn copy(disk: &SimulatedDisk) -> SimulatedDisk {
    let copy = SimulatedDisk::new(8);
    for segment in disk.segments() {
        copy.replace(segment.number, disk.contents(segment.number));
    }
    copy
}

/// Opens a damaged journal, checks that a refusal changes nothing, and gives what it says.
fn refusal(disk: &SimulatedDisk) -> Option<OpenError> {
    let before: Vec<_> = disk.segments().iter().map(|s| disk.contents(s.number)).collect();
    let error = open(disk).err()?;
    let after: Vec<_> = disk.segments().iter().map(|s| disk.contents(s.number)).collect();
    assert!(before == after, "a refusal changed the disk");
    Some(error)
}

fn corruption(disk: &SimulatedDisk) -> kessai_journal::Corruption {
    match refusal(disk) {
        Some(OpenError::Corrupt(corruption)) => corruption,
        other => panic!("{other:?}"),
    }
}

/// Every bit of every batch, the last one and the zeros behind its record included.
#[test]
fn every_changed_bit_of_every_batch_is_refused_by_place() {
    let disk = written();
    for segment in [1, 2] {
        for offset in 0..2 * BLOCK {
            let place = Place { segment, offset };
            for bit in 0..8 {
                disk.flip(place, bit);
                let found = corruption(&disk);
                let batch = Place { segment, offset: offset / BLOCK * BLOCK };
                assert_eq!(found.place, batch, "{place} bit {bit}: {found}");
                disk.flip(place, bit);
            }
        }
    }
    assert!(open(&disk).is_ok());
}

/// Whoever can write the file, but does not know the chain key, can make the checksums right.
#[test]
fn a_record_changed_together_with_its_checksum_is_refused() {
    let disk = written();
    let mut contents = disk.contents(2);
    let record = BLOCK as usize + 96;
    let length = u32::from_le_bytes(contents[record..record + 4].try_into().unwrap()) as usize;
    contents[record + 8 + length - 1] ^= 1;
    let checked = [&contents[record..record + 4], &contents[record + 8..record + 8 + length]];
    let checksum = crc32c::crc32c(&checked.concat()).to_le_bytes();
    contents[record + 4..record + 8].copy_from_slice(&checksum);
    disk.replace(2, contents);
    let found = corruption(&disk);
    assert_eq!(found.place, Place { segment: 2, offset: BLOCK });
    assert_eq!(found.flaw, Flaw::Hash);
}

#[test]
fn a_changed_bit_behind_the_end_loses_nothing_and_is_told() {
    let disk = written();
    for offset in 0..2 * BLOCK {
        let disk = copy(&disk);
        let place = Place { segment: 3, offset };
        disk.flip(place, 3);
        let opened = open(&disk).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(opened.replayed, 4);
        assert!(opened.recovered.torn.is_some(), "{place}");
        assert!(open(&disk).unwrap().recovered.torn.is_none(), "it was erased");
    }
}

#[test]
fn a_segment_cut_short_anywhere_is_refused() {
    let disk = written();
    for segment in [1, 2] {
        for length in 0..2 * BLOCK {
            let disk = copy(&disk);
            let mut contents = disk.contents(segment);
            contents.truncate(length as usize);
            disk.replace(segment, contents);
            let found = corruption(&disk);
            assert_eq!(found.place, Place { segment, offset: 0 }, "{length}");
            assert!(matches!(found.flaw, Flaw::SegmentLength { .. }), "{found}");
        }
    }
}

/// More than one bit where the next header would stand may be a batch that was told.
#[test]
fn changed_bytes_where_a_batch_may_have_stood_are_refused() {
    let disk = written();
    disk.flip(Place { segment: 3, offset: 0 }, 3);
    disk.flip(Place { segment: 3, offset: 5_000 }, 3);
    let found = corruption(&disk);
    assert_eq!((found.place, found.flaw), (Place { segment: 3, offset: 0 }, Flaw::Header));
}

/// Every set of sectors of a batch is lost: at the end that is an unfinished write, and before
/// another batch it is corruption.
#[test]
fn lost_sectors_are_cut_and_reported_at_the_end_and_refused_before_it() {
    const SECTOR: usize = 512;
    const USED: usize = 5;
    /// Enough to fill that many sectors, and no more.
    const RECORDS: u64 = 56;
    let disk = SimulatedDisk::new(7);
    let mut opened = open(&disk).unwrap();
    assert_eq!(opened.write(RECORDS), Stepped::Worked(Lsn(RECORDS)));
    let sectors = &disk.contents(1)[BLOCK as usize..];
    assert!(sectors[(USED - 1) * SECTOR..].iter().any(|byte| *byte != 0));
    assert!(sectors[USED * SECTOR..].iter().all(|byte| *byte == 0));
    let last = copy(&disk);
    assert_eq!(opened.write(1), Stepped::Worked(Lsn(RECORDS + 1)));
    let batch = Place { segment: 1, offset: BLOCK };
    let all = (1_u32 << USED) - 1;
    for lost in 1..=all {
        for (disk, is_last) in [(copy(&last), true), (copy(&disk), false)] {
            let mut contents = disk.contents(1);
            for sector in (0..USED).filter(|sector| lost >> sector & 1 == 1) {
                contents[BLOCK as usize + sector * SECTOR..][..SECTOR].fill(0);
            }
            disk.replace(1, contents);
            if is_last {
                let opened = open(&disk).unwrap();
                assert_eq!(opened.replayed, 0);
                let torn = opened.recovered.torn;
                // With all of it gone the end looks like any other.
                assert_eq!(torn.is_some(), lost != all, "{lost:b}");
                assert!(torn.is_none_or(|torn| torn.place == batch));
            } else if lost == all {
                let flaw = Flaw::Order { expected: Lsn(1), found: Lsn(RECORDS + 1) };
                assert_eq!(corruption(&disk).flaw, flaw);
            } else {
                let found = corruption(&disk);
                assert_eq!(found.place, batch);
                assert_eq!(found.later, Some(Place { segment: 2, offset: 0 }));
            }
        }
    }
}

#[test]
fn anything_behind_the_end_of_an_unfinished_write_is_refused() {
    let disk = SimulatedDisk::new(7);
    let mut opened =
        open_with(&disk, &JournalOptions { segment_bytes: 16_384, ..small() }).unwrap();
    assert_eq!(opened.write(70), Stepped::Worked(Lsn(70)));
    let mut contents = disk.contents(1);
    contents[BLOCK as usize + 512..][..512].fill(0);
    contents[3 * BLOCK as usize - 1] = 1;
    disk.replace(1, contents);
    let found = corruption(&disk);
    assert_eq!(found.place, Place { segment: 1, offset: BLOCK });
    assert_eq!(found.later, Some(Place { segment: 1, offset: 2 * BLOCK }));
}

#[test]
fn a_lost_segment_is_refused() {
    let disk = written();
    disk.lose(1);
    assert!(matches!(refusal(&disk), Some(OpenError::Missing { wanted: Lsn(1), .. })));
    let disk = written();
    disk.lose(2);
    let found = corruption(&disk);
    assert_eq!(found.place, Place { segment: 2, offset: 0 });
    assert_eq!(found.flaw, Flaw::SegmentMissing);
}

#[test]
fn batches_in_each_others_places_are_refused() {
    let disk = written();
    let mut contents = disk.contents(2);
    contents.rotate_left(BLOCK as usize);
    disk.replace(2, contents);
    let found = corruption(&disk);
    assert_eq!(found.place, Place { segment: 2, offset: 0 });
    assert_eq!(found.flaw, Flaw::Offset(4_096));

    let disk = written();
    disk.replace(2, disk.contents(1));
    assert_eq!(corruption(&disk).flaw, Flaw::Segment(1));
}

#[test]
fn an_earlier_batch_that_strayed_behind_the_end_is_refused() {
    let disk = written();
    let mut blank = disk.contents(3);
    blank[4_096..].copy_from_slice(&disk.contents(2)[..4_096]);
    disk.replace(3, blank);
    let found = corruption(&disk);
    assert_eq!(found.place, Place { segment: 3, offset: 0 });
}

#[test]
fn an_error_while_reading_is_named_and_changes_nothing() {
    let disk = written();
    disk.make_unreadable(Place { segment: 2, offset: 4_100 });
    match refusal(&disk) {
        Some(error @ OpenError::Storage { .. }) => assert_eq!(
            error.to_string(),
            "could not read segment 2 offset 4096: simulated input/output error"
        ),
        other => panic!("{other:?}"),
    }
}
