//! Rates of exchange: decimals, never floats.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::money::{Amount, AmountError, Currency};

/// How many units of one currency one unit of another costs, as an exact decimal.
///
/// It is written as it was read: `157.2500` keeps its zeros, and is another value than `157.25`.
///
/// # Source
/// JP 2001-249969, paragraph 81.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(u64, u8)", into = "(u64, u8)")]
pub struct Rate {
    digits: u64,
    scale: u8,
}

/// Says why there is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// The text is no decimal number: digits, perhaps a point and more digits.
    #[error("a rate is written as a decimal number, such as 157.2500")]
    Form,
    /// There are more decimals than allowed.
    #[error("a rate has at most {max} decimals here")]
    Decimals {
        /// The greatest number of them.
        max: u8,
    },
    /// There are more digits than can be kept.
    #[error("the rate has too many digits")]
    TooLong,
    /// Money would be given away.
    #[error("a rate is greater than zero")]
    Zero,
}

/// The hundredths of a per cent in one.
const ONE_IN_BASIS_POINTS: u64 = 10_000;
/// The decimals that a mark-up in basis points may add.
const DECIMALS_OF_MARKUP: u8 = 4;

impl Rate {
    /// The most decimals that a text may have.
    pub const MAX_DECIMALS: u8 = 12;
    /// The most decimals of any rate: those of a text, and those that a mark-up adds.
    pub const MAX_SCALE: u8 = Self::MAX_DECIMALS + DECIMALS_OF_MARKUP;

    /// Makes a rate from its digits without the point, and how many of them stand behind it.
    ///
    /// # Errors
    /// [`RateError::Decimals`] above [`Rate::MAX_SCALE`], [`RateError::Zero`].
    pub const fn new(digits: u64, scale: u8) -> Result<Self, RateError> {
        if scale > Self::MAX_SCALE {
            return Err(RateError::Decimals { max: Self::MAX_SCALE });
        }
        if digits == 0 {
            return Err(RateError::Zero);
        }
        Ok(Self { digits, scale })
    }

    /// Tells the digits without the point.
    #[must_use]
    pub const fn digits(self) -> u64 {
        self.digits
    }

    /// Tells how many digits stand behind the point.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// Raises the rate by a mark-up, exactly: nothing is rounded before the amount is.
    ///
    /// # Units
    /// Hundredths of a per cent.
    ///
    /// # Errors
    /// [`RateError::TooLong`] or [`RateError::Decimals`] when the product cannot be kept.
    pub fn with_markup(self, basis_points: u16) -> Result<Self, RateError> {
        let factor = ONE_IN_BASIS_POINTS.saturating_add(u64::from(basis_points));
        let mut digits =
            u128::from(self.digits).checked_mul(u128::from(factor)).ok_or(RateError::TooLong)?;
        let mut scale = self.scale.saturating_add(DECIMALS_OF_MARKUP);
        // Zeros that only the multiplication added say nothing.
        while scale > self.scale && digits.is_multiple_of(10) {
            (digits, scale) = (digits.div_euclid(10), scale.saturating_sub(1));
        }
        Self::new(u64::try_from(digits).map_err(|_wide| RateError::TooLong)?, scale)
    }

    /// Converts a price: `self` says how many units of `to` one unit of `from` costs. Half a minor
    /// unit of `to` is rounded up.
    ///
    /// # Errors
    /// [`AmountError::TooGreat`] when the result is no amount.
    pub fn convert(
        self,
        price: Amount,
        from: Currency,
        to: Currency,
    ) -> Result<Amount, AmountError> {
        let (power, too_great) = (|exponent| 10_u128.checked_pow(exponent), AmountError::TooGreat);
        let numerator = u128::from(price.minor())
            .checked_mul(u128::from(self.digits))
            .zip(power(u32::from(to.exponent())))
            .and_then(|(product, unit)| product.checked_mul(unit))
            .ok_or(too_great)?;
        let shift = u32::from(self.scale).saturating_add(u32::from(from.exponent()));
        let denominator = power(shift).ok_or(too_great)?;
        half_up(numerator, denominator)
    }
}

