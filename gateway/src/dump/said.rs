//! What a record says, as it is told. Amounts are integers in minor units, instants milliseconds
//! since the Unix epoch; fields are named as in the records that they repeat.

use kessai_engine::Limits;
use serde::Serialize;

use crate::admin::rows::{CaptureName, NamedByName, StateName};

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(super) enum Said {
    Registered(RegisteredRow),
    CustomerAdded { customer: String, currency: &'static str, balance_minor: u64 },
    Credited { customer: String, amount_minor: u64 },
    Debited { customer: String, amount_minor: u64 },
    DeviceAdded(HandsetRow),
    DeviceRevoked(HandsetRow),
    Rekeyed(HandsetRow),
    Unblocked { customer: String },
    ProfileSet { customer: String },
    ProfileErased { customer: String },
    PolicySet(PolicyRow),
    Opened(OpenedRow),
    Declined(DeclinedRow),
    Overtaken { payment: String, terminal: String },
    Mismatched(MismatchedRow),
    Approved(ApprovedRow),
    Ended { payment: String, event: &'static str, reason: &'static str },
    Captured { payment: String, amount_minor: u64, price_minor: u64 },
    Reversed { payment: String, reason: &'static str },
    Refunded(RefundedRow),
    Recalled(RecalledRow),
}

/// What was entered into the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum RegisteredRow {
    Merchant { merchant: String },
    Store { store: String, merchant: String, currency: &'static str, standing: &'static str },
    Terminal(TerminalRow),
    Controller { controller: String, merchant: String, is_enrolled: bool },
    Hub { hub: String, is_enrolled: bool },
    DefaultLimits { holder: &'static str, currency: &'static str, limits: LimitsRow },
}

/// A terminal as it was entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct TerminalRow {
    pub(super) terminal: String,
    pub(super) store: String,
    pub(super) is_vending: bool,
    pub(super) is_enrolled: bool,
    pub(super) standing: &'static str,
    pub(super) limits: LimitsRow,
}

/// How much may be paid; nothing said is no limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct LimitsRow {
    per_payment_minor: Option<u64>,
    per_day_minor: Option<u64>,
    count_per_day: Option<u32>,
}

impl From<&Limits> for LimitsRow {
    fn from(limits: &Limits) -> Self {
        Self {
            per_payment_minor: limits.per_payment.map(|amount| amount.minor()),
            per_day_minor: limits.per_day.map(|amount| amount.minor()),
            count_per_day: limits.count_per_day,
        }
    }
}

/// A handset and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct HandsetRow {
    pub(super) customer: String,
    pub(super) handset: String,
}

/// What a customer may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct PolicyRow {
    pub(super) customer: String,
    pub(super) standing: &'static str,
    pub(super) named_by: &'static str,
    pub(super) limits: LimitsRow,
}

/// Who asked, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct AskedRow {
    pub(super) payment: String,
    pub(super) terminal: String,
    pub(super) store: String,
    pub(super) merchant: String,
    pub(super) customer: String,
    pub(super) named_by: NamedByName,
    pub(super) capture: CaptureName,
    pub(super) amount_minor: u64,
    pub(super) currency: &'static str,
    pub(super) price_minor: u64,
    pub(super) price_currency: &'static str,
}

/// A payment that the customer may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct OpenedRow {
    #[serde(flatten)]
    pub(super) asked: AskedRow,
    pub(super) received_at_ms: u64,
    pub(super) expires_at_ms: u64,
    pub(super) displaced: Vec<String>,
}

/// A payment that nobody was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct DeclinedRow {
    #[serde(flatten)]
    pub(super) asked: AskedRow,
    pub(super) reason: &'static str,
}

/// A proof that did not match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct MismatchedRow {
    pub(super) payment: String,
    pub(super) handset: String,
    pub(super) was_last: bool,
    #[serde(flatten)]
    pub(super) trail: TrailRow,
}

/// A proof that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ApprovedRow {
    pub(super) payment: String,
    pub(super) handset: String,
    pub(super) approval_number: String,
    pub(super) reference: String,
    pub(super) deliver_by_ms: Option<u64>,
    #[serde(flatten)]
    pub(super) trail: TrailRow,
}

/// When a handset was asked and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct TrailRow {
    pub(super) prompted_at_ms: u64,
    pub(super) shown_at_ms: Option<u64>,
    pub(super) answered_at_ms: u64,
}

/// A payment that came back into memory; what it says else is in the records before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct RecalledRow {
    pub(super) payment: String,
    pub(super) terminal: String,
    pub(super) state: StateName,
    pub(super) captured_minor: u64,
    pub(super) refunds: Vec<String>,
}

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct RefundedRow {
    pub(super) payment: String,
    pub(super) refund: String,
    pub(super) terminal: String,
    pub(super) amount_minor: u64,
    pub(super) price_minor: u64,
    pub(super) reference: String,
}
