//! What the engine decided, as the journal keeps it.
//!
//! A record says what *is* now so, never what was asked: applying it needs no rule, so a later
//! change of the rules never changes the past. Records know nothing of files or of sealing.
//!
//! Variants and fields are encoded by position (postcard): new variants are appended, and a
//! change of an existing one raises the journal's format version.

use bytes::Bytes;
use kessai_terms::collation::{
    ChannelBinding, ContentDigest, HandsetNonce, Salt, SealedRow, ServerNonce,
};
use kessai_terms::ids::{
    ApprovalNumber, CustomerId, DeviceId, MerchantId, PaymentId, Reference, StoreId, TerminalId,
};
use kessai_terms::money::{Amount, Currency};
use kessai_terms::profile::SealedProfile;
use kessai_terms::reason::Reason;
use kessai_terms::text::TransferReference;
use serde::{Deserialize, Serialize};

use crate::calendar::BusinessDate;
use crate::offer::{Capture, Charge};
use crate::register::{KeyPin, RegisterChange};
use crate::state::Event;

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
    /// The count of wrong proofs of a customer was set back to zero by the processor.
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
    /// A pending payment ended without an approval.
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
}

/// See [`Record::CustomerAdded`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerAdded {
    /// The registered form of the id.
    pub customer: CustomerId,
    /// The currency of the balance.
    pub currency: Currency,
    /// The opening balance.
    pub balance: Amount,
}

/// See [`Record::Credited`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credited {
    /// Whose balance.
    pub customer: CustomerId,
    /// By how much it rose, in the balance's currency.
    pub amount: Amount,
    /// What for, as the processor wrote it.
    pub reference: TransferReference,
}

/// See [`Record::Debited`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debited {
    /// Whose balance.
    pub customer: CustomerId,
    /// By how much it fell, in the balance's currency.
    pub amount: Amount,
    /// What for, as the processor wrote it.
    pub reference: TransferReference,
}

/// See [`Record::ProfileSet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileSet {
    /// Who it is about.
    pub customer: CustomerId,
    /// What is known, sealed; the engine never opens it.
    pub profile: SealedProfile,
}

/// See [`Record::DeviceAdded`]. Keys are sealed: a stolen journal gives nothing to guess against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceAdded {
    /// Whose handset.
    pub customer: CustomerId,
    /// The handset.
    pub device: DeviceId,
    /// The TLS key that it connects with.
    pub pin: KeyPin,
    /// The salt of its password stretching, told back when the password is changed.
    pub salt: Salt,
    /// Stored, server and device key under the seal.
    pub row: SealedRow,
}

/// See [`Record::DeviceRevoked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRevoked {
    /// Whose handset.
    pub customer: CustomerId,
    /// The handset.
    pub device: DeviceId,
}

/// See [`Record::Rekeyed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rekeyed {
    /// Whose handset.
    pub customer: CustomerId,
    /// The handset.
    pub device: DeviceId,
    /// The TLS key that it connects with from now on; perhaps the same as before.
    pub pin: KeyPin,
    /// The salt of its new password stretching.
    pub salt: Salt,
    /// The new keys under the seal, exactly one version higher than those they replace.
    pub row: SealedRow,
}

/// Who asked for a payment, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Terms {
    /// The one-time id.
    pub payment: PaymentId,
    /// The terminal that opened it.
    pub terminal: TerminalId,
    /// The store it stands in.
    pub store: StoreId,
    /// Who is paid.
    pub merchant: MerchantId,
    /// What is charged.
    pub charge: Charge,
    /// When the charge is captured.
    pub capture: Capture,
    /// Tells a repeat of the same request from another request under the same id.
    pub request: RequestDigest,
    /// The digest of the confirmation that the customer is shown.
    pub content: ContentDigest,
}

/// The SHA-256 of what a terminal asked for, over its canonical encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestDigest(pub [u8; 32]);

/// See [`Record::Opened`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Who asked, and for what.
    pub terms: Terms,
    /// Who is to pay.
    pub customer: CustomerId,
    /// Until when it can be confirmed, in milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
    /// The exact bytes of the confirmation that the customer is shown.
    pub confirmation: Bytes,
}

/// See [`Record::Declined`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declined {
    /// Who asked, and for what.
    pub terms: Terms,
    /// Who was named as payer; perhaps nobody we know.
    pub customer: CustomerId,
    /// Why; the terminal is told less.
    pub reason: Reason,
}

/// See [`Record::Overtaken`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overtaken {
    /// The payment that must not open any more.
    pub payment: PaymentId,
    /// The terminal that called it off: only its own open meets this record.
    pub terminal: TerminalId,
}

/// See [`Record::Mismatched`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatched {
    /// The payment whose confirmation was tried.
    pub payment: PaymentId,
    /// The handset that tried.
    pub device: DeviceId,
    /// Whether that was the last try.
    pub verdict: Verdict,
}

/// What a wrong proof leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The payment stays pending.
    TryAgain,
    /// The payment is declined: no try is left.
    Decline,
}

/// See [`Record::Approved`].
///
/// With the confirmation of [`Opened`] the three values below make up the authentication message
/// that the proof covered: the evidence of what was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// The payment.
    pub payment: PaymentId,
    /// The handset whose proof matched.
    pub device: DeviceId,
    /// The connection that the proof was made for.
    pub channel: ChannelBinding,
    /// Our nonce, used once.
    pub server_nonce: ServerNonce,
    /// The handset's nonce.
    pub handset_nonce: HandsetNonce,
    /// Printed on the receipt.
    pub approval: ApprovalNumber,
    /// Names the payment between processor and bank.
    pub reference: Reference,
    /// Until when delivery must be reported, in milliseconds since the Unix epoch; none if
    /// captured at once.
    pub deliver_by_ms: Option<u64>,
}

/// See [`Record::Ended`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The payment.
    pub payment: PaymentId,
    /// What ended it: a cancellation or the expiry.
    pub event: Event,
    /// By whom or why.
    pub reason: Reason,
}

/// See [`Record::Captured`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The payment.
    pub payment: PaymentId,
    /// What is debited, at most what was authorised.
    pub amount: Amount,
}

/// See [`Record::Reversed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversed {
    /// The payment.
    pub payment: PaymentId,
    /// On request, or because nothing was dispensed.
    pub reason: Reason,
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
