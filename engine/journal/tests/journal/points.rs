//! Every point at which the power can fail within three commits, on one disk and on two, with every
//! set of the sectors that were under way; and again at every operation of the recovery from it.
//! What was told is there afterwards, nothing halts, and nothing is there that was not pushed.

use kessai_engine::Lsn;
use kessai_journal::{Fault, JournalOptions, OpenError, SimulatedDisk, Stepped, Storage};

use crate::mirror::Disks;
use crate::support::{Opened, counting, open_storage, small};

const SECTOR: usize = 512;
/// Records of each commit: the first takes up one sector, the second five, the third begins a
/// segment.
const COMMITS: [u64; 3] = [1, 56, 2];

/// What is on a disk.
type Image = Vec<(u64, Vec<u8>)>;

fn image(disk: &SimulatedDisk) -> Image {
    disk.segments().iter().map(|segment| (segment.number, disk.contents(segment.number))).collect()
}

fn disk(image: &Image, seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    for (number, contents) in image {
        disk.replace(*number, contents.clone());
    }
    disk
}

/// What was on the disks when a commit had been told, the opening of the journal first; and how many
/// records had been.
fn commits(disks: &[SimulatedDisk], options: &JournalOptions) -> Vec<(Image, u64)> {
    fn run<S: Storage>(mut opened: Opened<S>, disk: &SimulatedDisk) -> Vec<(Image, u64)> {
        let mut told = 0;
        let mut images = vec![(image(disk), told)];
        for records in COMMITS {
            told += records;
            assert_eq!(opened.write(records), Stepped::Worked(Lsn(told)));
            images.push((image(disk), told));
        }
        images
    }
    match disks {
        [one] => run(open_storage(one.storage(), options).unwrap(), one),
        [one, two] => {
            let images = run(Disks([one.clone(), two.clone()]).open(options).unwrap(), one);
            assert_eq!(images.last().unwrap().0, image(two));
            images
        }
        _ => panic!("one or two"),
    }
}

/// The places of the sectors that one commit changed.
fn changed(before: &Image, after: &Image) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    for (index, (number, new)) in after.iter().enumerate() {
        let blank = vec![0; new.len()];
        let old = before.iter().find(|(old, _)| old == number).map_or(&blank, |(_, old)| old);
        for (sector, (old, new)) in old.chunks(SECTOR).zip(new.chunks(SECTOR)).enumerate() {
            if old != new {
                places.push((index, sector));
            }
        }
    }
    places
}

/// The disk as a crash leaves it that lets only some sectors of a commit reach it. That the next
/// segment is there or not yet there is tried apart.
fn torn(before: &Image, after: &Image, places: &[(usize, usize)], kept: usize) -> Image {
    let mut torn = after.clone();
    for (_, (index, sector)) in places.iter().enumerate().filter(|(bit, _)| kept >> bit & 1 == 0) {
        let (number, contents) = &mut torn[*index];
        let range = sector * SECTOR..(sector + 1) * SECTOR;
        let old = before.iter().find(|(old, _)| old == number);
        match old {
            Some((_, old)) => contents[range.clone()].copy_from_slice(&old[range]),
            None => contents[range].fill(0),
        }
    }
    torn
}

/// Recovers from `make`, and from a crash at each operation of that recovery, and checks what is
/// there each time. Gives the number of recoveries.
fn recover<const N: usize>(
    make: impl Fn(u64) -> [SimulatedDisk; N],
    told: u64,
    pushed: u64,
    seeds: u64,
) -> u64 {
    fn open<const N: usize>(disks: &[SimulatedDisk; N]) -> Result<u64, OpenError> {
        let (options, _) = counting(options());
        match disks.as_slice() {
            [one] => open_storage(one.storage(), &options).map(|opened| opened.replayed),
            [one, two] => Disks([one.clone(), two.clone()]).open(&options).map(|o| o.replayed),
            _ => panic!("one or two"),
        }
    }
    let check = |replayed: Result<u64, OpenError>, what: &dyn std::fmt::Debug| {
        let replayed = replayed.unwrap_or_else(|error| panic!("{what:?}: a false halt: {error}"));
        assert!((told..=pushed).contains(&replayed), "{what:?}: {told} {replayed} {pushed}");
        replayed
    };
    let disks = make(0);
    let replayed = check(open(&disks), &"at once");
    assert_eq!(check(open(&disks), &"again"), replayed);
    let mut recoveries = 2;
    for seed in 0..seeds {
        for crashing in 0..N {
            for operation in 0.. {
                let disks = make(seed << 32 | operation << 1);
                disks[crashing].plan(operation, Fault::Crash);
                drop(open(&disks));
                let crashed = disks[crashing].has_failed();
                disks.iter().for_each(SimulatedDisk::restart);
                check(open(&disks), &(seed, crashing, operation));
                recoveries += 1;
                if !crashed {
                    break;
                }
            }
        }
    }
    recoveries
}

fn options() -> JournalOptions {
    JournalOptions { segment_bytes: 3 * 4_096, queue_bytes: 8_192, ..small() }
}

