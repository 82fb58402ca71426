//! Amounts in minor units, signed sums of them, and how they are written.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::money::Currency;

/// Says why a computation has no amount as its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The result is greater than the greatest amount.
    #[error("the amount is too great")]
    TooGreat,
    /// The result is below zero.
    #[error("the amount is below zero")]
    BelowZero,
}

/// Holds an amount of money that is not negative, in the minor unit of a currency known from
/// elsewhere.
///
/// There are no operators: every computation says what happens when it does not fit.
///
/// # Units
/// Minor units: yen, cents.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(try_from = "u64", into = "u64")]
pub struct Amount(u64);

impl Amount {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The greatest amount, 10^15 - 1 minor units.
    pub const MAX: Self = Self(limits::MAX_AMOUNT_MINOR);
    /// The greatest payment, 10^12 - 1 minor units.
    pub const MAX_PAYMENT: Self = Self(limits::MAX_PAYMENT_MINOR);

    /// Makes an amount.
    ///
    /// # Units
    /// Minor units.
    ///
    /// # Errors
    /// [`AmountError::TooGreat`] above [`Amount::MAX`].
    pub const fn new(minor: u64) -> Result<Self, AmountError> {
        if minor > limits::MAX_AMOUNT_MINOR {
            return Err(AmountError::TooGreat);
        }
        Ok(Self(minor))
    }

    /// Tells the amount.
    ///
    /// # Units
    /// Minor units.
    #[must_use]
    pub const fn minor(self) -> u64 {
        self.0
    }

    /// Says whether there is no money.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Adds.
    ///
    /// # Errors
    /// [`AmountError::TooGreat`] above [`Amount::MAX`].
    pub fn checked_add(self, other: Self) -> Result<Self, AmountError> {
        self.0.checked_add(other.0).ok_or(AmountError::TooGreat).and_then(Self::new)
    }

    /// Subtracts.
    ///
    /// # Errors
    /// [`AmountError::BelowZero`] when `other` is the greater.
    pub fn checked_sub(self, other: Self) -> Result<Self, AmountError> {
        self.0.checked_sub(other.0).map(Self).ok_or(AmountError::BelowZero)
    }

    /// Multiplies, as a unit price by a quantity.
    ///
    /// # Errors
    /// [`AmountError::TooGreat`] above [`Amount::MAX`].
    pub fn checked_mul(self, times: u32) -> Result<Self, AmountError> {
        self.0.checked_mul(u64::from(times)).ok_or(AmountError::TooGreat).and_then(Self::new)
    }

    /// Names the currency that the amount is in.
    #[must_use]
    pub const fn of(self, currency: Currency) -> Money {
        Money { amount: self, currency }
    }
}

impl TryFrom<u64> for Amount {
    type Error = AmountError;

    fn try_from(minor: u64) -> Result<Self, AmountError> {
        Self::new(minor)
    }
}

impl From<Amount> for u64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

/// Sums amounts with a sign: what a shard owes a merchant, what came in less what went out.
///
/// # Units
/// Minor units.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Net(i128);

impl Net {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Makes a signed sum.
    #[must_use]
    pub const fn new(minor: i128) -> Self {
        Self(minor)
    }

    /// Tells the sum.
    ///
    /// # Units
    /// Minor units.
    #[must_use]
    pub const fn minor(self) -> i128 {
        self.0
    }

    /// Says whether nothing is owed either way.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Adds.
    ///
    /// # Errors
    /// [`AmountError`] when the result does not fit 128 bits.
    pub fn checked_add(self, other: impl Into<Self>) -> Result<Self, AmountError> {
        let other = other.into();
        self.0.checked_add(other.0).map(Self).ok_or(if other.0 < 0 {
            AmountError::BelowZero
        } else {
            AmountError::TooGreat
        })
    }

    /// Subtracts.
    ///
    /// # Errors
    /// [`AmountError`] when the result does not fit 128 bits.
    pub fn checked_sub(self, other: impl Into<Self>) -> Result<Self, AmountError> {
        let other = other.into();
        self.0.checked_sub(other.0).map(Self).ok_or(if other.0 < 0 {
            AmountError::TooGreat
        } else {
            AmountError::BelowZero
        })
    }

    /// Changes the sign.
    ///
    /// # Errors
    /// [`AmountError::TooGreat`] when the result does not fit 128 bits.
    pub fn checked_neg(self) -> Result<Self, AmountError> {
        self.0.checked_neg().map(Self).ok_or(AmountError::TooGreat)
    }
}

impl From<Amount> for Net {
    fn from(amount: Amount) -> Self {
        Self(i128::from(amount.0))
    }
}

