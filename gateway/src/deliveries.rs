//! Durable before it is told: what waits for the journal, in the order in which it becomes true.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

use kessai_engine::Lsn;
use kessai_journal::Journal;
use tokio::sync::Notify;

/// Keeps effects back until the record that they depend on is durable.
#[derive(Debug)]
pub(crate) struct Deliveries<E> {
    journal: Journal,
    waiting: Mutex<Waiting<E>>,
    earlier: Notify,
}

#[derive(Debug)]
struct Waiting<E> {
    heap: BinaryHeap<Held<E>>,
    /// Counts effects, so that those of one record happen in the order in which they came.
    count: u64,
}

/// An effect and the record it waits for; the earliest is the greatest.
#[derive(Debug)]
struct Held<E> {
    after: Lsn,
    count: u64,
    effect: E,
}

impl<E> Deliveries<E> {
    pub(crate) fn new(journal: Journal) -> Self {
        let waiting = Mutex::new(Waiting { heap: BinaryHeap::new(), count: 0 });
        Self { journal, waiting, earlier: Notify::new() }
    }

    /// Gives `effect` back if `after` is durable already, else keeps it until it is.
    pub(crate) fn hold(&self, after: Lsn, effect: E) -> Option<E> {
        if after <= self.journal.durable() {
            return Some(effect);
        }
        let first = self.with(|waiting| {
            let first = waiting.heap.peek().is_none_or(|held| after < held.after);
            waiting.count = waiting.count.wrapping_add(1);
            waiting.heap.push(Held { after, count: waiting.count, effect });
            first
        });
        if first {
            self.earlier.notify_one();
        }
        None
    }

    /// Waits until effects are due, and takes them all.
    pub(crate) async fn due(&self) -> Vec<E> {
        loop {
            let due = self.take_due();
            if !due.is_empty() {
                return due;
            }
            match self.with(|waiting| waiting.heap.peek().map(|held| held.after)) {
                None => self.earlier.notified().await,
                Some(after) => tokio::select! {
                    biased;
                    () = self.journal.when_durable(after) => {}
                    () = self.earlier.notified() => {}
                },
            }
        }
    }

    /// Says whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.with(|waiting| waiting.heap.is_empty())
    }

    fn take_due(&self) -> Vec<E> {
        let durable = self.journal.durable();
        self.with(|waiting| {
            let mut due = Vec::new();
            while waiting.heap.peek().is_some_and(|held| held.after <= durable) {
                due.extend(waiting.heap.pop().map(|held| held.effect));
            }
            due
        })
    }

    fn with<R>(&self, work: impl FnOnce(&mut Waiting<E>) -> R) -> R {
        // Effects are only moved in and out: a panic elsewhere leaves the heap whole.
        work(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<E> Ord for Held<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.after, other.count).cmp(&(self.after, self.count))
    }
}

impl<E> PartialOrd for Held<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Held<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Held<E> {}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};
    use std::time::Duration;

    use kessai_engine::{Calendar, CustomerAdded, Entry, Lsn, Record, Slot, Unit};
    use kessai_journal::{
        ChainKey, Journal, JournalOptions, SimulatedDisk, SimulatedStorage, SteppedWriter,
    };

    use super::Deliveries;

    /// A journal whose records become durable when the test says so.
    fn stepped() -> (Journal, SteppedWriter<SimulatedStorage>) {
        let storage = SimulatedDisk::new(1).storage();
        let replay = |_, _| Ok::<_, Infallible>(());
        let options = JournalOptions::default();
        let key = ChainKey([7; 32]);
        let (journal, writer, _) = Journal::open_stepped(storage, &options, key, replay).unwrap();
        (journal, writer)
    }

    fn push(journal: &Journal, sequence: u64) -> Lsn {
        journal.reserve().unwrap().push(Entry {
            unit: Unit(1),
            sequence,
            at_ms: sequence,
            business_date: Calendar::default().date(sequence),
            record: Record::CustomerAdded(CustomerAdded {
                customer: "C-1".parse().unwrap(),
                currency: kessai_engine::terms::Currency::JPY,
                balance: kessai_engine::terms::Amount::ZERO,
            }),
        })
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn nothing_is_due_before_it_is_durable_and_then_all_in_order() {
        let (journal, mut writer) = stepped();
        let deliveries = Deliveries::new(journal.clone());
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);

        let lsns: Vec<_> = (1..=2).map(|sequence| push(&journal, sequence)).collect();
        // Of the later record first, and two of each.
        assert_eq!(deliveries.hold(lsns[1], "c"), None);
        let mut due = pin!(deliveries.due());
        assert_eq!(due.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(deliveries.hold(lsns[0], "a"), None);
        assert_eq!(deliveries.hold(lsns[1], "d"), None);
        assert_eq!(deliveries.hold(lsns[0], "b"), None);
        assert!(wakes.0.load(Ordering::SeqCst) > 0, "it must wait for the earlier record now");
        assert_eq!(due.as_mut().poll(&mut context), Poll::Pending);
        assert!(!deliveries.is_empty());

        wakes.0.store(0, Ordering::SeqCst);
        writer.step(Duration::ZERO);
        assert!(wakes.0.load(Ordering::SeqCst) > 0, "durable records wake");
        assert_eq!(due.as_mut().poll(&mut context), Poll::Ready(vec!["a", "b", "c", "d"]));
        assert!(deliveries.is_empty());
    }

    #[test]
    fn an_earlier_record_that_comes_later_is_waited_for_first() {
        let (journal, mut writer) = stepped();
        let deliveries = Deliveries::new(journal.clone());
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);

        let first = push(&journal, 1);
        let never = Lsn(first.0 + 1_000);
        assert_eq!(deliveries.hold(never, "far"), None);
        let mut due = pin!(deliveries.due());
        assert_eq!(due.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(deliveries.hold(first, "near"), None);
        assert_eq!(due.as_mut().poll(&mut context), Poll::Pending);
        wakes.0.store(0, Ordering::SeqCst);
        writer.step(Duration::ZERO);
        assert!(wakes.0.load(Ordering::SeqCst) > 0);
        assert_eq!(due.as_mut().poll(&mut context), Poll::Ready(vec!["near"]));
        assert!(!deliveries.is_empty(), "the far one still waits");
    }

    #[test]
    fn what_is_durable_is_given_back_at_once() {
        let (journal, mut writer) = stepped();
        let deliveries = Deliveries::new(journal.clone());
        let lsn = push(&journal, 1);
        assert_eq!(deliveries.hold(Lsn::NONE, 0), Some(0), "depends on nothing");
        assert_eq!(deliveries.hold(lsn, 1), None);
        writer.step(Duration::ZERO);
        assert_eq!(deliveries.hold(lsn, 2), Some(2));
    }
}
