//! The machine stops, or an operation fails, at every operation of a small life of a journal with
//! its archive: what the archive said it holds it holds, and it comes up to the journal again.

use kessai_engine::Lsn;
use kessai_journal::{Fault, SimulatedDisk};

use crate::world::{World, check};

/// Writes and archives over several segments, with a trim and a new start in between. Gives the
/// highest watermark that was told.
fn work(disk: &SimulatedDisk) -> Lsn {
    let mut told = Lsn::NONE;
    for behind in [Lsn::NONE, Lsn(50)] {
        let Ok(mut world) = World::start_behind(disk, behind) else {
            return told;
        };
        told = told.max(world.archive.upto());
        for records in [30, 1, 25] {
            if !world.write(records) {
                return told;
            }
            let Ok(upto) = world.catch_up() else {
                return told;
            };
            told = upto;
            assert!(upto <= world.journal.durable());
        }
        world.journal.trim(Lsn(50));
        if !world.write(0) {
            return told;
        }
    }
    told
}

/// Starts again, as often as it takes.
fn recovered(disk: &SimulatedDisk) -> World {
    let behind = if disk.segments().first().is_some_and(|first| first.number > 1) { 50 } else { 0 };
    World::start_behind(disk, Lsn(behind)).unwrap_or_else(|error| panic!("{error:?}"))
}

#[test]
fn the_watermark_is_never_beyond_what_is_held() {
    let (mut seen, mut midway, mut unsynced) = (0, 0, 0);
    for (seed, fault) in (0..2).flat_map(|seed| [Fault::Crash, Fault::Error].map(|f| (seed, f))) {
        for operation in 0.. {
            let disk = SimulatedDisk::new(seed << 32 | operation);
            disk.plan(operation, fault);
            let mut told = work(&disk);
            if !disk.has_failed() {
                break;
            }
            seen += 1;
            // After an error the process starts again on the same machine first, and believes
            // what it reads there; then the power goes.
            if fault == Fault::Error {
                let world = recovered(&disk);
                assert!(world.archive.upto() >= told);
                unsynced += u32::from(world.archive.upto() > told);
                told = world.archive.upto();
                check(&world.archive);
            }
            disk.restart();
            let mut world = recovered(&disk);
            let upto = world.archive.upto();
            assert!(upto >= told, "{upto:?} {told:?} of seed {seed} operation {operation}");
            check(&world.archive);
            midway += u32::from(world.journal.durable() > upto && upto > Lsn::NONE);
            assert!(world.write(3));
            assert_eq!(world.catch_up().unwrap(), world.journal.durable());
            check(&world.archive);
        }
    }
    assert!(seen > 200 && midway > 20 && unsynced > 1, "{midway}, {unsynced} of {seen}");
}

#[test]
fn the_same_seed_does_the_same() {
    let life = |seed| {
        let disk = SimulatedDisk::new(seed);
        disk.plan(70 + seed, Fault::Crash);
        let told = work(&disk);
        disk.restart();
        let mut world = recovered(&disk);
        world.catch_up().unwrap();
        drop(world);
        (told, disk.operations(), disk.work(), disk.file("archive", "archive"))
    };
    for seed in 0..20 {
        assert!(life(seed) == life(seed), "seed {seed}");
    }
}
