//! What terminals ask about payments: to open one, and what becomes of it.

use std::sync::atomic::Ordering;

use kessai_engine::terms::{Amount, PaymentId, PresentmentCode, Reason, TerminalId};
use kessai_engine::{
    Freshness, Lsn, NamedBy, Opening, PaymentState, Place, Portion, Refund, Refunding,
    RequestDigest, ReverseCause,
};
use kessai_wire::{Answer, Confirmation, Delivery, Purchase};

use super::Dispatch;
use super::archived::Question;
use super::effects::Effect;
use crate::offer::{self, Payer, Surroundings};
use crate::presentments::Shown;
use crate::reply::Reply;
use crate::told;
use crate::waiting::Asked;

/// What a terminal asks about a payment that exists, or that must not come into being.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    Status,
    Cancel,
    Delivered(Delivery),
    Reverse(ReverseCause),
}

impl Dispatch {
    /// S21-S24: opens a payment. The answer comes at its end, or at once if there is nothing to
    /// wait for; a repeat joins the wait.
    pub(crate) fn open(&self, terminal: TerminalId, purchase: Purchase, reply: Reply) {
        let register = self.engine.register();
        let Some(place) = register.place(&terminal) else {
            return reply.refuse(Reason::TerminalUnknown);
        };
        let payment = purchase.payment;
        let request = match offer::digest(place, &purchase) {
            Ok(request) => request,
            Err(reason) => return reply.refuse(reason),
        };
        // The wait begins before the command: the end cannot slip through between the two.
        let (waiter, crowded_out) = self.waiting.begin(payment, Asked { terminal, request }, reply);
        if let Some(reply) = crowded_out {
            reply.refuse(Reason::TooManyRequests);
        }
        match self.open_once(place, purchase, request) {
            Err(reason) => {
                let Some(reply) = self.waiting.give_up(payment, waiter) else { return };
                if self.has_left(&payment, reason) {
                    self.look_up(Question::Open { terminal, payment, request, reply });
                } else {
                    self.refuse_terminal(payment, terminal, reason, reply);
                }
            }
            Ok(Opening { view, freshness, displaced }) => {
                for view in displaced {
                    self.changed(view, None);
                }
                match (view.state, freshness) {
                    (PaymentState::Pending, Freshness::First) => {
                        if let Some(customer) = view.customer {
                            self.after(view.after, Effect::Ask(payment, customer));
                        }
                    }
                    (PaymentState::Pending, Freshness::Repeat) => {}
                    (_, Freshness::First) => self.changed(view, None),
                    (_, Freshness::Repeat) => self.answer_waiters(&view),
                }
            }
        }
    }

    /// Opens a payment that is not there yet. A repeat is known by its id, before any code is
    /// resolved: the code was used up by the first. It is answered while the gateway drains, too: a
    /// refusal would say that there is no such payment.
    fn open_once(
        &self,
        place: &Place,
        purchase: Purchase,
        request: RequestDigest,
    ) -> Result<Opening, Reason> {
        let terminal = place.terminal.id;
        // Two of a kind at once, as from a terminal that has lost its line: the second must find
        // either the payment or the code.
        let _turn = match &purchase.payer {
            kessai_wire::Payer::Code(code) => Some(self.presentments.turn(code)),
            kessai_wire::Payer::Customer(_) => None,
        };
        if let Some(answer) = self.engine.known(&purchase.payment, &terminal, &request) {
            return answer;
        }
        // It opens nothing new, and perhaps repeats what only the archive knows: whether its code
        // is still there says nothing.
        if self.is_old(&purchase.payment) {
            return Err(Reason::PaymentIdTooOld);
        }
        if self.draining.load(Ordering::Acquire) {
            return Err(Reason::ShuttingDown);
        }
        // What room is left is for payments that were begun, and for giving money back.
        if self.journal.is_short_of_space() {
            return Err(Reason::StorageLow);
        }
        let slot = self.slot()?;
        let now_ms = self.clock.now_ms();
        let (payer, shown) = self.payer(&purchase.payer, terminal, now_ms)?;
        let around = Surroundings {
            rules: self.engine.rules(),
            rates: &self.rates.table(),
            prompt_ms: self.prompt_ms,
            now_ms,
        };
        let opened = offer::build(place, purchase, request, &payer, around)
            .and_then(|offer| self.engine.open(offer, now_ms, slot));
        // What was refused may be asked again, with the same code.
        if opened.is_err()
            && let Some((code, shown)) = shown
        {
            self.presentments.restore(code, shown, now_ms);
        }
        opened
    }

    /// S66-S67: finds who is to pay, by id or by the code that their handset shows.
    fn payer(
        &self,
        payer: &kessai_wire::Payer,
        terminal: TerminalId,
        now_ms: u64,
    ) -> Result<(Payer, Option<(PresentmentCode, Shown)>), Reason> {
        let (customer, named_by, shown) = match payer {
            kessai_wire::Payer::Customer(customer) => (*customer, NamedBy::Id, None),
            kessai_wire::Payer::Code(code) => {
                let shown = self.presentments.redeem(code, terminal, now_ms)?;
                (shown.handset.customer, NamedBy::Code, Some((*code, shown)))
            }
        };
        let currency = self.engine.currency_of(&customer);
        Ok((Payer { customer, named_by, currency }, shown))
    }

    /// A terminal asks how a payment stands, or wants it cancelled, captured or reversed.
    pub(crate) fn ask(&self, terminal: TerminalId, payment: PaymentId, ask: Ask, reply: Reply) {
        match self.asked(terminal, payment, &ask) {
            Err(refusal) if self.has_left(&payment, refusal) => {
                self.look_up(Question::Ask { terminal, payment, ask, refusal, reply });
            }
            asked => self.asked_about(payment, terminal, asked, reply),
        }
    }

