//! The check that a purchase list adds up to what the terminal claims.

use serde::{Deserialize, Serialize};

use crate::basket::{Line, Rounding, Tax, TaxKind, TaxRate, TaxSum};
use crate::limits;
use crate::money::Amount;
use crate::reason::Reason;

/// Holds a purchase list that was checked: it adds up and can be paid.
///
/// # Source
/// Step S64 of the patent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Claim", into = "Claim")]
pub struct Basket {
    lines: Vec<Line>,
    rounding: Rounding,
    total: Amount,
    taxes: Vec<TaxSum>,
}

/// What is stored of a basket: reading it back checks it again.
#[derive(Serialize, Deserialize)]
struct Claim {
    lines: Vec<Line>,
    rounding: Rounding,
    total: Amount,
}

impl Basket {
    /// Checks the lines that a terminal sent against the total that it claims.
    ///
    /// The total is the sum of the lines and of the taxes that are added, each rounded once per
    /// rate.
    ///
    /// # Errors
    /// Of all that is wrong, the reason with the smallest number: [`Reason::BasketEmpty`],
    /// [`Reason::TooManyLines`], [`Reason::QuantityInvalid`], [`Reason::AmountInvalid`] (a discount
    /// above its line, a total of zero), [`Reason::AmountOverflow`] (a sum too great, or above the
    /// greatest payment), [`Reason::TotalMismatch`].
    pub fn check(
        lines: Vec<Line>,
        rounding: Rounding,
        claimed_total: Amount,
    ) -> Result<Self, Reason> {
        let basket = Self::add_up(lines, rounding)?;
        if basket.total == claimed_total { Ok(basket) } else { Err(Reason::TotalMismatch) }
    }

    /// Computes the total of lines that are no claim.
    pub(super) fn add_up(lines: Vec<Line>, rounding: Rounding) -> Result<Self, Reason> {
        if lines.is_empty() {
            return Err(Reason::BasketEmpty);
        }
        if lines.len() > limits::MAX_LINES {
            return Err(Reason::TooManyLines);
        }
        // The first fault in the list is not the gravest: its reason must not depend on the order
        // of the lines.
        if let Some(gravest) = lines.iter().filter_map(|line| line.total().err()).min() {
            return Err(gravest);
        }
        let sum = sum(lines.iter().map(Line::total))?;
        let taxes = taxes(&lines, rounding)?;
        let added = taxes.iter().filter(|sum| sum.kind == TaxKind::Exclusive);
        let total = self::sum(added.map(|sum| Ok(sum.tax)).chain([Ok(sum)]))?;
        if total.is_zero() {
            return Err(Reason::AmountInvalid);
        }
        if total > Amount::MAX_PAYMENT {
            return Err(Reason::AmountOverflow);
        }
        Ok(Self { lines, rounding, total, taxes })
    }

    /// Lends the lines, in the order in which they were scanned.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Tells what is to be paid, taxes included.
    #[must_use]
    pub const fn total(&self) -> Amount {
        self.total
    }

    /// Tells how fractions were rounded.
    #[must_use]
    pub const fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// Lends the sums per rate and kind: taxes in the price first, each kind by rising rate.
    ///
    /// Lines without tax are in none of them.
    #[must_use]
    pub fn taxes(&self) -> &[TaxSum] {
        &self.taxes
    }
}

fn sum(amounts: impl Iterator<Item = Result<Amount, Reason>>) -> Result<Amount, Reason> {
    let mut sum = Amount::ZERO;
    for amount in amounts {
        sum = sum.checked_add(amount?).map_err(|_too_great| Reason::AmountOverflow)?;
    }
    Ok(sum)
}

fn taxes(lines: &[Line], rounding: Rounding) -> Result<Vec<TaxSum>, Reason> {
    // Seldom more than two entries, so that a list is the quickest map.
    let mut sums: Vec<(TaxKind, TaxRate, Amount)> = Vec::new();
    for line in lines {
        let (kind, rate) = match line.tax {
            Tax::Exempt => continue,
            Tax::Included(rate) => (TaxKind::Included, rate),
            Tax::Exclusive(rate) => (TaxKind::Exclusive, rate),
        };
        let total = line.total()?;
        match sums.iter_mut().find(|sum| (sum.0, sum.1) == (kind, rate)) {
            Some(sum) => {
                sum.2 = sum.2.checked_add(total).map_err(|_too_great| Reason::AmountOverflow)?;
            }
            None => sums.push((kind, rate, total)),
        }
    }
    sums.sort_unstable_by_key(|&(kind, rate, _)| (kind, rate));
    sums.into_iter().map(|(kind, rate, sum)| TaxSum::of(sum, kind, rate, rounding)).collect()
}

impl TryFrom<Claim> for Basket {
    type Error = Reason;

