//! How a record changes a shard: the one piece of code that both a live command and recovery run.
//!
//! It decides nothing. What it finds impossible is corruption, never a refusal.

use kessai_terms::ids::{CustomerId, PaymentId, TerminalId};
use kessai_terms::money::{Amount, AmountError};
use kessai_terms::reason::Reason;

use super::Shard;
use crate::command::Keyring;
use crate::customer::Seat;
use crate::ledger::Flow;
use crate::payment::{Payment, PaymentView, Pending};
use crate::record::{Approved, Entry, Mismatched, Opened, Overtaken, Record, Terms, Unit, Verdict};
use crate::register::RegisterError;
use crate::slot::Lsn;
use crate::state::{Event, PaymentState};

mod customers;

/// Why a journal cannot have been written by this engine.
#[derive(Debug, thiserror::Error)]
pub enum Corrupt {
    /// A unit's records do not follow each other.
    #[error("unit {} goes on with record {found} where {expected} was due", unit.0)]
    Gap {
        /// Whose records.
        unit: Unit,
        /// The number that was due.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The record belongs to a unit that this data directory does not have, or not to this kind.
    #[error("unit {} cannot have such a record", .0.0)]
    Misplaced(Unit),
    /// A record names a customer that no record added, or adds one twice.
    #[error("a record is at odds with the customers that are there")]
    Customer,
    /// A record names a handset that is not there, adds one twice, or skips a version of its keys.
    #[error("a record is at odds with the handsets that are there")]
    Device,
    /// A handset's keys do not open under the sealing key given.
    #[error(
        "the keys of a handset do not open: is this the sealing key (number {key}) of this data?"
    )]
    Seal {
        /// The number of the sealing key that the record names.
        key: u32,
    },
    /// A record names a payment that no record opened, or opens one twice.
    #[error("a record is at odds with the payment {0}")]
    Payment(PaymentId),
    /// A record lets something happen that cannot happen in the payment's state.
    #[error("{event:?} cannot happen to payment {payment}, which is {state:?}")]
    Event {
        /// The payment.
        payment: PaymentId,
        /// Its state.
        state: PaymentState,
        /// What cannot happen.
        event: Event,
    },
    /// A record moves money that is not there.
    #[error("a record moves money that is not there: {0}")]
    Money(#[from] AmountError),
    /// A change of the register names what is not there.
    #[error("the register cannot be so: {0}")]
    Register(#[from] RegisterError),
}

/// What a record changed: these remember the record's place in the journal.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Touched {
    seat: Option<Seat>,
    payment: Option<PaymentId>,
}

impl Touched {
    const fn customer(seat: Seat) -> Self {
        Self { seat: Some(seat), payment: None }
    }
}

impl Shard {
    /// Makes `entry` so.
    ///
    /// # Errors
    /// [`Corrupt`] if the entry cannot follow what was applied before.
    pub(crate) fn apply(&mut self, entry: &Entry, keyring: &Keyring) -> Result<Touched, Corrupt> {
        let expected = self.sequence.saturating_add(1);
        if entry.sequence != expected {
            return Err(Corrupt::Gap { unit: self.unit, expected, found: entry.sequence });
        }
        let touched = self.apply_record(entry, keyring)?;
        self.sequence = expected;
        self.at_ms = entry.at_ms;
        Ok(touched)
    }

    /// Notes that what `touched` names now depends on the record at `after`.
    pub(crate) fn remember(&mut self, touched: Touched, after: Lsn) {
        if let Some(seat) = touched.seat {
            self.customers.account_mut(seat).after = after;
        }
        if let Some(payment) = touched.payment.and_then(|id| self.payments.get_mut(&id)) {
            payment.view.after = after;
        }
    }

