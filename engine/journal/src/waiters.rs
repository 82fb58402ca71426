//! The durable watermark, and who waits for it. Wakes through std wakers; knows no runtime.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::Ordering;
use std::task::Waker;

use kessai_engine::Lsn;

use crate::sync::{AtomicU64, Mutex, lock};

/// Below this many abandoned entries the heap is not cleaned.
const FEW: usize = 64;

/// The durable watermark and the wakers that wait for it.
#[derive(Debug)]
pub(crate) struct Waiters {
    durable: AtomicU64,
    waiting: Mutex<Waiting>,
}

/// Names a registered waker, as long as its turn has not come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    seat: usize,
    turn: u64,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Soonest LSN first. An entry whose turn is no longer its seat's was abandoned.
    order: BinaryHeap<Reverse<(Lsn, usize, u64)>>,
    seats: Vec<Seat>,
    free: Vec<usize>,
    /// Abandoned entries in `order`.
    abandoned: usize,
}

#[derive(Debug, Default)]
struct Seat {
    /// Rises whenever the seat becomes free.
    turn: u64,
    waker: Option<Waker>,
}

impl Waiters {
    pub(crate) fn new(durable: Lsn) -> Self {
        Self { durable: AtomicU64::new(durable.0), waiting: Mutex::default() }
    }

    /// The latest record that is durable, with all before it.
    pub(crate) fn durable(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }

    /// Has `waker` woken once `lsn` is durable. Gives false if it is already.
    pub(crate) fn register(&self, ticket: &mut Option<Ticket>, lsn: Lsn, waker: &Waker) -> bool {
        // Cloned, and the old one dropped, outside the lock: both run code of others.
        let waker = waker.clone();
        let mut waiting = lock(&self.waiting);
        if self.durable() >= lsn {
            return false;
        }
        let replaced = match ticket.and_then(|ticket| waiting.seat(ticket)) {
            Some(seat) => seat.waker.replace(waker),
            None => {
                *ticket = Some(waiting.sit(lsn, waker));
                None
            }
        };
        drop(waiting);
        drop(replaced);
        true
    }

    /// Forgets a registered waker.
    pub(crate) fn abandon(&self, ticket: Ticket) {
        let waker = lock(&self.waiting).abandon(ticket);
        drop(waker);
    }

    /// Moves the watermark and wakes all whose record is durable, together, outside the lock.
    pub(crate) fn advance(&self, durable: Lsn, woken: &mut Vec<Waker>) {
        self.durable.store(durable.0, Ordering::Release);
        lock(&self.waiting).take_until(durable, woken);
        woken.drain(..).for_each(Waker::wake);
    }
}

impl Waiting {
    fn seat(&mut self, ticket: Ticket) -> Option<&mut Seat> {
        self.seats.get_mut(ticket.seat).filter(|seat| seat.turn == ticket.turn)
    }

    fn sit(&mut self, lsn: Lsn, waker: Waker) -> Ticket {
        let seat = self.free.pop().unwrap_or_else(|| {
            self.seats.push(Seat::default());
            self.seats.len().saturating_sub(1)
        });
        let mut turn = 0;
        if let Some(seat) = self.seats.get_mut(seat) {
            turn = seat.turn;
            seat.waker = Some(waker);
        }
        self.order.push(Reverse((lsn, seat, turn)));
        Ticket { seat, turn }
    }

    fn stand_up(&mut self, ticket: Ticket) -> Option<Waker> {
        let seat = self.seat(ticket)?;
        seat.turn += 1;
        let waker = seat.waker.take();
        self.free.push(ticket.seat);
        waker
    }

    fn abandon(&mut self, ticket: Ticket) -> Option<Waker> {
        let waker = self.stand_up(ticket)?;
        self.abandoned += 1;
        // Cleaned once half of it is abandoned, so that each entry is moved twice on average.
        if self.abandoned > FEW && self.abandoned.saturating_mul(2) > self.order.len() {
            let seats = &self.seats;
            self.order.retain(|Reverse((_, seat, turn))| {
                seats.get(*seat).is_some_and(|seat| seat.turn == *turn)
            });
            self.abandoned = 0;
        }
        Some(waker)
    }

    fn take_until(&mut self, durable: Lsn, woken: &mut Vec<Waker>) {
        while self.order.peek().is_some_and(|Reverse((lsn, ..))| *lsn <= durable) {
            let Some(Reverse((_, seat, turn))) = self.order.pop() else {
                return;
            };
            match self.stand_up(Ticket { seat, turn }) {
                Some(waker) => woken.push(waker),
                None => self.abandoned = self.abandoned.saturating_sub(1),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn waker() -> (Arc<Count>, Waker) {
        let count = Arc::<Count>::default();
        (Arc::clone(&count), Waker::from(count))
    }

    fn woken(count: &Count) -> usize {
        count.0.load(Ordering::SeqCst)
    }

    #[test]
    fn each_is_woken_once_and_exactly_when_its_record_is_durable() {
        let waiters = Waiters::new(Lsn(0));
        let mut counts = Vec::new();
        for lsn in [3, 1, 2, 3] {
            let (count, waker) = waker();
            assert!(waiters.register(&mut None, Lsn(lsn), &waker));
            counts.push((lsn, count));
        }
        let mut buffer = Vec::new();
        for durable in 1..=4 {
            waiters.advance(Lsn(durable), &mut buffer);
            for (lsn, count) in &counts {
                assert_eq!(woken(count), usize::from(*lsn <= durable), "{lsn} at {durable}");
            }
        }
        let (_, waker) = waker();
        assert!(!waiters.register(&mut None, Lsn(4), &waker), "durable already");
    }

    #[test]
    fn the_last_waker_given_is_the_one_woken() {
        let waiters = Waiters::new(Lsn(0));
        let ((old, first), (new, second)) = (waker(), waker());
        let mut ticket = None;
        assert!(waiters.register(&mut ticket, Lsn(1), &first));
        assert!(waiters.register(&mut ticket, Lsn(1), &second));
        waiters.advance(Lsn(1), &mut Vec::new());
        assert_eq!((woken(&old), woken(&new)), (0, 1));
    }

    #[test]
    fn the_abandoned_are_not_woken_and_leave_nothing_behind() {
        let waiters = Waiters::new(Lsn(0));
        let (kept, waker_kept) = waker();
        assert!(waiters.register(&mut None, Lsn(u64::MAX), &waker_kept));
        let (gone, waker_gone) = waker();
        for _ in 0..10_000 {
            let mut ticket = None;
            assert!(waiters.register(&mut ticket, Lsn(u64::MAX), &waker_gone));
            waiters.abandon(ticket.unwrap());
            waiters.abandon(ticket.unwrap());
        }
        let waiting = lock(&waiters.waiting);
        assert!(waiting.order.len() <= FEW + 2, "{}", waiting.order.len());
        assert!(waiting.seats.len() <= 2);
        drop(waiting);
        waiters.advance(Lsn(u64::MAX), &mut Vec::new());
        assert_eq!((woken(&kept), woken(&gone)), (1, 0));
        drop(waker_gone);
        assert_eq!(Arc::strong_count(&gone), 1, "no waker is kept");
    }
}
