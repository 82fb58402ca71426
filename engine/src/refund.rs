//! Money given back after capture: what is asked for, and what was done.

use kessai_terms::ids::{PaymentId, Reference, TerminalId};
use kessai_terms::money::Amount;

use crate::calendar::BusinessDate;
use crate::command::Freshness;
use crate::payment::PaymentView;

/// A merchant's wish to give money back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refund {
    /// The one-time id of this refund; refunds and payments never share one.
    pub refund: PaymentId,
    /// The payment that it gives back, in whole or in part.
    pub payment: PaymentId,
    /// Who asks: any terminal of the merchant who was paid.
    pub terminal: TerminalId,
    /// How much of the price, in the merchant's currency.
    pub price: Amount,
}

/// One refund as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefundView {
    /// Its one-time id.
    pub refund: PaymentId,
    /// The payment that it gave back.
    pub payment: PaymentId,
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

impl RefundView {
    /// Says whether `asked` is what this refund did.
    pub(crate) fn answers(&self, asked: &Refund) -> bool {
        let Self { refund, payment, terminal, price, .. } = *self;
        *asked == Refund { refund, payment, terminal, price }
    }
}

/// What came of a [`Refund`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refunding {
    /// The payment as it stands now, perhaps after further refunds.
    pub view: PaymentView,
    /// The refund.
    pub refund: RefundView,
    /// Whether this command made it.
    pub freshness: Freshness,
}
