//! A journal and its mirror: whatever happens to one of them, nothing is lost, nothing is silent.

use kessai_engine::Lsn;
use kessai_journal::{
    Divergence, JournalOptions, Mirrored, OpenError, Place, Remedy, Repair, Replica, SimulatedDisk,
    SimulatedStorage, Stepped, Storage,
};

use crate::support::{NOW, Opened, open_storage, small};

const BLOCK: u64 = 4_096;
const SECTOR: usize = 512;

/// Two disks, the second with the mirror.
pub(crate) struct Disks(pub(crate) [SimulatedDisk; 2]);

type Both = Mirrored<SimulatedStorage, SimulatedStorage>;

impl Disks {
    pub(crate) fn new(seed: u64) -> Self {
        Self([SimulatedDisk::new(seed), SimulatedDisk::new(!seed)])
    }

    pub(crate) fn open(&self, options: &JournalOptions) -> Result<Opened<Both>, OpenError> {
        let [journal, mirror] = &self.0;
        open_storage(Mirrored::new(journal.storage(), mirror.storage()), options)
    }

    fn copy(&self) -> Self {
        Self([copy(&self.0[0]), copy(&self.0[1])])
    }
}

fn copy(disk: &SimulatedDisk) -> SimulatedDisk {
    let copy = SimulatedDisk::new(8);
    for segment in disk.segments() {
        copy.replace(segment.number, disk.contents(segment.number));
    }
    copy
}

fn contents(disk: &SimulatedDisk) -> Vec<(u64, Vec<u8>)> {
    disk.segments().iter().map(|segment| (segment.number, disk.contents(segment.number))).collect()
}

/// Three segments: the opening batch and the records 1 to 6 in batches of 1, 2, 1, and 2.
fn written() -> Disks {
    let disks = Disks::new(7);
    let mut opened = disks.open(&small()).unwrap();
    for (records, last) in [(1, 1), (2, 3), (1, 4), (2, 6)] {
        assert_eq!(opened.write(records), Stepped::Worked(Lsn(last)));
    }
    disks
}

