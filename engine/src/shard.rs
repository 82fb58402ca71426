//! The rules: what a command does to one shard.
//!
//! Plain data and `&mut self` methods. It knows no lock and no other shard, reads no clock and
//! draws no randomness; every change of what is journalled goes through one [`Record`] and
//! [`Shard::apply`], which recovery calls too.

use std::collections::BTreeSet;
use std::ops::Range;

use foldhash::fast::FixedState;
use kessai_terms::ids::{CustomerId, DeviceId, PaymentId, TerminalId};
use kessai_terms::reason::Reason;

use crate::command::{Freshness, Keyring, Opening};
use crate::customer::Customers;
use crate::ledger::Ledger;
use crate::offer::Offer;
use crate::payment::{Payment, PaymentView, Permits};
use crate::record::{
    Captured, Declined, Ended, Entry, Opened, Overtaken, Record, Reversed, Terms, Unit,
};
use crate::register::KeyPin;
use crate::rules::Rules;
use crate::slot::{Lsn, Slot};
use crate::state::{Event, PaymentState};
use crate::sync::SeededMap;

mod apply;
mod collate;
mod owed;

pub use apply::Corrupt;

/// One part of the state, whole in itself.
#[derive(Debug)]
pub(crate) struct Shard {
    unit: Unit,
    /// How many units there are, so that references never meet.
    units: u64,
    sequence: u64,
    at_ms: u64,
    pub(crate) customers: Customers,
    pub(crate) payments: SeededMap<PaymentId, Payment>,
    /// When pending payments expire and authorised ones are reversed. Derived from `payments`.
    deadlines: BTreeSet<(u64, PaymentId)>,
    /// All payments in the order in which they were opened. Derived from `payments`.
    timeline: Vec<(u64, PaymentId)>,
    pub(crate) ledger: Ledger,
    /// The last record of its own that this process queued.
    pub(crate) after: Lsn,
}

/// What a command brings besides itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Env<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) keyring: &'a Keyring,
    pub(crate) now_ms: u64,
}

impl Shard {
    pub(crate) fn new(unit: Unit, units: u64, seed: u64) -> Self {
        Self {
            unit,
            units,
            sequence: 0,
            at_ms: 0,
            customers: Customers::new(seed),
            payments: SeededMap::with_hasher(FixedState::with_seed(seed)),
            deadlines: BTreeSet::new(),
            timeline: Vec::new(),
            ledger: Ledger::new(seed),
            after: Lsn::NONE,
        }
    }

    /// Answers an open whose id is used already: alike, or not at all if it asks something else.
    pub(crate) fn repeated(&self, asked: &Terms) -> Option<Result<Opening, Reason>> {
        let view = &self.payments.get(&asked.payment)?.view;
        let alike = view.terminal == asked.terminal
            // A cancel that came first knows only the id and the terminal.
            && view.terms.is_none_or(|terms| terms.request == asked.request);
        Some(if alike { Ok(repeat(view)) } else { Err(Reason::PaymentIdReused) })
    }

    /// The patent's S21-S24: a repeat is answered alike; a new payment holds its price or is declined.
    pub(crate) fn open<S: Slot>(
        &mut self,
        offer: Offer,
        permits: Permits,
        env: Env<'_>,
        slot: S,
    ) -> Result<Opening, Reason> {
        if let Some(answer) = self.repeated(&offer.terms) {
            return answer;
        }
        let id = offer.terms.payment;
        let record = match self.obstacle(&offer, env) {
            Some(reason) => Record::Declined(Box::new(Declined {
                terms: offer.terms,
                customer: offer.customer,
                reason,
            })),
            None => Record::Opened(Box::new(Opened {
                terms: offer.terms,
                customer: offer.customer,
                expires_at_ms: offer.expires_at_ms,
                confirmation: offer.confirmation,
            })),
        };
        self.commit(record, env, slot);
        let payment = self.existing_mut(id);
        if let Some(pending) = &mut payment.pending {
            pending.permits = Some(permits);
        }
        Ok(Opening { view: payment.view.clone(), freshness: Freshness::First })
    }

    /// Why an offer is declined: whoever is unknown, then the first that applies in the order of
    /// the reasons' numbers.
    fn obstacle(&self, offer: &Offer, env: Env<'_>) -> Option<Reason> {
        let charge = &offer.terms.charge;
        let Some(seat) = self.customers.seat(&offer.customer) else {
            return Some(Reason::CustomerUnknown);
        };
        let (account, holder) = (self.customers.account(seat), self.customers.holder(seat));
        if account.currency != charge.currency {
            return Some(Reason::CurrencyNotAccepted);
        }
        if account.wrong_in_row >= env.rules.tries_in_row {
            return Some(Reason::TriesExhausted);
        }
        if holder.devices.is_empty() {
            return Some(Reason::NoDevice);
        }
        if holder.open.len() >= usize::from(env.rules.open_per_customer) {
            return Some(Reason::PromptOpen);
        }
        match account.available() {
            Ok(available) if available >= charge.amount => None,
            Ok(_) | Err(_) => Some(Reason::InsufficientFunds),
        }
    }

