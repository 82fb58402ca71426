//! The sales floor: who stands at a till. A customer stands at one at a time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::ledger::Moment;

/// Who stands at a till, and how many do.
pub(super) struct Floor {
    busy: Box<[AtomicBool]>,
    open: watch::Sender<usize>,
    /// Until when somebody waits for a machine, in milliseconds of the run.
    waited_for_ms: AtomicU64,
}

impl Floor {
    pub(super) fn new(customers: usize) -> Self {
        let busy = (0..customers).map(|_| AtomicBool::new(false)).collect();
        Self { busy, open: watch::Sender::new(0), waited_for_ms: AtomicU64::new(0) }
    }

    /// Sends the customer at `wanted` to a till, or the next one who is free; nobody if none is.
    pub(super) fn sit(&self, wanted: usize) -> Option<usize> {
        let (before, from) = self.busy.split_at_checked(wanted)?;
        let seats = from.iter().zip(wanted..).chain(before.iter().zip(0..));
        for (busy, seat) in seats {
            if !busy.swap(true, Ordering::AcqRel) {
                self.open.send_modify(|open| *open = open.saturating_add(1));
                return Some(seat);
            }
        }
        None
    }

    /// Lets the customer at `seat` go.
    pub(super) fn leave(&self, seat: usize) {
        if let Some(busy) = self.busy.get(seat)
            && busy.swap(false, Ordering::AcqRel)
        {
            self.open.send_modify(|open| *open = open.saturating_sub(1));
        }
    }

    /// Counts the customers who stand at a till.
    pub(super) fn open(&self) -> usize {
        *self.open.borrow()
    }

    /// Notes that somebody may wait for a machine until then.
    pub(super) fn waits_until(&self, at: Moment) {
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.waited_for_ms.fetch_max(at_ms, Ordering::Relaxed);
    }

    /// Until when somebody may wait for a machine.
    pub(super) fn waited_for(&self) -> Moment {
        Duration::from_millis(self.waited_for_ms.load(Ordering::Relaxed))
    }

    /// Waits until nobody does.
    pub(super) async fn empty(&self) {
        let mut open = self.open.subscribe();
        // It fails only when the floor is gone.
        drop(open.wait_for(|open| *open == 0).await);
    }
}

#[cfg(test)]
mod tests {
    use super::Floor;

    #[test]
    fn a_customer_stands_at_one_till_at_a_time() {
        let floor = Floor::new(3);
        assert_eq!(floor.sit(1), Some(1));
        assert_eq!(floor.sit(1), Some(2), "the next one who is free");
        assert_eq!(floor.sit(1), Some(0));
        assert_eq!((floor.sit(1), floor.open()), (None, 3));
        floor.leave(2);
        floor.leave(2);
        assert_eq!((floor.open(), floor.sit(0)), (2, Some(2)));
        assert_eq!(floor.sit(3), None, "there is no such customer");
    }

    #[tokio::test]
    async fn an_empty_floor_is_noticed() {
        let floor = Floor::new(2);
        floor.empty().await;
        let seats = [floor.sit(0), floor.sit(0)];
        let leave = async {
            for seat in seats.into_iter().flatten() {
                tokio::task::yield_now().await;
                floor.leave(seat);
            }
        };
        tokio::join!(floor.empty(), leave);
        assert_eq!(floor.open(), 0);
    }
}
