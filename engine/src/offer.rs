//! What is put before the customer: built before any lock, from the register and the request.

use bytes::Bytes;
use kessai_terms::ids::CustomerId;
use kessai_terms::money::{Amount, Currency};
use serde::{Deserialize, Serialize};

use crate::record::Terms;

/// When an approved payment is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Capture {
    /// In the same step as the approval, as a till does (the patent's S32-S33).
    AtApproval,
    /// When the machine reports the goods dispensed (claim 3: vending machines).
    OnDelivery,
}

/// What a payment takes from the customer and gives to the merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Charge {
    /// What is held and debited.
    pub amount: Amount,
    /// The currency of the customer's balance.
    pub currency: Currency,
    /// The price as the terminal quoted it, where that is in another currency.
    pub foreign: Option<ForeignPrice>,
}

/// A price in the merchant's currency with the rate that the charge was computed by.
///
/// # Source
/// JP 2001-249969, paragraph 81.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ForeignPrice {
    /// What the merchant is owed, in `currency`.
    pub price: Amount,
    /// The merchant's currency.
    pub currency: Currency,
    /// Units of the customer's currency for one unit of the merchant's, as digits without a point.
    pub rate_digits: u64,
    /// How many of `rate_digits` stand behind the decimal point.
    pub rate_scale: u8,
    /// The mark-up contained in the rate, in hundredths of a per cent.
    pub markup_basis_points: u16,
}

/// A payment as it is offered to the customer.
///
/// Payee, amounts and expiry are fixed here, and the confirmation is encoded once: the engine
/// records its bytes and never looks inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Who asks, and for what.
    pub terms: Terms,
    /// Who is asked to pay, as the terminal named them.
    pub customer: CustomerId,
    /// Until when it can be confirmed, in milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
    /// The exact bytes that the customer will be shown and that the proof will cover.
    pub confirmation: Bytes,
}
