//! Where payments are and whose they are: a few stores and a few customers have most of them.

use std::collections::HashMap;

use kessai_engine::terms::MerchantId;
use rand::{Rng, RngExt};

use crate::population::Population;
use crate::skew::{Popularity, Skew};

/// Draws tills and customers by their places in the population, the first stores and customers most
/// often. The tills of one store are all alike.
pub(super) struct Trade {
    stores: Popularity,
    customers: Popularity,
    /// The places of each store's terminals.
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
        Self {
            stores: Popularity::new(of_store.len(), skew.stores),
            customers: Popularity::new(population.customers.len(), skew.customers),
            of_store,
            of_merchant,
        }
    }

    /// Draws the till that somebody comes to.
    pub(super) fn till(&self, rng: &mut impl Rng) -> Option<usize> {
        let places = self.of_store.get(self.stores.draw(rng))?;
        let number = rng.random_range(0..places.len().max(1));
        places.get(number).copied()
    }

    /// Draws who comes.
    pub(super) fn customer(&self, rng: &mut impl Rng) -> usize {
        self.customers.draw(rng)
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
}
