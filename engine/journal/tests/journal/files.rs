//! The journal in a directory, with the writer in its own thread.

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use kessai_engine::{Entry, Lsn, Slot};
use kessai_journal::{
    Failure, Fault, Flaw, Journal, JournalOptions, OnFailure, OpenError, Place, PriorityOutcome,
    Recovered, SimulatedDisk, WriterPriority,
};

use crate::support::{block_on, entry, key, small};

fn options() -> JournalOptions {
    JournalOptions { segment_bytes: 32_768, queue_bytes: 30_000, ..small() }
}

fn open(directory: &Path) -> Result<(Journal, Recovered, Vec<Entry>), OpenError> {
    let mut entries = Vec::new();
    let replay = |lsn: Lsn, entry| {
        entries.push(entry);
        assert_eq!(lsn, Lsn(entries.len() as u64));
        Ok::<(), Infallible>(())
    };
    let (journal, recovered) = Journal::open(directory, None, &options(), key(), replay)?;
    Ok((journal, recovered, entries))
}

#[test]
fn a_glance_tells_which_record_comes_next() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(Journal::glance(directory.path()).unwrap(), Lsn(1));
    let (journal, ..) = open(directory.path()).unwrap();
    assert_eq!(Journal::glance(directory.path()).unwrap(), Lsn(1), "the epoch is open");
    // Over several segments.
    for number in 1..=40 {
        let lsn = journal.reserve().unwrap().push(entry(number));
        block_on(journal.when_durable(lsn));
        assert_eq!(Journal::glance(directory.path()).unwrap(), Lsn(number + 1));
    }
    assert!(directory.path().join("segment-000000000003").exists());
}

#[test]
fn what_many_threads_were_told_is_there_after_reopening() {
    const THREADS: u64 = 4;
    const EACH: u64 = 500;
    let directory = tempfile::tempdir().unwrap();
    let (journal, ..) = open(directory.path()).unwrap();
    let mut pushed: Vec<(Lsn, u64)> = thread::scope(|scope| {
        let push = |thread: u64| {
            let journal = journal.clone();
            scope.spawn(move || {
                let push = |number| {
                    let slot = std::iter::repeat_with(|| journal.reserve()).find_map(|slot| slot);
                    let lsn = slot.unwrap().push(entry(number));
                    block_on(journal.when_durable(lsn));
                    assert!(journal.durable() >= lsn);
                    (lsn, number)
                };
                (thread * EACH..(thread + 1) * EACH).map(push).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..THREADS).map(push).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    journal.close();
    pushed.sort_unstable();
    let (_, recovered, entries) = open(directory.path()).unwrap();
    assert_eq!(recovered.records, Lsn(1)..Lsn(THREADS * EACH + 1));
    assert_eq!((recovered.epoch, recovered.torn), (2, None));
    let expected: Vec<_> = pushed.iter().map(|(_, number)| entry(*number)).collect();
    assert_eq!(entries, expected);
}

#[test]
fn a_directory_in_use_is_refused_by_name_until_it_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let inside = directory.path().join("journal");
    let (journal, ..) = open(&inside).unwrap();
    let error = open(&inside).err().unwrap();
    assert!(matches!(&error, OpenError::InUse(path) if *path == inside));
    assert!(error.to_string().contains(inside.to_str().unwrap()));
    journal.close();
    let (journal, ..) = open(&inside).unwrap();
    drop(journal);
    open(&inside).unwrap();
}

#[test]
fn closing_makes_everything_durable_and_dropping_the_last_handle_closes() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, ..) = open(directory.path()).unwrap();
    for number in 1..=90 {
        journal.reserve().unwrap().push(entry(number));
    }
    let other = journal.clone();
    drop(journal);
    drop(other);
    let (journal, _, entries) = open(directory.path()).unwrap();
    assert_eq!(entries.len(), 90);
    journal.close();
    journal.close();
    assert!(journal.reserve().is_none());
}

#[test]
fn segments_are_whole_and_the_next_is_prepared() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, ..) = open(directory.path()).unwrap();
    for number in 1..=20 {
        let lsn = journal.reserve().unwrap().push(entry(number));
        block_on(journal.when_durable(lsn));
    }
    journal.close();
    let mut segments = Vec::new();
    for file in fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if name != "lock" {
            segments.push((name, file.metadata().unwrap().len()));
        }
    }
    segments.sort();
    let names: Vec<_> = segments.iter().map(|(name, _)| name.as_str()).collect();
    // 21 batches of a block, eight in a segment, and one segment ahead.
    let expected = [
        "segment-000000000001",
        "segment-000000000002",
        "segment-000000000003",
        "segment-000000000004",
    ];
    assert_eq!(names, expected);
    assert!(segments.iter().all(|(_, bytes)| *bytes == 32_768));
}

#[test]
fn trimmed_segments_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, ..) = open(directory.path()).unwrap();
    for number in 1..=20 {
        let lsn = journal.reserve().unwrap().push(entry(number));
        block_on(journal.when_durable(lsn));
    }
    journal.trim(Lsn(20));
    journal.close();
    assert!(!directory.path().join("segment-000000000002").exists());
    assert!(directory.path().join("segment-000000000003").exists());
    let from = JournalOptions { replay_from: Lsn(21), ..options() };
    let replay = |_, _| -> Result<(), Infallible> { panic!("nothing is replayed") };
    let (journal, recovered) = Journal::open(directory.path(), None, &from, key(), replay).unwrap();
    assert_eq!(recovered.records.end, Lsn(21));
    assert_eq!(journal.reserve().unwrap().push(entry(21)), Lsn(21));
}

