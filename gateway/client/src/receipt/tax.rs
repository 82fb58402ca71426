//! What was paid per rate of tax, and the tax in it.

use kessai_terms::{Amount, Basket, Currency, Line, Tax, TaxKind, TaxRate};

/// Holds what was paid at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateTotal {
    /// The rate.
    pub rate: TaxRate,
    /// Whether it is a reduced one, whose goods must be marked.
    pub standing: RateStanding,
    /// What was paid, tax included.
    pub paid: Amount,
    /// The tax in it, rounded once.
    pub tax: Amount,
}

/// Tells a reduced rate from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateStanding {
    /// Nothing is marked.
    Ordinary,
    /// Goods at this rate are marked on the receipt.
    Reduced,
}

impl RateStanding {
    /// Tells how a rate stands: 8 % is the reduced one where prices are in yen.
    pub(super) fn of(rate: TaxRate, currency: Currency) -> Self {
        if rate == TaxRate::JAPAN_REDUCED && currency == Currency::JPY {
            Self::Reduced
        } else {
            Self::Ordinary
        }
    }

    /// Tells how the rate of a line stands.
    pub(super) fn of_line(line: &Line, currency: Currency) -> Self {
        match line.tax {
            Tax::Exempt => Self::Ordinary,
            Tax::Included(rate) | Tax::Exclusive(rate) => Self::of(rate, currency),
        }
    }
}

/// Sums goods by rate, the lowest first.
///
/// Where all prices of a rate are of one kind, the tax is the basket's. Where some have the tax in
/// them and others do not, all are taken with their tax, so that the rate is rounded once.
///
/// # Source
/// Order for Enforcement of the Consumption Tax Act of Japan, article 70-10.
pub(super) fn by_rate(goods: &Basket, currency: Currency) -> Vec<RateTotal> {
    let mut rates: Vec<TaxRate> = goods.taxes().iter().map(|sum| sum.rate).collect();
    rates.sort_unstable();
    rates.dedup();
    rates
        .into_iter()
        .map(|rate| {
            let sums = || goods.taxes().iter().filter(|sum| sum.rate == rate);
            // Parts of a total that was checked: the sums fit.
            let add = |sum: Amount, part| sum.checked_add(part).unwrap_or(Amount::MAX);
            let paid = sums().fold(Amount::ZERO, |paid, sum| add(add(paid, sum.net), sum.tax));
            let added = sums().fold(Amount::ZERO, |tax, sum| add(tax, sum.tax));
            let mixed = [TaxKind::Included, TaxKind::Exclusive]
                .iter()
                .all(|kind| sums().any(|sum| sum.kind == *kind));
            let tax = if mixed { tax_within(goods, rate, paid) } else { added };
            RateTotal { rate, standing: RateStanding::of(rate, currency), paid, tax }
        })
        .collect()
}

/// Computes the tax in what was paid at a rate: that of one line with this price.
fn tax_within(goods: &Basket, rate: TaxRate, paid: Amount) -> Amount {
    let line = goods.lines().first().map(|line| Line {
        unit_price: paid,
        quantity: 1,
        discount: Amount::ZERO,
        tax: Tax::Included(rate),
        ..line.clone()
    });
    let whole = Basket::check(line.into_iter().collect(), goods.rounding(), paid);
    // Goods that cost nothing are no basket, and have no tax.
    whole.ok().and_then(|whole| whole.taxes().first().map(|sum| sum.tax)).unwrap_or_default()
}

/// Sums the goods that bear no tax.
pub(super) fn untaxed(goods: &Basket) -> Amount {
    let lines = goods.lines().iter().filter(|line| line.tax == Tax::Exempt);
    lines.fold(Amount::ZERO, |sum, line| {
        // A basket has checked that its lines have totals, and that they add up.
        sum.checked_add(line.total().unwrap_or_default()).unwrap_or(Amount::MAX)
    })
}

#[cfg(test)]
mod tests {
    use kessai_terms::Rounding;

    use super::super::tests::{basket, line};
    use super::*;

    fn check(lines: &[Line], rounding: Rounding, total: u64, expected: &[(u16, u64, u64)]) {
        let goods = basket(lines, rounding, total);
        let found: Vec<_> = by_rate(&goods, Currency::JPY)
            .iter()
            .map(|rate| (rate.rate.basis_points(), rate.paid.minor(), rate.tax.minor()))
            .collect();
        assert_eq!(found, expected);
        let paid = found.iter().fold(untaxed(&goods).minor(), |sum, (_, paid, _)| sum + paid);
        assert_eq!(paid, total, "the parts are the whole");
    }

    #[test]
    fn a_tax_is_rounded_once_per_rate() {
        let ten =
            |price, quantity| line("鮭", price, quantity, Tax::Exclusive(TaxRate::JAPAN_STANDARD));
        check(&[ten(105, 3)], Rounding::Down, 346, &[(1_000, 346, 31)]);
        let thrice = [ten(105, 1), ten(105, 1), ten(105, 1)];
        check(&thrice, Rounding::Down, 346, &[(1_000, 346, 31)]);
        check(&thrice, Rounding::HalfUp, 347, &[(1_000, 347, 32)]);
        check(&thrice, Rounding::Up, 347, &[(1_000, 347, 32)]);
        let included = line("米", 432, 1, Tax::Included(TaxRate::JAPAN_REDUCED));
        check(&[included], Rounding::Down, 432, &[(800, 432, 32)]);
    }

    #[test]
    fn prices_with_and_without_their_tax_are_rounded_together() {
        let (added, within) =
            (Tax::Exclusive(TaxRate::JAPAN_STANDARD), Tax::Included(TaxRate::JAPAN_STANDARD));
        // Apart they would be 10 of 105 and 9 of 107; together 222 * 10 / 110 = 20.18.
        let lines = [line("a", 105, 1, added), line("b", 107, 1, within)];
        check(&lines, Rounding::Down, 222, &[(1_000, 222, 20)]);
        let free = [line("a", 0, 1, added), line("b", 0, 1, within), line("c", 5, 1, Tax::Exempt)];
        check(&free, Rounding::Down, 5, &[(1_000, 0, 0)]);
    }

    #[test]
    fn eight_per_cent_is_reduced_in_yen_only() {
        let usd = Currency::USD;
        let of = RateStanding::of;
        assert_eq!(of(TaxRate::JAPAN_REDUCED, Currency::JPY), RateStanding::Reduced);
        assert_eq!(of(TaxRate::JAPAN_REDUCED, usd), RateStanding::Ordinary);
        assert_eq!(of(TaxRate::JAPAN_STANDARD, Currency::JPY), RateStanding::Ordinary);
    }
}
