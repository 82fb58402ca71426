//! Holds a price in another currency than the customer's account.

use kessai_terms::money::AmountError;
use kessai_terms::{Amount, Money, Rate};

use crate::field::{self, FieldError};
use crate::v1;

/// Converts the price of a basket into the currency of the customer's account.
///
/// # Source
/// Paragraph 81 of the patent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What the customer pays.
    pub total: Money,
    /// What one unit of the basket's currency costs, markup included.
    pub rate: Rate,
    /// The processor's markup within the rate.
    ///
    /// # Units
    /// Basis points.
    pub markup_bp: u16,
}

impl Exchange {
    /// Converts a price as the whole was converted.
    ///
    /// # Errors
    /// [`AmountError::TooGreat`] when the result is no amount.
    pub fn convert(&self, price: Money) -> Result<Amount, AmountError> {
        self.rate.convert(price.amount, price.currency, self.total.currency)
    }

    /// Tells the price that became this total.
    pub(crate) const fn of(self, price: Money) -> ForeignPrice {
        ForeignPrice { price, rate: self.rate, markup_bp: self.markup_bp }
    }
}

/// Tells what a store charged in its own currency, and by which rate that was converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignPrice {
    /// What the store charged.
    pub price: Money,
    /// What one unit of its currency cost, markup included.
    pub rate: Rate,
    /// The processor's markup within the rate.
    ///
    /// # Units
    /// Basis points.
    pub markup_bp: u16,
}

impl ForeignPrice {
    /// Reads the price in the store's currency, and checks that it became `total`.
    pub(crate) fn parse(message: &v1::ForeignPrice, total: Money) -> Result<Self, FieldError> {
        let foreign = Self {
            price: field::money("price_minor", message.price_minor, &message.currency)?,
            rate: rate(&message.rate)?,
            markup_bp: u16::try_from(message.markup_bp).map_err(|_| FieldError("markup_bp"))?,
        };
        let exchange = foreign.into_exchange(total);
        let is_foreign = foreign.price.currency != total.currency;
        if is_foreign && exchange.convert(foreign.price) == Ok(total.amount) {
            Ok(foreign)
        } else {
            Err(FieldError("foreign"))
        }
    }

    pub(crate) const fn into_exchange(self, total: Money) -> Exchange {
        Exchange { total, rate: self.rate, markup_bp: self.markup_bp }
    }

    pub(crate) fn to_message(self) -> v1::ForeignPrice {
        v1::ForeignPrice {
            price_minor: self.price.amount.minor(),
            currency: self.price.currency.code().to_owned(),
            rate: self.rate.to_string(),
            markup_bp: self.markup_bp.into(),
        }
    }
}

/// Reads a rate exactly as one is written. A markup may have given it more decimals than a
/// published rate has.
fn rate(text: &str) -> Result<Rate, FieldError> {
    let read = || {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{decimals}").parse().ok()?;
        Rate::new(digits, u8::try_from(decimals.len()).ok()?).ok()
    };
    read().filter(|rate| rate.to_string() == text).ok_or(FieldError("rate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_plain_positive_decimal() {
        for text in ["1", "148.2050", "0.0067", "12345678901234567.89", "100", "1.0"] {
            assert_eq!(rate(text).unwrap().to_string(), text);
        }
        let marked_up = "0.123456789012".parse::<Rate>().unwrap().with_markup(123).unwrap();
        assert_eq!(rate(&marked_up.to_string()), Ok(marked_up));
        let impossible = [
            "",
            ".",
            "1.",
            ".5",
            "0",
            "0.00",
            "-1",
            "+1",
            "1e3",
            "1,5",
            "01",
            "00.1",
            "1.2.3",
            " 1",
            "１",
            "18446744073709551616",
            "0.00000000000000001",
        ];
        for text in impossible {
            assert_eq!(rate(text), Err(FieldError("rate")), "{text}");
        }
    }
}
