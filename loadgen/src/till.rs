//! What a till does before it asks for money: scan, add up, tax.
//!
//! Its arithmetic is its own and not the gateway's, as a vendor's would be: a purchase list that
//! the two add up differently is refused, and the run shows it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kessai_engine::terms::{Amount, AmountError, Line, Rounding, Tax};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::{Rng, RngExt};

use crate::catalogue::{Catalogue, Product};

/// How a store writes its prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prices {
    /// The tax is added at the till.
    BeforeTax,
    /// The tax is in the price.
    WithTax,
}

/// How many items a basket has, with the weight of each band in hundredths.
///
/// # Source
/// Quantiles of 155,848 real baskets: p10 1, p25 2, p50 5, p75 12, p90 24, p95 35, p99 59.
const SIZES: [(u32, RangeInclusive<u32>); 7] = [
    (18, 1..=1),
    (14, 2..=2),
    (18, 3..=5),
    (25, 6..=12),
    (15, 13..=24),
    (5, 25..=35),
    (5, 36..=59),
];

/// Draws what somebody puts on the till's belt: products, quantities, now and then a discount.
#[derive(Debug, Clone)]
pub struct Baskets {
    catalogue: Catalogue,
    sizes: WeightedIndex<u32>,
}

/// Yen that a marked-down item is off.
const MARKDOWN: u64 = 20;

impl Baskets {
    /// Takes the products from `catalogue`.
    ///
    /// # Panics
    /// Never: the weights of the sizes are constants.
    #[must_use]
    pub fn new(catalogue: Catalogue) -> Self {
        let weights = SIZES.iter().map(|(weight, _)| *weight);
        #[expect(clippy::expect_used, reason = "the weights are constants above zero")]
        let sizes = WeightedIndex::new(weights).expect("the sizes have weights");
        Self { catalogue, sizes }
    }

    /// Draws the lines of one basket in the order in which they are scanned.
    #[must_use]
    pub fn draw(&self, turn: usize, prices: Prices, rng: &mut impl Rng) -> Vec<Line> {
        let (_, band) = SIZES.get(self.sizes.sample(rng)).cloned().unwrap_or((1, 1..=1));
        let items = rng.random_range(band);
        let mut lines: Vec<Line> = Vec::new();
        for _ in 0..items {
            let Some(product) = self.catalogue.draw(turn, rng) else { break };
            match lines.iter_mut().find(|line| line.code == product.code) {
                Some(line) => line.quantity = line.quantity.saturating_add(1),
                None => lines.push(line(product, prices, rng)),
            }
        }
        lines
    }
}

fn line(product: &Product, prices: Prices, rng: &mut impl Rng) -> Line {
    let marked_down = product.price.minor() > 10 * MARKDOWN && rng.random_ratio(1, 20);
    let discount =
        if marked_down { Amount::new(MARKDOWN).unwrap_or_default() } else { Amount::ZERO };
    Line {
        code: product.code,
        name: product.name.clone(),
        unit_price: product.price,
        quantity: 1,
        discount,
        tax: match prices {
            Prices::BeforeTax => Tax::Exclusive(product.tax),
            Prices::WithTax => Tax::Included(product.tax),
        },
    }
}

/// Adds a purchase list up: lines, and for prices before tax the tax, rounded once per rate.
///
/// # Errors
/// [`AmountError`] if a sum leaves its range, which no basket drawn here does.
///
/// # Source
/// Steps S63 and S64 of the patent; the consumption tax rule of one rounding per rate and receipt.
pub fn total(lines: &[Line], rounding: Rounding) -> Result<Amount, AmountError> {
    let mut sum = Amount::ZERO;
    let mut before_tax: BTreeMap<u16, Amount> = BTreeMap::new();
    for line in lines {
        let price = line.unit_price.checked_mul(line.quantity)?.checked_sub(line.discount)?;
        sum = sum.checked_add(price)?;
        if let Tax::Exclusive(rate) = line.tax {
            let of_rate = before_tax.entry(rate.basis_points()).or_default();
            *of_rate = of_rate.checked_add(price)?;
        }
    }
    for (rate, base) in before_tax {
        let shares = base.checked_mul(u32::from(rate))?.minor();
        let tax = match rounding {
            Rounding::Down => shares / 10_000,
            Rounding::HalfUp => shares.saturating_add(5_000) / 10_000,
            Rounding::Up => shares.div_ceil(10_000),
        };
        sum = sum.checked_add(Amount::new(tax)?)?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::{Baskets, Prices, total};
    use crate::catalogue::Catalogue;
    use crate::seeds::{Purpose, stream};
    use kessai_engine::terms::{Basket, Rounding};

    #[test]
    fn the_till_and_the_gateway_add_up_alike() {
        let baskets = Baskets::new(Catalogue::builtin().unwrap());
        for number in 0..2_000 {
            let mut rng = stream(5, Purpose::Life, number);
            for prices in [Prices::BeforeTax, Prices::WithTax] {
                let lines = baskets.draw(3, prices, &mut rng);
                for rounding in [Rounding::Down, Rounding::HalfUp, Rounding::Up] {
                    let total = total(&lines, rounding).unwrap();
                    let checked = Basket::check(lines.clone(), rounding, total);
                    assert_eq!(checked.map(|basket| basket.total()), Ok(total), "{lines:?}");
                }
            }
        }
    }

    #[test]
    fn baskets_are_as_large_as_real_ones() {
        let baskets = Baskets::new(Catalogue::builtin().unwrap());
        let mut items: Vec<u32> = (0..4_000)
            .map(|number| {
                let mut rng = stream(6, Purpose::Life, number);
                let lines = baskets.draw(0, Prices::WithTax, &mut rng);
                lines.iter().map(|line| line.quantity).sum()
            })
            .collect();
        items.sort_unstable();
        let quantile = |hundredth: usize| items[items.len() * hundredth / 100];
        assert_eq!((quantile(10), quantile(25)), (1, 2));
        assert!((4..=6).contains(&quantile(50)), "{}", quantile(50));
        assert!((10..=13).contains(&quantile(75)), "{}", quantile(75));
        assert!((20..=30).contains(&quantile(90)), "{}", quantile(90));
    }
}