impl Amount {
    /// Takes the share `part` of `whole` of this amount; half a minor unit is rounded up.
    ///
    /// The shares of growing parts never fall, and that of the whole is the amount itself: who
    /// takes the difference of two shares each time, gives away neither more nor less than all.
    ///
    /// # Errors
    /// [`AmountError::TooGreat`] when the result is no amount, as a share of nothing.
    pub fn share(self, part: Self, whole: Self) -> Result<Self, AmountError> {
        let product = u128::from(self.minor()).checked_mul(u128::from(part.minor()));
        half_up(product.ok_or(AmountError::TooGreat)?, u128::from(whole.minor()))
    }
}

/// Divides; a rest of half the divisor or more counts as one.
fn half_up(numerator: u128, denominator: u128) -> Result<Amount, AmountError> {
    let quotient = numerator.checked_div(denominator).ok_or(AmountError::TooGreat)?;
    let rest = numerator.checked_rem(denominator).ok_or(AmountError::TooGreat)?;
    let up = u128::from(rest >= denominator.saturating_sub(rest));
    let minor = quotient.checked_add(up).and_then(|minor| u64::try_from(minor).ok());
    Amount::new(minor.ok_or(AmountError::TooGreat)?)
}

impl TryFrom<(u64, u8)> for Rate {
    type Error = RateError;

    fn try_from((digits, scale): (u64, u8)) -> Result<Self, RateError> {
        Self::new(digits, scale)
    }
}

