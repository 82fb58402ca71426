//! Who lives in the run: merchants, stores, terminals, customers and their handsets.
//!
//! All of it follows from the seed. Handsets get random keys instead of stretched passwords:
//! stretching happens on phones, once, and would keep a machine busy for minutes here.

mod names;

use kessai_engine::terms::collation::{DeviceKey, HandsetSecrets, SealedRow, SealingKey};
use kessai_engine::terms::ids::CodeError;
use kessai_engine::terms::text::TextError;
use kessai_engine::terms::{
    Amount, Currency, CustomerId, DeviceId, MerchantId, Rounding, StoreId, TerminalId,
};
use kessai_engine::{Merchant, Store};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use crate::seeds::{Purpose, stream};
use crate::till::Prices;

/// How many live in the run, and how rich they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Customers, each with one handset.
    pub customers: u32,
    /// Point-of-sale terminals.
    pub terminals: u32,
    /// What customers have to begin with.
    pub wealth: Wealth,
}

/// What customers have to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wealth {
    /// Most can pay; about one in seven cannot pay much.
    Mixed,
    /// Everybody can pay everything: for measuring approvals.
    Plenty,
}

/// The most customers, and the most terminals, of one run.
pub const MOST: u32 = 1_000_000;

/// Everybody and everything in the run.
pub struct Population {
    /// Who is paid.
    pub merchants: Vec<Merchant>,
    /// Their stores.
    pub stores: Vec<Shop>,
    /// The tills in the stores.
    pub tills: Vec<Till>,
    /// Who pays.
    pub customers: Vec<Customer>,
}

/// A store as it is registered, and how it writes its prices.
#[derive(Debug, Clone)]
pub struct Shop {
    /// As it is registered.
    pub store: Store,
    /// Whether its prices have the tax in them.
    pub prices: Prices,
}

/// A till: a terminal with a clerk.
#[derive(Debug, Clone, Copy)]
pub struct Till {
    /// The terminal's id.
    pub id: TerminalId,
    /// Its place in [`Population::stores`].
    pub shop: usize,
}

/// A customer with a handset.
pub struct Customer {
    /// The registered id.
    pub id: CustomerId,
    /// The handset.
    pub device: DeviceId,
    /// What the processor keeps for them to begin with.
    pub opening: Amount,
    seed: [u8; 32],
    device_key: [u8; 32],
    nonce: [u8; 12],
}

impl Customer {
    /// What the handset computes with when the right password was typed.
    #[must_use]
    pub const fn secrets(&self) -> HandsetSecrets {
        HandsetSecrets::from_parts(self.seed, DeviceKey::from_bytes(self.device_key))
    }

    /// What the handset computes with when a wrong password was typed.
    #[must_use]
    pub fn mistyped(&self) -> HandsetSecrets {
        let seed = self.seed.map(|byte| !byte);
        HandsetSecrets::from_parts(seed, DeviceKey::from_bytes(self.device_key))
    }

    /// The handset's keys as the processor stores them.
    #[must_use]
    pub fn sealed(&self, key: &SealingKey) -> SealedRow {
        use kessai_engine::terms::collation::ROW_VERSION;
        let keys = self.secrets().device_keys();
        key.seal(&keys, &self.id, &self.device, ROW_VERSION, self.nonce)
    }
}

