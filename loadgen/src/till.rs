//! What a till does before it asks for money: scan, add up, tax.
//!
//! Its arithmetic is its own and not the gateway's, as a vendor's would be: a purchase list that
//! the two add up differently is refused, and the run shows it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kessai_engine::TerminalKind;
use kessai_engine::terms::{Amount, AmountError, Currency, Line, Rounding, Tax};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::{Rng, RngExt};

use crate::catalogue::{Catalogue, Product};
use crate::exchange::Quote;

/// How a store writes its prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prices {
    /// The tax is added at the till.
    BeforeTax,
    /// The tax is in the price.
    WithTax,
}

/// How a terminal sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selling {
    /// How its store writes its prices.
    pub prices: Prices,
    /// In which currency.
    pub currency: Currency,
    /// A till takes a basket, a machine hands out a few pieces.
    pub kind: TerminalKind,
}

/// How many pieces somebody takes from a machine.
const FROM_A_MACHINE: RangeInclusive<u32> = 1..=4;

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

/// What a marked-down item is off, in minor units.
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
    pub fn draw(&self, turn: usize, selling: Selling, rng: &mut impl Rng) -> Vec<Line> {
        let band = match selling.kind {
            TerminalKind::PointOfSale => SIZES.get(self.sizes.sample(rng)).cloned(),
            TerminalKind::Vending => Some((1, FROM_A_MACHINE)),
        };
        let (_, band) = band.unwrap_or((1, 1..=1));
        let items = rng.random_range(band);
        let mut lines: Vec<Line> = Vec::new();
        for _ in 0..items {
            let Some(product) = self.catalogue.draw(turn, rng) else { break };
            match lines.iter_mut().find(|line| line.code == product.code) {
                Some(line) => line.quantity = line.quantity.saturating_add(1),
                None => lines.push(line(product, selling, rng)),
            }
        }
        lines
    }
}

fn line(product: &Product, selling: Selling, rng: &mut impl Rng) -> Line {
    let unit_price = shelf_price(product.price, selling.currency);
    let marked_down = unit_price.minor() > 10 * MARKDOWN && rng.random_ratio(1, 20);
    let discount =
        if marked_down { Amount::new(MARKDOWN).unwrap_or_default() } else { Amount::ZERO };
    Line {
        code: product.code,
        name: product.name.clone(),
        unit_price,
        quantity: 1,
        discount,
        tax: match selling.prices {
            Prices::BeforeTax => Tax::Exclusive(product.tax),
            Prices::WithTax => Tax::Included(product.tax),
        },
    }
}

/// Writes a price in yen in the currency of a store; nothing is free.
fn shelf_price(yen: Amount, currency: Currency) -> Amount {
    let Some(quote) = Quote::of(currency) else { return yen };
    let minor = yen.minor().saturating_mul(quote.per_hundred_yen) / 100;
    Amount::new(minor.max(1)).unwrap_or(yen)
}

/// Takes so many pieces of each line out of a purchase list, with as much of a line's discount,
/// rounded up.
///
/// # Errors
/// [`AmountError`] if a discount leaves its range, which none drawn here does.
pub fn part(lines: &[Line], pieces: &[u32]) -> Result<Vec<Line>, AmountError> {
    let taken = lines.iter().zip(pieces).filter(|(_, pieces)| **pieces > 0);
    taken
        .map(|(line, pieces)| {
            let shares = line.discount.checked_mul(*pieces)?.minor();
            let discount = Amount::new(shares.div_ceil(u64::from(line.quantity.max(1))))?;
            Ok(Line { quantity: *pieces, discount, ..line.clone() })
        })
        .collect()
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
    use super::{Baskets, Prices, Selling, part, total};
    use crate::catalogue::Catalogue;
    use crate::seeds::{Purpose, stream};
    use kessai_engine::TerminalKind;
    use kessai_engine::terms::{Basket, Currency, Rounding};

    const fn selling(prices: Prices) -> Selling {
        Selling { prices, currency: Currency::JPY, kind: TerminalKind::PointOfSale }
    }

    #[test]
    fn the_till_and_the_gateway_add_up_alike() {
        let baskets = Baskets::new(Catalogue::builtin().unwrap());
        for number in 0..2_000 {
            let mut rng = stream(5, Purpose::Life, number);
            for prices in [Prices::BeforeTax, Prices::WithTax] {
                let lines = baskets.draw(3, selling(prices), &mut rng);
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
                let lines = baskets.draw(0, selling(Prices::WithTax), &mut rng);
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

    /// What a part costs is computed here as the terms do, whose rounding of discounts and taxes it
    /// has to meet.
    #[test]
    fn a_part_costs_at_the_till_what_it_costs_at_the_gateway() {
        let baskets = Baskets::new(Catalogue::builtin().unwrap());
        for number in 0..1_000 {
            let mut rng = stream(8, Purpose::Life, number);
            let lines = baskets.draw(3, selling(Prices::BeforeTax), &mut rng);
            let pieces: Vec<_> = lines.iter().map(|line| line.quantity.div_ceil(2) - 1).collect();
            for rounding in [Rounding::Down, Rounding::HalfUp, Rounding::Up] {
                let whole = total(&lines, rounding).unwrap();
                let whole = Basket::check(lines.clone(), rounding, whole).unwrap();
                let expected = whole.part(|place| pieces[place]).unwrap();
                let expected = expected.map_or(0, |part| part.total().minor());
                let part = part(&lines, &pieces).unwrap();
                assert_eq!(total(&part, rounding).unwrap().minor(), expected, "{lines:?}");
            }
        }
    }

    #[test]
    fn machines_sell_a_few_pieces_and_abroad_prices_are_in_minor_units() {
        let baskets = Baskets::new(Catalogue::builtin().unwrap());
        let draw = |code: &str, number| {
            let currency = Currency::from_code(code).unwrap();
            let selling =
                Selling { prices: Prices::WithTax, currency, kind: TerminalKind::Vending };
            baskets.draw(0, selling, &mut stream(6, Purpose::Life, number))
        };
        for number in 0..200 {
            let (yen, cents, fils) =
                (draw("JPY", number), draw("USD", number), draw("BHD", number));
            let pieces: u32 = yen.iter().map(|line| line.quantity).sum();
            assert!((1..=4).contains(&pieces), "{pieces}");
            let price = yen[0].unit_price.minor();
            assert_eq!(cents[0].unit_price.minor(), (price * 64 / 100).max(1));
            assert_eq!(fils[0].unit_price.minor(), price * 240 / 100);
        }
    }
}
