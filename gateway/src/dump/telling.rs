//! How each record is told.

use kessai_engine::terms::{CustomerId, DeviceId};
use kessai_engine::{
    Approved, Event, LimitHolder, Mismatched, Naming, Opened, PaymentRow, PolicySet, Record,
    Refunded, RegisterChange, Standing, Terminal, TerminalKind, Terms, Trail, Verdict,
};

use super::pseudonyms::Pseudonyms;
use super::said::{
    ApprovedRow, AskedRow, DeclinedRow, HandsetRow, MismatchedRow, OpenedRow, PolicyRow,
    RecalledRow, RefundedRow, RegisteredRow, Said, TerminalRow, TrailRow,
};

impl Said {
    pub(super) fn of(record: &Record, names: &Pseudonyms) -> Self {
        let handset = |customer: &CustomerId, device: &DeviceId| HandsetRow {
            customer: names.customer(customer),
            handset: names.handset(device),
        };
        match record {
            Record::Registered(change) => Self::Registered(change.into()),
            Record::CustomerAdded(it) => Self::CustomerAdded {
                customer: names.customer(&it.customer),
                currency: it.currency.code(),
                balance_minor: it.balance.minor(),
            },
            Record::Credited(it) => Self::Credited {
                customer: names.customer(&it.customer),
                amount_minor: it.amount.minor(),
            },
            Record::Debited(it) => Self::Debited {
                customer: names.customer(&it.customer),
                amount_minor: it.amount.minor(),
            },
            Record::DeviceAdded(it) => Self::DeviceAdded(handset(&it.customer, &it.device)),
            Record::DeviceRevoked(it) => Self::DeviceRevoked(handset(&it.customer, &it.device)),
            Record::Rekeyed(it) => Self::Rekeyed(handset(&it.customer, &it.device)),
            Record::Unblocked(customer) => Self::Unblocked { customer: names.customer(customer) },
            Record::ProfileSet(it) => Self::ProfileSet { customer: names.customer(&it.customer) },
            Record::ProfileErased(customer) => {
                Self::ProfileErased { customer: names.customer(customer) }
            }
            Record::PolicySet(it) => Self::PolicySet(PolicyRow::of(it, names)),
            Record::Opened(it) => Self::Opened(OpenedRow::of(it, names)),
            Record::Declined(it) => Self::Declined(DeclinedRow {
                asked: AskedRow::of(&it.terms, &it.customer, names),
                reason: it.reason.name(),
            }),
            Record::Overtaken(it) => Self::Overtaken {
                payment: it.payment.to_string(),
                terminal: it.terminal.to_string(),
            },
            Record::Mismatched(it) => Self::Mismatched(MismatchedRow::of(it, names)),
            Record::Approved(it) => Self::Approved(ApprovedRow::of(it, names)),
            Record::Ended(it) => Self::Ended {
                payment: it.payment.to_string(),
                event: event(it.event),
                reason: it.reason.name(),
            },
            Record::Captured(it) => Self::Captured {
                payment: it.payment.to_string(),
                amount_minor: it.amount.minor(),
                price_minor: it.price.minor(),
            },
            Record::Reversed(it) => {
                Self::Reversed { payment: it.payment.to_string(), reason: it.reason.name() }
            }
            Record::Refunded(it) => Self::Refunded(it.as_ref().into()),
            Record::Recalled(it) => Self::Recalled(it.as_ref().into()),
        }
    }
}

impl From<&RegisterChange> for RegisteredRow {
    fn from(change: &RegisterChange) -> Self {
        match change {
            RegisterChange::Merchant(it) => Self::Merchant { merchant: it.id.to_string() },
            RegisterChange::Store(it) => Self::Store {
                store: it.id.to_string(),
                merchant: it.merchant.to_string(),
                currency: it.currency.code(),
                standing: standing(it.standing),
            },
            RegisterChange::Terminal(it) => Self::Terminal(it.into()),
            RegisterChange::Controller(it) => Self::Controller {
                controller: it.id.to_string(),
                merchant: it.merchant.to_string(),
                is_enrolled: it.pin.is_some(),
            },
            RegisterChange::Hub(it) => {
                Self::Hub { hub: it.id.to_string(), is_enrolled: it.pin.is_some() }
            }
            RegisterChange::DefaultLimits(it) => Self::DefaultLimits {
                holder: match it.holder {
                    LimitHolder::Customer => "customer",
                    LimitHolder::Terminal => "terminal",
                },
                currency: it.currency.code(),
                limits: (&it.limits).into(),
            },
        }
    }
}