    fn try_from(claim: Claim) -> Result<Self, Reason> {
        Self::check(claim.lines, claim.rounding, claim.total)
    }
}

impl From<Basket> for Claim {
    fn from(basket: Basket) -> Self {
        Self { lines: basket.lines, rounding: basket.rounding, total: basket.total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gtin, ProductName};

    fn line(unit_price: u64, quantity: u32, discount: u64, tax: Tax) -> Line {
        Line {
            code: Gtin::new("4901234567894").unwrap(),
            name: ProductName::new("緑茶").unwrap(),
            unit_price: Amount::new(unit_price).unwrap(),
            quantity,
            discount: Amount::new(discount).unwrap(),
            tax,
        }
    }

    fn plain(unit_price: u64, quantity: u32, discount: u64) -> Line {
        line(unit_price, quantity, discount, Tax::Exempt)
    }

    fn check(lines: &[Line], claimed: u64, expected: Result<u64, Reason>) {
        let claimed = Amount::new(claimed).unwrap();
        let basket = Basket::check(lines.to_vec(), Rounding::Down, claimed);
        assert_eq!(basket.map(|basket| basket.total().minor()), expected);
    }

    const STANDARD: TaxRate = TaxRate::JAPAN_STANDARD;
    const REDUCED: TaxRate = TaxRate::JAPAN_REDUCED;

    #[test]
    fn lines_add_up() {
        check(&[plain(120, 3, 10)], 350, Ok(350));
        check(&[plain(120, 3, 0), plain(0, 1, 0), plain(98, 1, 98)], 360, Ok(360));
        check(&[plain(120, 3, 10)], 351, Err(Reason::TotalMismatch));
        check(&[plain(120, 3, 10)], 349, Err(Reason::TotalMismatch));
        check(&vec![plain(1, 1, 0); 200], 200, Ok(200));
        check(&[plain(999_999_999_999, 1, 0)], 999_999_999_999, Ok(999_999_999_999));
    }

    #[test]
    fn an_added_tax_is_rounded_once_per_rate() {
        let lines = [
            line(105, 1, 0, Tax::Exclusive(STANDARD)),
            line(105, 1, 0, Tax::Exclusive(STANDARD)),
            line(133, 2, 0, Tax::Exclusive(REDUCED)),
            line(110, 1, 0, Tax::Included(STANDARD)),
            line(50, 1, 0, Tax::Exempt),
        ];
        // 210 + 21 (not 10 + 10), 266 + 21 (of 21.28), 110, 50.
        check(&lines, 678, Ok(678));
        let claimed = Amount::new(678).unwrap();
        let basket = Basket::check(lines.to_vec(), Rounding::Down, claimed).unwrap();
        let taxes: Vec<_> = basket
            .taxes()
            .iter()
            .map(|s| (s.kind, s.rate.basis_points(), s.net.minor(), s.tax.minor()))
            .collect();
        let expected = [
            (TaxKind::Included, 1_000, 100, 10),
            (TaxKind::Exclusive, 800, 266, 21),
            (TaxKind::Exclusive, 1_000, 210, 21),
        ];
        assert_eq!(taxes, expected);
        let up = Basket::check(lines.to_vec(), Rounding::Up, Amount::new(679).unwrap()).unwrap();
        assert_eq!((up.total().minor(), up.rounding()), (679, Rounding::Up));
    }

    #[test]
    fn faults_are_named_by_precedence_not_by_place() {
        check(&[], 0, Err(Reason::BasketEmpty));
        check(&vec![plain(1, 0, 0); 201], 201, Err(Reason::TooManyLines));
        check(&[plain(1, 0, 0)], 0, Err(Reason::QuantityInvalid));
        check(&[plain(1, 10_000, 0)], 10_000, Err(Reason::QuantityInvalid));
        check(&[plain(10, 1, 11)], 0, Err(Reason::AmountInvalid));
        check(&[plain(0, 1, 0)], 0, Err(Reason::AmountInvalid));
        let great = Amount::MAX.minor();
        check(&[plain(great, 2, 0)], 1, Err(Reason::AmountOverflow));
        check(&[plain(great, 1, 0), plain(1, 1, 0)], 1, Err(Reason::AmountOverflow));
        check(&[line(great, 1, 0, Tax::Exclusive(STANDARD))], 1, Err(Reason::AmountOverflow));
        let above = [plain(1_000_000_000_000, 1, 0)];
        check(&above, 1_000_000_000_000, Err(Reason::AmountOverflow));
        check(&[plain(great, 2, 0), plain(10, 1, 11)], 1, Err(Reason::AmountInvalid));
        check(&[plain(10, 1, 11), plain(1, 0, 0)], 1, Err(Reason::QuantityInvalid));
    }
}
