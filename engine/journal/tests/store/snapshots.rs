//! Snapshots come back as they were written, or are refused by name; and whatever happens while
//! one is made, those before it are still there.

use std::convert::Infallible;

use kessai_engine::Lsn;
use kessai_journal::{
    ChainKey, Fault, FileFolder, Folder, PublishError, SimulatedDisk, SimulatedFolder,
    SnapshotFlaw, Snapshots, VisitError,
};

const FOLDER: &str = "snapshots";
/// Written once and kept for ever. If it fails the format has changed: raise the version and keep
/// reading this one.
const GOLDEN: &[u8] = include_bytes!("../fixtures/snapshot-v1");

fn key() -> ChainKey {
    ChainKey(*b"the chain key of the golden file")
}

fn on(disk: &SimulatedDisk) -> Snapshots<SimulatedFolder> {
    Snapshots::open_on(disk.folder(FOLDER), &key())
}

fn name(lsn: u64) -> String {
    format!("snapshot-{lsn:020}")
}

/// Chunks that tell which snapshot they are from: an empty one, and one of several windows.
fn chunks(lsn: u64) -> Vec<Vec<u8>> {
    let long = (0..3_u64 << 20).map(|at| ((at * lsn) >> 3) as u8).collect();
    vec![format!("rows at {lsn}").into_bytes(), Vec::new(), long, b"the last".to_vec()]
}

fn short(lsn: u64) -> Vec<Vec<u8>> {
    vec![format!("rows at {lsn}").into_bytes(), Vec::new(), b"the last".to_vec()]
}

fn write<F: Folder>(
    snapshots: &Snapshots<F>,
    lsn: u64,
    chunks: &[Vec<u8>],
) -> Result<(), PublishError> {
    let mut writer = snapshots.begin(Lsn(lsn))?;
    for chunk in chunks {
        writer.push(chunk)?;
    }
    writer.finish(Lsn(lsn + 5))?.publish(Lsn(lsn + 5))
}

/// Where replay starts behind a snapshot, and its chunks.
type Contents = (u64, Vec<Vec<u8>>);

/// What the newest valid snapshot holds, and what is refused.
fn read<F: Folder>(snapshots: &Snapshots<F>) -> (Option<Contents>, Vec<String>) {
    let search = snapshots.latest().unwrap();
    let refused = search.refused.iter().map(ToString::to_string).collect();
    let found = search.found.map(|snapshot| {
        let mut chunks = Vec::new();
        let each = |chunk: &[u8]| {
            chunks.push(chunk.to_vec());
            Ok::<(), Infallible>(())
        };
        snapshot.visit(each).unwrap();
        assert_eq!(snapshot.reaches(), Lsn(snapshot.replay_after().0 + 5));
        (snapshot.replay_after().0, chunks)
    });
    (found, refused)
}

#[test]
fn what_is_written_today_is_the_golden_file_and_it_is_read() {
    let disk = SimulatedDisk::new(1);
    write(&on(&disk), 7, &short(7)).unwrap();
    assert_eq!(disk.file(FOLDER, &name(7)).unwrap(), GOLDEN);
    assert_eq!(read(&on(&disk)), (Some((7, short(7))), Vec::new()));
}

#[test]
fn chunks_come_back_from_files_and_the_newest_two_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::open(&directory.path().join("new"), &key()).unwrap();
    assert_eq!(read(&snapshots), (None, Vec::new()));
    // One alone may be damaged, so nothing is trimmed behind it.
    for (lsn, trimmable) in [(3, None), (40, None), (500, Some(3)), (500, Some(40))] {
        assert_eq!(snapshots.trimmable().unwrap(), trimmable.map(Lsn));
        write(&snapshots, lsn, &chunks(lsn)).unwrap();
        assert_eq!(read(&snapshots), (Some((lsn, chunks(lsn))), Vec::new()));
    }
    assert_eq!(snapshots.list().unwrap(), [Lsn(40), Lsn(500)]);
    assert_eq!(snapshots.trimmable().unwrap(), Some(Lsn(40)));
    let folder = FileFolder::open(&directory.path().join("new")).unwrap();
    assert_eq!(folder.names().unwrap(), [name(40), name(500)]);
}

