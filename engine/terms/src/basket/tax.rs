//! Rates of tax, and how a tax is rounded.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::money::Amount;
use crate::reason::Reason;

/// The whole, in hundredths of a per cent.
const WHOLE_BASIS_POINTS: u64 = 10_000;

/// Is a rate of tax, 0 % to 50 %.
///
/// # Units
/// Basis points, hundredths of a per cent: 1000 is 10 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct TaxRate(u16);

/// Says that a rate of tax is higher than any that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate of tax is at most {} basis points", limits::MAX_TAX_RATE_BASIS_POINTS)]
pub struct TaxRateError;

impl TaxRate {
    /// The general rate in Japan, 10 %.
    pub const JAPAN_STANDARD: Self = Self(1_000);
    /// The rate for food and newspapers in Japan, 8 %.
    pub const JAPAN_REDUCED: Self = Self(800);

    /// Makes a rate.
    ///
    /// # Units
    /// Basis points.
    ///
    /// # Errors
    /// [`TaxRateError`] above 50 %.
    pub const fn new(basis_points: u16) -> Result<Self, TaxRateError> {
        if basis_points > limits::MAX_TAX_RATE_BASIS_POINTS {
            return Err(TaxRateError);
        }
        Ok(Self(basis_points))
    }

    /// Tells the rate.
    ///
    /// # Units
    /// Basis points.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for TaxRate {
    type Error = TaxRateError;

    fn try_from(basis_points: u16) -> Result<Self, TaxRateError> {
        Self::new(basis_points)
    }
}

impl From<TaxRate> for u16 {
    fn from(rate: TaxRate) -> Self {
        rate.0
    }
}

impl From<TaxRateError> for Reason {
    fn from(TaxRateError: TaxRateError) -> Self {
        Self::AmountInvalid
    }
}

impl fmt::Display for TaxRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, hundredths) = (self.0 / 100, self.0 % 100);
        match (hundredths / 10, hundredths % 10) {
            (0, 0) => write!(f, "{whole} %"),
            (tenths, 0) => write!(f, "{whole}.{tenths} %"),
            (_, _) => write!(f, "{whole}.{hundredths:02} %"),
        }
    }
}

/// Says how a line is taxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tax {
    /// Not at all.
    Exempt,
    /// The price already has the tax in it.
    Included(TaxRate),
    /// The tax is added to the price.
    Exclusive(TaxRate),
}

/// Tells whether a tax is in the prices or is added to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TaxKind {
    /// The prices already have the tax in them.
    Included,
    /// The tax is added to the prices.
    Exclusive,
}

/// Sums the tax of all lines of one rate and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaxSum {
    /// The rate.
    pub rate: TaxRate,
    /// Whether the tax is in the prices or is added.
    pub kind: TaxKind,
    /// What the lines cost without the tax.
    pub net: Amount,
    /// The tax, rounded once.
    pub tax: Amount,
}

impl TaxSum {
    /// Computes the tax on `lines`, the sum of all lines of this rate and kind.
    ///
    /// # Errors
    /// [`Reason::AmountOverflow`] when a sum does not fit.
    pub(super) fn of(
        lines: Amount,
        kind: TaxKind,
        rate: TaxRate,
        rounding: Rounding,
    ) -> Result<Self, Reason> {
        let share = u64::from(rate.0);
        let whole = match kind {
            TaxKind::Exclusive => WHOLE_BASIS_POINTS,
            TaxKind::Included => WHOLE_BASIS_POINTS.saturating_add(share),
        };
        let tax = rounding.share(lines, share, whole)?;
        let net = match kind {
            TaxKind::Exclusive => lines,
            TaxKind::Included => {
                lines.checked_sub(tax).map_err(|_below_zero| Reason::AmountOverflow)?
            }
        };
        Ok(Self { rate, kind, net, tax })
    }
}

/// Says which way a fraction of a minor unit goes; each store has its own.
///
/// # Source
/// Japan's Consumption Tax Act leaves the direction to the seller and asks that each rate be
/// rounded once per invoice; most shops round down.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Rounding {
    /// Towards zero.
    #[default]
    Down,
    /// To the nearest, a half upwards.
    HalfUp,
    /// Away from zero.
    Up,
}

impl Rounding {
    /// Computes `amount * share / whole`, rounded once.
    fn share(self, amount: Amount, share: u64, whole: u64) -> Result<Amount, Reason> {
        let divide = || {
            let product = amount.minor().checked_mul(share)?;
            let (quotient, rest) = (product.checked_div(whole)?, product.checked_rem(whole)?);
            let up = match self {
                Self::Down => false,
                Self::HalfUp => rest >= whole.checked_sub(rest)?,
                Self::Up => rest > 0,
            };
            Amount::new(quotient.checked_add(u64::from(up))?).ok()
        };
        divide().ok_or(Reason::AmountOverflow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: TaxKind, lines: u64, basis_points: u16, expected: [u64; 3]) {
        let rate = TaxRate::new(basis_points).unwrap();
        let taxes = [Rounding::Down, Rounding::HalfUp, Rounding::Up].map(|rounding| {
            let lines = Amount::new(lines).unwrap();
            let sum = TaxSum::of(lines, kind, rate, rounding).unwrap();
            let whole = sum.net.checked_add(sum.tax).unwrap();
            match kind {
                TaxKind::Included => assert_eq!(whole, lines),
                TaxKind::Exclusive => assert_eq!(sum.net, lines),
            }
            sum.tax.minor()
        });
        assert_eq!(taxes, expected);
    }

    #[test]
    fn a_tax_that_is_added() {
        check(TaxKind::Exclusive, 1_000, 1_000, [100, 100, 100]);
        check(TaxKind::Exclusive, 101, 1_000, [10, 10, 11]);
        check(TaxKind::Exclusive, 105, 1_000, [10, 11, 11]);
        check(TaxKind::Exclusive, 108, 800, [8, 9, 9]);
        check(TaxKind::Exclusive, 999, 0, [0, 0, 0]);
        check(TaxKind::Exclusive, 1, 5_000, [0, 1, 1]);
        check(TaxKind::Exclusive, 0, 1_000, [0, 0, 0]);
    }

    #[test]
    fn a_tax_that_is_in_the_price() {
        check(TaxKind::Included, 1_100, 1_000, [100, 100, 100]);
        check(TaxKind::Included, 108, 800, [8, 8, 8]);
        check(TaxKind::Included, 1_000, 1_000, [90, 91, 91]);
        check(TaxKind::Included, 100, 1_000, [9, 9, 10]);
        check(TaxKind::Included, 3, 5_000, [1, 1, 1]);
    }

    #[test]
    fn the_greatest_amount_can_be_taxed() {
        let rate = TaxRate::new(5_000).unwrap();
        let sum = TaxSum::of(Amount::MAX, TaxKind::Exclusive, rate, Rounding::Up);
        assert_eq!(sum.unwrap().tax.minor(), 500_000_000_000_000);
        let sum = TaxSum::of(Amount::MAX, TaxKind::Included, rate, Rounding::Down);
        assert_eq!(sum.unwrap().tax.minor(), 333_333_333_333_333);
    }

    #[test]
    fn rates_stop_at_a_half_and_are_shown_in_per_cent() {
        assert_eq!(TaxRate::new(5_001), Err(TaxRateError));
        let check = |basis_points, expected: &str| {
            assert_eq!(TaxRate::new(basis_points).unwrap().to_string(), expected);
        };
        check(1_000, "10 %");
        check(800, "8 %");
        check(550, "5.5 %");
        check(825, "8.25 %");
        check(5, "0.05 %");
        check(0, "0 %");
    }
}
