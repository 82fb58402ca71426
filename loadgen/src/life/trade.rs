//! Where payments are and whose they are: a few stores and a few customers have most of them.

use std::collections::HashMap;

use kessai_engine::terms::MerchantId;
use rand::{Rng, RngExt};

use crate::population::Population;
use crate::skew::{Popularity, Skew};

/// Draws tills and customers by their places in the population, the first stores and customers most
/// often. The tills of one store are all alike.
///
/// Of a part of a population it draws as from the whole: where a payment is another part's, there is
/// no till, and in a customer's place comes one of this part who is about as popular.
pub(super) struct Trade {
    stores: Popularity,
    customers: Popularity,
    /// How many parts the customers are dealt to, and how many of them are here.
    parts: usize,
    here: usize,
    /// The places of each store's terminals; none of a store of another part.
    of_store: Vec<Vec<usize>>,
    /// The places of each merchant's terminals.
    of_merchant: HashMap<MerchantId, Vec<usize>>,
}

impl Trade {
    pub(super) fn new(population: &Population, skew: Skew) -> Self {
        let mut of_store = vec![Vec::new(); population.stores.len()];
        let mut of_merchant: HashMap<_, Vec<_>> = HashMap::new();
        for (place, till) in population.tills.iter().enumerate() {
            if let Some((shop, places)) = population.shop_of(till).zip(of_store.get_mut(till.shop))
            {
                places.push(place);
                of_merchant.entry(shop.store.merchant).or_default().push(place);
            }
        }
        let all = usize::try_from(population.size().customers).unwrap_or(usize::MAX);
        Self {
            stores: Popularity::new(of_store.len(), skew.stores),
            customers: Popularity::new(all, skew.customers),
            parts: population.partition.map_or(1, |partition| partition.of().into()),
            here: population.customers.len(),
            of_store,
            of_merchant,
        }
    }

    /// Draws the till that somebody comes to; none if it is of another part.
    pub(super) fn till(&self, rng: &mut impl Rng) -> Option<usize> {
        let places = self.of_store.get(self.stores.draw(rng))?;
        let number = rng.random_range(0..places.len().max(1));
        places.get(number).copied()
    }

    /// Draws who comes.
    pub(super) fn customer(&self, rng: &mut impl Rng) -> usize {
        let place = self.customers.draw(rng);
        let here = place.checked_div(self.parts).unwrap_or(place);
        here.min(self.here.saturating_sub(1))
    }

    /// Finds a till of a merchant's by a number that was drawn for it.
    pub(super) fn another_till(&self, merchant: &MerchantId, number: u32) -> Option<usize> {
        let places = self.of_merchant.get(merchant)?;
        let number = usize::try_from(number).ok()?;
        places.get(number.checked_rem(places.len())?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::Trade;
    use crate::population::{Population, Size, Wealth};
    use crate::seeds::{Purpose, stream};
    use crate::skew::Skew;

    /// Counts what is drawn: payments by store, and by customer.
    fn drawn(population: &Population, skew: Skew) -> (Vec<u32>, Vec<u32>) {
        let trade = Trade::new(population, skew);
        let mut rng = stream(3, Purpose::Life, 0);
        let mut stores = vec![0; population.stores.len()];
        let mut customers = vec![0; population.customers.len()];
        for _ in 0..10_000 {
            stores[population.tills[trade.till(&mut rng).unwrap()].shop] += 1;
            customers[trade.customer(&mut rng)] += 1;
        }
        (stores, customers)
    }

    #[test]
    fn stores_and_customers_have_their_share_each_by_its_own_skew() {
        let size = Size {
            customers: 50,
            terminals: 80,
            controllers: 0,
            hubs: 0,
            machines: 120,
            wealth: Wealth::Mixed,
        };
        let population = Population::new(size, 1).unwrap();
        let (stores, customers) =
            drawn(&population, Skew { stores: 2.0, products: 0.0, customers: 0.0 });
        // 1 / (1 + 1/4 + ... + 1/100) of 10,000.
        assert!((6_250..6_650).contains(&stores[0]), "{stores:?}");
        assert!(customers.iter().all(|count| (140..260).contains(count)), "{customers:?}");
        let (stores, customers) =
            drawn(&population, Skew { stores: 0.0, products: 0.0, customers: 2.0 });
        assert!(stores.iter().all(|count| (850..1_150).contains(count)), "{stores:?}");
        assert!((5_950..6_350).contains(&customers[0]), "{customers:?}");
    }

    /// Each payment is at the very till at which it would be without parts, in one of them; and the
    /// first customers of each part are as popular as the first of all.
    #[test]
    fn the_parts_draw_together_what_the_whole_draws() {
        let size = Size {
            customers: 64,
            terminals: 96,
            controllers: 0,
            hubs: 0,
            machines: 120,
            wealth: Wealth::Mixed,
        };
        let skew = Skew { stores: 0.85, products: 0.0, customers: 1.0 };
        let whole = Population::new(size, 1).unwrap();
        let all = Trade::new(&whole, skew);
        let parts = ["1/3", "2/3", "3/3"].map(|part| {
            let everybody = Population::new(size, 1).unwrap();
            let part = everybody.part(part.parse().unwrap()).unwrap();
            let trade = Trade::new(&part, skew);
            (part, trade)
        });
        let mut drawn = [0; 3];
        for number in 0..3_000 {
            let mut rng = stream(3, Purpose::Life, number);
            let (place, customer) = (all.till(&mut rng).unwrap(), all.customer(&mut rng));
            let mut here = 0;
            for ((part, trade), drawn) in parts.iter().zip(&mut drawn) {
                let mut rng = stream(3, Purpose::Life, number);
                let Some(till) = trade.till(&mut rng) else { continue };
                assert_eq!(part.tills[till].id, whole.tills[place].id);
                let seat = &part.customers[trade.customer(&mut rng)];
                assert!(seat.number.abs_diff(customer) < 3, "{} for {customer}", seat.number);
                (here, *drawn) = (here + 1, *drawn + 1);
            }
            assert_eq!(here, 1, "payment {number} is in one part");
        }
        assert!(drawn.iter().all(|count| *count > 600), "{drawn:?}");
    }
}