    /// Answers what a terminal asked about a payment.
    pub(super) fn asked_about(
        &self,
        payment: PaymentId,
        terminal: TerminalId,
        asked: Result<Opening, Reason>,
        reply: Reply,
    ) {
        match asked {
            Err(reason) => self.refuse_terminal(payment, terminal, reason, reply),
            Ok(Opening { view, freshness, .. }) => {
                self.stands(reply, self.told_terminal(&view), view.after);
                if freshness == Freshness::First {
                    self.changed(view, None);
                }
            }
        }
    }

    pub(super) fn asked(
        &self,
        terminal: TerminalId,
        payment: PaymentId,
        ask: &Ask,
    ) -> Result<Opening, Reason> {
        let (engine, now_ms) = (&self.engine, self.clock.now_ms());
        match ask {
            Ask::Status => {
                if !self.status_budget.take(terminal, now_ms) {
                    return Err(Reason::TooManyRequests);
                }
                let view = engine.status(payment, terminal)?;
                Ok(Opening { view, freshness: Freshness::Repeat, displaced: Vec::new() })
            }
            Ask::Cancel => engine.cancel_by_terminal(payment, terminal, now_ms, self.slot()?),
            Ask::Delivered(delivery) => {
                let portion = self.portion(terminal, payment, delivery)?;
                engine.deliver(payment, terminal, portion, now_ms, self.slot()?)
            }
            Ask::Reverse(cause) => engine.reverse(payment, terminal, *cause, now_ms, self.slot()?),
        }
    }

    /// Prices what a machine says came out, by what the customer was shown.
    fn portion(
        &self,
        terminal: TerminalId,
        payment: PaymentId,
        delivery: &Delivery,
    ) -> Result<Portion, Reason> {
        let lines = match delivery {
            Delivery::All => return Ok(Portion::All),
            Delivery::Lines(lines) => lines,
        };
        let content = match self.engine.confirmation(payment, terminal) {
            // Nothing came out, as was said before: there is nothing to price it by any more.
            Err(Reason::StateForbids) if lines.iter().all(|(_, pieces)| pieces == 0) => {
                return Ok(Portion::Part { amount: Amount::ZERO, price: Amount::ZERO });
            }
            content => content?,
        };
        // We have encoded it ourselves.
        let shown = Confirmation::decode(&content).map_err(|_not_ours| Reason::StateForbids)?;
        let part = shown.delivered(lines)?;
        Ok(Portion::Part { amount: part.amount, price: part.price })
    }

    /// A merchant gives money back, by any of its terminals.
    pub(crate) fn refund(&self, terminal: TerminalId, asked: &kessai_wire::Refund, reply: Reply) {
        let kessai_wire::Refund { refund, payment, amount } = *asked;
        let wish = Refund { refund, payment, terminal, price: amount };
        let now_ms = self.clock.now_ms();
        match self.slot().and_then(|slot| self.engine.refund(wish, now_ms, slot)) {
            // Its own id and the payment's may both be old.
            Err(refusal) if self.has_left(&refund, refusal) || self.has_left(&payment, refusal) => {
                self.look_up(Question::Refund { wish, refusal, reply });
            }
            done => self.refunded(done, reply),
        }
    }

    /// Answers what came of a refund.
    pub(super) fn refunded(&self, done: Result<Refunding, Reason>, reply: Reply) {
        match done {
            // It can tell of another terminal's refund, or of what an id was used for.
            Err(reason) => {
                let refusal = reply.refusal(reason);
                self.after(self.journal.latest(), Effect::Answer(reply, refusal));
            }
            Ok(Refunding { view, refund, freshness }) => {
                let done = Some(told::refund(&refund));
                let answer = kessai_wire::Payment { refund: done, ..self.told_terminal(&view) };
                self.stands(reply, answer, view.after);
                if freshness == Freshness::First {
                    self.changed(view, None);
                }
            }
        }
    }

    /// A till closes its day: what it captured, reversed and refunded.
    pub(crate) fn totals(&self, terminal: TerminalId, date: Option<u32>, reply: Reply) {
        let engine = &self.engine;
        let on = match date.map(kessai_engine::BusinessDate::from_yyyymmdd) {
            None => engine.rules().calendar.date(self.clock.now_ms()),
            Some(Some(on)) => on,
            Some(None) => return reply.refuse(Reason::Malformed),
        };
        // Sums of amounts that were all paid by somebody do not leave their range.
        let sums = engine.terminal_totals(&terminal, on).ok();
        match sums.and_then(|sums| told::totals(on, &sums)) {
            None => reply.refuse(Reason::AmountOverflow),
            Some(totals) => {
                let after = self.journal.latest();
                self.after(after, Effect::Answer(reply, Answer::Totals(totals)));
            }
        }
    }

    /// A terminal asks what the register says of it, to print it on receipts.
    pub(crate) fn facts(&self, terminal: TerminalId, reply: Reply) {
        let register = self.engine.register();
        let Some(place) = register.place(&terminal) else {
            return reply.refuse(Reason::TerminalUnknown);
        };
        let facts = told::facts(place, &self.engine.rules().calendar);
        self.after(register.after, Effect::Answer(reply, Answer::Facts(facts)));
    }

    /// Refuses what a terminal asks. A refusal can tell how the terminal's own payment stands, so
    /// it waits for it.
    pub(super) fn refuse_terminal(
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
