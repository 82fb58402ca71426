//! Journals made batch by batch, among them one in the format, byte for byte: written once
//! and kept for ever. If that fails the format has changed: raise the version and keep reading
//! this one.

use kessai_engine::Lsn;

use crate::error::{Flaw, OpenError};
use crate::format::batch::Batch;
use crate::format::chain::{ChainKey, Link};
use crate::format::header::Header;
use crate::format::record::frame;
use crate::options::JournalOptions;
use crate::recovery;
use crate::storage::{Segment, SimulatedDisk};
use crate::writer::{Tail, Writer};

const GOLDEN: &[u8] = include_bytes!("../../tests/fixtures/journal-v3.segment");
/// The same, as earlier versions wrote it.
const BEFORE: [(u16, &[u8]); 2] = [
    (1, include_bytes!("../../tests/fixtures/journal-v1.segment")),
    (2, include_bytes!("../../tests/fixtures/journal-v2.segment")),
];
const RECORDS: [&[u8]; 3] = [b"the first record", b"", b"the third record"];

fn key() -> ChainKey {
    ChainKey(*b"the chain key of the golden file")
}

/// A segment of four blocks: the batch that opens epoch 1, and two batches with records.
fn written() -> Vec<u8> {
    let segment = Segment { number: 1, bytes: 16_384 };
    let tail = Tail { segment, offset: 0, next: Lsn(1), epoch: 1, link: Link::FIRST };
    let mut writer = Writer::new(&JournalOptions::default(), key(), tail, 1);
    let mut image = Vec::new();
    let mut framed = Vec::new();
    let (two, one) = RECORDS.split_at(2);
    let mut lsn = 0;
    for records in [&[], two, one] {
        let mut batch = Batch::with_capacity(1_000);
        for record in records {
            frame(&mut framed, |out| out.extend_from_slice(record));
            lsn += 1;
            batch.push(Lsn(lsn), &framed);
        }
        writer.seal(&mut batch).unwrap();
        writer.durable();
        image.extend_from_slice(batch.image());
    }
    image.resize(16_384, 0);
    image
}

#[test]
fn what_is_written_today_is_the_golden_file() {
    let written = written();
    let differs = written.iter().zip(GOLDEN).position(|(ours, golden)| ours != golden);
    assert_eq!(differs, None, "the offset of the first byte that differs");
    assert_eq!(written.len(), GOLDEN.len());
}

#[test]
fn the_golden_file_is_read_to_its_end() {
    let disk = SimulatedDisk::new(1);
    disk.replace(1, GOLDEN.to_vec());
    let mut records = Vec::new();
    let mut each = |lsn: Lsn, contents: &[u8]| {
        records.push((lsn.0, contents.to_vec()));
        Ok(())
    };
    let options = JournalOptions::default();
    let read = recovery::read(&mut disk.storage(), &options, &key(), &mut each).unwrap();
    let expected: Vec<_> = (1..).zip(RECORDS.map(<[u8]>::to_vec)).collect();
    assert_eq!(records, expected);
    assert_eq!((read.tail.epoch, read.tail.offset, read.torn), (1, 12_288, None));
}

#[test]
fn a_journal_of_a_version_before_is_refused_by_name() {
    for (before, written) in BEFORE {
        let disk = SimulatedDisk::new(1);
        disk.replace(1, written.to_vec());
        let mut each = |_: Lsn, _: &[u8]| Ok(());
        let options = JournalOptions::default();
        let refused = recovery::read(&mut disk.storage(), &options, &key(), &mut each);
        assert!(matches!(refused, Err(OpenError::Version { version, .. }) if version == before));
    }
}

/// Writes batches of so many records in such epochs, and tells how the journal reads.
fn epochs(batches: &[(u32, u64)]) -> Result<u64, OpenError> {
    let segment = Segment { number: 1, bytes: 16_384 };
    let mut tail = Tail { segment, offset: 0, next: Lsn(1), epoch: 1, link: Link::FIRST };
    let mut image = Vec::new();
    for (records, epoch) in batches {
        tail.epoch = *epoch;
        let mut writer = Writer::new(&JournalOptions::default(), key(), tail, 1);
        let mut batch = Batch::with_capacity(1_000);
        for lsn in (tail.next.0..).take(usize::try_from(*records).unwrap()) {
            let mut framed = Vec::new();
            frame(&mut framed, |out| out.push(1));
            batch.push(Lsn(lsn), &framed);
        }
        writer.seal(&mut batch).unwrap();
        writer.durable();
        tail = writer.tail();
        image.extend_from_slice(batch.image());
    }
    image.resize(16_384, 0);
    let disk = SimulatedDisk::new(1);
    disk.replace(1, image);
    let options = JournalOptions::default();
    let read = recovery::read(&mut disk.storage(), &options, &key(), &mut |_, _| Ok(()))?;
    Ok(read.tail.epoch)
}

#[test]
fn epochs_rise_and_only_with_an_empty_batch() {
    assert_eq!(epochs(&[(0, 1), (2, 1), (0, 2), (1, 2)]).unwrap(), 2);
    assert_eq!(epochs(&[(0, 3), (2, 3), (0, 9)]).unwrap(), 9, "those between were lost");
    for batches in [
        [(0, 1), (1, 2)].as_slice(),
        &[(0, 1), (1, 3)],
        &[(0, 1), (0, 2), (1, 1)],
        &[(0, 3), (0, 2)],
        &[(1, 1)],
    ] {
        let error = epochs(batches).unwrap_err();
        let OpenError::Corrupt(corruption) = &error else { panic!("{error}") };
        assert!(matches!(corruption.flaw, Flaw::Epoch { .. }), "{batches:?}: {error}");
    }
}

#[test]
fn a_batch_that_holds_another_number_of_records_is_refused() {
    let header = Header {
        copies: 1,
        count: 2,
        segment: 1,
        epoch: 0,
        first: Lsn(1),
        bytes: 96 + 9,
        segment_blocks: 2,
        previous: Link::FIRST,
        block: 0,
    };
    let mut batch = Batch::with_capacity(1_000);
    let mut framed = Vec::new();
    frame(&mut framed, |out| out.push(1));
    batch.push(Lsn(1), &framed);
    batch.seal(&header, &key());
    let mut image = batch.image().to_vec();
    image.resize(8_192, 0);
    let disk = SimulatedDisk::new(1);
    disk.replace(1, image);
    let options = JournalOptions::default();
    let read = recovery::read(&mut disk.storage(), &options, &key(), &mut |_, _| Ok(()));
    let Err(OpenError::Corrupt(corruption)) = read else { panic!("{read:?}") };
    assert_eq!(corruption.flaw, Flaw::Count(2));
}
