//! What the disk promises to those who sync, and what it does to those who do not.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};

use super::*;
use crate::format::SECTOR_BYTES;
use crate::storage::folder::{Folder, FolderFile};

const FOLDER: &str = "data";

/// A file of four sectors of ones, durable with its name.
fn durable(disk: &SimulatedDisk) -> SimulatedFile {
    let folder = disk.folder(FOLDER);
    let file = folder.create("file").unwrap();
    file.write_at(0, &[1; 4 * SECTOR_BYTES]).unwrap();
    file.sync().unwrap();
    folder.sync().unwrap();
    file
}

/// What is in each sector of the file, if it is there and each is of one kind.
fn sectors(disk: &SimulatedDisk) -> Vec<u8> {
    let bytes = disk.file(FOLDER, "file").unwrap();
    bytes
        .chunks(SECTOR_BYTES)
        .map(|sector| {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is torn");
            sector[0]
        })
        .collect()
}

/// Runs `act` on many disks with a durable file, and gives all that a restart left.
fn outcomes(act: impl Fn(&SimulatedDisk, &SimulatedFile)) -> BTreeSet<Vec<u8>> {
    let outcome = |seed| {
        let disk = SimulatedDisk::new(seed);
        let file = durable(&disk);
        act(&disk, &file);
        disk.restart();
        sectors(&disk)
    };
    (0..400).map(outcome).collect()
}

#[test]
fn a_restart_leaves_any_set_of_the_unsynced_sectors_and_every_synced_one() {
    let left = outcomes(|_, file| {
        file.write_at(0, &[2; SECTOR_BYTES]).unwrap();
        file.sync().unwrap();
        file.write_at(512, &[3; 3 * SECTOR_BYTES]).unwrap();
    });
    let any = [1, 3].into_iter().flat_map(|a| [1, 3].map(|b| [a, b]));
    let all: BTreeSet<_> = any.flat_map(|[a, b]| [1, 3].map(|c| vec![2, a, b, c])).collect();
    assert_eq!(left, all);
}

#[test]
fn an_earlier_write_may_reach_the_disk_without_the_later_one() {
    let left = outcomes(|_, file| {
        file.write_at(0, &[2; SECTOR_BYTES]).unwrap();
        file.write_at(0, &[3; SECTOR_BYTES]).unwrap();
    });
    assert_eq!(left, BTreeSet::from([1, 2, 3].map(|first| vec![first, 1, 1, 1])));
}

#[test]
fn a_length_is_durable_with_its_file_alone() {
    let lengths = |synced: bool| -> BTreeSet<usize> {
        let left = outcomes(move |_, file| {
            file.write_at(4 * 512, &[2; 2 * SECTOR_BYTES]).unwrap();
            if synced {
                file.sync().unwrap();
            }
        });
        left.iter().map(Vec::len).collect()
    };
    assert_eq!(lengths(false), BTreeSet::from([4, 5, 6]));
    assert_eq!(lengths(true), BTreeSet::from([6]));
    let cut = outcomes(|_, file| file.set_bytes(512).unwrap());
    assert!(cut.contains(&vec![1]) && cut.contains(&vec![1; 4]) && cut.contains(&vec![1; 2]));
    assert!(cut.iter().flatten().all(|byte| *byte == 1), "{cut:?}");
}

/// What names a restart leaves after `act`.
fn names(act: impl Fn(&SimulatedFolder)) -> BTreeSet<Vec<String>> {
    let outcome = |seed| {
        let disk = SimulatedDisk::new(seed);
        durable(&disk);
        act(&disk.folder(FOLDER));
        disk.restart();
        disk.folder(FOLDER).names().unwrap()
    };
    (0..100).map(outcome).collect()
}

#[test]
fn names_are_durable_once_their_folder_is_synced() {
    let any = |names: &[&[&str]]| -> BTreeSet<Vec<String>> {
        names.iter().map(|names| names.iter().map(ToString::to_string).collect()).collect()
    };
    let renamed = names(|folder| folder.rename("file", "other").unwrap());
    assert_eq!(renamed, any(&[&["file"], &["other"]]), "a rename is whole or not at all");
    let removed = names(|folder| folder.remove("file").unwrap());
    assert_eq!(removed, any(&[&["file"], &[]]));
    let created = names(|folder| drop(folder.create("new").unwrap()));
    assert_eq!(created, any(&[&["file"], &["file", "new"]]));
    let synced = names(|folder| {
        folder.rename("file", "other").unwrap();
        folder.sync().unwrap();
    });
    assert_eq!(synced, any(&[&["other"]]));
    let elsewhere = names(|folder| {
        folder.rename("file", "other").unwrap();
        folder.beside("elsewhere").sync().unwrap();
    });
    assert_eq!(elsewhere.len(), 2, "the sync of another folder counts for nothing");
}

