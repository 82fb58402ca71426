//! Reading behind the writer, in strides of every length.

use std::convert::Infallible;
use std::time::Duration;

use kessai_engine::{BusinessDate, Credited, Entry, Record, Slot, Unit};

use super::*;
use crate::driver::SteppedWriter;
use crate::journal::Journal;
use crate::options::JournalOptions;
use crate::storage::{SimulatedDisk, SimulatedStorage};

const KEY: ChainKey = ChainKey([3; 32]);
const ALL: usize = usize::MAX;

/// A journal of segments of three blocks.
fn open(disk: &SimulatedDisk) -> (Journal, SteppedWriter<SimulatedStorage>) {
    let options = JournalOptions {
        segment_bytes: 12_288,
        queue_bytes: 8_000,
        record_bytes: 500,
        gather_after: u32::MAX,
        ..JournalOptions::default()
    };
    let replay = |_, _| Ok::<(), Infallible>(());
    let (journal, writer, _) =
        Journal::open_stepped(disk.storage(), &options, KEY, replay).unwrap();
    (journal, writer)
}

/// Writes batches of one record.
fn write(journal: &Journal, writer: &mut SteppedWriter<SimulatedStorage>, batches: u64) {
    for _ in 0..batches {
        let credited = Credited {
            customer: "customer-1".parse().unwrap(),
            amount: kessai_engine::terms::money::Amount::new(1).unwrap(),
            reference: "top-up".parse().unwrap(),
        };
        journal.reserve().unwrap().push(Entry {
            unit: Unit(1),
            sequence: journal.latest().0 + 1,
            at_ms: 0,
            business_date: BusinessDate(20_000),
            record: Record::Credited(credited),
        });
        writer.step(Duration::ZERO);
    }
}

/// The records that a stride hands on.
fn stride(follower: &mut Follower, upto: u64, bytes: usize) -> Vec<u64> {
    let mut found = Vec::new();
    let bound = Bound { upto: Lsn(upto), bytes };
    let mut each = |_: &crate::recovery::Batched, lsn: Lsn, _: &[u8]| {
        found.push(lsn.0);
        Ok(())
    };
    follower.advance(bound, &mut each).unwrap();
    found
}

#[test]
fn every_record_is_handed_on_once_wherever_it_starts_and_stops() {
    let disk = SimulatedDisk::new(1);
    let (journal, mut writer) = open(&disk);
    write(&journal, &mut writer, 20);
    for (next, bytes) in (1..=21).flat_map(|next| [1, 4_096, 9_000, ALL].map(|b| (next, b))) {
        let mut follower = Follower::new(journal.reader().unwrap(), KEY, Lsn(next));
        let mut found = Vec::new();
        // One batch holds no record.
        for upto in [3, 3, 9, 10].into_iter().chain([20; 18]) {
            let read = stride(&mut follower, upto, bytes);
            assert!(bytes == ALL || read.len() <= 3, "a bound of {bytes} gave {read:?}");
            assert!(read.iter().all(|lsn| *lsn <= upto));
            found.extend(read);
        }
        assert_eq!(found, (next..=20).collect::<Vec<_>>(), "from {next} by {bytes}");
    }
}

#[test]
fn what_was_read_may_be_trimmed_and_what_was_not_is_missed() {
    let disk = SimulatedDisk::new(1);
    let (journal, mut writer) = open(&disk);
    write(&journal, &mut writer, 10);
    let follower = |next| Follower::new(journal.reader().unwrap(), KEY, Lsn(next));
    let (mut ahead, mut behind) = (follower(1), follower(1));
    assert_eq!(stride(&mut behind, 2, ALL), [1, 2]);
    write(&journal, &mut writer, 5);
    // To the end of a segment, which is gone when it goes on.
    assert_eq!(stride(&mut ahead, 11, ALL).len(), 11);
    journal.trim(Lsn(11));
    writer.step(Duration::ZERO);
    assert_eq!(disk.segments().first().map(|segment| segment.number), Some(5));
    assert_eq!(stride(&mut ahead, 15, ALL), [12, 13, 14, 15]);
    let bound = Bound { upto: Lsn(15), bytes: ALL };
    let missed = behind.advance(bound, &mut |_, _, _| Ok(())).unwrap_err();
    assert!(matches!(missed, OpenError::Missing { wanted: Lsn(3), .. }), "{missed}");
}

#[test]
fn a_durable_record_that_is_not_there_is_corruption() {
    let disk = SimulatedDisk::new(1);
    let (journal, mut writer) = open(&disk);
    write(&journal, &mut writer, 4);
    let mut follower = Follower::new(journal.reader().unwrap(), KEY, Lsn(1));
    let bound = Bound { upto: Lsn(5), bytes: ALL };
    let error = follower.advance(bound, &mut |_, _, _| Ok(())).unwrap_err();
    let OpenError::Corrupt(corruption) = error else { panic!("{error}") };
    assert_eq!(corruption.flaw, Flaw::Missing);
}
