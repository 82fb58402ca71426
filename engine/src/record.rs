//! What the engine decided, as the journal keeps it.
//!
//! A record says what *is* now so, never what was asked: applying it needs no rule, so a later
//! change of the rules never changes the past. Records know nothing of files or of sealing.
//!
//! Variants and fields are encoded by position (postcard): new variants are appended, and a
//! change of an existing one raises the journal's format version.

use kessai_terms::ids::{CustomerId, PaymentId};
use serde::{Deserialize, Serialize};

use crate::calendar::BusinessDate;
use crate::register::RegisterChange;

mod customers;
mod payments;
mod recalled;

pub use customers::{
    Credited, CustomerAdded, Debited, DeviceAdded, DeviceRevoked, PolicySet, ProfileSet, Rekeyed,
};
pub use payments::{
    Approved, Captured, Declined, Ended, Mismatched, Opened, Overtaken, Refunded, RequestDigest,
    Reversed, Terms, Trail, Verdict,
};
pub use recalled::{PaymentRow, RefundRow};

/// A journalled part of the engine with a sequence of its own: the register, or one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unit(pub u16);

impl Unit {
    /// The register: merchants, stores, terminals and their keys.
    pub const REGISTER: Self = Self(0);
}

/// One line of the journal: a record, the unit it belongs to, and its place there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The shard or register whose state the record changes.
    pub unit: Unit,
    /// Counts the records of `unit` from 1, without a gap.
    pub sequence: u64,
    /// When it was decided, in milliseconds since the Unix epoch; never falls within a unit.
    pub at_ms: u64,
    /// The business day that the record belongs to.
    pub business_date: BusinessDate,
    /// What was decided.
    pub record: Record,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Merchants, stores, terminals or keys were entered or changed.
    Registered(RegisterChange),
    /// A customer was entered, with what the processor keeps for them to spend.
    CustomerAdded(CustomerAdded),
    /// A customer's balance was raised.
    Credited(Credited),
    /// A handset was enrolled for a customer.
    DeviceAdded(Box<DeviceAdded>),
    /// A handset was taken out of use.
    DeviceRevoked(DeviceRevoked),
    /// The processor let a customer be asked and try again: wrong proofs and asking in vain
    /// count from zero.
    Unblocked(CustomerId),
    /// A payment was opened: its price is held and its confirmation may be asked for.
    Opened(Box<Opened>),
    /// A payment was declined before the customer was asked.
    Declined(Box<Declined>),
    /// A cancel or reversal came before the payment that it names.
    Overtaken(Overtaken),
    /// A proof did not match, and another may be tried.
    Mismatched(Mismatched),
    /// A proof matched: the payment is authorised, and captured at once unless it waits for delivery.
    Approved(Box<Approved>),
    /// A pending payment ended without an approval, but not by a wrong proof.
    Ended(Ended),
    /// An authorised payment was captured, perhaps in part; the rest of the hold is released.
    Captured(Captured),
    /// An authorised or captured payment was taken back whole.
    Reversed(Reversed),
    /// A handset's keys were replaced: a new password, a new TLS key, or both.
    Rekeyed(Box<Rekeyed>),
    /// A customer's balance was lowered: the processor has paid out or corrected it.
    Debited(Debited),
    /// What is known of a customer was entered or replaced whole.
    ProfileSet(Box<ProfileSet>),
    /// What was known of a customer was dropped, with the key that it was sealed under.
    ProfileErased(CustomerId),
    /// A captured payment was given back, in part or whole.
    Refunded(Box<Refunded>),
    /// What the processor lets a customer do was changed.
    PolicySet(Box<PolicySet>),
    /// A payment that had left the memory came back into it, whole: so the records behind this one
    /// need none before it. Where it had not left, this changes nothing.
    Recalled(Box<PaymentRow>),
}

