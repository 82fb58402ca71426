//! Tells a customer, authentically, what became of a payment.

use std::num::NonZeroU64;

use bytes::Bytes;
use kessai_terms::collation::{ContentDigest, ServerKey, Signature};
use kessai_terms::{Amount, MerchantName, Money, PaymentId, Reason, StoreName};
use prost::Message;

use crate::NOTICE_VERSION;
use crate::content::{self, ContentError};
use crate::exchange::ForeignPrice;
use crate::field::{self, Approval, FieldError};
use crate::limits::MAX_RECENT;
use crate::state::PaymentState;
use crate::v1;

/// Tells the customer what became of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Number among this customer's notices: 1, 2, 3 and so on.
    pub number: NonZeroU64,
    /// Which payment.
    pub payment: PaymentId,
    /// The state that it came into; never pending.
    pub state: PaymentState,
    /// Why, in full.
    pub reason: Reason,
    /// What it was about, in the currency of the account; what the store charges, if it was
    /// declined because that could not be converted.
    pub price: Money,
    /// The store's name.
    pub store_name: StoreName,
    /// The merchant's name.
    pub merchant_name: MerchantName,
    /// When it happened.
    pub at_ms: u64,
    /// The numbers of the approval, if there was one.
    pub approval: Option<Approval>,
    /// How much was debited.
    pub captured: Amount,
    /// How much came back by refunds.
    pub refunded: Amount,
    /// What the store charged, if that was in another currency.
    pub foreign: Option<ForeignPrice>,
}

impl Notice {
    /// Writes the bytes that are signed and sent.
    pub fn encode(&self) -> Bytes {
        let (approval_number, reference) = Approval::split(self.approval);
        v1::Notice {
            version: NOTICE_VERSION,
            number: self.number.get(),
            payment_id: Bytes::copy_from_slice(self.payment.as_bytes()),
            state: v1::PaymentState::from(self.state).into(),
            reason: self.reason.number().into(),
            amount_minor: self.price.amount.minor(),
            currency: self.price.currency.code().to_owned(),
            store_name: self.store_name.to_string(),
            merchant_name: self.merchant_name.to_string(),
            at_ms: self.at_ms,
            approval_number,
            reference,
            captured_minor: self.captured.minor(),
            refunded_minor: self.refunded.minor(),
            foreign: self.foreign.map(ForeignPrice::to_message),
        }
        .encode_to_vec()
        .into()
    }

    /// Reads bytes whose signature was verified before.
    ///
    /// # Errors
    /// [`ContentError`] if the version is unknown, a field impossible, or if the bytes hold
    /// anything that is not in the value.
    pub fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        let message: v1::Notice =
            content::open(bytes, |message: &v1::Notice| message.version, NOTICE_VERSION)?;
        let price = field::money("amount_minor", message.amount_minor, &message.currency)?;
        let notice = Self {
            number: NonZeroU64::new(message.number).ok_or(FieldError("number"))?,
            payment: field::payment(&message.payment_id)?,
            state: ended(PaymentState::parse(message.state)?)?,
            reason: field::reason(message.reason)?,
            price,
            store_name: field::text("store_name", &message.store_name)?,
            merchant_name: field::text("merchant_name", &message.merchant_name)?,
            at_ms: message.at_ms,
            approval: Approval::parse(message.approval_number, message.reference)?,
            captured: field::amount("captured_minor", message.captured_minor)?,
            refunded: field::amount("refunded_minor", message.refunded_minor)?,
            foreign: message
                .foreign
                .as_ref()
                .map(|foreign| ForeignPrice::parse(foreign, price))
                .transpose()?,
        };
        content::check_canonical(bytes, &notice.encode())?;
        Ok(notice)
    }
}

fn ended(state: PaymentState) -> Result<PaymentState, FieldError> {
    match state {
        PaymentState::Pending => Err(FieldError("state")),
        PaymentState::Authorised
        | PaymentState::Captured
        | PaymentState::Reversed
        | PaymentState::Refunded
        | PaymentState::PartlyRefunded
        | PaymentState::Declined
        | PaymentState::Cancelled
        | PaymentState::Expired => Ok(state),
    }
}

/// Carries a notice with the gateway's signature for one handset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNotice {
    /// The digest of the confirmation that the notice belongs to.
    pub content_digest: ContentDigest,
    /// The exact bytes of a [`Notice`].
    pub notice: Bytes,
    /// Over both, under the key of the handset it goes to.
    pub signature: Signature,
}

impl SignedNotice {
    /// Signs the bytes of a notice for the handset whose server key this is.
    pub fn sign(key: &ServerKey, content_digest: ContentDigest, notice: Bytes) -> Self {
        let signature = key.sign_notice(&content_digest, &notice);
        Self { content_digest, notice, signature }
    }

    /// Verifies the signature, and only then reads the notice.
    ///
    /// # Errors
    /// [`ContentError::Signature`] if the gateway did not sign this for this handset; any other
    /// [`ContentError`] if what it signed is no notice.
    pub fn verify(&self, key: &ServerKey) -> Result<Notice, ContentError> {
        if !key.verify_notice(&self.content_digest, &self.notice, &self.signature) {
            return Err(ContentError::Signature);
        }
        Notice::decode(&self.notice)
    }

    pub(crate) fn parse(message: &v1::SignedNotice) -> Result<Self, FieldError> {
        if message.notice.is_empty() {
            return Err(FieldError("notice"));
        }
        Ok(Self {
            content_digest: ContentDigest(field::bytes("content_digest", &message.content_digest)?),
            notice: message.notice.clone(),
            signature: field::signature(&message.signature)?,
        })
    }

    pub(crate) fn to_message(&self) -> v1::SignedNotice {
        v1::SignedNotice {
            content_digest: Bytes::copy_from_slice(&self.content_digest.0),
            notice: self.notice.clone(),
            signature: Bytes::copy_from_slice(&self.signature.0),
        }
    }
}

/// Reads a list of recent payments. Which of them are authentic, only the key of the handset tells.
pub(crate) fn recent_from_message(
    message: &v1::RecentPayments,
) -> Result<Vec<SignedNotice>, FieldError> {
    if message.notices.len() > MAX_RECENT {
        return Err(FieldError("notices"));
    }
    message.notices.iter().map(SignedNotice::parse).collect()
}

pub(crate) fn recent_to_message(notices: &[SignedNotice]) -> v1::RecentPayments {
    v1::RecentPayments { notices: notices.iter().map(SignedNotice::to_message).collect() }
}
