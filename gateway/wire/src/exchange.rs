//! Holds a price in another currency than the customer's account.

use std::fmt;
use std::str::FromStr;

use kessai_terms::Money;

use crate::field::{self, FieldError};
use crate::v1;

/// Converts the price of a basket into the currency of the customer's account.
///
/// # Source
/// Paragraph 81 of the patent.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Is a rate of exchange, as decimal digits with at most one point between them: `148.2050`.
///
/// Zeros at the end are kept: they tell how exactly the rate is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rate(Box<str>);

/// Longest rate.
///
/// # Units
/// Characters.
const MAX_RATE: usize = 20;

impl Rate {
    /// Lends the rate as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Rate {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let plain = whole == "0" || !whole.starts_with('0');
        let positive = text.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
        if text.len() <= MAX_RATE && digits(whole) && digits(fraction) && plain && positive {
            Ok(Self(text.into()))
        } else {
            Err(FieldError("rate"))
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Exchange {
    /// Reads the price in the basket's currency, and how it became `total`.
    pub(crate) fn parse(
        message: &v1::ForeignPrice,
        total: Money,
    ) -> Result<(Money, Self), FieldError> {
        let price = field::money("price_minor", message.price_minor, &message.currency)?;
        if price.currency == total.currency {
            return Err(FieldError("foreign"));
        }
        let exchange = Self {
            total,
            rate: message.rate.parse()?,
            markup_bp: u16::try_from(message.markup_bp).map_err(|_| FieldError("markup_bp"))?,
        };
        Ok((price, exchange))
    }

    pub(crate) fn to_message(&self, price: Money) -> v1::ForeignPrice {
        v1::ForeignPrice {
            price_minor: price.amount.minor(),
            currency: price.currency.code().to_owned(),
            rate: self.rate.to_string(),
            markup_bp: self.markup_bp.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_plain_positive_decimal() {
        for text in ["1", "148.2050", "0.0067", "12345678901234567.89", "100"] {
            assert_eq!(text.parse::<Rate>().unwrap().as_str(), text);
        }
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
            "123456789012345678901",
        ];
        for text in impossible {
            assert_eq!(text.parse::<Rate>(), Err(FieldError("rate")), "{text}");
        }
    }
}