impl From<&Terminal> for TerminalRow {
    fn from(it: &Terminal) -> Self {
        Self {
            terminal: it.id.to_string(),
            store: it.store.to_string(),
            is_vending: it.kind == TerminalKind::Vending,
            is_enrolled: it.pin.is_some(),
            standing: standing(it.standing),
            limits: (&it.limits).into(),
        }
    }
}

impl PolicyRow {
    fn of(it: &PolicySet, names: &Pseudonyms) -> Self {
        Self {
            customer: names.customer(&it.customer),
            standing: standing(it.policy.standing),
            named_by: match it.policy.named_by {
                Naming::IdOrCode => "id_or_code",
                Naming::CodeOnly => "code_only",
            },
            limits: (&it.policy.limits).into(),
        }
    }
}

impl AskedRow {
    fn of(terms: &Terms, customer: &CustomerId, names: &Pseudonyms) -> Self {
        Self {
            payment: terms.payment.to_string(),
            terminal: terms.terminal.to_string(),
            store: terms.store.to_string(),
            merchant: terms.merchant.to_string(),
            customer: names.customer(customer),
            named_by: terms.named_by.into(),
            capture: terms.capture.into(),
            amount_minor: terms.charge.amount.minor(),
            currency: terms.charge.currency.code(),
            price_minor: terms.charge.price().minor(),
            price_currency: terms.charge.price_currency().code(),
        }
    }
}

impl OpenedRow {
    fn of(it: &Opened, names: &Pseudonyms) -> Self {
        Self {
            asked: AskedRow::of(&it.terms, &it.customer, names),
            received_at_ms: it.received_at_ms,
            expires_at_ms: it.expires_at_ms,
            displaced: it.displaced.iter().map(ToString::to_string).collect(),
        }
    }
}

impl MismatchedRow {
    fn of(it: &Mismatched, names: &Pseudonyms) -> Self {
        Self {
            payment: it.payment.to_string(),
            handset: names.handset(&it.device),
            was_last: it.verdict == Verdict::Decline,
            trail: (&it.trail).into(),
        }
    }
}

impl ApprovedRow {
    fn of(it: &Approved, names: &Pseudonyms) -> Self {
        Self {
            payment: it.payment.to_string(),
            handset: names.handset(&it.device),
            approval_number: it.approval.to_string(),
            reference: it.reference.to_string(),
            deliver_by_ms: it.deliver_by_ms,
            trail: (&it.trail).into(),
        }
    }
}

impl From<&Trail> for TrailRow {
    fn from(trail: &Trail) -> Self {
        Self {
            prompted_at_ms: trail.prompted_at_ms,
            shown_at_ms: trail.shown_at_ms,
            answered_at_ms: trail.answered_at_ms,
        }
    }
}

impl From<&PaymentRow> for RecalledRow {
    fn from(it: &PaymentRow) -> Self {
        Self {
            payment: it.payment.to_string(),
            terminal: it.terminal.to_string(),
            state: it.state.into(),
            captured_minor: it.captured.minor(),
            refunds: it.refunds.iter().map(|made| made.refund.to_string()).collect(),
        }
    }
}

impl From<&Refunded> for RefundedRow {
    fn from(it: &Refunded) -> Self {
        Self {
            payment: it.payment.to_string(),
            refund: it.refund.to_string(),
            terminal: it.terminal.to_string(),
            amount_minor: it.amount.minor(),
            price_minor: it.price.minor(),
            reference: it.reference.to_string(),
        }
    }
}

const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Frozen => "frozen",
    }
}

const fn event(event: Event) -> &'static str {
    match event {
        Event::Authorise => "authorise",
        Event::Capture => "capture",
        Event::Decline => "decline",
        Event::Cancel => "cancel",
        Event::Expire => "expire",
        Event::Reverse => "reverse",
        Event::Refund => "refund",
    }
}