impl From<Rate> for (u64, u8) {
    fn from(rate: Rate) -> Self {
        (rate.digits, rate.scale)
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (whole, decimals) = match text.split_once('.') {
            Some((_, "")) => return Err(RateError::Form),
            Some(parts) => parts,
            None => (text, ""),
        };
        let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !are_digits(whole) || !are_digits(decimals) {
            return Err(RateError::Form);
        }
        let scale = u8::try_from(decimals.len()).unwrap_or(u8::MAX);
        if scale > Self::MAX_DECIMALS {
            return Err(RateError::Decimals { max: Self::MAX_DECIMALS });
        }
        let digits = format!("{whole}{decimals}").parse();
        Self::new(digits.map_err(|_more_than_64_bits| RateError::TooLong)?, scale)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        let digits = format!("{:0width$}", self.digits, width = scale.saturating_add(1));
        let (whole, decimals) = digits.split_at(digits.len().saturating_sub(scale));
        if decimals.is_empty() { f.pad(whole) } else { f.pad(&format!("{whole}.{decimals}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    fn minor(amount: u64) -> Amount {
        Amount::new(amount).unwrap()
    }

    #[test]
    fn rates_are_written_as_they_were_read() {
        for text in ["157.2500", "157.25", "157", "0.006359", "0.000000000001", "1.0"] {
            assert_eq!(rate(text).to_string(), text);
        }
        assert_eq!((rate("157.2500").digits(), rate("157.2500").scale()), (1_572_500, 4));
        assert_eq!(rate("007.5").to_string(), "7.5");
        assert_eq!(format!("{:>8}|", rate("157.25")), "  157.25|");
        assert_eq!(rate("18446744073709551615").to_string(), "18446744073709551615");
    }

    #[test]
    fn what_is_no_rate_is_refused_by_name() {
        let check =
            |text: &str, expected| assert_eq!(text.parse::<Rate>(), Err(expected), "{text}");
        for text in ["", ".", "157.", ".5", "-1", "+1", "1e3", "1,5", "1.5.0", " 1", "１", "1.-5"]
        {
            check(text, RateError::Form);
        }
        check("0", RateError::Zero);
        check("0.0000", RateError::Zero);
        check("1.0000000000000", RateError::Decimals { max: 12 });
        check("18446744073709551616", RateError::TooLong);
        assert_eq!(Rate::new(1, 17), Err(RateError::Decimals { max: 16 }));
        assert_eq!(Rate::new(0, 2), Err(RateError::Zero));
    }

    /// The European Central Bank's reference rates of 2026-10-30, crossed: 1 EUR is 1.1172 USD and
    /// 175.68 JPY.
    #[test]
    fn prices_are_converted_half_up() {
        let check = |price, from: &str, at: &str, to: &str, expected| {
            let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
            let found = rate(at).convert(minor(price), from, to);
            assert_eq!(found, Ok(minor(expected)), "{price} {from} at {at}");
        };
        // 19,994.37 JPY.
        check(12_715, "USD", "157.250268528464", "JPY", 19_994);
        // 127.185 JPY is 127.18579 USD.
        check(20_000, "JPY", "0.006359289617", "USD", 12_719);
        // A tie goes up, and what is just below it does not.
        check(1, "JPY", "0.5", "JPY", 1);
        check(50, "USD", "1.01", "JPY", 1);
        check(50, "USD", "0.999999999999", "JPY", 0);
        check(100, "USD", "2.5", "JPY", 3);
        // No decimals, two, three.
        check(100, "JPY", "0.0024", "BHD", 240);
        check(1_000, "BHD", "417.5", "JPY", 418);
        check(1_234, "BHD", "2.6525", "USD", 327);
        check(1, "USD", "0.3765", "BHD", 4);
    }

    #[test]
    fn a_conversion_stops_at_the_greatest_amount() {
        let (yen, dollar) = (Currency::JPY, Currency::USD);
        assert_eq!(rate("1").convert(Amount::MAX, yen, yen), Ok(Amount::MAX));
        let too_great = Err(AmountError::TooGreat);
        assert_eq!(rate("1.000000000001").convert(Amount::MAX, yen, dollar), too_great);
        let most = Rate::new(u64::MAX, 0).unwrap();
        let unidad = "CLF".parse().unwrap();
        assert_eq!(most.convert(Amount::MAX, yen, unidad), too_great);
        let least = Rate::new(1, Rate::MAX_SCALE).unwrap();
        assert_eq!(least.convert(Amount::MAX, unidad, yen), Ok(Amount::ZERO));
    }

    #[test]
    fn a_mark_up_is_exact() {
        let check = |text: &str, basis_points, expected: &str| {
            assert_eq!(rate(text).with_markup(basis_points).unwrap().to_string(), expected);
        };
        check("157.2500", 150, "159.60875");
        check("157.2500", 0, "157.2500");
        check("1", 1, "1.0001");
        check("1", 1_000, "1.1");
        check("0.000000000001", 1, "0.0000000000010001");
        check("2", 65_535, "15.107");
        assert_eq!(Rate::new(u64::MAX, 2).unwrap().with_markup(150), Err(RateError::TooLong));
        let finest = rate("0.000000000001").with_markup(1).unwrap();
        assert_eq!(finest.with_markup(1), Err(RateError::Decimals { max: 16 }));
    }

    #[test]
    fn shares_add_up_to_the_whole() {
        assert_eq!(minor(1_500).share(minor(333), minor(1_000)), Ok(minor(500)));
        assert_eq!(minor(1).share(minor(1), minor(2)), Ok(minor(1)));
        assert_eq!(minor(1).share(minor(49), minor(100)), Ok(Amount::ZERO));
        assert_eq!(Amount::MAX.share(Amount::MAX, Amount::MAX), Ok(Amount::MAX));
        assert_eq!(minor(7).share(Amount::ZERO, minor(3)), Ok(Amount::ZERO));
        assert_eq!(minor(7).share(minor(1), Amount::ZERO), Err(AmountError::TooGreat));
        for whole in 1..40 {
            let shares: Vec<_> = (0..=whole)
                .map(|part| minor(17).share(minor(part), minor(whole)).unwrap())
                .collect();
            assert!(shares.is_sorted());
            assert_eq!(shares.last(), Some(&minor(17)));
        }
    }
}
