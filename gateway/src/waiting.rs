//! Terminals that wait for the end of a payment.
//!
//! A waiter hears only of the payment that it asked for itself: its own terminal's, with the same
//! content. So whoever tries another's payment id learns nothing, not even in a race.

use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use kessai_engine::terms::{PaymentId, TerminalId};
use kessai_engine::{PaymentView, RequestDigest, Terms};

use crate::reply::Reply;

/// Requests of one terminal that may wait for one payment: the open and its repeats.
const MOST: usize = 4;

/// All waiters, by payment.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    waiters: DashMap<PaymentId, Vec<Waiter>>,
    count: AtomicU64,
}

/// Names one waiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaiterNumber(u64);

#[derive(Debug)]
struct Waiter {
    number: WaiterNumber,
    terminal: TerminalId,
    request: RequestDigest,
    reply: Reply,
}

impl Waiting {
    /// Lets `reply` wait for the payment; gives back one that has to make room for it, the oldest
    /// of its terminal.
    pub(crate) fn begin(&self, terms: &Terms, reply: Reply) -> (WaiterNumber, Option<Reply>) {
        let number = WaiterNumber(self.count.fetch_add(1, Ordering::Relaxed));
        let waiter = Waiter { number, terminal: terms.terminal, request: terms.request, reply };
        let mut waiters = self.waiters.entry(terms.payment).or_default();
        waiters.retain(|waiter| !waiter.reply.is_unheard());
        let own = waiters.iter().filter(|waiter| waiter.terminal == terms.terminal).count();
        let oldest = waiters.iter().position(|waiter| waiter.terminal == terms.terminal);
        let crowded_out = oldest.filter(|_| own >= MOST).map(|place| waiters.remove(place).reply);
        waiters.push(waiter);
        (number, crowded_out)
    }

    /// Takes back a waiter whose request came to nothing.
    pub(crate) fn give_up(&self, payment: PaymentId, number: WaiterNumber) -> Option<Reply> {
        self.take(payment, |waiter| waiter.number == number).pop()
    }

    /// Takes all who wait for what `view` tells.
    pub(crate) fn end(&self, view: &PaymentView) -> Vec<Reply> {
        self.take(view.payment, |waiter| {
            waiter.terminal == view.terminal
                && view.terms.is_none_or(|terms| terms.request == waiter.request)
        })
    }

    fn take(&self, payment: PaymentId, wanted: impl Fn(&Waiter) -> bool) -> Vec<Reply> {
        let Some(mut waiters) = self.waiters.get_mut(&payment) else { return Vec::new() };
        let taken = waiters.extract_if(.., |waiter| wanted(waiter));
        let taken = taken.map(|waiter| waiter.reply).collect();
        drop(waiters);
        self.waiters.remove_if(&payment, |_, left| left.is_empty());
        taken
    }
}
