//! Puts what was told over the wire into the ledger's words.

use kessai_client::wire::{self, Approval, Notice, Payment};
use kessai_engine::PaymentState;

use crate::ledger::{Moment, Receipt, Told};

/// Writes down what a terminal was told.
#[must_use]
pub(crate) fn by_payment(payment: &Payment, at: Moment) -> Told {
    Told {
        at,
        state: state(payment.state),
        reason: payment.reason,
        amount: payment.price.map(|price| price.amount),
        captured: payment.captured,
        receipt: payment.approval.map(receipt),
        notice: None,
    }
}

/// Writes down what a customer was told.
#[must_use]
pub(crate) fn by_notice(notice: &Notice, at: Moment) -> Told {
    Told {
        at,
        state: state(notice.state),
        reason: Some(notice.reason),
        amount: Some(notice.price.amount),
        captured: notice.captured,
        receipt: notice.approval.map(receipt),
        notice: Some(notice.number.get()),
    }
}

const fn receipt(approval: Approval) -> Receipt {
    Receipt { approval: approval.number, reference: approval.reference }
}

const fn state(state: wire::PaymentState) -> PaymentState {
    match state {
        wire::PaymentState::Pending => PaymentState::Pending,
        wire::PaymentState::Authorised => PaymentState::Authorised,
        wire::PaymentState::Captured => PaymentState::Captured,
        wire::PaymentState::Reversed => PaymentState::Reversed,
        wire::PaymentState::Refunded | wire::PaymentState::PartlyRefunded => PaymentState::Refunded,
        wire::PaymentState::Declined => PaymentState::Declined,
        wire::PaymentState::Cancelled => PaymentState::Cancelled,
        wire::PaymentState::Expired => PaymentState::Expired,
    }
}
