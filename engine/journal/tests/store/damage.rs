//! Nothing is ever answered from an archive that is not as it was written.

use kessai_engine::Lsn;
use kessai_journal::{Archive, ArchiveError, Fault, SimulatedDisk};

use crate::model::{Model, id};
use crate::world::{ARCHIVE, World, check, options};

const FILE: &str = "archive";

/// A disk with an archive of 200 records at rest.
fn written() -> SimulatedDisk {
    let disk = SimulatedDisk::new(3);
    let mut world = World::start(&disk).unwrap();
    for _ in 0..20 {
        assert!(world.write(10));
        world.catch_up().unwrap();
    }
    drop(world);
    disk
}

/// Asks for every payment. Gives how many answers came; each must be right.
fn ask(disk: &SimulatedDisk, model: &Model) -> Result<usize, ArchiveError> {
    let archive = Archive::open_on(&disk.folder(ARCHIVE), &options())?;
    assert_eq!(archive.upto(), Lsn(200));
    for (payment, expected) in &model.payments {
        let found = archive.payment(payment)?;
        assert_eq!(found.len(), expected.len(), "a wrong answer");
        for (recorded, (lsn, entry)) in found.iter().zip(expected) {
            assert_eq!((recorded.lsn, &recorded.entry), (*lsn, entry), "a wrong answer");
        }
    }
    Ok(model.payments.len())
}

/// A bit in every sector, and whole sectors at zero.
#[test]
fn a_changed_sector_is_named_or_never_read() {
    let disk = written();
    let model = Model::upto(Lsn(200));
    let whole = disk.file(ARCHIVE, FILE).unwrap();
    let (mut named, mut unread) = (0, 0);
    for sector in 0..whole.len() / 512 {
        for zeroed in [false, true] {
            let mut bytes = whole.clone();
            let place = &mut bytes[sector * 512..][..512];
            if zeroed {
                place.fill(0);
            } else {
                place[(sector * 37) % 512] ^= 4;
            }
            if bytes == whole {
                continue;
            }
            disk.replace_file(ARCHIVE, FILE, Some(bytes));
            match ask(&disk, &model) {
                Ok(_) => unread += 1,
                Err(ArchiveError::Damaged(_)) => named += 1,
                Err(error) => panic!("sector {sector}: {error}"),
            }
        }
    }
    assert!(named > 100, "{named} named, {unread} never read");
}

#[test]
fn a_damaged_archive_answers_nothing_more() {
    let disk = written();
    let archive = Archive::open_on(&disk.folder(ARCHIVE), &options()).unwrap();
    drop(archive);
    let whole = disk.file(ARCHIVE, FILE).unwrap();
    let damaged: Vec<u8> = whole
        .iter()
        .enumerate()
        .map(|(at, byte)| if at < 512 { *byte } else { byte ^ 1 })
        .collect();
    disk.replace_file(ARCHIVE, FILE, Some(damaged));
    let error = Archive::open_on(&disk.folder(ARCHIVE), &options()).unwrap_err();
    assert!(error.to_string().starts_with("the archive is damaged: block "), "{error}");
}

#[test]
fn a_file_that_is_no_archive_is_refused() {
    let disk = SimulatedDisk::new(1);
    for bytes in [Vec::new(), vec![0; 10], vec![0; 100_000], b"redb".repeat(3_000)] {
        disk.replace_file(ARCHIVE, FILE, Some(bytes));
        let error = Archive::open_on(&disk.folder(ARCHIVE), &options()).unwrap_err();
        assert!(matches!(error, ArchiveError::Damaged(_)), "{error:?}");
    }
}

/// What a disk does not write, or writes elsewhere, is found by a check of the whole file if not
/// before, and never answered from after it.
#[test]
fn a_check_finds_writes_that_were_lost_or_went_astray() {
    let mut found = 0;
    for (seed, fault) in (0..60).flat_map(|seed| [(seed, Fault::Lost), (seed, Fault::Misdirected)])
    {
        let disk = SimulatedDisk::new(seed);
        let mut world = World::start(&disk).unwrap();
        assert!(world.write(20));
        world.catch_up().unwrap();
        assert!(world.write(20));
        // The journal's own part is over, so the archive's writes are struck.
        disk.plan(disk.operations() + seed % 6, fault);
        let archived = world.catch_up();
        drop(world);
        disk.restart();
        let checked = Archive::check_on(&disk.folder(ARCHIVE), &options());
        match (archived, checked) {
            (_, Err(ArchiveError::Damaged(_) | ArchiveError::Storage(_))) => found += 1,
            (_, Err(error)) => panic!("{error}"),
            (_, Ok(())) => {
                let archive = Archive::open_on(&disk.folder(ARCHIVE), &options()).unwrap();
                check(&archive);
            }
        }
    }
    assert!(found > 20, "{found}");
}

#[test]
fn an_unknown_payment_is_told_from_one_that_cannot_be_read() {
    let disk = written();
    let archive = Archive::open_on(&disk.folder(ARCHIVE), &options()).unwrap();
    assert_eq!(archive.payment(&id(77_777)).unwrap(), []);
}
/// What a disk did not write, or wrote elsewhere, is named when it is read; what is answered is
/// right.
#[test]
fn a_lost_or_stray_write_is_never_answered_from() {
    let (mut named, mut right) = (0, 0);
    for (seed, fault) in (0..100).flat_map(|seed| [(seed, Fault::Lost), (seed, Fault::Misdirected)])
    {
        let disk = SimulatedDisk::new(seed);
        let mut world = World::start(&disk).unwrap();
        for _ in 0..4 {
            assert!(world.write(10));
            world.catch_up().unwrap();
        }
        assert!(world.write(100));
        disk.plan(disk.operations() + seed % 40, fault);
        // The fault may be noticed at once, and end the archiving.
        let archived = world.catch_up();
        assert!(disk.has_failed() || archived.is_ok());
        drop(world);
        disk.restart();
        let answers = Archive::open_on(&disk.folder(ARCHIVE), &options()).and_then(|archive| {
            let model = Model::upto(archive.upto());
            for (payment, expected) in &model.payments {
                let found = archive.payment(payment)?;
                let found: Vec<_> = found.iter().map(|recorded| recorded.lsn).collect();
                let expected: Vec<_> = expected.iter().map(|(lsn, _)| *lsn).collect();
                assert_eq!(found, expected, "seed {seed} {fault:?}");
            }
            Ok(())
        });
        match answers {
            Ok(()) => right += 1,
            Err(_) => named += 1,
        }
    }
    assert!(named > 50 && right > 20, "{named} named, {right} right");
}
