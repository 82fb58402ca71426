//! The records about payments.

use bytes::Bytes;
use kessai_terms::collation::{ChannelBinding, ContentDigest, HandsetNonce, ServerNonce};
use kessai_terms::ids::{
    ApprovalNumber, CustomerId, DeviceId, MerchantId, PaymentId, Reference, StoreId, TerminalId,
};
use kessai_terms::money::Amount;
use kessai_terms::reason::Reason;
use serde::{Deserialize, Serialize};

use crate::offer::{Capture, Charge, NamedBy};
use crate::state::Event;

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
    /// How the terminal named the customer.
    pub named_by: NamedBy,
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

/// See [`super::Record::Opened`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Who asked, and for what.
    pub terms: Terms,
    /// Who is to pay.
    pub customer: CustomerId,
    /// When the terminal's request came in, in milliseconds since the Unix epoch.
    pub received_at_ms: u64,
    /// Until when it can be confirmed, in milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
    /// Pending payments of the customer that it takes the place of: they are cancelled with this.
    pub displaced: Vec<PaymentId>,
    /// The exact bytes of the confirmation that the customer is shown.
    pub confirmation: Bytes,
}

/// See [`super::Record::Declined`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declined {
    /// Who asked, and for what.
    pub terms: Terms,
    /// Who was named as payer; perhaps nobody we know.
    pub customer: CustomerId,
    /// Why; the terminal is told less.
    pub reason: Reason,
}

impl Declined {
    /// The payer, if there was such a customer.
    pub(crate) fn payer(&self) -> Option<CustomerId> {
        // Whoever is unknown is declined for nothing else.
        (self.reason != Reason::CustomerUnknown).then_some(self.customer)
    }
}

/// See [`super::Record::Overtaken`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overtaken {
    /// The payment that must not open any more.
    pub payment: PaymentId,
    /// The terminal that called it off: only its own open meets this record.
    pub terminal: TerminalId,
}

/// See [`super::Record::Mismatched`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatched {
    /// The payment whose confirmation was tried.
    pub payment: PaymentId,
    /// The handset that tried.
    pub device: DeviceId,
    /// Whether that was the last try.
    pub verdict: Verdict,
    /// When the handset was asked and answered.
    pub trail: Trail,
}

/// When a handset was asked and answered: evidence, which decides nothing.
///
/// # Units
/// Milliseconds since the Unix epoch, by the gateway's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// When the prompt was made that the proof answers.
    pub prompted_at_ms: u64,
    /// When the handset says that it showed it; none if it does not say.
    pub shown_at_ms: Option<u64>,
    /// When the proof came in.
    pub answered_at_ms: u64,
}

/// What a wrong proof leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The payment stays pending.
    TryAgain,
    /// The payment is declined: no try is left.
    Decline,
}

/// See [`super::Record::Approved`].
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
    /// When the handset was asked and answered.
    pub trail: Trail,
}

/// See [`super::Record::Ended`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The payment.
    pub payment: PaymentId,
    /// What ended it: a cancellation, the expiry, or a decline of what the customer approved.
    pub event: Event,
    /// By whom or why.
    pub reason: Reason,
}

/// See [`super::Record::Captured`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The payment.
    pub payment: PaymentId,
    /// What is debited, at most what was authorised.
    pub amount: Amount,
    /// What the merchant is owed for it, in the merchant's currency.
    pub price: Amount,
}

/// See [`super::Record::Reversed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversed {
    /// The payment.
    pub payment: PaymentId,
    /// On request, or because nothing was dispensed.
    pub reason: Reason,
}

/// See [`super::Record::Refunded`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refunded {
    /// The payment.
    pub payment: PaymentId,
    /// The one-time id of this refund.
    pub refund: PaymentId,
    /// The terminal that asked for it, one of the merchant who was paid.
    pub terminal: TerminalId,
    /// What the customer gets back, in the currency of the balance.
    pub amount: Amount,
    /// What the merchant gives, in the merchant's currency.
    pub price: Amount,
    /// Names the refund between processor and bank.
    pub reference: Reference,
}
