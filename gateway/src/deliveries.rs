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
