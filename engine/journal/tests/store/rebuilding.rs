//! An archive made anew holds what the journal and the old one held between them, and says what
//! neither did.

use kessai_engine::Lsn;
use kessai_journal::{Archive, ArchiveError, Fault, Rebuilt, SimulatedDisk, Storage};

use crate::model::id;
use crate::world::{ARCHIVE, World, check, key, options};

const FILE: &str = "archive";
/// The first record in a journal that was trimmed by [`trimmed`].
const FIRST: Lsn = Lsn(71);

/// A disk with an archive of 200 records at rest, and a journal whose last batch is of ten.
fn written() -> SimulatedDisk {
    let disk = SimulatedDisk::new(3);
    let mut world = World::start(&disk).unwrap();
    for _ in 0..20 {
        assert!(world.write(10));
    }
    world.catch_up().unwrap();
    drop(world);
    disk
}

/// The same, of which the journal holds two thirds.
fn trimmed() -> SimulatedDisk {
    let disk = written();
    let mut world = World::start(&disk).unwrap();
    world.journal.trim(Lsn(105));
    assert!(world.write(0));
    drop(world);
    disk
}

fn rebuild(disk: &SimulatedDisk) -> Result<Rebuilt, ArchiveError> {
    let journal = disk.storage().readers();
    Archive::rebuild_on(&disk.folder(ARCHIVE), &journal, &key(), &options(), |_| {})
}

/// Starts behind a snapshot, archives the rest, and checks everything.
fn goes_on(disk: &SimulatedDisk, snapshot: Lsn) {
    let mut world = World::start_behind(disk, snapshot).unwrap();
    assert_eq!(world.catch_up().unwrap(), Lsn(200));
    check(&world.archive);
    assert!(world.write(10));
    assert_eq!(world.catch_up().unwrap(), Lsn(210));
    check(&world.archive);
}

#[test]
fn a_whole_journal_gives_a_whole_archive_but_for_its_last_batch() {
    let disk = written();
    for old in [disk.file(ARCHIVE, FILE), None, Some(vec![7; 9_999])] {
        disk.replace_file(ARCHIVE, FILE, old);
        let rebuilt = rebuild(&disk).unwrap();
        assert_eq!(rebuilt.status.covers, Lsn(1)..Lsn(191));
        assert!(rebuilt.missing.is_none(), "{rebuilt:?}");
    }
    goes_on(&disk, Lsn::NONE);
}

#[test]
fn what_the_journal_has_no_longer_comes_from_the_old_archive() {
    let disk = trimmed();
    let mut told = Vec::new();
    let journal = disk.storage().readers();
    let folder = disk.folder(ARCHIVE);
    let rebuilt =
        Archive::rebuild_on(&folder, &journal, &key(), &options(), |done| told.push(done)).unwrap();
    assert_eq!(rebuilt.status.covers, Lsn(1)..Lsn(191));
    assert!(rebuilt.missing.is_none(), "{rebuilt:?}");
    assert!(told.is_sorted() && told.last() > Some(&90), "{told:?}");
    goes_on(&disk, Lsn(105));
}

#[test]
fn what_neither_holds_is_told() {
    let disk = trimmed();
    let old = disk.file(ARCHIVE, FILE).unwrap();
    disk.replace_file(ARCHIVE, FILE, None);
    let rebuilt = rebuild(&disk).unwrap();
    let missing = rebuilt.missing.unwrap();
    assert_eq!(missing.records, Lsn(1)..FIRST);
    assert!(missing.damage.is_none());
    assert_eq!(rebuilt.status.covers, FIRST..Lsn(191));
    // What the journal holds is there.
    let archive = Archive::open_on(&disk.folder(ARCHIVE), &options()).unwrap();
    assert_eq!(archive.payment(&id(20)).unwrap().len(), 5);
    assert_eq!(archive.payment(&id(5)).unwrap(), []);
    drop(archive);
    // An old archive that cannot be read to its end.
    let damaged = old.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at > old.len() / 2));
    disk.replace_file(ARCHIVE, FILE, Some(damaged.collect()));
    let missing = rebuild(&disk).unwrap().missing.unwrap();
    assert!(missing.records.end == FIRST && missing.damage.is_some(), "{missing:?}");
}

#[test]
fn a_journal_that_is_empty_or_damaged_leaves_the_old_archive() {
    let disk = written();
    disk.flip(kessai_journal::Place { segment: 2, offset: 300 }, 1);
    assert!(matches!(rebuild(&disk), Err(ArchiveError::Journal(_))));
    for segment in disk.segments() {
        disk.lose(segment.number);
    }
    assert!(matches!(rebuild(&disk), Err(ArchiveError::NoJournal)));
    check(&Archive::open_on(&disk.folder(ARCHIVE), &options()).unwrap());
}

#[test]
fn a_fault_at_any_operation_leaves_the_old_archive_or_the_new_one() {
    let (disk, mut seen) = (trimmed(), 0);
    let copies = |seed| {
        let copy = SimulatedDisk::new(seed);
        for segment in disk.segments() {
            copy.replace(segment.number, disk.contents(segment.number));
        }
        copy.replace_file(ARCHIVE, FILE, disk.file(ARCHIVE, FILE));
        copy
    };
    for fault in [Fault::Crash, Fault::Error, Fault::Full] {
        for operation in 0.. {
            let copy = copies(operation);
            copy.plan(operation, fault);
            let result = rebuild(&copy);
            if !copy.has_failed() {
                result.unwrap();
                break;
            }
            seen += 1;
            copy.restart();
            goes_on(&copy, Lsn(105));
        }
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn an_archive_in_files_is_rebuilt_and_kept_from_others_meanwhile() {
    use crate::lookups::archived_files;
    let (directory, archive) = archived_files(500);
    let (log, store) = (directory.path().join("journal"), directory.path().join("archive"));
    let rebuild = || Archive::rebuild(&store, &log, &key(), &options(), |_| {});
    assert!(matches!(rebuild(), Err(ArchiveError::InUse(_))));
    drop(archive);
    let rebuilt = rebuild().unwrap();
    assert!(rebuilt.missing.is_none());
    let archive = Archive::open(&store, &options()).unwrap();
    assert_eq!(archive.status().unwrap(), rebuilt.status);
    check(&archive);
}
