//! Nobody is told before the sync, everybody is told after it.

use std::pin::Pin;
use std::task::{Context, Poll};

use kessai_engine::{Lsn, Slot};
use kessai_journal::{Journal, SimulatedDisk, Stepped, WhenDurable};

use crate::support::{Count, NOW, entry, open};

fn poll(future: &mut WhenDurable, waker: &std::task::Waker) -> Poll<()> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

#[test]
fn a_future_ends_once_its_record_is_durable_and_not_before() {
    let mut opened = open(&SimulatedDisk::new(1)).unwrap();
    opened.push(3);
    let waits: Vec<_> = (1..=4)
        .map(|lsn| {
            let mut wait = opened.journal.when_durable(Lsn(lsn));
            let (count, waker) = Count::new();
            assert_eq!(poll(&mut wait, &waker), Poll::Pending);
            (lsn, wait, count, waker)
        })
        .collect();
    assert!(waits.iter().all(|(_, _, count, _)| count.woken() == 0));
    assert_eq!(opened.writer.step(NOW), Stepped::Worked(Lsn(3)));
    for (lsn, mut wait, count, waker) in waits {
        assert_eq!(count.woken(), usize::from(lsn <= 3), "{lsn}");
        assert_eq!(poll(&mut wait, &waker).is_ready(), lsn <= 3, "{lsn}");
    }
    let (_, waker) = Count::new();
    assert_eq!(poll(&mut opened.journal.when_durable(Lsn(3)), &waker), Poll::Ready(()));
    assert_eq!(poll(&mut opened.journal.when_durable(Lsn::NONE), &waker), Poll::Ready(()));
}

#[test]
fn a_dropped_future_is_not_woken() {
    let mut opened = open(&SimulatedDisk::new(1)).unwrap();
    opened.push(1);
    let (count, waker) = Count::new();
    let mut wait = opened.journal.when_durable(Lsn(1));
    assert_eq!(poll(&mut wait, &waker), Poll::Pending);
    drop(wait);
    opened.writer.step(NOW);
    assert_eq!(opened.journal.durable(), Lsn(1));
    assert_eq!(count.woken(), 0);
}

#[test]
fn one_batch_takes_all_that_is_queued() {
    let disk = SimulatedDisk::new(1);
    let mut opened = open(&disk).unwrap();
    let before = disk.work();
    opened.push(60);
    assert_eq!(opened.writer.step(NOW), Stepped::Worked(Lsn(60)));
    let after = disk.work();
    assert_eq!((after.writes - before.writes, after.syncs - before.syncs), (1, 1));
    assert_eq!(opened.writer.step(NOW), Stepped::Idle);
}

#[test]
fn a_volatile_journal_counts_and_calls_everything_durable() {
    let journal = Journal::volatile();
    assert_eq!(journal.durable(), Lsn::NONE);
    for lsn in 1..=3 {
        assert_eq!(journal.reserve().unwrap().push(entry(lsn)), Lsn(lsn));
        assert_eq!(journal.durable(), Lsn(lsn));
        let (_, waker) = Count::new();
        assert_eq!(poll(&mut journal.when_durable(Lsn(lsn)), &waker), Poll::Ready(()));
    }
    journal.close();
}