/// Every bit, every length: the newest is refused by name, and the older one is taken.
#[test]
fn a_snapshot_that_is_not_as_written_is_named_and_the_older_one_taken() {
    let disk = SimulatedDisk::new(1);
    write(&on(&disk), 7, &short(7)).unwrap();
    write(&on(&disk), 9, &short(9)).unwrap();
    let whole = disk.file(FOLDER, &name(9)).unwrap();
    let check = |what: &str| {
        let (found, refused) = read(&on(&disk));
        assert_eq!(found, Some((7, short(7))), "{what}");
        assert_eq!(refused.len(), 1);
        assert!(
            refused[0].starts_with(&format!("{}: it", name(9)))
                || refused[0].contains("chunk at offset"),
            "{refused:?}"
        );
    };
    for bit in 0..whole.len() * 8 {
        disk.flip_file(FOLDER, &name(9), bit as u64 / 8, (bit % 8) as u8);
        check(&format!("bit {bit}"));
        disk.flip_file(FOLDER, &name(9), bit as u64 / 8, (bit % 8) as u8);
    }
    for length in 0..whole.len() {
        disk.replace_file(FOLDER, &name(9), Some(whole[..length].to_vec()));
        check(&format!("length {length}"));
    }
    let longer = [&whole[..], &[0]].concat();
    disk.replace_file(FOLDER, &name(9), Some(longer));
    check("longer");
    disk.replace_file(FOLDER, &name(9), Some(whole));
    assert_eq!(read(&on(&disk)), (Some((9, short(9))), Vec::new()));
}

#[test]
fn a_refused_snapshot_counts_for_nothing_and_goes_with_the_next() {
    let disk = SimulatedDisk::new(1);
    write(&on(&disk), 7, &short(7)).unwrap();
    write(&on(&disk), 9, &short(9)).unwrap();
    disk.flip_file(FOLDER, &name(9), 40, 0);
    let snapshots = on(&disk);
    assert_eq!(snapshots.latest().unwrap().refused.len(), 1);
    assert_eq!(snapshots.trimmable().unwrap(), None, "one alone may be damaged, too");
    assert_eq!(snapshots.list().unwrap(), [Lsn(7), Lsn(9)], "it may have been refused by mistake");
    write(&snapshots, 11, &short(11)).unwrap();
    assert_eq!(snapshots.list().unwrap(), [Lsn(7), Lsn(11)]);
    assert_eq!(snapshots.trimmable().unwrap(), Some(Lsn(7)));
    // One written anew in the place of a refused one counts again.
    disk.flip_file(FOLDER, &name(11), 40, 0);
    assert_eq!(snapshots.latest().unwrap().refused.len(), 1);
    write(&snapshots, 11, &short(11)).unwrap();
    assert_eq!(snapshots.trimmable().unwrap(), Some(Lsn(7)));
    assert_eq!(read(&snapshots), (Some((11, short(11))), Vec::new()));
}

/// What is wrong with the only snapshot, if anything is.
fn flaw(disk: &SimulatedDisk) -> SnapshotFlaw {
    let mut search = on(disk).latest().unwrap();
    assert!(search.found.is_none());
    search.refused.remove(0).flaw
}

#[test]
fn each_flaw_is_told_from_the_others() {
    let disk = SimulatedDisk::new(1);
    write(&on(&disk), 7, &short(7)).unwrap();
    let whole = disk.file(FOLDER, &name(7)).unwrap();
    let put = |bytes: Vec<u8>| disk.replace_file(FOLDER, &name(7), Some(bytes));
    let resealed = |mut bytes: Vec<u8>, end: usize| {
        let checksum = crc32c::crc32c(&bytes[end - 20..end]).to_le_bytes();
        bytes[end..end + 4].copy_from_slice(&checksum);
        bytes
    };
    let mut later = whole.clone();
    later[8] = 2;
    put(resealed(later, 20));
    assert!(matches!(flaw(&disk), SnapshotFlaw::Version(2)));
    put(whole[..whole.len() - 1].to_vec());
    assert!(matches!(flaw(&disk), SnapshotFlaw::Trailer));
    // A piece from the middle is missing.
    put([&whole[..30], &whole[31..]].concat());
    assert!(matches!(flaw(&disk), SnapshotFlaw::Length { .. }));
    let mut changed = whole.clone();
    changed[40] ^= 1;
    put(changed);
    assert!(matches!(flaw(&disk), SnapshotFlaw::Chunk { offset: 24 }));
    put(whole.clone());
    disk.replace_file(FOLDER, &name(8), Some(whole.clone()));
    let search = on(&disk).latest().unwrap();
    assert!(matches!(search.refused[0].flaw, SnapshotFlaw::OtherLsn(Lsn(7))));
    disk.replace_file(FOLDER, &name(8), None);
    let other = Snapshots::open_on(disk.folder(FOLDER), &ChainKey([1; 32])).latest().unwrap();
    assert!(matches!(other.refused[0].flaw, SnapshotFlaw::Hash));
}

