//! Tells a terminal how a payment stands.

use bytes::Bytes;
use kessai_terms::{Amount, JournalReceipt, Money, PaymentId, Reason};

use crate::field::{self, Approval, FieldError};
use crate::receipt;
use crate::refund::RefundDone;
use crate::state::PaymentState;
use crate::v1;

/// Tells a terminal how a payment stands.
///
/// The reason is written as far as a terminal may know it, whatever stands here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Which payment.
    pub payment: PaymentId,
    /// How it stands.
    pub state: PaymentState,
    /// Why; none while it is pending.
    pub reason: Option<Reason>,
    /// What it is about, in the currency of the open; none if it was cancelled before its open
    /// came.
    pub price: Option<Money>,
    /// How much of it was captured, in that currency.
    pub captured: Amount,
    /// How much of that went back by refunds.
    pub refunded: Amount,
    /// The numbers for the receipt, once it was approved.
    pub approval: Option<Approval>,
    /// The business date of the last move, as the decimal number YYYYMMDD; none while pending.
    pub business_date: Option<u32>,
    /// When the gateway took the open; none if it was cancelled before.
    pub opened_at_ms: Option<u64>,
    /// When it came into this state; none while pending.
    pub ended_at_ms: Option<u64>,
    /// Until when the customer can answer, or the machine report delivery; else none.
    pub expires_at_ms: Option<u64>,
    /// What came of the refund that this answers; else none.
    pub refund: Option<RefundDone>,
    /// Where the gateway's journal holds the latest of it, if that is not long ago.
    pub receipt: Option<JournalReceipt>,
}

impl Payment {
    /// Is what all answers about a payment that stands so have in common: a repeat may come with
    /// another receipt, or with none.
    #[must_use]
    pub const fn without_receipt(self) -> Self {
        Self { receipt: None, ..self }
    }

    pub(crate) fn parse(message: &v1::Payment) -> Result<Self, FieldError> {
        let payment = Self {
            payment: field::payment(&message.payment_id)?,
            state: PaymentState::parse(message.state)?,
            reason: message.reason.map(field::reason).transpose()?,
            price: match (message.amount_minor, message.currency.as_str()) {
                (0, "") => None,
                (minor, currency) => Some(field::money("amount_minor", minor, currency)?),
            },
            captured: field::amount("captured_minor", message.captured_minor)?,
            refunded: field::amount("refunded_minor", message.refunded_minor)?,
            approval: Approval::parse(message.approval_number, message.reference)?,
            business_date: field::business_date(message.business_date),
            opened_at_ms: field::instant(message.opened_at_ms),
            ended_at_ms: field::instant(message.ended_at_ms),
            expires_at_ms: field::instant(message.expires_at_ms),
            refund: message.refund.as_ref().map(RefundDone::parse).transpose()?,
            receipt: message.receipt.as_ref().map(receipt::parse).transpose()?,
        };
        payment.check_reason()?;
        payment.check_refunds()?;
        Ok(payment)
    }

    /// Checks that state and reason do not contradict each other: goods hang on it.
    fn check_reason(&self) -> Result<(), FieldError> {
        let fits = match self.state {
            PaymentState::Pending => self.reason.is_none(),
            PaymentState::Authorised | PaymentState::Captured => {
                self.reason == Some(Reason::Approved) && self.price.is_some()
            }
            PaymentState::Declined | PaymentState::Cancelled | PaymentState::Expired => {
                self.reason.is_some_and(|reason| reason != Reason::Approved)
            }
            PaymentState::Reversed | PaymentState::Refunded | PaymentState::PartlyRefunded => {
                self.reason.is_some()
            }
        };
        if fits { Ok(()) } else { Err(FieldError("reason")) }
    }

    /// Checks that no more went back than came in, and that a refund that was made is among it.
    fn check_refunds(&self) -> Result<(), FieldError> {
        let made = self.refund.map_or(Amount::ZERO, |refund| refund.amount);
        if made <= self.refunded && self.refunded <= self.captured {
            Ok(())
        } else {
            Err(FieldError("refunded_minor"))
        }
    }

    pub(crate) fn to_message(self) -> v1::Payment {
        let told = self.reason.map(|reason| told_to_terminal(self.state, reason));
        let (approval_number, reference) = Approval::split(self.approval);
        v1::Payment {
            payment_id: Bytes::copy_from_slice(self.payment.as_bytes()),
            state: v1::PaymentState::from(self.state).into(),
            reason: told.map(|reason| reason.number().into()),
            field39: told.map(Reason::field39).unwrap_or_default().to_owned(),
            text: told.map(Reason::clerk_text).unwrap_or_default().to_owned(),
            amount_minor: self.price.map_or(0, |price| price.amount.minor()),
            currency: self.price.map(|price| price.currency.code()).unwrap_or_default().to_owned(),
            captured_minor: self.captured.minor(),
            refunded_minor: self.refunded.minor(),
            approval_number,
            reference,
            business_date: self.business_date.unwrap_or_default(),
            opened_at_ms: self.opened_at_ms.unwrap_or_default(),
            ended_at_ms: self.ended_at_ms.unwrap_or_default(),
            expires_at_ms: self.expires_at_ms.unwrap_or_default(),
            receipt: self.receipt.as_ref().map(receipt::to_message),
            refund: self.refund.map(RefundDone::to_message),
        }
    }
}

/// Tells as much as a terminal may know: one decline is like any other, also the few that happen
/// for a reason which, on its own, it could be told.
///
/// Only that the money does not suffice may be disclosed of a payment by presentment code, if the
/// processor so wishes; whether it does, was decided before the reason came here.
///
/// # Source
/// Rule 5 of the collation's rules; promise 4 of the patent.
fn told_to_terminal(state: PaymentState, reason: Reason) -> Reason {
    match state {
        PaymentState::Declined if reason == Reason::InsufficientFunds => reason,
        PaymentState::Declined => Reason::NotHonoured,
        PaymentState::Pending
        | PaymentState::Authorised
        | PaymentState::Captured
        | PaymentState::Reversed
        | PaymentState::Refunded
        | PaymentState::PartlyRefunded
        | PaymentState::Cancelled
        | PaymentState::Expired => reason.told_to_terminal(),
    }
}