impl Record {
    /// Goes through the payments that the record says something about: its own, and those that it
    /// takes the place of.
    pub fn payments(&self) -> impl Iterator<Item = PaymentId> {
        let (own, displaced): (_, &[PaymentId]) = match self {
            Self::Opened(opened) => (Some(opened.terms.payment), &opened.displaced),
            Self::Declined(declined) => (Some(declined.terms.payment), &[]),
            Self::Overtaken(overtaken) => (Some(overtaken.payment), &[]),
            Self::Mismatched(mismatched) => (Some(mismatched.payment), &[]),
            Self::Approved(approved) => (Some(approved.payment), &[]),
            Self::Ended(ended) => (Some(ended.payment), &[]),
            Self::Captured(captured) => (Some(captured.payment), &[]),
            Self::Reversed(reversed) => (Some(reversed.payment), &[]),
            Self::Refunded(refunded) => (Some(refunded.payment), &[]),
            Self::Recalled(row) => (Some(row.payment), &[]),
            Self::Registered(_)
            | Self::CustomerAdded(_)
            | Self::Credited(_)
            | Self::Debited(_)
            | Self::DeviceAdded(_)
            | Self::DeviceRevoked(_)
            | Self::Rekeyed(_)
            | Self::Unblocked(_)
            | Self::ProfileSet(_)
            | Self::ProfileErased(_)
            | Self::PolicySet(_) => (None, &[]),
        };
        own.into_iter().chain(displaced.iter().copied())
    }

    /// Names the customer whose own row the record changes, if it names one: the records about a
    /// payment that is there leave that to the payment.
    pub(crate) fn customer(&self) -> Option<&CustomerId> {
        match self {
            Self::CustomerAdded(added) => Some(&added.customer),
            Self::Credited(credited) => Some(&credited.customer),
            Self::Debited(debited) => Some(&debited.customer),
            Self::DeviceAdded(added) => Some(&added.customer),
            Self::DeviceRevoked(revoked) => Some(&revoked.customer),
            Self::Rekeyed(rekeyed) => Some(&rekeyed.customer),
            Self::ProfileSet(set) => Some(&set.customer),
            Self::PolicySet(set) => Some(&set.customer),
            Self::Unblocked(customer) | Self::ProfileErased(customer) => Some(customer),
            Self::Opened(opened) => Some(&opened.customer),
            Self::Declined(declined) => Some(&declined.customer),
            Self::Registered(_)
            | Self::Overtaken(_)
            | Self::Mismatched(_)
            | Self::Approved(_)
            | Self::Ended(_)
            | Self::Captured(_)
            | Self::Reversed(_)
            | Self::Refunded(_)
            | Self::Recalled(_) => None,
        }
    }

    /// Names the refund that the record makes.
    #[must_use]
    pub fn refund(&self) -> Option<PaymentId> {
        match self {
            Self::Refunded(refunded) => Some(refunded.refund),
            Self::Registered(_)
            | Self::CustomerAdded(_)
            | Self::Credited(_)
            | Self::Debited(_)
            | Self::DeviceAdded(_)
            | Self::DeviceRevoked(_)
            | Self::Rekeyed(_)
            | Self::Unblocked(_)
            | Self::ProfileSet(_)
            | Self::ProfileErased(_)
            | Self::PolicySet(_)
            | Self::Opened(_)
            | Self::Declined(_)
            | Self::Overtaken(_)
            | Self::Mismatched(_)
            | Self::Approved(_)
            | Self::Ended(_)
            | Self::Captured(_)
            | Self::Reversed(_)
            | Self::Recalled(_) => None,
        }
    }
}

/// Why bytes are no entry.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes do not follow the encoding.
    #[error("not a journal entry: {0}")]
    Malformed(#[from] postcard::Error),
    /// The entry ends before the bytes do.
    #[error("{0} bytes stand behind the journal entry")]
    Trailing(usize),
}

impl Entry {
    /// Appends the encoding of this entry to `out`.
    ///
    /// # Panics
    /// Never: writing into a vector cannot fail, and every field has an encoding.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        #[expect(clippy::expect_used, reason = "a vector grows, and every field has an encoding")]
        postcard::to_io(self, out).expect("an entry can be encoded into memory");
    }

    /// Reads an entry that fills `bytes` exactly.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not the whole encoding of one entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (entry, rest) = postcard::take_from_bytes::<Self>(bytes)?;
        if rest.is_empty() { Ok(entry) } else { Err(DecodeError::Trailing(rest.len())) }
    }
}
