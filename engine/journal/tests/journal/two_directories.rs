//! The mirror in files, written by a thread of its own.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use kessai_engine::{Entry, Lsn, Slot};
use kessai_journal::{Journal, JournalOptions, OpenError, Recovered, Remedy, Replica};

use crate::support::{block_on, entry, key, small};

const RECORDS: u64 = 40;

fn open(journal: &Path, mirror: &Path) -> Result<(Journal, Recovered, u64), OpenError> {
    let options = JournalOptions { segment_bytes: 32_768, queue_bytes: 30_000, ..small() };
    let mut replayed = 0;
    let replay = |_, found: Entry| {
        replayed += 1;
        assert_eq!(found, entry(replayed));
        Ok::<(), Infallible>(())
    };
    let (journal, recovered) = Journal::open(journal, Some(mirror), &options, key(), replay)?;
    Ok((journal, recovered, replayed))
}

fn write(journal: &Journal, from: u64) {
    for lsn in from..from + RECORDS {
        let lsn = journal.reserve().unwrap().push(entry(lsn));
        block_on(journal.when_durable(lsn));
    }
    journal.close();
}

fn segments(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut segments: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap())
        .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
        .filter(|(name, _)| name.starts_with("segment-"))
        .collect();
    segments.sort();
    segments
}

#[test]
fn both_directories_hold_the_same_and_either_restores_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let directories = ["journal", "far/away/mirror"].map(|name| folder.path().join(name));
    let [journal, mirror] = &directories;
    let (handle, recovered, _) = open(journal, mirror).unwrap();
    assert_eq!(recovered.repairs, []);
    write(&handle, 1);
    assert!(segments(journal) == segments(mirror));
    assert!(segments(journal).len() > 4);
    for (lost, replica) in directories.iter().zip([Replica::Journal, Replica::Mirror]) {
        let sound = segments(mirror);
        // One segment, and then all of them.
        fs::remove_file(lost.join("segment-000000000003")).unwrap();
        let (handle, recovered, replayed) = open(journal, mirror).unwrap();
        handle.close();
        assert_eq!(replayed, RECORDS);
        let [repair] = recovered.repairs.as_slice() else { panic!("{recovered:?}") };
        assert_eq!((repair.replica, repair.remedy), (replica, Remedy::SegmentMade));
        assert_eq!(repair.place.segment, 3);
        fs::remove_dir_all(lost).unwrap();
        let (handle, recovered, replayed) = open(journal, mirror).unwrap();
        handle.close();
        assert_eq!(replayed, RECORDS);
        assert!(recovered.repairs.len() >= sound.len() - 1, "{recovered:?}");
        assert!(segments(journal) == segments(mirror));
        assert!(segments(lost)[..4] == sound[..4]);
    }
    let (handle, recovered, _) = open(journal, mirror).unwrap();
    assert_eq!((recovered.repairs.len(), recovered.records.end), (0, Lsn(RECORDS + 1)));
    write(&handle, RECORDS + 1);
    assert!(segments(journal) == segments(mirror));
}

#[test]
fn trimming_removes_from_both() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, mirror) = (folder.path().join("journal"), folder.path().join("mirror"));
    let (handle, ..) = open(&journal, &mirror).unwrap();
    for lsn in 1..=RECORDS {
        let lsn = handle.reserve().unwrap().push(entry(lsn));
        block_on(handle.when_durable(lsn));
    }
    handle.trim(Lsn(RECORDS));
    handle.close();
    assert!(segments(&journal) == segments(&mirror));
    assert!(!journal.join("segment-000000000001").exists());
}

#[test]
fn one_directory_cannot_be_both() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(folder.path(), folder.path()).err().unwrap();
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
}
