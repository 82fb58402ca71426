//! Puts what was told over the wire into the ledger's words.

use std::time::Duration;

use kessai_client::wire::{self, Approval, ForeignPrice, Notice, Payment};
use kessai_engine::PaymentState;

use crate::ledger::{Foreign, Moment, Receipt, Told};

/// Writes down what a terminal was told.
#[must_use]
pub(crate) fn by_payment(payment: &Payment, at: Moment) -> Told {
    Told {
        at,
        state: state(payment.state),
        reason: payment.reason,
        amount: payment.price,
        captured: payment.captured,
        refunded: payment.refunded,
        foreign: None,
        time_to_report: time_to_report(payment),
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
        amount: Some(notice.price),
        captured: notice.captured,
        refunded: notice.refunded,
        foreign: notice.foreign.map(foreign),
        time_to_report: None,
        receipt: notice.approval.map(receipt),
        notice: Some(notice.number.get()),
    }
}

/// How long an approved payment waits for its machine, by the gateway's own clock.
fn time_to_report(payment: &Payment) -> Option<Duration> {
    if payment.state != wire::PaymentState::Authorised {
        return None;
    }
    let span_ms = payment.expires_at_ms?.checked_sub(payment.ended_at_ms?)?;
    Some(Duration::from_millis(span_ms))
}

const fn foreign(told: ForeignPrice) -> Foreign {
    let ForeignPrice { price, rate, markup_bp } = told;
    Foreign { price, rate, markup_bp }
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