    /// Says how far the shard's own journal has come.
    pub(crate) const fn place(&self) -> (Unit, u64) {
        (self.unit, self.sequence)
    }

    /// The TLS key of a live handset.
    pub(crate) fn pin(&self, customer: &CustomerId, device: &DeviceId) -> Option<KeyPin> {
        let seat = self.customers.seat(customer)?;
        self.customers.holder(seat).device(device).map(|live| live.pin)
    }

    /// Counts a payment that recovery has opened again.
    pub(crate) fn admit(&mut self, payment: PaymentId, permits: Option<Permits>) {
        if let Some(pending) = self.payments.get_mut(&payment).and_then(|p| p.pending.as_mut()) {
            pending.permits = permits;
        }
    }

    /// S28 yes, S34: the customer calls the payment off.
    pub(crate) fn cancel_by_customer<S: Slot>(
        &mut self,
        payment: PaymentId,
        customer: CustomerId,
        env: Env<'_>,
        slot: S,
    ) -> Result<Opening, Reason> {
        let view = self.payments.get(&payment).map(|payment| &payment.view);
        let view = view.filter(|view| view.customer == Some(customer));
        let view = view.ok_or(Reason::PaymentUnknown)?;
        if view.state != PaymentState::Pending {
            return Ok(repeat(view));
        }
        Ok(self.end(payment, Event::Cancel, Reason::CancelledByCustomer, env, slot))
    }

    /// The terminal calls the payment off: "cancelled" or "already ended", never "probably".
    ///
    /// One that overtakes its own open leaves a record that the open then meets.
    pub(crate) fn cancel_by_terminal<S: Slot>(
        &mut self,
        payment: PaymentId,
        terminal: TerminalId,
        env: Env<'_>,
        slot: S,
    ) -> Result<Opening, Reason> {
        let Some(found) = self.payments.get(&payment) else {
            self.commit(Record::Overtaken(Overtaken { payment, terminal }), env, slot);
            return Ok(self.first(payment));
        };
        if found.view.terminal != terminal {
            return Err(Reason::PaymentUnknown);
        }
        if found.view.state != PaymentState::Pending {
            return Ok(repeat(&found.view));
        }
        Ok(self.end(payment, Event::Cancel, Reason::CancelledByTerminal, env, slot))
    }

    /// The machine has dispensed: what was authorised is captured.
    pub(crate) fn deliver<S: Slot>(
        &mut self,
        payment: PaymentId,
        terminal: TerminalId,
        env: Env<'_>,
        slot: S,
    ) -> Result<Opening, Reason> {
        let view = self.of_terminal(payment, terminal)?;
        match view.state {
            PaymentState::Captured => Ok(repeat(view)),
            PaymentState::Authorised => {
                let amount = view.authorised();
                self.commit(Record::Captured(Captured { payment, amount }), env, slot);
                Ok(self.first(payment))
            }
            PaymentState::Pending
            | PaymentState::Reversed
            | PaymentState::Refunded
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => Err(Reason::StateForbids),
        }
    }

    /// The payment's own terminal takes it back whole: before the cut-off, nothing refunded.
    ///
    /// A pending payment is cancelled; a reversal that overtakes its open acts as a cancel.
    pub(crate) fn reverse<S: Slot>(
        &mut self,
        payment: PaymentId,
        terminal: TerminalId,
        env: Env<'_>,
        slot: S,
    ) -> Result<Opening, Reason> {
        let Ok(view) = self.of_terminal(payment, terminal) else {
            return self.cancel_by_terminal(payment, terminal, env, slot);
        };
        match view.state {
            PaymentState::Authorised | PaymentState::Captured => {
                let today = env.rules.calendar.date(self.clamped(env.now_ms));
                if view.state == PaymentState::Captured && view.business_date != today {
                    return Err(Reason::StateForbids);
                }
                if !self.has_room(view) {
                    return Err(Reason::AmountOverflow);
                }
                let reason = Reason::ReversedOnRequest;
                self.commit(Record::Reversed(Reversed { payment, reason }), env, slot);
                Ok(self.first(payment))
            }
            PaymentState::Pending => self.cancel_by_terminal(payment, terminal, env, slot),
            PaymentState::Refunded => Err(Reason::StateForbids),
            PaymentState::Reversed
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => Ok(repeat(view)),
        }
    }

    /// Says whether the payer's balance can take back what the payment took from it: it may have
    /// been raised to the brim meanwhile.
    fn has_room(&self, view: &PaymentView) -> bool {
        let seat = view.customer.and_then(|customer| self.customers.seat(&customer));
        seat.is_some_and(|seat| {
            self.customers.account(seat).balance.checked_add(view.captured).is_ok()
        })
    }

