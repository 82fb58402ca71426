//! The machine stops, or the disk fails, at every operation of a small workload, and again while
//! it recovers. What was told durable is there afterwards, and nothing else than was pushed.

use std::sync::atomic::Ordering;
use std::task::Context;

use kessai_engine::Lsn;
use kessai_journal::{Fault, JournalOptions, OpenError, SimulatedDisk, Stepped};

use crate::support::{Count, NOW, counting, open, open_with, small};

const SEEDS: u64 = 40;

/// Writes batches over three segments, one of several blocks, with a reopening in between.
/// Gives the last record that was told durable, and the last that was pushed.
fn work(disk: &SimulatedDisk, options: &JournalOptions) -> (u64, u64) {
    let (mut told, mut pushed) = (0, 0);
    for batches in [[1, 350, 2], [3, 300, 1]] {
        let Ok(mut opened) = open_with(disk, options) else {
            return (told, pushed);
        };
        assert!(opened.replayed >= told);
        for records in batches {
            pushed = opened.push(records).0;
            let stepped = opened.writer.step(NOW);
            told = told.max(opened.journal.durable().0);
            if stepped == Stepped::Ended {
                return (told, pushed);
            }
        }
    }
    (told, pushed)
}

fn roomy() -> JournalOptions {
    JournalOptions { segment_bytes: 16_384, queue_records: 1_000, queue_bytes: 16_000, ..small() }
}

#[test]
fn a_crash_at_any_operation_loses_nothing_that_was_told() {
    let (options, _) = counting(roomy());
    let mut torn = 0;
    let mut seen = 0;
    for seed in 0..SEEDS {
        for operation in 0.. {
            let disk = SimulatedDisk::new(seed << 32 | operation);
            disk.plan(operation, Fault::Crash);
            let (told, pushed) = work(&disk, &options);
            if !disk.has_failed() {
                assert!(operation > 8, "the workload is too short");
                break;
            }
            seen += 1;
            // Of some the next recoveries crash too, each a little later.
            for later in 0..seed % 4 {
                disk.restart();
                disk.plan(disk.operations() + later, Fault::Crash);
                let again = open_with(&disk, &options);
                torn += usize::from(again.is_ok_and(|opened| opened.recovered.torn.is_some()));
            }
            disk.restart();
            let opened = open_with(&disk, &options)
                .unwrap_or_else(|error| panic!("seed {seed} operation {operation}: {error}"));
            let (replayed, last) = (opened.replayed, pushed);
            assert!((told..=last).contains(&replayed), "{told} {replayed} {last}");
            torn += usize::from(opened.recovered.torn.is_some());
            drop(opened);
            let mut opened = open_with(&disk, &options).unwrap();
            assert_eq!(opened.recovered.torn, None, "a torn tail is cut once");
            assert_eq!(opened.replayed, replayed);
            assert_eq!(opened.write(1), Stepped::Worked(Lsn(replayed + 1)), "it goes on");
        }
    }
    assert!(torn > 10 && seen > 300, "{torn} torn of {seen}");
}

#[test]
fn a_failed_operation_ends_everything_once_and_tells_nobody() {
    for operation in 0.. {
        let (options, failures) = counting(roomy());
        let disk = SimulatedDisk::new(operation);
        disk.plan(operation, Fault::Error);
        let (told, pushed) = work(&disk, &options);
        if !disk.has_failed() {
            break;
        }
        // An error while opening is the opener's to hear of.
        assert!(failures.load(Ordering::SeqCst) <= 1);
        let replayed = open(&disk).unwrap().replayed;
        assert!((told..=pushed).contains(&replayed), "{told} {replayed} {pushed}");
    }
}

#[test]
fn after_a_failed_write_nothing_is_durable_and_nobody_is_woken() {
    let (options, failures) = counting(small());
    let disk = SimulatedDisk::new(3);
    let mut opened = open_with(&disk, &options).unwrap();
    assert_eq!(opened.write(1), Stepped::Worked(Lsn(1)));
    disk.plan(disk.operations(), Fault::Error);
    let lsn = opened.push(1);
    let (count, waker) = Count::new();
    let mut wait = opened.journal.when_durable(lsn);
    let poll = |wait: &mut kessai_journal::WhenDurable| {
        std::pin::Pin::new(wait).poll(&mut Context::from_waker(&waker))
    };
    assert!(poll(&mut wait).is_pending());
    assert_eq!(opened.writer.step(NOW), Stepped::Ended);
    assert_eq!(opened.writer.step(NOW), Stepped::Ended, "nothing is tried again");
    assert_eq!(failures.load(Ordering::SeqCst), 1);
    assert_eq!(opened.journal.durable(), Lsn(1));
    assert!(opened.journal.reserve().is_none());
    assert!(poll(&mut wait).is_pending());
    assert_eq!(count.woken(), 0);
}

#[test]
fn a_failure_while_opening_is_an_error_of_opening() {
    let sound = SimulatedDisk::new(3);
    drop(open(&sound).unwrap());
    let disk = SimulatedDisk::new(3);
    // Last comes the sync of the batch that opens the epoch.
    disk.plan(sound.operations() - 1, Fault::Error);
    assert!(matches!(open(&disk).err(), Some(OpenError::Failed(_))));
    disk.restart();
    disk.plan(disk.operations(), Fault::Error);
    drop(open(&disk));
    disk.restart();
    assert_eq!(open(&disk).unwrap().replayed, 0);
}
