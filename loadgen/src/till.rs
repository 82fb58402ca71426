//! What a till does before it asks for money: scan, add up, tax.
//!
//! Its arithmetic is its own and not the gateway's, as a vendor's would be: a purchase list that
//! the two add up differently is refused, and the run shows it.

use std::collections::BTreeMap;

use kessai_engine::TerminalKind;
use kessai_engine::terms::{Amount, AmountError, Currency, Line, Rounding, Tax};
use rand::{Rng, RngExt};

use crate::catalogue::{Catalogue, Product};
use crate::exchange::Quote;
use crate::scenario::{BasketSizes, Scenario};
use crate::skew::Popularity;

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

/// Draws what somebody puts on the till's belt: products, quantities, now and then a discount.
#[derive(Debug, Clone)]
pub struct Baskets {
    catalogue: Catalogue,
    popularity: Popularity,
    sizes: BasketSizes,
}

/// How many pieces a basket has at most for each of its lines, if few products are all that is sold.
const PIECES_PER_LINE: u32 = 8;

/// What a marked-down item is off, in minor units.
const MARKDOWN: u64 = 20;

impl Baskets {
    /// Takes the products from `catalogue`, as often and as many as in a scenario.
    #[must_use]
    pub fn new(catalogue: Catalogue, scenario: &Scenario) -> Self {
        let values = scenario.values();
        let popularity = Popularity::new(catalogue.products().len(), values.skew.products);
        Self { catalogue, popularity, sizes: values.baskets }
    }

    /// Draws the lines of one basket in the order in which they are scanned: so many lines at a
    /// till, so many pieces from a machine. `turn` gives each store its own favourites.
    #[must_use]
    pub fn draw(&self, turn: usize, selling: Selling, rng: &mut impl Rng) -> Vec<Line> {
        let (most_lines, pieces) = match selling.kind {
            TerminalKind::PointOfSale => {
                let lines = self.sizes.lines.draw(rng);
                (lines, lines.saturating_mul(PIECES_PER_LINE))
            }
            TerminalKind::Vending => (u32::MAX, self.sizes.pieces.draw(rng)),
        };
        let most_lines = usize::try_from(most_lines).unwrap_or(usize::MAX);
        let mut lines: Vec<Line> = Vec::new();
        for _ in 0..pieces {
            if lines.len() >= most_lines {
                break;
            }
            let Some(product) = self.product(turn, rng) else { break };
            match lines.iter_mut().find(|line| line.code == product.code) {
                Some(line) => line.quantity = line.quantity.saturating_add(1),
                None => lines.push(line(product, selling, rng)),
            }
        }
        lines
    }

    /// Draws the product that somebody takes off the shelf.
    fn product(&self, turn: usize, rng: &mut impl Rng) -> Option<&Product> {
        let rank = self.popularity.draw(rng).wrapping_add(turn);
        let products = self.catalogue.products();
        products.get(rank.checked_rem(products.len())?)
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
    use crate::scenario::Scenario;
    use crate::seeds::{Purpose, stream};
    use kessai_engine::TerminalKind;
    use kessai_engine::terms::{Basket, Currency, Rounding};

    fn baskets() -> Baskets {
        Baskets::new(Catalogue::builtin().unwrap(), &Scenario::default())
    }

    const fn selling(prices: Prices) -> Selling {
        Selling { prices, currency: Currency::JPY, kind: TerminalKind::PointOfSale }
    }

    #[test]
    fn the_till_and_the_gateway_add_up_alike() {
        let baskets = baskets();
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
    fn baskets_have_as_many_lines_as_real_ones() {
        let baskets = baskets();
        let mut lines: Vec<usize> = (0..20_000)
            .map(|number| {
                let mut rng = stream(6, Purpose::Life, number);
                baskets.draw(0, selling(Prices::WithTax), &mut rng).len()
            })
            .collect();
        lines.sort_unstable();
        let quantile = |hundredth: usize| lines[lines.len() * hundredth / 100];
        assert_eq!((quantile(10), quantile(25), quantile(50)), (1, 2, 5));
        assert!((11..=13).contains(&quantile(75)), "{}", quantile(75));
        assert!((23..=25).contains(&quantile(90)), "{}", quantile(90));
        assert!((56..=62).contains(&quantile(99)), "{}", quantile(99));
    }

    #[test]
    fn a_few_products_sell_most() {
        let baskets = baskets();
        let products = baskets.catalogue.products();
        let mut rng = stream(1, Purpose::Life, 0);
        let draws: Vec<_> = (0..10_000).map(|_| baskets.product(5, &mut rng).unwrap()).collect();
        let top: Vec<_> = products.iter().skip(5).take(27).collect();
        let share = draws.iter().filter(|product| top.contains(product)).count();
        assert!((4_000..6_000).contains(&share), "the first tenth sold {share} of 10000");
    }

    /// What a part costs is computed here as the terms do, whose rounding of discounts and taxes it
    /// has to meet.
    #[test]
    fn a_part_costs_at_the_till_what_it_costs_at_the_gateway() {
        let baskets = baskets();
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
        let baskets = baskets();
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
