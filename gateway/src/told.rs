//! What each side is told of a payment. A shop is told less than a customer.

use std::num::NonZeroU64;

use kessai_engine::terms::{Amount, Reason};
use kessai_engine::{Merchant, PaymentState, PaymentView, Register, Store, Terms};
use kessai_wire as wire;
use kessai_wire::{Approval, Notice, Payment};

/// Tells the payment's own terminal, in the terminal's currency.
pub(crate) fn terminal(view: &PaymentView) -> Payment {
    let pending = view.state == PaymentState::Pending;
    let price = view.terms.map(|terms| match terms.charge.foreign {
        Some(foreign) => foreign.price.of(foreign.currency),
        None => terms.charge.amount.of(terms.charge.currency),
    });
    let waits = matches!(view.state, PaymentState::Pending | PaymentState::Authorised);
    Payment {
        payment: view.payment,
        state: state(view),
        reason: view.reason_for_terminal(),
        price,
        captured: in_terminal_currency(view, view.captured),
        refunded: in_terminal_currency(view, view.refunded),
        approval: approval(view),
        business_date: (!pending).then(|| view.business_date.yyyymmdd()),
        opened_at_ms: view.terms.map(|_| view.opened_at_ms),
        ended_at_ms: (!pending).then_some(view.changed_at_ms),
        expires_at_ms: waits.then_some(view.deadline_ms),
    }
}

/// A part of a foreign charge stands for the same part of its price; only the whole occurs yet.
fn in_terminal_currency(view: &PaymentView, amount: Amount) -> Amount {
    match view.terms.and_then(|terms| terms.charge.foreign) {
        Some(foreign) if !amount.is_zero() => foreign.price,
        Some(_) | None => amount,
    }
}

/// Tells the payment's customer; nothing as long as there is nothing to tell.
pub(crate) fn customer(view: &PaymentView, register: &Register) -> Option<Notice> {
    let terms = view.terms?;
    let (store, merchant) = payee(&terms, register)?;
    Some(Notice {
        number: NonZeroU64::new(view.notice)?,
        payment: view.payment,
        state: state(view),
        reason: view.reason.unwrap_or(Reason::Approved),
        price: terms.charge.amount.of(terms.charge.currency),
        store_name: store.name.clone(),
        merchant_name: merchant.name.clone(),
        at_ms: view.changed_at_ms,
        approval: approval(view),
        captured: view.captured,
        refunded: view.refunded,
    })
}

/// Finds who was paid, and where: the terminal may have been moved to another store since.
fn payee<'r>(terms: &Terms, register: &'r Register) -> Option<(&'r Store, &'r Merchant)> {
    let place = register.place(&terms.terminal);
    if let Some(place) =
        place.filter(|p| p.store.id == terms.store && p.merchant.id == terms.merchant)
    {
        return Some((&place.store, &place.merchant));
    }
    let store = register.stores().find(|store| store.id == terms.store)?;
    let merchant = register.merchants().find(|merchant| merchant.id == terms.merchant)?;
    Some((store, merchant))
}

fn approval(view: &PaymentView) -> Option<Approval> {
    Some(Approval { number: view.approval?, reference: view.reference? })
}

fn state(view: &PaymentView) -> wire::PaymentState {
    match view.state {
        PaymentState::Pending => wire::PaymentState::Pending,
        PaymentState::Authorised => wire::PaymentState::Authorised,
        PaymentState::Captured => wire::PaymentState::Captured,
        PaymentState::Reversed => wire::PaymentState::Reversed,
        PaymentState::Refunded if view.refunded < view.captured => {
            wire::PaymentState::PartlyRefunded
        }
        PaymentState::Refunded => wire::PaymentState::Refunded,
        PaymentState::Declined => wire::PaymentState::Declined,
        PaymentState::Cancelled => wire::PaymentState::Cancelled,
        PaymentState::Expired => wire::PaymentState::Expired,
    }
}