    /// Tells a terminal where its own payment stands.
    pub(crate) fn of_terminal(
        &self,
        payment: PaymentId,
        terminal: TerminalId,
    ) -> Result<&PaymentView, Reason> {
        self.payments
            .get(&payment)
            .map(|payment| &payment.view)
            .filter(|view| view.terminal == terminal)
            .ok_or(Reason::PaymentUnknown)
    }

    /// The latest `limit` payments that were opened in `opened_ms` and stand in `state`, the latest
    /// first.
    pub(crate) fn latest(
        &self,
        opened_ms: Range<u64>,
        state: Option<PaymentState>,
        limit: usize,
    ) -> impl Iterator<Item = (u64, PaymentId)> {
        let within = self.within(opened_ms).iter().rev();
        let stands = move |(_, payment): &&(u64, PaymentId)| {
            let found = self.payments.get(payment);
            found.is_some_and(|found| state.is_none_or(|state| found.view.state == state))
        };
        within.filter(stands).take(limit).copied()
    }

    /// All payments that were opened in `opened_ms`, the earliest first.
    pub(crate) fn opened(&self, opened_ms: Range<u64>) -> impl Iterator<Item = &PaymentView> {
        let within = self.within(opened_ms).iter();
        within.filter_map(|(_, payment)| Some(&self.payments.get(payment)?.view))
    }

    /// The part of the timeline in which payments were opened in `opened_ms`.
    fn within(&self, opened_ms: Range<u64>) -> &[(u64, PaymentId)] {
        let from = self.timeline.partition_point(|(at_ms, _)| *at_ms < opened_ms.start);
        let to = self.timeline.partition_point(|(at_ms, _)| *at_ms < opened_ms.end);
        self.timeline.get(from..to).unwrap_or_default()
    }

    /// The payment whose time is over first, if it is over.
    pub(crate) fn due(&self, now_ms: u64) -> Option<PaymentId> {
        self.deadlines.first().filter(|(at_ms, _)| *at_ms <= now_ms).map(|(_, payment)| *payment)
    }

    /// Ends a payment whose time is over: expires a pending one, reverses one not delivered.
    pub(crate) fn expire<S: Slot>(
        &mut self,
        payment: PaymentId,
        env: Env<'_>,
        slot: S,
    ) -> PaymentView {
        match &self.existing(payment).pending {
            None => {
                let reason = Reason::NotDispensed;
                self.commit(Record::Reversed(Reversed { payment, reason }), env, slot);
                self.existing(payment).view.clone()
            }
            // Prompts are not journalled: after a restart an expiry counts as unseen unless the
            // handset has come back meanwhile.
            Some(pending) => {
                let reason = if pending.prompts.is_empty() {
                    Reason::ExpiredUnseen
                } else {
                    Reason::ExpiredUnanswered
                };
                self.end(payment, Event::Expire, reason, env, slot).view
            }
        }
    }

    fn end<S: Slot>(
        &mut self,
        payment: PaymentId,
        event: Event,
        reason: Reason,
        env: Env<'_>,
        slot: S,
    ) -> Opening {
        self.commit(Record::Ended(Ended { payment, event, reason }), env, slot);
        self.first(payment)
    }

    /// Tells where a command has just brought a payment.
    fn first(&self, payment: PaymentId) -> Opening {
        Opening { view: self.existing(payment).view.clone(), freshness: Freshness::First }
    }

    /// Makes `record` so and queues it, in one step under the caller's lock.
    pub(crate) fn commit<S: Slot>(&mut self, record: Record, env: Env<'_>, slot: S) -> Lsn {
        let at_ms = self.clamped(env.now_ms);
        let entry = Entry {
            unit: self.unit,
            sequence: self.sequence.saturating_add(1),
            at_ms,
            business_date: env.rules.calendar.date(at_ms),
            record,
        };
        #[expect(
            clippy::panic,
            reason = "a record that cannot be applied must never be journalled"
        )]
        let touched = match self.apply(&entry, env.keyring) {
            Ok(touched) => touched,
            Err(corrupt) => panic!("decided what cannot be applied: {corrupt}"),
        };
        let after = slot.push(entry);
        self.remember(touched, after);
        self.after = after;
        after
    }

    /// Time never runs backwards within a shard.
    fn clamped(&self, now_ms: u64) -> u64 {
        now_ms.max(self.at_ms)
    }

    #[expect(clippy::expect_used, reason = "callers have looked, or have just put it there")]
    fn existing(&self, payment: PaymentId) -> &Payment {
        self.payments.get(&payment).expect("the payment is there")
    }

    #[expect(clippy::expect_used, reason = "callers have looked, or have just put it there")]
    fn existing_mut(&mut self, payment: PaymentId) -> &mut Payment {
        self.payments.get_mut(&payment).expect("the payment is there")
    }
}

/// Tells again where a payment stands, to whom it may be told.
fn repeat(view: &PaymentView) -> Opening {
    Opening { view: view.clone(), freshness: Freshness::Repeat }
}
