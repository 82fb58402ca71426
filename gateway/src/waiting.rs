//! Terminals that wait for the end of a payment.
//!
//! A waiter hears only of the payment that it asked for itself: its own terminal's, with the same
//! content. So whoever tries another's payment id learns nothing, not even in a race.

use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use kessai_engine::terms::{PaymentId, TerminalId};
use kessai_engine::{PaymentView, RequestDigest};

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

/// Who asked for a payment, and what: only its own end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) terminal: TerminalId,
    pub(crate) request: RequestDigest,
}

#[derive(Debug)]
struct Waiter {
    number: WaiterNumber,
    asked: Asked,
    reply: Reply,
}

impl Waiting {
    /// Lets `reply` wait for the payment; gives back one that has to make room for it, the oldest
    /// of its terminal.
    pub(crate) fn begin(
        &self,
        payment: PaymentId,
        asked: Asked,
        reply: Reply,
    ) -> (WaiterNumber, Option<Reply>) {
        let number = WaiterNumber(self.count.fetch_add(1, Ordering::Relaxed));
        let mut waiters = self.waiters.entry(payment).or_default();
        waiters.retain(|waiter| !waiter.reply.is_unheard());
        let is_own = |waiter: &Waiter| waiter.asked.terminal == asked.terminal;
        let own = waiters.iter().filter(|waiter| is_own(waiter)).count();
        let oldest = waiters.iter().position(is_own);
        let crowded_out = oldest.filter(|_| own >= MOST).map(|place| waiters.remove(place).reply);
        waiters.push(Waiter { number, asked, reply });
        (number, crowded_out)
    }

    /// Takes back a waiter whose request came to nothing.
    pub(crate) fn give_up(&self, payment: PaymentId, number: WaiterNumber) -> Option<Reply> {
        self.take(payment, |waiter| waiter.number == number).pop()
    }

    /// Takes all who wait for what `view` tells.
    pub(crate) fn end(&self, view: &PaymentView) -> Vec<Reply> {
        self.take(view.payment, |waiter| {
            waiter.asked.terminal == view.terminal
                && view.terms.is_none_or(|terms| terms.request == waiter.asked.request)
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

#[cfg(test)]
mod tests {
    use kessai_engine::{PaymentState, PaymentView};
    use kessai_wire::{Answer, Message};
    use tokio::sync::mpsc;

    use kessai_engine::Terms;

    use super::{Asked, MOST, WaiterNumber, Waiting};
    use crate::outgoing::Queued;
    use crate::reply::Reply;
    use crate::testing::{reply, stream, terms, view};

    /// Which requests the replies belong to.
    fn numbers(replies: Vec<Reply>, messages: &mut mpsc::Receiver<Queued>) -> Vec<u64> {
        replies.into_iter().for_each(|reply| reply.answer(Answer::Attached { latest: 0 }));
        let sent = std::iter::from_fn(|| messages.try_recv().ok());
        sent.map(|queued| match queued.message {
            Message::Answer(request, _) => request.number(),
            Message::Push(push) => panic!("{push:?}"),
        })
        .collect()
    }

    fn begin(waiting: &Waiting, terms: &Terms, reply: Reply) -> (WaiterNumber, Option<Reply>) {
        let asked = Asked { terminal: terms.terminal, request: terms.request };
        waiting.begin(terms.payment, asked, reply)
    }

    #[test]
    fn an_end_is_told_to_the_own_terminal_and_content_only() {
        let waiting = Waiting::default();
        let (stream, mut messages) = stream();
        let own = terms(1, "POS1", 1);
        for (number, asked) in [
            (1, own),
            (2, terms(1, "POS2", 1)),
            (3, terms(1, "POS1", 2)),
            (4, own),
            (5, terms(2, "POS1", 1)),
        ] {
            let (_, crowded_out) = begin(&waiting, &asked, reply(number, &stream));
            assert!(crowded_out.is_none());
        }
        let end = view(own, PaymentState::Declined);
        assert_eq!(numbers(waiting.end(&end), &mut messages), [1, 4]);
        assert_eq!(numbers(waiting.end(&end), &mut messages), [0_u64; 0], "told once");
        // A cancel that overtook its open knows no content.
        let overtaken = PaymentView { terms: None, ..end };
        assert_eq!(numbers(waiting.end(&overtaken), &mut messages), [3]);
    }

    #[test]
    fn one_repeat_too_many_crowds_out_the_oldest_of_its_own_terminal() {
        let waiting = Waiting::default();
        let (stream, mut messages) = stream();
        let (own, other) = (terms(1, "POS1", 1), terms(1, "POS2", 1));
        assert!(begin(&waiting, &other, reply(1, &stream)).1.is_none());
        for number in 2..2 + MOST {
            let number = u64::try_from(number).unwrap();
            assert!(begin(&waiting, &own, reply(number, &stream)).1.is_none());
        }
        let (_, crowded_out) = begin(&waiting, &own, reply(99, &stream));
        assert_eq!(numbers(crowded_out.into_iter().collect(), &mut messages), [2]);
        let end = view(own, PaymentState::Cancelled);
        assert_eq!(numbers(waiting.end(&end), &mut messages), [3, 4, 5, 99]);
    }

    #[test]
    fn those_who_have_gone_leave_their_places() {
        let waiting = Waiting::default();
        let own = terms(1, "POS1", 1);
        for number in 1..=20 {
            let (gone, messages) = stream();
            drop(messages);
            assert!(begin(&waiting, &own, reply(number, &gone)).1.is_none());
        }
        assert_eq!(waiting.waiters.get(&own.payment).unwrap().len(), 1);
    }

    #[test]
    fn who_gives_up_leaves_nothing_behind() {
        let waiting = Waiting::default();
        let (stream, mut messages) = stream();
        let own = terms(1, "POS1", 1);
        let (number, _) = begin(&waiting, &own, reply(7, &stream));
        let given_back = waiting.give_up(own.payment, number).into_iter().collect();
        assert_eq!(numbers(given_back, &mut messages), [7]);
        assert!(waiting.give_up(own.payment, number).is_none());
        assert!(waiting.waiters.is_empty(), "an empty list would stay for ever");
    }
}
