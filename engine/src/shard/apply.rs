//! How a record changes a shard: the one piece of code that both a live command and recovery run.
//!
//! It decides nothing. What it finds impossible is corruption, never a refusal.

use kessai_terms::ids::{CustomerId, PaymentId};
use kessai_terms::money::AmountError;

use super::Shard;
use crate::command::Keyring;
use crate::customer::Seat;
use crate::record::{Entry, Record, Unit};
use crate::register::RegisterError;
use crate::slot::Lsn;
use crate::state::{Event, PaymentState};

mod customers;
mod money;
mod payments;

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
    /// A record repeats a credit or debit.
    #[error("a record uses the reference of another credit or debit")]
    Transfer,
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
        if self.cut.is_some() {
            self.keep_as_it_was(entry);
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
            Record::Credited(credited) => self.raise_balance(credited, entry),
            Record::Debited(debited) => self.lower_balance(debited, entry),
            Record::PolicySet(set) => self.replace_policy(set),
            Record::ProfileSet(set) => self.replace_profile(&set.customer, Some(&set.profile)),
            Record::ProfileErased(customer) => self.replace_profile(customer, None),
            Record::DeviceAdded(added) => self.add_device(added, keyring),
            Record::DeviceRevoked(revoked) => self.revoke_device(revoked),
            Record::Rekeyed(rekeyed) => self.rekey_device(rekeyed, keyring),
            Record::Unblocked(customer) => self.unblock(customer),
            Record::Opened(opened) => self.add_opened(opened, entry),
            Record::Declined(declined) => self.add_declined(declined, entry),
            Record::Overtaken(overtaken) => self.add_overtaken(overtaken, entry),
            Record::Mismatched(mismatched) => self.go_on(mismatched.payment, entry),
            Record::Approved(approved) => self.go_on(approved.payment, entry),
            Record::Ended(ended) => self.go_on(ended.payment, entry),
            Record::Captured(captured) => self.go_on(captured.payment, entry),
            Record::Reversed(reversed) => self.go_on(reversed.payment, entry),
            Record::Refunded(refunded) => self.refund_payment(refunded, entry),
            Record::Recalled(row) => self.take_back(row, entry),
        }
    }

    pub(super) fn seated(&self, customer: &CustomerId) -> Result<Seat, Corrupt> {
        self.customers.seat(customer).ok_or(Corrupt::Customer)
    }

    fn payer(&self, payment: PaymentId) -> Result<Seat, Corrupt> {
        let found = self.payments.get(&payment).ok_or(Corrupt::Payment(payment))?;
        found.payer.ok_or(Corrupt::Payment(payment))
    }
}
