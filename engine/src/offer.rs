//! What is put before the customer: built before any lock, from the register and the request.

use bytes::Bytes;
use kessai_terms::ids::CustomerId;
use kessai_terms::money::{Amount, Currency, Rate};
use kessai_terms::reason::Reason;
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

/// How a terminal names the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NamedBy {
    /// By the plain customer id, which it may have kept from another time.
    Id,
    /// By a presentment code, which the customer's handset has just shown (steps S66-S67).
    Code,
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
    /// Units of the customer's currency for one unit of the merchant's, with the mark-up.
    pub rate: Rate,
    /// The mark-up contained in the rate, in hundredths of a per cent.
    pub markup_basis_points: u16,
}

impl Charge {
    /// What the merchant asks, in [`Charge::price_currency`].
    #[must_use]
    pub fn price(&self) -> Amount {
        self.foreign.map_or(self.amount, |foreign| foreign.price)
    }

    /// The merchant's currency.
    #[must_use]
    pub fn price_currency(&self) -> Currency {
        self.foreign.map_or(self.currency, |foreign| foreign.currency)
    }

    /// Computes what a part of the price takes from the customer: all of it takes all.
    ///
    /// # Errors
    /// [`Reason::AmountInvalid`] if it is more than the price.
    pub fn part(&self, price: Amount) -> Result<Amount, Reason> {
        if price >= self.price() {
            let is_all = price == self.price();
            return if is_all { Ok(self.amount) } else { Err(Reason::AmountInvalid) };
        }
        let Some(foreign) = &self.foreign else { return Ok(price) };
        let part = foreign.rate.convert(price, foreign.currency, self.currency);
        // The whole was converted by the same rate, so that no part can be more.
        part.ok().filter(|part| *part <= self.amount).ok_or(Reason::AmountInvalid)
    }
}

/// What a machine handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Portion {
    /// Everything that was paid for.
    All,
    /// Some of it, or nothing.
    Part {
        /// What that takes from the customer: [`Charge::part`] of the price.
        amount: Amount,
        /// What it costs, in the merchant's currency.
        price: Amount,
    },
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
    /// When the terminal's request came in, in milliseconds since the Unix epoch.
    pub received_at_ms: u64,
    /// Until when it can be confirmed, in milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
    /// Why the price cannot be put into the customer's currency; then it is declined for that.
    pub unpriced: Option<Reason>,
    /// The exact bytes that the customer will be shown and that the proof will cover.
    pub confirmation: Bytes,
}