#[test]
fn after_a_failed_sync_a_file_reads_as_written_and_is_not_on_the_disk() {
    let left = outcomes(|disk, file| {
        file.write_at(0, &[2; 4 * SECTOR_BYTES]).unwrap();
        disk.plan(disk.operations(), Fault::Error);
        file.sync().unwrap_err();
        assert_eq!(sectors(disk), [2; 4], "the machine reads what it wrote");
        file.sync().unwrap();
    });
    assert!(left.len() > 10, "a later sync put everything on the disk: {left:?}");
    let rewritten = outcomes(|disk, file| {
        file.write_at(0, &[2; 4 * SECTOR_BYTES]).unwrap();
        disk.plan(disk.operations(), Fault::Error);
        file.sync().unwrap_err();
        file.write_at(0, &[2; 4 * SECTOR_BYTES]).unwrap();
        file.sync().unwrap();
    });
    assert_eq!(rewritten, BTreeSet::from([vec![2; 4]]));
}

#[test]
fn a_lost_write_succeeds_and_changes_nothing() {
    let left = outcomes(|disk, file| {
        disk.plan(disk.operations(), Fault::Lost);
        file.write_at(0, &[2; SECTOR_BYTES]).unwrap();
        file.sync().unwrap();
        assert!(disk.has_failed());
    });
    assert_eq!(left, BTreeSet::from([vec![1; 4]]));
}

#[test]
fn a_misdirected_write_lands_in_any_other_place() {
    let left = outcomes(|disk, file| {
        disk.plan(disk.operations(), Fault::Misdirected);
        file.write_at(512, &[2; SECTOR_BYTES]).unwrap();
        file.sync().unwrap();
    });
    let landed = [[2, 1, 1, 1], [1, 1, 2, 1], [1, 1, 1, 2]].map(Vec::from);
    assert_eq!(left, BTreeSet::from(landed));
}

#[test]
fn a_fault_waits_for_an_operation_that_it_can_strike() {
    let disk = SimulatedDisk::new(1);
    let file = durable(&disk);
    disk.plan(disk.operations(), Fault::Lost);
    disk.plan(disk.operations() + 3, Fault::Slow);
    file.sync().unwrap();
    assert!(!disk.has_failed());
    file.write_at(0, &[2]).unwrap();
    assert!(disk.has_failed());
    assert_eq!(disk.file(FOLDER, "file").unwrap()[0], 1);
    let before = disk.work();
    file.sync().unwrap();
    file.sync().unwrap();
    file.write_at(0, &[2; 10]).unwrap();
    file.read_at(0, &mut [0; 1]).unwrap();
    let after = disk.work();
    assert_eq!((after.syncs - before.syncs, after.slow - before.slow), (2, 1));
    assert_eq!((after.writes - before.writes, after.written_bytes - before.written_bytes), (1, 10));
    assert_eq!(after.reads - before.reads, 1);
}

#[test]
fn a_full_disk_refuses_what_would_take_room_and_only_that() {
    let full = |result: io::Result<()>| {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::StorageFull);
    };
    let disk = SimulatedDisk::new(1);
    let file = durable(&disk);
    let (other, folder) = (disk.folder(FOLDER).create("other").unwrap(), disk.folder(FOLDER));
    disk.set_capacity(Some(5 * 512));
    assert_eq!(disk.free_bytes(), Some(512));
    full(other.set_bytes(513));
    full(file.write_at(2_000, &[2; 600]));
    full(file.write_at(5 * 512, &[2]));
    other.set_bytes(512).unwrap();
    file.write_at(0, &[2; 4 * 512]).unwrap();
    full(file.write_at(4 * 512, &[2]));
    folder.remove("other").unwrap();
    assert_eq!(disk.free_bytes(), Some(0), "it may come back");
    folder.sync().unwrap();
    assert_eq!(disk.free_bytes(), Some(512));
    disk.set_capacity(None);
    disk.plan(disk.operations(), Fault::Full);
    full(file.write_at(0, &[3]));
    assert_eq!(disk.file(FOLDER, "file").unwrap()[0], 2);
}

#[test]
fn nothing_works_between_a_crash_and_the_restart_nor_what_was_opened_before() {
    let disk = SimulatedDisk::new(1);
    let (file, folder) = (durable(&disk), disk.folder(FOLDER));
    disk.plan(disk.operations(), Fault::Crash);
    let said = file.write_at(0, &[2]).unwrap_err().to_string();
    assert_eq!(said, "the simulated machine has crashed");
    assert!(file.read_at(0, &mut [0]).is_err() && folder.names().is_err());
    assert!(disk.folder(FOLDER).open("file").is_err());
    disk.restart();
    assert!(file.read_at(0, &mut [0]).is_err() && folder.names().is_err());
    assert!(disk.folder(FOLDER).open("file").unwrap().read_at(0, &mut [0]).is_ok());
    assert!(!disk.has_failed());
}

#[test]
fn the_same_seed_leaves_the_same_and_two_disks_are_two() {
    let left = |seed: u64| {
        let disk = SimulatedDisk::new(seed);
        let file = durable(&disk);
        file.write_at(0, &[2; 4 * SECTOR_BYTES]).unwrap();
        let other = SimulatedDisk::new(seed);
        other.restart();
        assert!(other.files(FOLDER).is_empty());
        disk.restart();
        sectors(&disk)
    };
    assert!((0..50).all(|seed| left(seed) == left(seed)));
}
