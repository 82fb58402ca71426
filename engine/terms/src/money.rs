//! Money: currencies, amounts, signed sums and rates of exchange. No floats, no silent overflow.

mod amount;
mod currency;
mod rate;

pub use amount::{Amount, AmountError, Money, Net};
pub use currency::{Currency, CurrencyError};
pub use rate::{Rate, RateError};
