//! Virtual time: what is going to happen, in the order in which it will.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Things to come. Those of one instant happen in the order in which they were put down.
#[derive(Debug)]
pub(super) struct Agenda<E> {
    now_ms: u64,
    count: u64,
    order: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, E>,
}

impl<E> Agenda<E> {
    pub(super) const fn new() -> Self {
        Self { now_ms: 0, count: 0, order: BinaryHeap::new(), events: BTreeMap::new() }
    }

    /// Milliseconds of virtual time since the beginning.
    pub(super) const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Puts down that `event` happens in `in_ms`.
    pub(super) fn put(&mut self, in_ms: u64, event: E) {
        self.count = self.count.saturating_add(1);
        self.order.push(Reverse((self.now_ms.saturating_add(in_ms), self.count)));
        self.events.insert(self.count, event);
    }

    /// Goes on to the next event.
    pub(super) fn next(&mut self) -> Option<E> {
        let Reverse((at_ms, number)) = self.order.pop()?;
        self.now_ms = at_ms;
        self.events.remove(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::Agenda;

    #[test]
    fn events_come_by_time_and_then_as_they_were_put_down() {
        let mut agenda = Agenda::new();
        for (in_ms, event) in [(5, "c"), (1, "a"), (5, "d"), (1, "b")] {
            agenda.put(in_ms, event);
        }
        assert_eq!(agenda.next(), Some("a"));
        agenda.put(4, "e");
        let rest: Vec<_> = std::iter::from_fn(|| agenda.next()).collect();
        assert_eq!(rest, ["b", "c", "d", "e"]);
        assert_eq!(agenda.now_ms(), 5);
    }
}
