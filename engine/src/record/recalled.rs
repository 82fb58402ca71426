//! The record of a payment that comes back into memory, and the form in which payments are kept.

use bytes::Bytes;
use kessai_terms::ids::{ApprovalNumber, CustomerId, PaymentId, Reference, TerminalId};
use kessai_terms::money::Amount;
use kessai_terms::reason::Reason;
use serde::{Deserialize, Serialize};

use super::payments::Terms;
use crate::calendar::BusinessDate;
use crate::state::PaymentState;

/// A payment whole, as [`super::Record::Recalled`] and snapshots keep it.
///
/// What follows from other rows or dies with the process is not here: numbers of notices, prompts,
/// counted places, places in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRow {
    /// The one-time id.
    pub payment: PaymentId,
    /// The terminal that opened it or called it off.
    pub terminal: TerminalId,
    /// Who asked for what; none if a cancel overtook the open.
    pub terms: Option<Terms>,
    /// The payer, if there is such a customer.
    pub customer: Option<CustomerId>,
    /// Where it stands.
    pub state: PaymentState,
    /// Why it stands there; none while it is pending.
    pub reason: Option<Reason>,
    /// What was debited.
    pub captured: Amount,
    /// What the merchant is owed for that, in the merchant's currency.
    pub captured_price: Amount,
    /// What was given back, the earliest first.
    pub refunds: Vec<RefundRow>,
    /// For the receipt, once approved.
    pub approval: Option<ApprovalNumber>,
    /// For the bank, once approved.
    pub reference: Option<Reference>,
    /// When it was opened, in milliseconds since the Unix epoch.
    pub opened_at_ms: u64,
    /// When it came to stand where it stands.
    pub changed_at_ms: u64,
    /// When it expires if pending, or is reversed if authorised; else when that would have been.
    pub deadline_ms: u64,
    /// The business day that it was opened on.
    pub opened_on: BusinessDate,
    /// The business day of its latest record.
    pub business_date: BusinessDate,
    /// What the customer was shown, as long as a machine's report may come; else empty.
    pub confirmation: Bytes,
}

/// One refund of a [`PaymentRow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRow {
    /// Its one-time id.
    pub refund: PaymentId,
    /// The terminal that asked for it.
    pub terminal: TerminalId,
    /// What the customer got back, in the currency of the balance.
    pub amount: Amount,
    /// What the merchant gave, in the merchant's currency.
    pub price: Amount,
    /// Names it between processor and bank.
    pub reference: Reference,
    /// When it was made, in milliseconds since the Unix epoch.
    pub refunded_at_ms: u64,
    /// The business day that it belongs to.
    pub business_date: BusinessDate,
}
