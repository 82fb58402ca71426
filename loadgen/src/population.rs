//! Who lives in the run: merchants, stores, terminals, customers and their handsets, and the
//! controllers and hubs that may carry them.
//!
//! All of it follows from the seed. Handsets get random keys instead of stretched passwords:
//! stretching happens on phones, once, and would keep a machine busy for minutes here.

mod carriers;
mod customer;
mod names;
mod partition;
mod person;

use kessai_engine::terms::ids::CodeError;
use kessai_engine::terms::money::CurrencyError;
use kessai_engine::terms::text::TextError;
use kessai_engine::terms::{Currency, MerchantId, Rounding, StoreId, TerminalId};
use kessai_engine::{Merchant, Standing, Store, TerminalKind};
use rand::RngExt;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand_chacha::ChaCha8Rng;

use crate::exchange::{HOME, QUOTES};
use crate::seeds::{Purpose, stream};
use crate::shares::{FOREIGN_STORES, STORES_REPEAT, WHOLE};
use crate::till::Prices;

pub use carriers::{Controller, Hub};
pub use customer::{Customer, Wealth};
pub use partition::{MOST_PARTITIONS, Partition, PartitionError};
pub use person::Person;

/// How many live in the run, and how rich they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Customers, each with one handset.
    pub customers: u32,
    /// Terminals: tills with a clerk, and some vending machines.
    pub terminals: u32,
    /// Store controllers; if there are any, there are no more merchants than controllers.
    pub controllers: u32,
    /// Carrier hubs.
    pub hubs: u32,
    /// Of a thousand terminals, so many are vending machines.
    pub machines: u32,
    /// What customers have to begin with.
    pub wealth: Wealth,
}

/// The most customers, and the most terminals, of one run.
pub const MOST: u32 = 1_000_000;
/// The most controllers, and the most hubs.
pub const MOST_CARRIERS: u32 = 10_000;

impl Size {
    /// Whether there are so many stores that some charge in another currency.
    #[must_use]
    pub fn has_foreign_stores(&self) -> bool {
        FOREIGN_STORES.iter().any(|place| *place < self.terminals.div_ceil(TILLS_PER_STORE))
    }
}

/// Everybody and everything in the run.
pub struct Population {
    /// Who is paid.
    pub merchants: Vec<Merchant>,
    /// Their stores.
    pub stores: Vec<Shop>,
    /// The tills and vending machines in the stores.
    pub tills: Vec<Till>,
    /// What may carry tills.
    pub controllers: Vec<Controller>,
    /// What may carry handsets.
    pub hubs: Vec<Hub>,
    /// Who pays.
    pub customers: Vec<Customer>,
    /// Which part of everybody this is, if it is not all.
    pub partition: Option<Partition>,
    size: Size,
}

/// A store as it is registered, and how it writes its prices.
#[derive(Debug, Clone)]
pub struct Shop {
    /// As it is registered.
    pub store: Store,
    /// Whether its prices have the tax in them.
    pub prices: Prices,
}

/// A till with a clerk, or a vending machine.
#[derive(Debug, Clone, Copy)]
pub struct Till {
    /// The terminal's id.
    pub id: TerminalId,
    /// Counts the tills of the whole population from 0.
    pub number: usize,
    /// Its place in [`Population::stores`].
    pub shop: usize,
    /// Whether a clerk stands at it, or nobody.
    pub kind: TerminalKind,
}

/// Says that a population cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PopulationError {
    /// There must be somebody on both sides, and not too many for their ids.
    #[error(
        "a run needs 1 to {MOST} customers, 1 to {MOST} terminals, at most {MOST_CARRIERS} \
         controllers and hubs, and of {WHOLE} terminals at most all vending machines"
    )]
    Size,
    /// It cannot be divided so.
    #[error(
        "{found} {what} are too few for {of} partitions: each needs a merchant, which is made for 32 \
         terminals, and a customer"
    )]
    TooFew {
        /// Of what there are too few.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// Among how many they were to be divided.
        of: u16,
    },
    /// A made-up id is none; a bug.
    #[error("a made-up id is none: {0}")]
    Id(#[from] CodeError),
    /// A made-up name is none; a bug.
    #[error("a made-up name is none: {0}")]
    Name(#[from] TextError),
    /// A store charges in a currency that there is not; a bug.
    #[error("a store charges in no currency: {0}")]
    Currency(#[from] CurrencyError),
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
    /// Counts the customers, and the terminals, of the whole population.
    #[must_use]
    pub const fn counts(&self) -> (u32, u32) {
        (self.size.customers, self.size.terminals)
    }

    /// How many live in the whole population.
    #[must_use]
    pub const fn size(&self) -> &Size {
        &self.size
    }

    /// Makes everybody up from a seed.
    ///
    /// # Errors
    /// [`PopulationError::Size`] if there is nobody on one side, or too many.
    pub fn new(size: Size, seed: u64) -> Result<Self, PopulationError> {
        let people = [size.customers, size.terminals];
        let carriers = [size.controllers, size.hubs];
        if !people.iter().all(|count| (1..=MOST).contains(count))
            || size.machines > WHOLE
            || carriers.iter().any(|count| *count > MOST_CARRIERS)
        {
            return Err(PopulationError::Size);
        }
        let mut rng = stream(seed, Purpose::Population, 0);
        let store_count = size.terminals.div_ceil(TILLS_PER_STORE);
        let merchant_count = match (store_count.div_ceil(STORES_PER_MERCHANT), size.controllers) {
            (merchants, 0) => merchants,
            // A controller speaks for one merchant, and every till needs one that speaks for it.
            (merchants, controllers) => merchants.min(controllers),
        };
        let merchants = (0..merchant_count).map(merchant).collect::<Result<Vec<_>, _>>()?;
        let stores = (0..store_count)
            .map(|number| shop(number, &merchants))
            .collect::<Result<Vec<_>, _>>()?;
        let mut machines = stream(seed, Purpose::Machines, 0);
        let tills = tills(size, &stores, &mut rng, &mut machines)?;
        let controllers = carriers::controllers(size.controllers, &merchants)?;
        let hubs = carriers::hubs(size.hubs)?;
        let mut rng = stream(seed, Purpose::Population, 1);
        let customers = (0..size.customers)
            .map(|number| Customer::draw(number, size.wealth, &mut rng))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { merchants, stores, tills, controllers, hubs, customers, partition: None, size })
    }

    /// Finds the store of a till.
    #[must_use]
    pub fn shop_of(&self, till: &Till) -> Option<&Shop> {
        self.stores.get(till.shop)
    }
}

fn merchant(number: u32) -> Result<Merchant, PopulationError> {
    let id = MerchantId::new(&format!("M{number:05}"))?;
    Ok(Merchant { id, name: names::merchant(number).parse()?, invoice_number: None })
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
        currency: currency(number)?,
        rounding,
        standing: Standing::Active,
    };
    Ok(Shop { store, prices })
}