/// Says that a population cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PopulationError {
    /// There must be somebody on both sides, and not too many for their ids.
    #[error("a run needs 1 to {MOST} customers and 1 to {MOST} terminals")]
    Size,
    /// A made-up id is none; a bug.
    #[error("a made-up id is none: {0}")]
    Id(#[from] CodeError),
    /// A made-up name is none; a bug.
    #[error("a made-up name is none: {0}")]
    Name(#[from] TextError),
}

/// Terminals a store has on average.
const TILLS_PER_STORE: u32 = 8;
/// Stores a merchant has on average.
const STORES_PER_MERCHANT: u32 = 4;

/// How much trade is skewed towards a few stores: Zipf's exponent. A busy store has more tills.
///
/// # Source
/// Measured over 457 stores of a year of real baskets: 0.85.
const STORE_SKEW: f64 = -0.85;

impl Population {
    /// Makes everybody up from a seed.
    ///
    /// # Errors
    /// [`PopulationError::Size`] if there is nobody on one side, or too many.
    pub fn new(size: Size, seed: u64) -> Result<Self, PopulationError> {
        if !(1..=MOST).contains(&size.customers) || !(1..=MOST).contains(&size.terminals) {
            return Err(PopulationError::Size);
        }
        let mut rng = stream(seed, Purpose::Population, 0);
        let store_count = size.terminals.div_ceil(TILLS_PER_STORE);
        let merchant_count = store_count.div_ceil(STORES_PER_MERCHANT);
        let merchants = (0..merchant_count).map(merchant).collect::<Result<Vec<_>, _>>()?;
        let stores = (0..store_count)
            .map(|number| shop(number, &merchants))
            .collect::<Result<Vec<_>, _>>()?;
        let tills = tills(size.terminals, &stores, &mut rng)?;
        let mut rng = stream(seed, Purpose::Population, 1);
        let customers = (0..size.customers)
            .map(|number| customer(number, size.wealth, &mut rng))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { merchants, stores, tills, customers })
    }

    /// Finds the store of a till.
    #[must_use]
    pub fn shop_of(&self, till: &Till) -> Option<&Shop> {
        self.stores.get(till.shop)
    }
}

fn merchant(number: u32) -> Result<Merchant, PopulationError> {
    let id = MerchantId::new(&format!("M{number:05}"))?;
    Ok(Merchant { id, name: names::merchant(number).parse()? })
}

fn shop(number: u32, merchants: &[Merchant]) -> Result<Shop, PopulationError> {
    let place = usize::try_from(number).unwrap_or(usize::MAX);
    let merchant = place.checked_rem(merchants.len()).and_then(|at| merchants.get(at));
    let merchant = merchant.ok_or(PopulationError::Size)?;
    let round = place.checked_div(merchants.len()).unwrap_or(0);
    let (prices, rounding) = match number % 4 {
        0 | 1 => (Prices::BeforeTax, Rounding::Down),
        2 => (Prices::BeforeTax, Rounding::HalfUp),
        _ => (Prices::WithTax, Rounding::Down),
    };
    let store = Store {
        id: StoreId::new(&format!("S{number:06}"))?,
        merchant: merchant.id,
        name: names::store(&merchant.name, round).parse()?,
        currency: Currency::JPY,
        rounding,
    };
    Ok(Shop { store, prices })
}

/// Gives every store one till, and the rest to stores by their trade.
fn tills(count: u32, stores: &[Shop], rng: &mut ChaCha8Rng) -> Result<Vec<Till>, PopulationError> {
    let ranks = (1_u32..).take(stores.len()).map(|rank| f64::from(rank).powf(STORE_SKEW));
    let trade = WeightedIndex::new(ranks).map_err(|_none| PopulationError::Size)?;
    (0..count)
        .map(|number| {
            let own = usize::try_from(number).ok().filter(|at| *at < stores.len());
            let shop = own.unwrap_or_else(|| trade.sample(rng));
            Ok(Till { id: TerminalId::new(&format!("P{number:07}"))?, shop })
        })
        .collect()
}

fn customer(
    number: u32,
    wealth: Wealth,
    rng: &mut ChaCha8Rng,
) -> Result<Customer, PopulationError> {
    let (millions, thousands) = (number / 1_000_000, number / 1_000 % 1_000);
    let id = format!("{:04}-{thousands:03}-{:03}", millions.saturating_add(1_000), number % 1_000);
    let mut drawn = Customer {
        id: CustomerId::new(&id)?,
        device: DeviceId([0; 16]),
        opening: opening(wealth, rng),
        seed: [0; 32],
        device_key: [0; 32],
        nonce: [0; 12],
    };
    rng.fill_bytes(&mut drawn.device.0);
    rng.fill_bytes(&mut drawn.seed);
    rng.fill_bytes(&mut drawn.device_key);
    rng.fill_bytes(&mut drawn.nonce);
    Ok(drawn)
}

