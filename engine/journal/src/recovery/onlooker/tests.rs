//! A journal that changes under the reader's eyes, at every moment at which it can.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::*;
use crate::format::batch::Batch;
use crate::format::chain::Link;
use crate::format::record::frame;
use crate::format::wide;
use crate::options::JournalOptions;
use crate::storage::Segment;
use crate::writer::{Tail, Writer};

const BLOCK: usize = 4_096;
const SEGMENT: usize = 2 * BLOCK;

fn key() -> ChainKey {
    ChainKey([7; 32])
}

/// The segments on a disk.
type Disk = BTreeMap<u64, Vec<u8>>;

/// The disk after each of five batches: one that opens the journal, and four of one record. Two fit
/// into a segment, and the next segment is always prepared.
fn written() -> Vec<Disk> {
    let options = JournalOptions { segment_bytes: wide(SEGMENT), ..JournalOptions::default() };
    let segment = Segment { number: 1, bytes: wide(SEGMENT) };
    let tail = Tail { segment, offset: 0, next: Lsn(1), epoch: 1, link: Link::FIRST };
    let mut writer = Writer::new(&options, key(), tail, 1);
    let mut disk = Disk::from([(1, vec![0; SEGMENT]), (2, vec![0; SEGMENT])]);
    let mut disks = vec![disk.clone()];
    for lsn in 0..5 {
        let mut batch = Batch::with_capacity(1_000);
        if lsn > 0 {
            let mut framed = Vec::new();
            frame(&mut framed, |out| out.extend_from_slice(&[9; 600]));
            batch.push(Lsn(lsn), &framed);
        }
        let place = writer.seal(&mut batch).unwrap().place;
        writer.durable();
        let at = usize::try_from(place.offset).unwrap();
        disk.entry(place.segment + 1).or_insert_with(|| vec![0; SEGMENT]);
        disk.get_mut(&place.segment).unwrap()[at..at + BLOCK].copy_from_slice(batch.image());
        disks.push(disk.clone());
    }
    disks
}

/// Shows one disk after the other.
#[derive(Debug)]
struct Script<'a> {
    disks: &'a [Disk],
    /// At which operation each but the first is shown, counted from 0.
    switches: &'a [usize],
    operations: &'a AtomicUsize,
}

impl Script<'_> {
    fn disk(&self) -> &Disk {
        let now = self.operations.fetch_add(1, Ordering::Relaxed);
        &self.disks[self.switches.iter().filter(|at| **at <= now).count()]
    }
}

impl Source for Script<'_> {
    fn list(&mut self) -> io::Result<Vec<Segment>> {
        let segment = |(number, bytes): (&u64, &Vec<u8>)| Segment {
            number: *number,
            bytes: wide(bytes.len()),
        };
        Ok(self.disk().iter().map(segment).collect())
    }

    fn fill(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(place.offset).unwrap();
        let segment = self.disk().get(&place.segment).ok_or(ErrorKind::NotFound)?;
        into.copy_from_slice(&segment[at..at + into.len()]);
        Ok(())
    }
}

/// Reads; checks that each record is handed on once, in order; tells what was found, after how many
/// operations and pauses.
fn look(disks: &[Disk], switches: &[usize]) -> (Reading, usize, u32) {
    let (operations, pauses) = (AtomicUsize::new(0), AtomicU32::new(0));
    let mut script = Script { disks, switches, operations: &operations };
    let mut last = 0;
    let mut each = |batch: &Batched, lsn: Lsn, _: &[u8]| {
        last += 1;
        assert_eq!((lsn, &batch.records), (Lsn(last), &(lsn..Lsn(last + 1))));
        Ok(())
    };
    let key = key();
    let mut scan = Scan::new(&mut script, &key, Lsn::NONE);
    let reading = watch(&mut scan, &mut each, || {
        pauses.fetch_add(1, Ordering::Relaxed);
    })
    .unwrap();
    assert_eq!(reading.records, Lsn(1)..Lsn(last + 1));
    (reading, operations.into_inner(), pauses.into_inner())
}

