//! The rule of gathering, the chain and the roll-over, without clock, queue or disk.

use super::*;
use crate::format::record::frame;

const SEGMENT: Segment = Segment { number: 1, bytes: 16 << 10 };

fn writer() -> Writer {
    let options = JournalOptions {
        segment_bytes: SEGMENT.bytes,
        gather: Duration::from_micros(300),
        gather_after: 64,
        gather_bytes: 64 << 10,
        ..JournalOptions::default()
    };
    let tail = Tail { segment: SEGMENT, offset: 0, next: Lsn(1), epoch: 1, link: Link::FIRST };
    Writer::new(&options, ChainKey([7; 32]), tail, 1)
}

fn batch(first: u64, records: u32, bytes: usize) -> Batch {
    let mut batch = Batch::with_capacity(1 << 20);
    let mut scratch = Vec::new();
    for lsn in (first..).take(usize::try_from(records).unwrap()) {
        frame(&mut scratch, |out| out.resize(bytes, 1));
        batch.push(Lsn(lsn), &scratch);
    }
    batch
}

/// Writes a batch of `records` records.
fn write(writer: &mut Writer, records: u32) {
    let mut batch = batch(writer.tail.next.0, records, 10);
    writer.seal(&mut batch).unwrap();
    writer.durable();
}

const fn queued(records: u32, bytes: usize) -> Backlog {
    Backlog { records, bytes, ending: Ending::Open }
}

const fn at(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

#[test]
fn nothing_queued_is_idle_and_the_first_record_is_written_at_once() {
    let mut writer = writer();
    assert_eq!(writer.next(at(0), queued(0, 0)), Step::Idle);
    assert_eq!(writer.next(at(5), queued(1, 10)), Step::Write);
}

#[test]
fn it_gathers_only_behind_a_batch_of_many_and_only_so_long() {
    let mut writer = writer();
    write(&mut writer, 63);
    assert_eq!(writer.next(at(0), queued(1, 10)), Step::Write);
    write(&mut writer, 64);
    assert_eq!(writer.next(at(1_000), queued(0, 0)), Step::Idle);
    assert_eq!(writer.next(at(2_000), queued(1, 10)), Step::Gather(at(2_300)));
    assert_eq!(writer.next(at(2_299), queued(9, 90)), Step::Gather(at(2_300)));
    assert_eq!(writer.next(at(2_300), queued(9, 90)), Step::Write);
    write(&mut writer, 9);
    assert_eq!(writer.next(at(2_400), queued(1, 10)), Step::Write, "nine are few");
}

#[test]
fn enough_bytes_or_the_end_cut_the_gathering_short() {
    let mut writer = writer();
    write(&mut writer, 64);
    assert_eq!(writer.next(at(0), queued(1, 65_535)), Step::Gather(at(300)));
    assert_eq!(writer.next(at(1), queued(2, 65_536)), Step::Write);
    write(&mut writer, 64);
    let closing = Backlog { ending: Ending::Closing, ..queued(1, 10) };
    assert_eq!(writer.next(at(2), closing), Step::Write);
}

#[test]
fn it_ends_once_nothing_can_come_any_more() {
    let mut writer = writer();
    let backlog = |records, ending| Backlog { ending, ..queued(records, 10) };
    assert_eq!(writer.next(at(0), backlog(1, Ending::Closing)), Step::Write);
    assert_eq!(writer.next(at(0), backlog(0, Ending::Closing)), Step::Idle);
    assert_eq!(writer.next(at(0), backlog(0, Ending::Drained)), Step::Finished);
}

#[test]
fn batches_follow_each_other_and_roll_over_when_one_does_not_fit() {
    let mut writer = writer();
    let target = writer.seal(&mut batch(1, 2, 4_000)).unwrap();
    assert_eq!(target, Target { place: Place { segment: 1, offset: 0 }, starts: None });
    assert_eq!(writer.durable(), Lsn(2));
    let target = writer.seal(&mut batch(3, 1, 8_000)).unwrap();
    assert_eq!(target, Target { place: Place { segment: 1, offset: 8_192 }, starts: None });
    assert_eq!(writer.durable(), Lsn(3));
    let target = writer.seal(&mut batch(4, 1, 1)).unwrap();
    let next = Segment { number: 2, bytes: SEGMENT.bytes };
    assert_eq!(target, Target { place: Place { segment: 2, offset: 0 }, starts: Some(next) });
    assert_eq!(writer.durable(), Lsn(4));
}

#[test]
fn the_hash_of_each_batch_stands_in_the_next() {
    let mut writer = writer();
    let mut first = batch(1, 1, 1);
    writer.seal(&mut first).unwrap();
    writer.durable();
    let mut second = batch(2, 1, 1);
    writer.seal(&mut second).unwrap();
    let (_, link) = Header::decode(first.image()).unwrap();
    let (header, _) = Header::decode(second.image()).unwrap();
    assert_eq!(header.previous, link);
}

#[test]
fn a_gap_in_the_queue_is_not_written() {
    let error = writer().seal(&mut batch(2, 1, 1)).unwrap_err();
    assert!(matches!(error, Failure::Order { expected: Lsn(1), found: Lsn(2) }));
}

#[test]
#[should_panic(expected = "the batch before is not durable")]
fn two_batches_are_never_in_flight() {
    let mut writer = writer();
    writer.seal(&mut batch(1, 1, 1)).unwrap();
    drop(writer.seal(&mut batch(2, 1, 1)));
}
