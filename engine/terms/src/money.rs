//! Money: currencies, amounts and signed sums. No floats, no silent overflow.

mod amount;
mod currency;

pub use amount::{Amount, AmountError, Money, Net};
pub use currency::{Currency, CurrencyError};