#[test]
fn a_segment_cut_short_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).unwrap();
    let segment = directory.path().join("segment-000000000001");
    fs::OpenOptions::new().write(true).open(segment).unwrap().set_len(4_096).unwrap();
    let error = open(directory.path()).err().unwrap();
    let OpenError::Corrupt(corruption) = error else { panic!("{error}") };
    assert_eq!(corruption.flaw, Flaw::SegmentLength { expected: 32_768, found: 4_096 });
}

#[test]
fn an_unfinished_write_is_erased_on_disk_and_the_journal_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, ..) = open(directory.path()).unwrap();
    let lsn = journal.reserve().unwrap().push(entry(1));
    block_on(journal.when_durable(lsn));
    journal.close();
    let segment = directory.path().join("segment-000000000001");
    let mut bytes = fs::read(&segment).unwrap();
    // A batch of which only the second sector reached the disk.
    bytes[8_192 + 512..8_192 + 1_024].fill(7);
    fs::write(&segment, &bytes).unwrap();
    let (journal, recovered, entries) = open(directory.path()).unwrap();
    let torn = recovered.torn.unwrap();
    assert_eq!(torn.place, Place { segment: 1, offset: 8_192 });
    assert_eq!((torn.bytes, torn.flaw), (4_096, Flaw::Missing));
    assert_eq!(entries, [entry(1)]);
    let bytes = fs::read(&segment).unwrap();
    assert!(bytes[8_192 + 512..].iter().all(|byte| *byte == 0));
    assert_eq!(journal.reserve().unwrap().push(entry(2)), Lsn(2));
    journal.close();
    let (_, recovered, entries) = open(directory.path()).unwrap();
    assert_eq!((entries.len(), recovered.torn), (2, None));
}

#[test]
fn a_failed_write_ends_the_process_with_a_message() {
    const CHILD: &str = "KESSAI_TEST_FAILED_WRITE";
    if std::env::var_os(CHILD).is_some() {
        let disk = SimulatedDisk::new(1);
        let replay = |_, _| Ok::<(), Infallible>(());
        let (journal, _) = Journal::open_on(disk.storage(), &options(), key(), replay).unwrap();
        disk.plan(disk.operations(), Fault::Error);
        let lsn = journal.reserve().unwrap().push(entry(1));
        block_on(journal.when_durable(lsn));
        panic!("told durable after a failed write");
    }
    let name = "files::a_failed_write_ends_the_process_with_a_message";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), None, "it was ended by a signal: {message}");
    assert!(message.contains("segment 1 offset 4096: simulated input/output error"), "{message}");
}

#[test]
fn a_segment_left_unfinished_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("unfinished"), [1; 100]).unwrap();
    let (journal, ..) = open(directory.path()).unwrap();
    journal.reserve().unwrap().push(entry(1));
    journal.close();
    let (_, recovered, entries) = open(directory.path()).unwrap();
    assert_eq!((entries.len(), recovered.torn), (1, None));
}

/// The helper cannot make the next segment. That is known long before it is needed, and nothing is
/// told from then on.
#[test]
fn a_segment_that_cannot_be_prepared_ends_everything_before_it_is_needed() {
    let directory = tempfile::tempdir().unwrap();
    let long = JournalOptions { segment_bytes: 4 << 20, ..options() };
    let replay = |_, _| Ok::<(), Infallible>(());
    drop(Journal::open(directory.path(), None, &long, key(), replay).unwrap());
    fs::remove_file(directory.path().join("segment-000000000002")).unwrap();
    fs::create_dir(directory.path().join("unfinished")).unwrap();
    let failures = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&failures);
    let note = move |failure: &Failure| list.lock().unwrap().push(failure.to_string());
    let noting = JournalOptions { on_failure: OnFailure::call(note), ..long };
    let failed = match Journal::open(directory.path(), None, &noting, key(), replay) {
        Ok((journal, _)) => {
            let mut number = 0;
            while failures.lock().unwrap().is_empty() {
                if let Some(slot) = journal.reserve() {
                    number += 1;
                    slot.push(entry(number));
                }
                thread::yield_now();
            }
            journal.close();
            assert!(journal.reserve().is_none());
            assert_eq!(failures.lock().unwrap().len(), 1);
            failures.lock().unwrap().remove(0)
        }
        Err(error) => error.to_string(),
    };
    assert!(failed.starts_with("could not make a batch durable at segment 1"), "{failed}");
}

#[test]
fn closing_waits_for_the_places_that_were_given() {
    let disk = SimulatedDisk::new(1);
    let replay = |_, _| Ok::<(), Infallible>(());
    let (journal, _) = Journal::open_on(disk.storage(), &options(), key(), replay).unwrap();
    let (used, unused) = (journal.reserve().unwrap(), journal.reserve().unwrap());
    thread::scope(|scope| {
        let closing = scope.spawn(|| journal.close());
        while journal.reserve().is_some() {
            thread::yield_now();
        }
        let lsn = used.push(entry(1));
        block_on(journal.when_durable(lsn));
        assert!(!closing.is_finished());
        drop(unused);
        closing.join().unwrap();
    });
    assert_eq!(journal.durable(), Lsn(1));
}

#[test]
fn the_priority_is_tried_and_its_outcome_told() {
    let directory = tempfile::tempdir().unwrap();
    let options = JournalOptions { priority: WriterPriority::Realtime, ..options() };
    let replay = |_, _| Ok::<(), Infallible>(());
    let (journal, recovered) =
        Journal::open(directory.path(), None, &options, key(), replay).unwrap();
    assert!(matches!(recovered.priority, PriorityOutcome::Realtime | PriorityOutcome::Refused(_)));
    let lsn = journal.reserve().unwrap().push(entry(1));
    block_on(journal.when_durable(lsn));
}
