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

/// Is a rate of exchange: decimal digits, of which some stand behind the point. It is written as
/// `148.2050`; zeros at the end are kept, they tell how exactly the rate is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    digits: u64,
    scale: u8,
}

/// The most digits behind the point.
const MAX_SCALE: u8 = 18;

impl Rate {
    /// Makes the rate `digits / 10^scale`.
    ///
    /// # Errors
    /// [`FieldError`] for a rate of zero, or one with more than 18 digits behind the point.
    pub const fn new(digits: u64, scale: u8) -> Result<Self, FieldError> {
        if digits == 0 || scale > MAX_SCALE {
            return Err(FieldError("rate"));
        }
        Ok(Self { digits, scale })
    }

    /// Tells the digits, without the point.
    pub const fn digits(self) -> u64 {
        self.digits
    }

    /// Tells how many of the digits stand behind the point.
    pub const fn scale(self) -> u8 {
        self.scale
    }
}

impl FromStr for Rate {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let parse = || {
            let (whole, fraction) = match text.split_once('.') {
                Some((_, "")) => return None,
                Some(parts) => parts,
                None => (text, ""),
            };
            let digits = format!("{whole}{fraction}");
            let plain = whole == "0" || !whole.starts_with('0');
            let decimal = digits.bytes().all(|byte| byte.is_ascii_digit());
            if whole.is_empty() || !plain || !decimal {
                return None;
            }
            Self::new(digits.parse().ok()?, u8::try_from(fraction.len()).ok()?).ok()
        };
        parse().ok_or(FieldError("rate"))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        let digits = format!("{:0>width$}", self.digits, width = scale + 1);
        match digits.split_at(digits.len() - scale) {
            (whole, "") => f.write_str(whole),
            (whole, fraction) => write!(f, "{whole}.{fraction}"),
        }
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

    pub(crate) fn to_message(self, price: Money) -> v1::ForeignPrice {
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
        for text in ["1", "148.2050", "0.0067", "12345678901234567.89", "100", "1.0"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        assert_eq!("148.2050".parse(), Rate::new(1_482_050, 4));
        assert_eq!(Rate::new(67, 4).unwrap().to_string(), "0.0067");
        assert_eq!(Rate::new(0, 4), Err(FieldError("rate")));
        assert_eq!(Rate::new(1, 19), Err(FieldError("rate")));
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
            "0.0000000000000000001",
        ];
        for text in impossible {
            assert_eq!(text.parse::<Rate>(), Err(FieldError("rate")), "{text}");
        }
    }
}