#[test]
fn batches_that_come_at_any_moment_are_read_or_not_and_never_called_corrupt() {
    let disks = written();
    for (first, before) in disks.iter().enumerate() {
        let (as_before, operations, _) = look(std::slice::from_ref(before), &[]);
        for after in &disks[first + 1..] {
            let (as_after, ..) = look(std::slice::from_ref(after), &[]);
            for switch in 0..=operations {
                let (found, ..) = look(&[before.clone(), after.clone()], &[switch]);
                assert!(matches!(found.ending, Ending::Clean(_)), "{switch}: {found:?}");
                let between = as_before.records.end..=as_after.records.end;
                assert!(between.contains(&found.records.end), "{switch}: {found:?}");
            }
        }
    }
}

#[test]
fn a_segment_made_since_the_others_were_listed_is_read_too() {
    let disks = written();
    let (first, last) = (disks[0].clone(), disks[5].clone());
    let (found, ..) = look(&[first, last], &[1]);
    assert_eq!(found.records, Lsn(1)..Lsn(5));
}

/// The processor copies a batch word by word, so that half a sector may be seen.
#[test]
fn a_batch_under_way_is_waited_for() {
    let disks = written();
    for index in 1..disks.len() {
        let (before, after) = (&disks[index - 1], &disks[index]);
        let (as_after, ..) = look(std::slice::from_ref(after), &[]);
        for seen in [8, 100, 520, 700] {
            let mut under_way = before.clone();
            for (number, segment) in &mut under_way {
                let whole = &after[number];
                let differs = segment.iter().zip(whole).position(|(old, new)| old != new);
                if let Some(at) = differs {
                    segment[at..at + seen].copy_from_slice(&whole[at..at + seen]);
                }
            }
            let shown = [before.clone(), under_way, after.clone()];
            for first in 0..20 {
                for then in first + 1..first + 40 {
                    let (found, ..) = look(&shown, &[first, then]);
                    assert!(matches!(found.ending, Ending::Clean(_)), "{first} {then}: {found:?}");
                    assert!(found.records.end <= as_after.records.end);
                }
            }
        }
    }
}

#[test]
fn a_batch_that_stays_unfinished_is_told_in_the_end() {
    let mut disk = written().pop().unwrap();
    disk.get_mut(&3).unwrap()[512..1_024].fill(0);
    let (found, _, pauses) = look(&[disk], &[]);
    assert_eq!(found.records, Lsn(1)..Lsn(4));
    let Ending::Torn(torn) = found.ending else { panic!("{found:?}") };
    assert_eq!(torn.place, Place { segment: 3, offset: 0 });
    assert_eq!(pauses, LOOKS + 1);
}

#[test]
fn what_a_later_batch_proves_is_told_after_a_second_look() {
    let mut disk = written().pop().unwrap();
    disk.get_mut(&1).unwrap()[BLOCK + 200] ^= 1;
    let (found, _, pauses) = look(&[disk], &[]);
    assert_eq!(found.records, Lsn(1)..Lsn(1));
    let Ending::Corrupt(corruption) = found.ending else { panic!("{found:?}") };
    assert_eq!(corruption.place, Place { segment: 1, offset: wide(BLOCK) });
    assert_eq!(corruption.later, Some(Place { segment: 2, offset: 0 }));
    assert_eq!(pauses, 0);
}

/// The owner trims segments while they are listed and before they are opened.
#[test]
fn segments_trimmed_before_anything_was_read_are_not_missed() {
    let whole = written().pop().unwrap();
    let trimmed: Disk = whole.clone().into_iter().skip(1).collect();
    let (operations, disks) = (AtomicUsize::new(0), [whole, trimmed]);
    let mut script = Script { disks: &disks, switches: &[1], operations: &operations };
    let mut records = Vec::new();
    let mut each = |_: &Batched, lsn: Lsn, _: &[u8]| {
        records.push(lsn.0);
        Ok(())
    };
    let key = key();
    let mut scan = Scan::new(&mut script, &key, Lsn::NONE);
    let reading = watch(&mut scan, &mut each, || ()).unwrap();
    assert_eq!(reading.records, Lsn(2)..Lsn(5));
    assert_eq!(records, [2, 3, 4]);
}