/// Damages either copy in turn, and checks that all is there, that it is told which copy was
/// repaired, and that the copies are alike from then on.
fn each_repaired(what: &str, damage: impl Fn(&SimulatedDisk)) {
    let sound = written();
    for replica in [Replica::Journal, Replica::Mirror] {
        let disks = sound.copy();
        damage(&disks.0[usize::from(replica == Replica::Mirror)]);
        let opened = disks.open(&small()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(opened.replayed, 6, "{what}");
        let repairs = &opened.recovered.repairs;
        assert!(!repairs.is_empty(), "{what}: nothing is silent");
        assert!(repairs.iter().all(|repair| repair.replica == replica), "{what}: {repairs:?}");
        drop(opened);
        assert!(contents(&disks.0[0]) == contents(&disks.0[1]), "{what}");
        let mut opened = disks.open(&small()).unwrap();
        assert_eq!((opened.replayed, opened.recovered.repairs.len()), (6, 0), "{what}");
        assert_eq!(opened.write(1), Stepped::Worked(Lsn(7)), "{what}: it goes on");
    }
}

#[test]
fn both_hold_the_same_and_each_is_a_journal_of_its_own() {
    let disks = written();
    assert_eq!(contents(&disks.0[0]), contents(&disks.0[1]));
    for disk in &disks.0 {
        let opened = open_storage(copy(disk).storage(), &small()).unwrap();
        assert_eq!(opened.replayed, 6);
    }
}

#[test]
fn every_flipped_bit_is_repaired() {
    for segment in 1..=3 {
        for offset in (0..2 * BLOCK).step_by(11) {
            let place = Place { segment, offset };
            each_repaired(&format!("{place}"), |disk| disk.flip(place, 5));
        }
    }
}

#[test]
fn every_lost_sector_is_repaired() {
    for segment in 1..=3 {
        for sector in 0..2 * BLOCK as usize / SECTOR {
            let mut differs = false;
            let zero = |disk: &SimulatedDisk| {
                let mut contents = disk.contents(segment);
                contents[sector * SECTOR..][..SECTOR].fill(0);
                disk.replace(segment, contents);
            };
            let sound = written();
            let before = sound.0[0].contents(segment);
            zero(&sound.0[0]);
            differs |= before != sound.0[0].contents(segment);
            if differs {
                each_repaired(&format!("segment {segment} sector {sector}"), zero);
            }
        }
    }
}

#[test]
fn every_lost_batch_is_repaired() {
    for segment in 1..=3 {
        for block in 0..2 {
            if segment == 3 && block == 1 {
                continue;
            }
            each_repaired(&format!("segment {segment} block {block}"), |disk| {
                let mut contents = disk.contents(segment);
                contents[block * BLOCK as usize..][..BLOCK as usize].fill(0);
                disk.replace(segment, contents);
            });
        }
    }
}

#[test]
fn a_segment_cut_short_or_lost_is_made_again() {
    for segment in 1..=3 {
        for length in [0, 1, 512, 4_095, 4_096, 5_000, 8_191] {
            each_repaired(&format!("segment {segment} cut to {length}"), |disk| {
                let mut contents = disk.contents(segment);
                contents.truncate(length);
                disk.replace(segment, contents);
            });
        }
        each_repaired(&format!("segment {segment} lost"), |disk| disk.lose(segment));
    }
}

#[test]
fn a_batch_that_strayed_anywhere_is_repaired() {
    let blocks = || (1..=4).flat_map(|segment| [0, 1].map(|block| (segment, block)));
    for (from, from_block) in blocks().take(5) {
        for (to, to_block) in blocks().filter(|to| *to != (from, from_block)) {
            each_repaired(&format!("{from}.{from_block} strayed to {to}.{to_block}"), |disk| {
                // Written where it should not, and missing where it should be.
                let mut contents = disk.contents(from);
                let at = from_block * BLOCK as usize;
                let batch = contents[at..][..BLOCK as usize].to_vec();
                contents[at..][..BLOCK as usize].fill(0);
                disk.replace(from, contents);
                let mut contents = disk.contents(to);
                contents[to_block * BLOCK as usize..][..BLOCK as usize].copy_from_slice(&batch);
                disk.replace(to, contents);
            });
        }
    }
}

#[test]
fn a_copy_that_is_gone_is_made_again() {
    each_repaired("all of it", |disk| {
        for segment in disk.segments() {
            disk.lose(segment.number);
        }
    });
    each_repaired("all its contents", |disk| {
        for segment in disk.segments() {
            disk.replace(segment.number, vec![0; 8_192]);
        }
    });
}

#[test]
fn what_cannot_be_read_is_written_again() {
    let sound = written();
    for (index, replica) in [Replica::Journal, Replica::Mirror].into_iter().enumerate() {
        for segment in 1..=3 {
            let disks = sound.copy();
            disks.0[index].make_unreadable(Place { segment, offset: 100 });
            // The simulated sector stays unreadable when it is written, so that the start fails in
            // the end, if that copy is read; but the repair comes first and is by the other's word.
            match disks.open(&small()) {
                Ok(opened) => {
                    assert_eq!(replica, Replica::Mirror);
                    assert_eq!(opened.replayed, 6);
                    let repair = opened.recovered.repairs[0];
                    let place = Place { segment, offset: 0 };
                    let remedy = Remedy::Restored;
                    assert_eq!(repair, Repair { replica, place, bytes: BLOCK, remedy });
                }
                Err(error) => {
                    assert_eq!(replica, Replica::Journal);
                    assert!(matches!(error, OpenError::Storage { .. }), "{error}");
                }
            }
        }
    }
}

#[test]
fn damage_in_both_is_repaired_unless_it_is_in_the_same_batch() {
    let disks = written();
    disks.0[0].flip(Place { segment: 1, offset: 4_100 }, 1);
    disks.0[1].flip(Place { segment: 2, offset: 100 }, 1);
    disks.0[0].lose(3);
    let opened = disks.open(&small()).unwrap();
    assert_eq!(opened.replayed, 6);
    let told: Vec<_> = opened.recovered.repairs.iter().map(ToString::to_string).collect();
    let expected = [
        "the journal: 4096 bytes at segment 1 offset 4096 restored from the other copy",
        "the journal: segment 3 made again from the other copy",
        "the mirror: 4096 bytes at segment 2 offset 0 restored from the other copy",
    ];
    assert_eq!(told, expected);

    let disks = written();
    for disk in &disks.0 {
        disk.flip(Place { segment: 2, offset: 100 }, 1);
    }
    let before = (contents(&disks.0[0]), contents(&disks.0[1]));
    let error = disks.open(&small()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the journal is corrupt at segment 2 offset 0: record 2 is broken; segment 2 offset 4096 \
         was written later, so this was durable; and in the mirror: the journal is corrupt at \
         segment 2 offset 0: record 2 is broken; segment 2 offset 4096 was written later, so this \
         was durable"
    );
    assert!(before == (contents(&disks.0[0]), contents(&disks.0[1])), "a refusal changes nothing");
}

#[test]
fn a_mirror_is_added_to_an_old_journal_and_a_stale_one_is_brought_up_to_date() {
    let disks = written();
    let behind = disks.copy();
    let mut alone = open_storage(disks.0[0].storage(), &small()).unwrap();
    alone.write(1);
    alone.write(1);
    drop(alone);
    for mirror in [SimulatedDisk::new(1), behind.0[1].clone()] {
        let disks = Disks([copy(&disks.0[0]), mirror]);
        let opened = disks.open(&small()).unwrap();
        assert_eq!((opened.replayed, opened.recovered.epoch), (8, 3));
        assert!(opened.recovered.repairs.iter().all(|r| r.replica == Replica::Mirror));
        drop(opened);
        assert!(contents(&disks.0[0]) == contents(&disks.0[1]));
    }
    // The other way round: the mirror was gone on with.
    let disks = Disks([behind.0[0].clone(), copy(&disks.0[0])]);
    let opened = disks.open(&small()).unwrap();
    assert_eq!(opened.replayed, 8);
    assert!(opened.recovered.repairs.iter().all(|r| r.replica == Replica::Journal));
}

/// The power failed while the first batch of a segment was written, and what the mirror got of it
/// was damaged meanwhile.
#[test]
fn a_batch_that_only_one_copy_got_and_lost_again_is_no_corruption() {
    for replica in [0, 1] {
        for has_segment in [true, false] {
            let disks = written();
            let mut opened = disks.open(&small()).unwrap();
            // The batch that opened this epoch fills the third segment.
            assert_eq!(opened.write(1), Stepped::Worked(Lsn(7)));
            drop(opened);
            let lacks = &disks.0[1 - replica];
            lacks.lose(5);
            lacks.lose(4);
            if has_segment {
                lacks.replace(4, vec![0; 8_192]);
            }
            disks.0[replica].flip(Place { segment: 4, offset: 9 }, 3);
            let opened = disks.open(&small()).unwrap();
            assert_eq!(opened.replayed, 6, "it was never told");
            assert!(!opened.recovered.repairs.is_empty());
            drop(opened);
            assert!(contents(&disks.0[0]) == contents(&disks.0[1]));
        }
    }
}

/// One copy has the last batch alone, and something strayed into its spare segment. The other lacks
/// that batch, so nothing behind it was ever told.
#[test]
fn what_strayed_where_nothing_stands_is_erased() {
    for (replica, bits) in [(0, 1), (1, 1), (0, 40), (1, 40)] {
        let disks = written();
        let lacks = &disks.0[1 - replica];
        let mut contents = lacks.contents(3);
        contents[..BLOCK as usize].fill(0);
        lacks.replace(3, contents);
        for offset in 0..bits {
            disks.0[replica].flip(Place { segment: 4, offset }, 3);
        }
        let opened = disks.open(&small()).unwrap();
        assert_eq!(opened.replayed, 6);
        assert_eq!(opened.recovered.repairs.len(), 2, "{:?}", opened.recovered.repairs);
        drop(opened);
        assert!(contents_alike(&disks));
    }
}

/// The same with a whole batch of long ago, which a disk wrote there instead of elsewhere.
#[test]
fn an_old_batch_that_strayed_behind_the_last_is_erased() {
    for replica in [0, 1] {
        let disks = written();
        let lacks = &disks.0[1 - replica];
        let mut contents = lacks.contents(3);
        contents[..BLOCK as usize].fill(0);
        lacks.replace(3, contents);
        let old = disks.0[replica].contents(1);
        let (first, _) = old.split_at(BLOCK as usize);
        let last = disks.0[replica].contents(3);
        disks.0[replica].replace(3, [&last[..BLOCK as usize], first].concat());
        let opened = disks.open(&small()).unwrap();
        assert_eq!(opened.replayed, 6);
        drop(opened);
        assert!(contents_alike(&disks));
    }
}

/// A disk wrote a batch where a trimmed journal begins: it verifies, and names another place.
#[test]
fn a_batch_that_strayed_to_the_beginning_is_not_taken_for_it() {
    for replica in [0, 1] {
        let disks = written();
        disks.0.iter().for_each(|disk| disk.lose(1));
        let strays = disks.0[replica].contents(2);
        let (_, second) = strays.split_at(BLOCK as usize);
        disks.0[replica].replace(2, [second, second].concat());
        let opened = disks.open(&JournalOptions { replay_from: Lsn(2), ..small() }).unwrap();
        assert_eq!(opened.replayed, 6);
        assert_eq!(opened.recovered.repairs.len(), 1, "{:?}", opened.recovered.repairs);
        drop(opened);
        assert!(contents_alike(&disks));
    }
}

/// Both were being trimmed when the power failed. What only one of them still has is restored in the
/// other, unless it is damaged and nobody needs it.
#[test]
fn damage_in_what_the_other_copy_has_trimmed_is_not_missed() {
    for replica in [0, 1] {
        let disks = written();
        disks.0[1 - replica].lose(1);
        disks.0[replica].flip(Place { segment: 1, offset: 9 }, 3);
        let before = (contents(&disks.0[0]), contents(&disks.0[1]));
        let error = disks.open(&small()).err().unwrap();
        assert!(matches!(error, OpenError::CorruptInBoth(_)), "record 1 is needed: {error}");
        assert!(before == (contents(&disks.0[0]), contents(&disks.0[1])));

        let opened = disks.open(&JournalOptions { replay_from: Lsn(2), ..small() }).unwrap();
        assert_eq!(opened.replayed, 6);
        let [repair] = &opened.recovered.repairs[..] else { panic!("{:?}", opened.recovered) };
        assert_eq!((repair.remedy, repair.place.segment), (Remedy::Trimmed, 1));
        drop(opened);
        assert!(contents_alike(&disks));
        assert!(disks.0.iter().all(|disk| disk.segments()[0].number == 2));
    }
}

/// As before, but the copy that lacks the last batch had no part in it: what is behind may have been
/// told.
#[test]
fn what_is_behind_a_batch_of_one_copy_is_not_denied_by_the_other() {
    let disks = written();
    drop(open_storage(disks.0[0].storage(), &small()).unwrap());
    for offset in 0..40 {
        disks.0[0].flip(Place { segment: 4, offset }, 3);
    }
    let error = disks.open(&small()).err().unwrap();
    assert!(matches!(&error, OpenError::Corrupt(found) if found.place.segment == 4), "{error}");
}

fn contents_alike(disks: &Disks) -> bool {
    contents(&disks.0[0]) == contents(&disks.0[1])
}

/// What an old mirror never took part in, it cannot deny.
#[test]
fn a_stale_mirror_does_not_hide_damage() {
    let disks = written();
    let mut alone = open_storage(disks.0[0].storage(), &small()).unwrap();
    alone.write(1);
    drop(alone);
    let last = Place { segment: 4, offset: 200 };
    disks.0[0].flip(last, 1);
    let error = disks.open(&small()).err().unwrap();
    assert!(matches!(&error, OpenError::Corrupt(found) if found.place.segment == 4), "{error}");
}

#[test]
fn copies_that_went_different_ways_are_refused_and_not_changed() {
    let check = |disks: &Disks, expected: fn(&Divergence) -> bool| {
        let before = (contents(&disks.0[0]), contents(&disks.0[1]));
        let error = disks.open(&small()).err().unwrap();
        let OpenError::Diverged(divergence) = &error else { panic!("{error}") };
        assert!(expected(divergence), "{error}");
        assert!(before == (contents(&disks.0[0]), contents(&disks.0[1])));
    };
    let go_on = |disk: &SimulatedDisk, batches: &[u64]| {
        let mut alone = open_storage(disk.storage(), &small()).unwrap();
        for records in batches {
            alone.write(*records);
        }
    };
    let disks = written();
    go_on(&disks.0[0], &[1]);
    go_on(&disks.0[1], &[2]);
    check(&disks, |d| matches!(d, Divergence::Contents { .. }));
    let disks = written();
    go_on(&disks.0[0], &[1]);
    go_on(&disks.0[1], &[2, 1]);
    check(&disks, |d| matches!(d, Divergence::Continuation { .. }));
    let disks = written();
    go_on(&disks.0[0], &[1, 2, 3]);
    go_on(&disks.0[1], &[2]);
    check(&disks, |d| matches!(d, Divergence::Continuation { .. }));
}

#[test]
fn a_mirror_of_another_journal_is_refused_and_not_changed() {
    let ours = written();
    let theirs = Disks::new(9);
    let mut opened = theirs.open(&small()).unwrap();
    for records in [3, 1, 1] {
        opened.write(records);
    }
    drop(opened);
    let before = contents(&theirs.0[1]);
    let disks = Disks([ours.0[0].clone(), theirs.0[1].clone()]);
    let error = disks.open(&small()).err().unwrap();
    assert!(matches!(error, OpenError::Diverged(_)), "{error}");
    assert_eq!(before, contents(&theirs.0[1]));

    // Under another key.
    let other = SimulatedDisk::new(3);
    let replay = |_, _| Ok::<(), std::convert::Infallible>(());
    let other_key = kessai_journal::ChainKey([9; 32]);
    drop(kessai_journal::Journal::open_stepped(other.storage(), &small(), other_key, replay));
    for (disks, in_mirror) in [
        (Disks([ours.0[0].clone(), other.clone()]), true),
        (Disks([other.clone(), ours.0[0].clone()]), false),
    ] {
        let error = disks.open(&small()).err().unwrap();
        match &error {
            OpenError::Mirror(inner) if in_mirror => {
                assert!(matches!(**inner, OpenError::WrongKey(_)), "{error}");
            }
            OpenError::WrongKey(_) if !in_mirror => {}
            _ => panic!("{error}"),
        }
    }
}

#[test]
fn copies_without_a_common_segment_are_refused() {
    let disks = written();
    let mut opened = disks.open(&small()).unwrap();
    opened.journal.trim(Lsn(4));
    assert_eq!(opened.writer.step(NOW), Stepped::Worked(Lsn(6)));
    drop(opened);
    let old = SimulatedDisk::new(1);
    old.replace(1, written().0[0].contents(1));
    let disks = Disks([disks.0[0].clone(), old]);
    let error = disks.open(&JournalOptions { replay_from: Lsn(5), ..small() }).err().unwrap();
    assert!(matches!(error, OpenError::Diverged(Divergence::NothingShared)), "{error}");
}

#[test]
fn trimming_goes_on_in_both_and_a_half_trimmed_pair_is_no_damage() {
    let disks = written();
    let from = |lsn| JournalOptions { replay_from: Lsn(lsn), ..small() };
    let mut opened = disks.open(&small()).unwrap();
    opened.journal.trim(Lsn(1));
    assert_eq!(opened.writer.step(NOW), Stepped::Worked(Lsn(6)));
    drop(opened);
    assert!(disks.0.iter().all(|disk| disk.segments()[0].number == 2));
    for half in 0..2 {
        let disks = disks.copy();
        // A crash came between the removal from the one and from the other.
        disks.0[half].lose(2);
        let mut opened = disks.open(&from(6)).unwrap();
        assert_eq!(opened.replayed, 6);
        opened.journal.trim(Lsn(4));
        assert_eq!(opened.writer.step(NOW), Stepped::Worked(Lsn(6)));
        drop(opened);
        assert!(disks.0.iter().all(|disk| disk.segments()[0].number == 3));
        assert!(contents(&disks.0[0]) == contents(&disks.0[1]));
    }
}

#[test]
fn an_error_of_either_copy_ends_everything() {
    for failing in 0..2 {
        let (options, failures) = crate::support::counting(small());
        let disks = Disks::new(5);
        let mut opened = disks.open(&options).unwrap();
        opened.write(1);
        let disk = &disks.0[failing];
        disk.plan(disk.operations(), kessai_journal::Fault::Error);
        assert_eq!(opened.write(1), Stepped::Ended);
        assert_eq!(failures.load(std::sync::atomic::Ordering::SeqCst), 1);
        assert_eq!(opened.journal.durable(), Lsn(1), "nothing is told that is in one copy only");
    }
}

#[test]
fn the_room_of_both_counts() {
    let short = |is_short: [bool; 2]| {
        let storages = is_short.map(|is_short| {
            let disk = SimulatedDisk::new(1);
            let mut storage = disk.storage();
            storage.activate(kessai_journal::Segment { number: 1, bytes: 8_192 }, 8_192).unwrap();
            disk.set_capacity(is_short.then_some(4 * 8_192 - 1));
            storage
        });
        let [journal, mirror] = storages;
        Mirrored::new(journal, mirror).shortage().is_short()
    };
    assert!(!short([false, false]));
    assert!(short([true, false]) && short([false, true]) && short([true, true]));
}
