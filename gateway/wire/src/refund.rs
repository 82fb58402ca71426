//! Asks to pay back what was captured, and tells that it was done.

use bytes::Bytes;
use kessai_terms::{Amount, PaymentId, Reason, Reference};

use crate::faults::Faults;
use crate::field::{self, FieldError};
use crate::purchase::{amount, payment_id};
use crate::v1;

/// Asks to pay back a part or all of a captured payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refund {
    /// The id of the refund, made by the terminal as that of a payment is.
    pub refund: PaymentId,
    /// From which payment.
    pub payment: PaymentId,
    /// How much, in the currency of the payment's open; not zero.
    pub amount: Amount,
}

impl Refund {
    pub(crate) fn parse(message: &v1::Refund) -> Result<Self, Reason> {
        let mut faults = Faults::default();
        let refund = faults.keep(payment_id(&message.refund_id));
        let payment = faults.keep(payment_id(&message.payment_id));
        let amount = faults.keep(amount(message.amount_minor));
        if message.amount_minor == 0 {
            faults.note(Reason::AmountInvalid);
        }
        match (refund, payment, amount) {
            (Some(refund), Some(payment), Some(amount)) => {
                faults.into_result()?;
                Ok(Self { refund, payment, amount })
            }
            _ => Err(faults.into_reason()),
        }
    }

    pub(crate) fn to_message(self) -> v1::Refund {
        v1::Refund {
            refund_id: Bytes::copy_from_slice(self.refund.as_bytes()),
            payment_id: Bytes::copy_from_slice(self.payment.as_bytes()),
            amount_minor: self.amount.minor(),
        }
    }
}

/// Tells that a refund was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RefundDone {
    /// Which refund.
    pub refund: PaymentId,
    /// How much it paid back, in the currency of the payment's open; not zero.
    pub amount: Amount,
    /// Its own retrieval reference.
    pub reference: Reference,
    /// Its business date, as the decimal number YYYYMMDD.
    pub business_date: u32,
}

impl RefundDone {
    pub(crate) fn parse(message: &v1::RefundDone) -> Result<Self, FieldError> {
        if message.amount_minor == 0 {
            return Err(FieldError("refund.amount_minor"));
        }
        if message.business_date == 0 {
            return Err(FieldError("refund.business_date"));
        }
        Ok(Self {
            refund: PaymentId::try_from(message.refund_id.as_ref())
                .map_err(|_| FieldError("refund_id"))?,
            amount: field::amount("refund.amount_minor", message.amount_minor)?,
            reference: Reference::new(message.reference)
                .map_err(|_| FieldError("refund.reference"))?,
            business_date: message.business_date,
        })
    }

    pub(crate) fn to_message(self) -> v1::RefundDone {
        v1::RefundDone {
            refund_id: Bytes::copy_from_slice(self.refund.as_bytes()),
            amount_minor: self.amount.minor(),
            reference: self.reference.value(),
            business_date: self.business_date,
        }
    }
}