/// Most stores charge in the currency of their customers, some in another.
fn currency(number: u32) -> Result<Currency, CurrencyError> {
    let place = number % STORES_REPEAT;
    let foreign = FOREIGN_STORES.iter().zip(&QUOTES).find(|(store, _)| **store == place);
    foreign.map_or(Ok(HOME), |(_, quote)| Currency::from_code(quote.base))
}

/// Gives every store one till, and the rest to stores by their trade. Some are machines.
fn tills(
    size: Size,
    stores: &[Shop],
    rng: &mut ChaCha8Rng,
    machines: &mut ChaCha8Rng,
) -> Result<Vec<Till>, PopulationError> {
    let ranks = (1_u32..).take(stores.len()).map(|rank| f64::from(rank).powf(STORE_SKEW));
    let trade = WeightedIndex::new(ranks).map_err(|_none| PopulationError::Size)?;
    (0_usize..)
        .zip(0..size.terminals)
        .map(|(place, number)| {
            let own = Some(place).filter(|at| *at < stores.len());
            let shop = own.unwrap_or_else(|| trade.sample(rng));
            let is_machine = machines.random_ratio(size.machines, WHOLE);
            let kind = if is_machine { TerminalKind::Vending } else { TerminalKind::PointOfSale };
            let id = TerminalId::new(&format!("P{number:07}"))?;
            Ok(Till { id, number: place, shop, kind })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{MOST, MOST_CARRIERS, Population, PopulationError, Size, Wealth};
    use crate::shares::{MACHINES, WHOLE};
    use kessai_engine::TerminalKind;
    use std::collections::BTreeSet;

    fn size(customers: u32, terminals: u32) -> Size {
        Size {
            customers,
            terminals,
            controllers: 0,
            hubs: 0,
            machines: MACHINES,
            wealth: Wealth::Mixed,
        }
    }

    fn population(customers: u32, terminals: u32, seed: u64) -> Population {
        Population::new(size(customers, terminals), seed).unwrap()
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
        let machines = all.tills.iter().filter(|till| till.kind == TerminalKind::Vending).count();
        assert!((35..90).contains(&machines), "{machines} of 500");
        assert!(size(1, 17).has_foreign_stores() && !size(1, 16).has_foreign_stores());
        let charging = |code| all.stores.iter().filter(|s| s.store.currency.code() == code).count();
        assert_eq!([charging("JPY"), charging("USD"), charging("BHD")], [50, 7, 6]);
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
    fn large_populations_still_have_names() {
        let all = population(1, 20_000, 5);
        assert_eq!((all.stores.len(), all.merchants.len()), (2_500, 625));
        for (customers, terminals) in [(0, 1), (1, 0), (MOST + 1, 1), (1, MOST + 1)] {
            let size = size(customers, terminals);
            assert_eq!(Population::new(size, 0).err(), Some(PopulationError::Size));
        }
        let crowded = Size { hubs: MOST_CARRIERS + 1, ..size(1, 1) };
        assert_eq!(Population::new(crowded, 0).err(), Some(PopulationError::Size));
        let unmanned = Size { machines: WHOLE + 1, ..size(1, 1) };
        assert_eq!(Population::new(unmanned, 0).err(), Some(PopulationError::Size));
    }

    #[test]
    fn terminals_are_machines_as_often_as_it_is_said_and_sell_elsewhere_no_less() {
        let made = |machines| Population::new(Size { machines, ..size(1, 90) }, 6).unwrap();
        let count = |all: &Population| {
            all.tills.iter().filter(|till| till.kind == TerminalKind::Vending).count()
        };
        assert_eq!([count(&made(0)), count(&made(WHOLE))], [0, 90]);
        let places = |all: &Population| all.tills.iter().map(|till| till.shop).collect::<Vec<_>>();
        assert_eq!(places(&made(0)), places(&made(WHOLE)));
    }

    #[test]
    fn carriers_change_nobody_else() {
        let alone = population(50, 90, 6);
        let carried =
            Population::new(Size { controllers: 40, hubs: 3, ..size(50, 90) }, 6).unwrap();
        let devices = |all: &Population| {
            all.customers.iter().map(|customer| customer.device).collect::<Vec<_>>()
        };
        assert_eq!(devices(&alone), devices(&carried));
        let places = |all: &Population| all.tills.iter().map(|till| till.shop).collect::<Vec<_>>();
        assert_eq!(places(&alone), places(&carried));
    }
}
