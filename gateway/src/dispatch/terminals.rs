//! What terminals ask: to open a payment, and what becomes of one that they opened.

use std::sync::atomic::Ordering;

use kessai_engine::terms::{PaymentId, Reason, TerminalId};
use kessai_engine::{Freshness, Lsn, Opening, PaymentState};
use kessai_wire::{Answer, Purchase};

use super::Dispatch;
use super::effects::Effect;
use crate::reply::Reply;
use crate::{offer, told};

/// What a terminal asks about a payment that exists, or that must not come into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Status,
    Cancel,
    Delivered,
    Reverse,
}

impl Dispatch {
    /// S21-S24: opens a payment. The answer comes at its end, or at once if there is nothing to
    /// wait for; a repeat joins the wait.
    pub(crate) fn open(&self, terminal: TerminalId, purchase: Purchase, reply: Reply) {
        if self.draining.load(Ordering::Acquire) {
            return reply.refuse(Reason::ShuttingDown);
        }
        let now_ms = self.clock.now_ms();
        let payment = purchase.payment;
        let rules = self.engine.rules();
        let register = self.engine.register();
        let offer = register
            .place(&terminal)
            .ok_or(Reason::TerminalUnknown)
            .and_then(|place| offer::build(place, purchase, rules, self.prompt_ms, now_ms));
        let (offer, slot) = match offer.and_then(|offer| Ok((offer, self.slot()?))) {
            Ok(admitted) => admitted,
            Err(reason) => return reply.refuse(reason),
        };
        let customer = offer.customer;
        // The wait begins before the command: the end cannot slip through between the two.
        let (waiter, crowded_out) = self.waiting.begin(&offer.terms, reply);
        if let Some(reply) = crowded_out {
            reply.refuse(Reason::TooManyRequests);
        }
        match self.engine.open(offer, now_ms, slot) {
            Err(reason) => {
                if let Some(reply) = self.waiting.give_up(payment, waiter) {
                    self.refuse_terminal(payment, terminal, reason, reply);
                }
            }
            Ok(Opening { view, freshness }) => match (view.state, freshness) {
                (PaymentState::Pending, Freshness::First) => {
                    self.after(view.after, Effect::Ask(payment, customer));
                }
                (PaymentState::Pending, Freshness::Repeat) => {}
                (_, Freshness::First) => self.changed(view, None),
                (_, Freshness::Repeat) => self.answer_waiters(&view),
            },
        }
    }

    /// A terminal asks how a payment stands, or wants it cancelled, captured or reversed.
    pub(crate) fn ask(&self, terminal: TerminalId, payment: PaymentId, ask: Ask, reply: Reply) {
        let now_ms = self.clock.now_ms();
        let engine = &self.engine;
        let result = match ask {
            Ask::Status => engine
                .status(payment, terminal)
                .map(|view| Opening { view, freshness: Freshness::Repeat }),
            Ask::Cancel => self
                .slot()
                .and_then(|slot| engine.cancel_by_terminal(payment, terminal, now_ms, slot)),
            Ask::Delivered => {
                self.slot().and_then(|slot| engine.deliver(payment, terminal, now_ms, slot))
            }
            Ask::Reverse => {
                self.slot().and_then(|slot| engine.reverse(payment, terminal, now_ms, slot))
            }
        };
        match result {
            Err(reason) => self.refuse_terminal(payment, terminal, reason, reply),
            Ok(Opening { view, freshness }) => {
                let answer = Answer::Payment(told::terminal(&view));
                self.after(view.after, Effect::Answer(reply, answer));
                if freshness == Freshness::First {
                    self.changed(view, None);
                }
            }
        }
    }

    /// Refuses what a terminal asks. A refusal can tell how the terminal's own payment stands, so
    /// it waits for it.
    fn refuse_terminal(
        &self,
        payment: PaymentId,
        terminal: TerminalId,
        reason: Reason,
        reply: Reply,
    ) {
        let known = self.engine.status(payment, terminal);
        let refusal = reply.refusal(reason);
        self.after(known.map_or(Lsn::NONE, |view| view.after), Effect::Answer(reply, refusal));
    }
}