/// Draws an opening balance in yen.
///
/// # Source
/// PaySim's month of mobile money: most accounts are near zero, so that declines for want of funds
/// are part of every day; here fewer, so that approvals are what is measured.
fn opening(wealth: Wealth, rng: &mut ChaCha8Rng) -> Amount {
    let yen = match wealth {
        Wealth::Plenty => 500_000_000,
        Wealth::Mixed => match rng.random_range(0..100_u32) {
            0..15 => rng.random_range(0..1_500),
            15..50 => rng.random_range(5_000..50_000),
            _ => rng.random_range(50_000..500_000),
        },
    };
    Amount::new(yen).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{MOST, Population, PopulationError, Size, Wealth};
    use kessai_engine::terms::collation::SealingKey;
    use std::collections::BTreeSet;

    fn population(customers: u32, terminals: u32, seed: u64) -> Population {
        Population::new(Size { customers, terminals, wealth: Wealth::Mixed }, seed).unwrap()
    }

    #[test]
    fn the_declared_population_is_made_with_names_of_its_own() {
        let all = population(5_000, 500, 42);
        assert_eq!((all.customers.len(), all.tills.len()), (5_000, 500));
        assert_eq!((all.stores.len(), all.merchants.len()), (63, 16));
        let distinct = |ids: Vec<String>| ids.iter().collect::<BTreeSet<_>>().len() == ids.len();
        assert!(distinct(all.customers.iter().map(|c| c.id.to_string()).collect()));
        assert!(distinct(all.customers.iter().map(|c| c.device.to_string()).collect()));
        assert!(distinct(all.tills.iter().map(|t| t.id.to_string()).collect()));
        assert!(distinct(all.stores.iter().map(|s| s.store.id.to_string()).collect()));
        assert!(distinct(all.stores.iter().map(|s| s.store.name.to_string()).collect()));
        assert!(distinct(all.merchants.iter().map(|m| m.name.to_string()).collect()));
        for shop in &all.stores {
            assert!(all.merchants.iter().any(|m| m.id == shop.store.merchant));
        }
        assert!(all.tills.iter().all(|till| all.shop_of(till).is_some()));
    }

    #[test]
    fn one_seed_is_one_population() {
        let (one, same, other) = (population(50, 9, 1), population(50, 9, 1), population(50, 9, 2));
        for (at, customer) in one.customers.iter().enumerate() {
            assert_eq!(customer.device, same.customers[at].device);
            assert_eq!(customer.opening, same.customers[at].opening);
            let seed = *customer.secrets().expose_seed();
            assert_eq!(seed, *same.customers[at].secrets().expose_seed());
            assert_ne!(seed, *other.customers[at].secrets().expose_seed());
        }
    }

    #[test]
    fn some_have_too_little_and_most_have_enough() {
        let all = population(5_000, 1, 3);
        let poor = all.customers.iter().filter(|c| c.opening.minor() < 1_500).count();
        assert!((600..900).contains(&poor), "{poor} of 5000");
        assert!(all.customers.iter().all(|c| c.opening.minor() < 500_000));
        let size = Size { customers: 9, terminals: 1, wealth: Wealth::Plenty };
        let rich = Population::new(size, 3).unwrap();
        assert!(rich.customers.iter().all(|c| c.opening.minor() > 100_000_000));
    }

    #[test]
    fn sealed_rows_open_to_the_handsets_own_keys() {
        let key = SealingKey::new(1, [7; 32]);
        for customer in &population(3, 1, 4).customers {
            let opened = key.open(&customer.sealed(&key), &customer.id, &customer.device);
            assert!(opened == Ok(customer.secrets().device_keys()));
            assert!(opened != Ok(customer.mistyped().device_keys()), "a wrong password is wrong");
        }
    }

    #[test]
    fn large_populations_still_have_names() {
        let all = population(1, 20_000, 5);
        assert_eq!((all.stores.len(), all.merchants.len()), (2_500, 625));
        for (customers, terminals) in [(0, 1), (1, 0), (MOST + 1, 1), (1, MOST + 1)] {
            let size = Size { customers, terminals, wealth: Wealth::Mixed };
            assert_eq!(Population::new(size, 0).err(), Some(PopulationError::Size));
        }
    }
}