    fn apply_record(&mut self, entry: &Entry, keyring: &Keyring) -> Result<Touched, Corrupt> {
        match &entry.record {
            Record::Registered(_) => Err(Corrupt::Misplaced(self.unit)),
            Record::CustomerAdded(added) => self.add_customer(added),
            Record::Credited(credited) => self.credit(credited),
            Record::Debited(debited) => self.debit(debited),
            Record::ProfileSet(set) => self.replace_profile(&set.customer, Some(&set.profile)),
            Record::ProfileErased(customer) => self.replace_profile(customer, None),
            Record::DeviceAdded(added) => self.add_device(added, keyring),
            Record::DeviceRevoked(revoked) => self.revoke_device(revoked),
            Record::Rekeyed(rekeyed) => self.rekey_device(rekeyed, keyring),
            Record::Unblocked(customer) => {
                let seat = self.seated(customer)?;
                self.customers.account_mut(seat).wrong_in_row = 0;
                Ok(Touched::customer(seat))
            }
            Record::Opened(opened) => self.add_opened(opened, entry),
            Record::Declined(declined) => {
                let seat = self.customers.seat(&declined.customer);
                let state = (PaymentState::Declined, Some(declined.reason));
                self.add_payment(&declined.terms, seat, state, entry)
            }
            Record::Overtaken(overtaken) => self.add_overtaken(overtaken, entry),
            Record::Mismatched(mismatched) => self.count_mismatch(mismatched, entry),
            Record::Approved(approved) => self.approve_payment(approved, entry),
            Record::Ended(ended) => self.change(ended.payment, ended.event, ended.reason, entry),
            Record::Captured(captured) => self.capture(captured.payment, captured.amount, entry),
            Record::Reversed(reversed) => {
                self.change(reversed.payment, Event::Reverse, reversed.reason, entry)
            }
        }
    }

    fn add_opened(&mut self, opened: &Opened, entry: &Entry) -> Result<Touched, Corrupt> {
        let payment = opened.terms.payment;
        let seat = self.seated(&opened.customer)?;
        let state = (PaymentState::Pending, None);
        let touched = self.add_payment(&opened.terms, Some(seat), state, entry)?;
        self.customers.account_mut(seat).hold(opened.terms.charge.amount)?;
        self.customers.holder_mut(seat).open.push(payment);
        self.deadlines.insert((opened.expires_at_ms, payment));
        let added = self.payment(payment)?;
        added.view.deadline_ms = opened.expires_at_ms;
        added.pending = Some(Pending {
            confirmation: opened.confirmation.clone(),
            wrong: 0,
            prompts: Vec::new(),
            permits: None,
        });
        Ok(touched)
    }

    /// Enters a payment that was asked for; one that is already over is owed a notice.
    fn add_payment(
        &mut self,
        terms: &Terms,
        payer: Option<Seat>,
        (state, reason): (PaymentState, Option<Reason>),
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let mut view = blank(terms.payment, terms.terminal, entry);
        view.terms = Some(*terms);
        view.customer = payer.map(|seat| self.customers.holder(seat).id);
        (view.state, view.reason) = (state, reason);
        if let Some(seat) = payer.filter(|_| state != PaymentState::Pending) {
            view.notice = self.customers.holder_mut(seat).owe(terms.payment);
        }
        self.insert(Payment { view, payer, pending: None })
    }

    fn add_overtaken(&mut self, overtaken: &Overtaken, entry: &Entry) -> Result<Touched, Corrupt> {
        let mut view = blank(overtaken.payment, overtaken.terminal, entry);
        (view.state, view.reason) = (PaymentState::Cancelled, Some(Reason::CancelledByTerminal));
        self.insert(Payment { view, payer: None, pending: None })
    }

    fn count_mismatch(
        &mut self,
        mismatched: &Mismatched,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let payment = mismatched.payment;
        let seat = self.payer(payment)?;
        let account = self.customers.account_mut(seat);
        account.wrong_in_row = account.wrong_in_row.saturating_add(1);
        match mismatched.verdict {
            Verdict::TryAgain => {
                let pending = self.payment(payment)?.pending.as_mut();
                let pending = pending.ok_or(Corrupt::Payment(payment))?;
                pending.wrong = pending.wrong.saturating_add(1);
                Ok(Touched { seat: Some(seat), payment: Some(payment) })
            }
            Verdict::Decline => self.change(payment, Event::Decline, Reason::TriesExceeded, entry),
        }
    }

    fn insert(&mut self, payment: Payment) -> Result<Touched, Corrupt> {
        let (id, seat) = (payment.view.payment, payment.payer);
        self.timeline.push((payment.view.opened_at_ms, id));
        match self.payments.insert(id, payment) {
            None => Ok(Touched { seat, payment: Some(id) }),
            Some(_) => Err(Corrupt::Payment(id)),
        }
    }