#[test]
fn nothing_is_published_ahead_of_the_journal() {
    let disk = SimulatedDisk::new(1);
    let snapshots = on(&disk);
    let mut writer = snapshots.begin(Lsn(7)).unwrap();
    writer.push(b"rows").unwrap();
    let finished = writer.finish(Lsn(9)).unwrap();
    assert_eq!(finished.reaches(), Lsn(9));
    let refused = finished.publish(Lsn(8)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the snapshot reaches 9, but the journal is durable only up to 8"
    );
    assert_eq!(read(&snapshots), (None, Vec::new()));
}

#[test]
fn a_chunk_that_cannot_be_loaded_is_named() {
    let disk = SimulatedDisk::new(1);
    write(&on(&disk), 7, &short(7)).unwrap();
    let found = on(&disk).latest().unwrap().found.unwrap();
    let said = |chunk: &[u8]| if chunk.is_empty() { Err("no row") } else { Ok(()) };
    let error = found.visit(said).unwrap_err();
    assert_eq!(error.to_string(), "chunk 1 of the snapshot cannot be loaded: no row");
    // It is checked again while it is loaded.
    disk.flip_file(FOLDER, &name(7), 40, 0);
    let error = found.visit(|_| Ok::<(), Infallible>(())).unwrap_err();
    assert!(matches!(error, VisitError::Flaw(SnapshotFlaw::Chunk { offset: 24 })), "{error}");
}

/// The machine stops, or an operation fails, at every operation of making three snapshots: the
/// newest of those that were published is found whole, or the one that was under way.
#[test]
fn a_fault_at_any_operation_leaves_a_published_snapshot() {
    let (mut cut, mut seen) = (0, 0);
    for (seed, fault) in
        (0..30).flat_map(|seed| [Fault::Crash, Fault::Error, Fault::Full].map(|f| (seed, f)))
    {
        for operation in 0.. {
            let disk = SimulatedDisk::new(seed << 32 | operation);
            disk.plan(operation, fault);
            let mut published = 0;
            for lsn in [10, 20, 30] {
                if write(&on(&disk), lsn, &short(lsn)).is_err() {
                    break;
                }
                published = lsn;
            }
            if !disk.has_failed() {
                break;
            }
            seen += 1;
            disk.restart();
            let (found, refused) = read(&on(&disk));
            assert!(refused.is_empty(), "{refused:?}");
            let found = found.map_or(0, |(lsn, chunks)| {
                assert_eq!(chunks, short(lsn));
                lsn
            });
            assert!(found == published || found == published + 10, "{found} {published}");
            cut += u32::from(found == published + 10);
            write(&on(&disk), 40, &short(40)).unwrap();
            assert_eq!(read(&on(&disk)).0, Some((40, short(40))));
            assert!(on(&disk).list().unwrap().len() <= 2);
        }
    }
    assert!(seen > 500 && cut > 20, "{cut} of {seen}");
}

/// A disk that lies: what it did not write is found out, and the older snapshot taken.
#[test]
fn a_lost_or_stray_write_never_gives_a_wrong_snapshot() {
    let mut refusals = 0;
    for (seed, fault) in (0..200).flat_map(|seed| [(seed, Fault::Lost), (seed, Fault::Misdirected)])
    {
        let disk = SimulatedDisk::new(seed);
        write(&on(&disk), 10, &short(10)).unwrap();
        disk.plan(disk.operations() + seed % 4, fault);
        write(&on(&disk), 20, &short(20)).unwrap();
        let (found, refused) = read(&on(&disk));
        refusals += refused.len();
        if let Some((lsn, chunks)) = found {
            assert_eq!(chunks, short(lsn));
        }
    }
    assert!(refusals > 100, "{refusals}");
}