impl TryFrom<Net> for Amount {
    type Error = AmountError;

    fn try_from(net: Net) -> Result<Self, AmountError> {
        if net.0 < 0 {
            return Err(AmountError::BelowZero);
        }
        u64::try_from(net.0).map_err(|_above_64_bits| AmountError::TooGreat).and_then(Self::new)
    }
}

/// Is an amount in a currency, as people read it: `1,235,000 JPY`, `127.15 USD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = self.currency.exponent();
        let decimals = usize::from(exponent);
        let scale = 10_u64.saturating_pow(u32::from(exponent)).max(1);
        let major = self.amount.0.checked_div(scale).unwrap_or_default();
        let minor = self.amount.0.checked_rem(scale).unwrap_or_default();
        let mut text = grouped(major);
        if decimals > 0 {
            text.push_str(&format!(".{minor:0decimals$}"));
        }
        f.pad(&format!("{text} {}", self.currency.code()))
    }
}

/// Writes a number with a comma between each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len().saturating_mul(2));
    for (digit, left) in digits.chars().zip((0..digits.len()).rev()) {
        text.push(digit);
        if left > 0 && left.is_multiple_of(3) {
            text.push(',');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yen(minor: u64) -> Amount {
        Amount::new(minor).unwrap()
    }

    #[test]
    fn amounts_stop_at_their_bounds() {
        assert_eq!(Amount::new(999_999_999_999_999), Ok(Amount::MAX));
        assert_eq!(Amount::new(1_000_000_000_000_000), Err(AmountError::TooGreat));
        assert_eq!(Amount::MAX.checked_add(yen(1)), Err(AmountError::TooGreat));
        assert_eq!(Amount::MAX.checked_add(Amount::MAX), Err(AmountError::TooGreat));
        assert_eq!(Amount::ZERO.checked_sub(yen(1)), Err(AmountError::BelowZero));
        assert_eq!(Amount::MAX.checked_mul(2), Err(AmountError::TooGreat));
        assert_eq!(Amount::MAX.checked_mul(u32::MAX), Err(AmountError::TooGreat));
        assert_eq!(yen(300).checked_add(yen(50)), Ok(yen(350)));
        assert_eq!(yen(300).checked_sub(yen(300)), Ok(Amount::ZERO));
        assert_eq!(yen(300).checked_mul(0), Ok(Amount::ZERO));
        assert_eq!(yen(300).checked_mul(3), Ok(yen(900)));
    }

    #[test]
    fn sums_carry_a_sign() {
        let owed = Net::ZERO.checked_add(yen(500)).unwrap();
        let owing = owed.checked_sub(yen(800)).unwrap();
        assert_eq!(owing.minor(), -300);
        assert_eq!(owing.checked_neg().unwrap(), Net::from(yen(300)));
        assert_eq!(Amount::try_from(owing), Err(AmountError::BelowZero));
        assert_eq!(Amount::try_from(owed), Ok(yen(500)));
        assert_eq!(Amount::try_from(Net::new(i128::MAX)), Err(AmountError::TooGreat));
        assert_eq!(Amount::try_from(Net::new(1 << 60)), Err(AmountError::TooGreat));
    }

    #[test]
    fn sums_stop_at_their_bounds() {
        let (least, greatest) = (Net::new(i128::MIN), Net::new(i128::MAX));
        assert_eq!(greatest.checked_add(yen(1)), Err(AmountError::TooGreat));
        assert_eq!(least.checked_add(Net::new(-1)), Err(AmountError::BelowZero));
        assert_eq!(least.checked_sub(yen(1)), Err(AmountError::BelowZero));
        assert_eq!(greatest.checked_sub(Net::new(-1)), Err(AmountError::TooGreat));
        assert_eq!(least.checked_neg(), Err(AmountError::TooGreat));
    }

    #[test]
    fn money_is_written_with_its_own_decimals() {
        let check = |minor, code, expected: &str| {
            let money = yen(minor).of(Currency::from_code(code).unwrap());
            assert_eq!(money.to_string(), expected);
        };
        check(1_235_000, "JPY", "1,235,000 JPY");
        check(12_715, "USD", "127.15 USD");
        check(5, "USD", "0.05 USD");
        check(0, "JPY", "0 JPY");
        check(999, "JPY", "999 JPY");
        check(1_000, "JPY", "1,000 JPY");
        check(1_234_567, "KWD", "1,234.567 KWD");
        check(10_001, "CLF", "1.0001 CLF");
        check(999_999_999_999_999, "EUR", "9,999,999,999,999.99 EUR");
    }
}