    fn approve_payment(&mut self, approved: &Approved, entry: &Entry) -> Result<Touched, Corrupt> {
        let seat = self.payer(approved.payment)?;
        self.customers.account_mut(seat).wrong_in_row = 0;
        let view = &mut self.payment(approved.payment)?.view;
        view.approval = Some(approved.approval);
        view.reference = Some(approved.reference);
        let amount = view.authorised();
        match approved.deliver_by_ms {
            None => self.capture(approved.payment, amount, entry),
            Some(deliver_by_ms) => {
                let event = Event::Authorise;
                // The hold stays: `change` releases it only where a payment ends.
                let touched = self.change(approved.payment, event, Reason::Approved, entry)?;
                self.payment(approved.payment)?.view.deadline_ms = deliver_by_ms;
                self.deadlines.insert((deliver_by_ms, approved.payment));
                Ok(touched)
            }
        }
    }

    /// Turns the hold into a debit of `amount`, and the rest of it back into spendable balance.
    fn capture(
        &mut self,
        payment: PaymentId,
        amount: Amount,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let touched = self.change(payment, Event::Capture, Reason::Approved, entry)?;
        let seat = self.payer(payment)?;
        let view = &mut self.payment(payment)?.view;
        let (terms, authorised) = (view.terms.ok_or(Corrupt::Payment(payment))?, view.authorised());
        authorised.checked_sub(amount)?;
        if terms.charge.foreign.is_some() && amount != authorised {
            // What the merchant gets of a foreign price for a part is for a record to say, not for
            // us to work out again.
            return Err(Corrupt::Payment(payment));
        }
        view.captured = amount;
        let account = self.customers.account_mut(seat);
        account.release(authorised)?;
        account.balance = account.balance.checked_sub(amount)?;
        self.ledger.settle(&terms, amount, Flow::ToMerchant, entry.business_date)?;
        Ok(touched)
    }

    /// Lets `event` happen: state, deadline, what the customer is owed, and where the payment was
    /// not captured, the release of its hold.
    fn change(
        &mut self,
        payment: PaymentId,
        event: Event,
        reason: Reason,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let seat = self.payer(payment)?;
        let found = self.payments.get_mut(&payment).ok_or(Corrupt::Payment(payment))?;
        let view = &mut found.view;
        let state = view.state;
        let to = state.after(event).ok_or(Corrupt::Event { payment, state, event })?;
        self.deadlines.remove(&(view.deadline_ms, payment));
        (view.state, view.reason) = (to, Some(reason));
        (view.changed_at_ms, view.business_date) = (entry.at_ms, entry.business_date);
        found.pending = None;
        let holder = self.customers.holder_mut(seat);
        holder.open.retain(|open| *open != payment);
        view.notice = holder.owe(payment);
        let (terms, held, captured) =
            (view.terms.ok_or(Corrupt::Payment(payment))?, view.authorised(), view.captured);
        let account = self.customers.account_mut(seat);
        match to {
            PaymentState::Reversed if state == PaymentState::Captured => {
                account.balance = account.balance.checked_add(captured)?;
                let on = entry.business_date;
                self.ledger.settle(&terms, captured, Flow::BackToCustomer, on)?;
            }
            PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired
            | PaymentState::Reversed => account.release(held)?,
            // The hold stays; `capture` turns it into the debit.
            PaymentState::Authorised | PaymentState::Captured => {}
            // No record leads here yet.
            PaymentState::Pending | PaymentState::Refunded => {
                return Err(Corrupt::Event { payment, state, event });
            }
        }
        Ok(Touched { seat: Some(seat), payment: Some(payment) })
    }

    fn seated(&self, customer: &CustomerId) -> Result<Seat, Corrupt> {
        self.customers.seat(customer).ok_or(Corrupt::Customer)
    }

    fn payer(&self, payment: PaymentId) -> Result<Seat, Corrupt> {
        let found = self.payments.get(&payment).ok_or(Corrupt::Payment(payment))?;
        found.payer.ok_or(Corrupt::Payment(payment))
    }

    fn payment(&mut self, payment: PaymentId) -> Result<&mut Payment, Corrupt> {
        self.payments.get_mut(&payment).ok_or(Corrupt::Payment(payment))
    }
}

fn blank(payment: PaymentId, terminal: TerminalId, entry: &Entry) -> PaymentView {
    PaymentView {
        payment,
        terminal,
        terms: None,
        customer: None,
        state: PaymentState::Pending,
        reason: None,
        captured: Amount::ZERO,
        refunded: Amount::ZERO,
        approval: None,
        reference: None,
        notice: 0,
        opened_at_ms: entry.at_ms,
        changed_at_ms: entry.at_ms,
        deadline_ms: entry.at_ms,
        business_date: entry.business_date,
        after: Lsn::NONE,
    }
}
