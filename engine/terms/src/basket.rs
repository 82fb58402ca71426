//! The purchase list: lines, taxes, and the total that they must add up to.
//!
//! It does not know the catalogue: a price is what the terminal says, and the customer sees it.
//!
//! ```
//! use kessai_terms::{Amount, Basket, Gtin, Line, ProductName, Reason, Rounding, Tax, TaxRate};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tea = Line {
//!     code: Gtin::new("4901234567894")?,
//!     name: ProductName::new("緑茶 500ml")?,
//!     unit_price: Amount::new(120)?,
//!     quantity: 3,
//!     discount: Amount::new(10)?,
//!     tax: Tax::Exclusive(TaxRate::JAPAN_REDUCED),
//! };
//! let basket = Basket::check(vec![tea.clone()], Rounding::Down, Amount::new(378)?)?;
//! assert_eq!(basket.total().minor(), 350 + 28);
//! let short = Basket::check(vec![tea], Rounding::Down, Amount::new(350)?);
//! assert_eq!(short, Err(Reason::TotalMismatch));
//! # Ok(())
//! # }
//! ```

mod check;
mod part;
mod tax;

pub use check::Basket;
pub use tax::{Rounding, Tax, TaxKind, TaxRate, TaxRateError, TaxSum};

use serde::{Deserialize, Serialize};

use crate::gtin::Gtin;
use crate::limits;
use crate::money::Amount;
use crate::reason::Reason;
use crate::text::ProductName;

/// Is one line of a purchase list, as a terminal claims it; a [`Basket`] has checked its lines.
///
/// # Source
/// Step S64 of the patent: code, name, unit price, quantity, line total.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Line {
    /// The bar code of the product.
    pub code: Gtin,
    /// The name under which the customer sees the product.
    pub name: ProductName,
    /// The price of one.
    pub unit_price: Amount,
    /// How many, 1 to [`limits::MAX_QUANTITY`].
    pub quantity: u32,
    /// What is taken off the whole line.
    pub discount: Amount,
    /// How the line is taxed.
    pub tax: Tax,
}

impl Line {
    /// Computes quantity times unit price less discount.
    ///
    /// # Errors
    /// [`Reason::QuantityInvalid`] for none or too many, [`Reason::AmountInvalid`] for a discount
    /// above the price, [`Reason::AmountOverflow`] for a price that is too great.
    pub fn total(&self) -> Result<Amount, Reason> {
        if !(1..=limits::MAX_QUANTITY).contains(&self.quantity) {
            return Err(Reason::QuantityInvalid);
        }
        let price = self.unit_price.checked_mul(self.quantity);
        let price = price.map_err(|_too_great| Reason::AmountOverflow)?;
        price.checked_sub(self.discount).map_err(|_below_zero| Reason::AmountInvalid)
    }
}
