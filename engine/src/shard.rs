//! The rules: what a command does to one shard.
//!
//! Plain data and `&mut self` methods. It knows no lock and no other shard, reads no clock and
//! draws no randomness; every change of what is journalled goes through one [`Record`] and
//! [`Shard::apply`], which recovery calls too.

use std::collections::BTreeSet;

use foldhash::fast::FixedState;
use kessai_terms::collation::{
    AuthMessage, ContentDigest, DeviceKeys, Outcome, ServerNonce, Signature,
};
use kessai_terms::ids::{ApprovalNumber, CustomerId, PaymentId, Reference, TerminalId};
use kessai_terms::reason::Reason;

use crate::command::{Claim, Collated, Freshness, Keyring, Opening, PromptView};
use crate::customer::{Customers, Device, Seat};
use crate::ledger::Ledger;
use crate::offer::{Capture, Offer};
use crate::payment::{Payment, PaymentView, Pending, Permits, Prompt};
use crate::record::{
    Approved, Captured, Declined, Ended, Entry, Mismatched, Opened, Overtaken, Record, Reversed,
    Unit, Verdict,
};
use crate::rules::Rules;
use crate::slot::{Lsn, Slot};
use crate::state::{Event, PaymentState};
use crate::sync::SeededMap;

mod apply;
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
    pub(crate) ledger: Ledger,
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
            ledger: Ledger::default(),
        }
    }

    /// The patent's S21-S24: a repeat is answered alike; a new payment holds its price or is declined.
    pub(crate) fn open<S: Slot>(
        &mut self,
        offer: Offer,
        permits: Option<Permits>,
        env: Env<'_>,
        slot: S,
    ) -> Result<Opening, Reason> {
        let id = offer.terms.payment;
        if let Some(payment) = self.payments.get(&id) {
            let view = &payment.view;
            return match &view.terms {
                Some(terms) if terms.request != offer.terms.request => Err(Reason::PaymentIdReused),
                _ if view.terminal != offer.terms.terminal => Err(Reason::PaymentIdReused),
                Some(_) | None => Ok(Opening { view: view.clone(), freshness: Freshness::Repeat }),
            };
        }
        // Another open of the same id was admitted a moment ago and has not come here yet.
        let permits = permits.ok_or(Reason::Busy)?;
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

    /// Why an offer is declined: the first that applies, in the order of the reasons' numbers.
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

    /// S25-S26: lets `device` answer for `payment` over `channel` with `nonce`, once.
    pub(crate) fn prompt(
        &mut self,
        payment: PaymentId,
        prompt: Prompt,
        rules: &Rules,
    ) -> Option<PromptView> {
        let found = self.payments.get_mut(&payment)?;
        let seat = found.payer?;
        let pending = found.pending.as_mut()?;
        let devices = &self.customers.holder(seat).devices;
        devices.iter().find(|device| device.id == prompt.device)?;
        pending.ask(prompt);
        let confirmation = pending.confirmation.clone();
        let (expires_at_ms, after) = (found.view.deadline_ms, found.view.after);
        let tries_left = self.tries_left(payment, seat, rules);
        Some(PromptView { confirmation, tries_left, expires_at_ms, after })
    }

    /// Counts a payment that recovery has opened again.
    pub(crate) fn admit(&mut self, payment: PaymentId, permits: Option<Permits>) {
        if let Some(pending) = self.payments.get_mut(&payment).and_then(|p| p.pending.as_mut()) {
            pending.permits = permits;
        }
    }

    /// S29-S33: collates a proof, and on a match turns the hold into the debit in the same step.
    ///
    /// # Source
    /// kessai/collation/v1, rules 1 to 4.
    pub(crate) fn collate<S: Slot>(
        &mut self,
        claim: &Claim,
        next: ServerNonce,
        env: Env<'_>,
        slot: S,
    ) -> Result<Collated, Reason> {
        let Some((seat, device)) = self.claimed(claim) else {
            // Whoever guesses at ids learns nothing from the time that we take.
            let auth = claim.auth(ContentDigest([0; 32]));
            std::hint::black_box(DeviceKeys::dummy().stored.verify(&auth, &claim.proof));
            return Err(Reason::ProofRefused);
        };
        let now_ms = self.clamped(env.now_ms);
        let view = &self.existing(claim.payment).view;
        let Some(terms) = view.terms.filter(|_| view.state == PaymentState::Pending) else {
            return Ok(Collated::Ended { view: view.clone(), freshness: Freshness::Repeat });
        };
        if view.deadline_ms <= now_ms {
            let view = self.expire(claim.payment, env, slot);
            return Ok(Collated::Ended { view, freshness: Freshness::First });
        }
        if self.customers.account(seat).wrong_in_row >= env.rules.tries_in_row {
            return Err(Reason::TriesExhausted);
        }
        let pending = self.existing_mut(claim.payment).pending.as_mut();
        if pending.is_none_or(|pending| !pending.take_prompt(claim)) {
            return Ok(self.ask_again(claim, next));
        }
        let auth = claim.auth(terms.content);
        if device.keys.0.stored.verify(&auth, &claim.proof) {
            let signature = device.keys.0.server.sign_outcome(&auth, Outcome::Approved);
            let view = self.approve(claim, env, slot);
            Ok(Collated::Approved { view, signature })
        } else {
            let signature = device.keys.0.server.sign_outcome(&auth, Outcome::Refused);
            Ok(self.mismatch(claim, seat, signature, next, env, slot))
        }
    }

    /// The payer's seat and live handset, if the payment is theirs.
    fn claimed(&self, claim: &Claim) -> Option<(Seat, std::sync::Arc<Device>)> {
        let seat = self.payments.get(&claim.payment)?.payer?;
        let holder = self.customers.holder(seat);
        if holder.id != claim.customer {
            return None;
        }
        holder.devices.iter().find(|device| device.id == claim.device).map(|d| (seat, d.clone()))
    }

    /// The proof was made for a prompt that is no longer open: nothing is counted, a new one is.
    fn ask_again(&mut self, claim: &Claim, next: ServerNonce) -> Collated {
        if let Some(pending) = &mut self.existing_mut(claim.payment).pending {
            pending.ask(claim.prompt(next));
        }
        Collated::Stale { nonce: next }
    }

    fn approve<S: Slot>(&mut self, claim: &Claim, env: Env<'_>, slot: S) -> PaymentView {
        let deliver_by_ms = match self.existing(claim.payment).view.terms.map(|t| t.capture) {
            Some(Capture::OnDelivery) => {
                Some(self.clamped(env.now_ms).saturating_add(env.rules.delivery_ms))
            }
            Some(Capture::AtApproval) | None => None,
        };
        let (reference, approval) = self.numbers();
        let record = Record::Approved(Box::new(Approved {
            payment: claim.payment,
            device: claim.device,
            channel: claim.channel,
            server_nonce: claim.server_nonce,
            handset_nonce: claim.handset_nonce,
            approval,
            reference,
            deliver_by_ms,
        }));
        self.commit(record, env, slot);
        self.existing(claim.payment).view.clone()
    }

    fn mismatch<S: Slot>(
        &mut self,
        claim: &Claim,
        seat: Seat,
        signature: Signature,
        next: ServerNonce,
        env: Env<'_>,
        slot: S,
    ) -> Collated {
        let verdict = if self.tries_left(claim.payment, seat, env.rules) > 1 {
            Verdict::TryAgain
        } else {
            Verdict::Decline
        };
        let (payment, device) = (claim.payment, claim.device);
        self.commit(Record::Mismatched(Mismatched { payment, device, verdict }), env, slot);
        let tries_left = self.tries_left(payment, seat, env.rules);
        let found = self.existing_mut(payment);
        match &mut found.pending {
            Some(pending) => {
                pending.ask(claim.prompt(next));
                let view = found.view.clone();
                Collated::Mismatched { view, signature, nonce: next, tries_left }
            }
            None => Collated::Declined { view: found.view.clone(), signature },
        }
    }

    /// How many wrong proofs a pending payment still bears, itself or for its customer's sake.
    pub(crate) fn tries_left(&self, payment: PaymentId, seat: Seat, rules: &Rules) -> u8 {
        let wrong = self.existing(payment).pending.as_ref().map_or(u8::MAX, |p| p.wrong);
        let in_row = self.customers.account(seat).wrong_in_row;
        rules.tries_per_payment.saturating_sub(wrong).min(rules.tries_in_row.saturating_sub(in_row))
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
            return Ok(Opening { view: view.clone(), freshness: Freshness::Repeat });
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
            let view = self.existing(payment).view.clone();
            return Ok(Opening { view, freshness: Freshness::First });
        };
        if found.view.terminal != terminal {
            return Err(Reason::PaymentUnknown);
        }
        if found.view.state != PaymentState::Pending {
            return Ok(Opening { view: found.view.clone(), freshness: Freshness::Repeat });
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
            PaymentState::Captured => {
                Ok(Opening { view: view.clone(), freshness: Freshness::Repeat })
            }
            PaymentState::Authorised => {
                let amount = view.authorised();
                self.commit(Record::Captured(Captured { payment, amount }), env, slot);
                let view = self.existing(payment).view.clone();
                Ok(Opening { view, freshness: Freshness::First })
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
                let reason = Reason::ReversedOnRequest;
                self.commit(Record::Reversed(Reversed { payment, reason }), env, slot);
                let view = self.existing(payment).view.clone();
                Ok(Opening { view, freshness: Freshness::First })
            }
            PaymentState::Pending => self.cancel_by_terminal(payment, terminal, env, slot),
            PaymentState::Refunded => Err(Reason::StateForbids),
            PaymentState::Reversed
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => {
                Ok(Opening { view: view.clone(), freshness: Freshness::Repeat })
            }
        }
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
        after
    }

    /// Time never runs backwards within a shard.
    fn clamped(&self, now_ms: u64) -> u64 {
        now_ms.max(self.at_ms)
    }

    /// A reference that no other payment has, and an approval number that looks unrelated.
    fn numbers(&self) -> (Reference, ApprovalNumber) {
        // An odd factor of 64 bits, near 2^64 divided by the golden ratio, spreads neighbours.
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        let place = u64::from(self.unit.0).wrapping_sub(1);
        let serial = self.sequence.wrapping_mul(self.units).wrapping_add(place);
        let spread = serial.wrapping_mul(SPREAD) >> 32;
        (Reference::wrapping(serial), ApprovalNumber::wrapping(spread))
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

impl Pending {
    /// Lets `prompt` be answered instead of any earlier one of the same handset.
    fn ask(&mut self, prompt: Prompt) {
        self.prompts.retain(|other| other.device != prompt.device);
        self.prompts.push(prompt);
    }

    /// Uses up the prompt that `claim` answers, if it is still open on the claim's connection.
    fn take_prompt(&mut self, claim: &Claim) -> bool {
        let open = self.prompts.len();
        self.prompts.retain(|prompt| {
            prompt.device != claim.device
                || prompt.nonce != claim.server_nonce
                || prompt.channel != claim.channel
        });
        self.prompts.len() < open
    }
}

impl Claim {
    fn auth(&self, content: ContentDigest) -> AuthMessage {
        AuthMessage::new(content, self.channel, self.server_nonce, self.handset_nonce)
    }

    fn prompt(&self, nonce: ServerNonce) -> Prompt {
        Prompt { device: self.device, channel: self.channel, nonce }
    }
}