#[test]
fn every_set_of_sectors_on_one_disk() {
    let options = options();
    let images = commits(&[SimulatedDisk::new(1)], &options);
    let (mut points, mut recoveries) = (0, 0);
    for pair in [(Vec::new(), 0)].iter().chain(&images).collect::<Vec<_>>().windows(2) {
        let [(before, told), (after, pushed)] = pair else { panic!("windows of two") };
        let places = changed(before, after);
        assert!((1..=6).contains(&places.len()), "{}", places.len());
        for kept in 0..1_usize << places.len() {
            let torn = torn(before, after, &places, kept);
            points += 1;
            recoveries += recover(|seed| [disk(&torn, seed)], *told, *pushed, 2);
        }
    }
    assert_eq!(points, 2 + 2 + (1 << 5) + 2, "each set of sectors of each commit");
    assert!(recoveries > 700, "{recoveries}");
}

#[test]
fn every_pair_of_sets_of_sectors_on_two_disks() {
    let options = options();
    let images = commits(&[SimulatedDisk::new(1), SimulatedDisk::new(2)], &options);
    let (mut points, mut recoveries) = (0, 0);
    for pair in [(Vec::new(), 0)].iter().chain(&images).collect::<Vec<_>>().windows(2) {
        let [(before, told), (after, pushed)] = pair else { panic!("windows of two") };
        let places = changed(before, after);
        let sets = 1_usize << places.len();
        for pair in 0..sets * sets {
            let ours = torn(before, after, &places, pair % sets);
            let theirs = torn(before, after, &places, pair / sets);
            points += 1;
            // Crashes of the recovery are tried on a part of the many.
            let seeds = u64::from(sets == 2 || pair % 61 == 0);
            let make = |seed| [disk(&ours, seed), disk(&theirs, !seed)];
            recoveries += recover(make, *told, *pushed, seeds);
        }
    }
    assert_eq!(points, 4 + 4 + (1 << 10) + 4, "each pair of sets of each commit");
    assert!(recoveries > 2_500, "{recoveries}");
}

/// Crashes at each operation, the making of segments and of names included; what a crash leaves of
/// sectors and names is drawn.
#[test]
fn every_operation_on_two_disks() {
    let (options, _) = counting(options());
    let mut seen = 0;
    for seed in 0..12 {
        for crashing in 0..2 {
            for operation in 0.. {
                let disks = Disks::new(seed << 32 | operation << 1);
                disks.0[crashing].plan(operation, Fault::Crash);
                let (mut told, mut pushed) = (0, 0);
                if let Ok(mut opened) = disks.open(&options) {
                    for records in COMMITS {
                        pushed = opened.push(records).0;
                        let stepped = opened.writer.step(crate::support::NOW);
                        told = opened.journal.durable().0;
                        if stepped == Stepped::Ended {
                            break;
                        }
                    }
                }
                if !disks.0[crashing].has_failed() {
                    assert!(operation > 10, "the workload is too short");
                    break;
                }
                seen += 1;
                // One power supply for both.
                disks.0.iter().for_each(SimulatedDisk::restart);
                let opened = disks.open(&options).unwrap_or_else(|error| {
                    panic!("seed {seed} disk {crashing} operation {operation}: {error}")
                });
                assert!((told..=pushed).contains(&opened.replayed));
                drop(opened);
                assert_eq!(image(&disks.0[0]), image(&disks.0[1]));
            }
        }
    }
    assert!(seen > 300, "{seen}");
}

/// One disk does not write what it says it has written, or writes it elsewhere, at every write.
#[test]
fn every_write_that_is_lost_or_strays_in_one_copy_is_repaired() {
    let (options, _) = counting(options());
    let (mut seen, mut repaired) = (0, 0);
    for fault in [Fault::Lost, Fault::Misdirected] {
        for seed in 0..8 {
            for lying in 0..2 {
                for operation in 0.. {
                    let disks = Disks::new(seed << 32 | operation << 1);
                    disks.0[lying].plan(operation, fault);
                    let mut opened = disks.open(&options).unwrap();
                    let pushed = COMMITS.map(|records| opened.write(records)).len();
                    assert_eq!((pushed, opened.journal.durable()), (3, Lsn(59)));
                    drop(opened);
                    if !disks.0[lying].has_failed() {
                        break;
                    }
                    seen += 1;
                    disks.0.iter().for_each(SimulatedDisk::restart);
                    let alike = image(&disks.0[0]) == image(&disks.0[1]);
                    let opened = disks.open(&options).unwrap_or_else(|error| {
                        panic!("{fault:?} seed {seed} disk {lying} operation {operation}: {error}")
                    });
                    assert_eq!(opened.replayed, 59, "nothing is lost");
                    let repairs = opened.recovered.repairs.len();
                    assert!(alike || repairs > 0, "nothing is silent");
                    repaired += usize::from(repairs > 0);
                    drop(opened);
                    assert_eq!(image(&disks.0[0]), image(&disks.0[1]));
                }
            }
        }
    }
    assert!(seen > 200 && repaired > 100, "{repaired} of {seen}");
}
