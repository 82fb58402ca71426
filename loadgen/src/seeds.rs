//! Where the run's chance comes from: one seed, a stream of its own for each purpose.
//!
//! What is drawn for one arrival depends on the seed and its number alone, never on how fast
//! anything was: two runs with one seed offer the same baskets to the same people.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a stream of chance is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Merchants, stores, terminals, customers.
    Population,
    /// When payments are begun.
    Arrivals,
    /// Who buys what, and what kind of person they are.
    Life,
    /// By which keys terminals, handsets, controllers and hubs are known.
    Keys,
    /// What a processor knows of its customers as persons.
    Persons,
    /// What becomes of payments, as far as tills and machines decide it.
    Course,
    /// Which terminals are vending machines.
    Machines,
    /// What happens in a simulation.
    Simulation,
    /// What happens to a gateway, and when.
    Faults,
    /// When those come back who lost their connections together.
    Return,
    /// Who is cut off from the gateway, and when.
    Outages,
}

impl Purpose {
    const fn number(self) -> u64 {
        match self {
            Self::Population => 1,
            Self::Arrivals => 2,
            Self::Life => 3,
            Self::Keys => 4,
            Self::Persons => 5,
            Self::Course => 6,
            Self::Machines => 7,
            Self::Simulation => 8,
            Self::Faults => 9,
            Self::Return => 10,
            Self::Outages => 11,
        }
    }
}

/// Bits of a stream's number that are left to the caller.
const OWN_BITS: u32 = 56;

/// Begins the stream `number` of a purpose.
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, number: u64) -> ChaCha8Rng {
    let own = number & ((1 << OWN_BITS) - 1);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((purpose.number() << OWN_BITS) | own);
    rng
}

#[cfg(test)]
mod tests {
    use super::{Purpose, stream};
    use rand::Rng;

    #[test]
    fn every_stream_is_its_own_and_repeats() {
        let first = |seed, purpose, number| stream(seed, purpose, number).next_u64();
        let life = first(7, Purpose::Life, 1);
        assert_eq!(first(7, Purpose::Life, 1), life);
        assert_ne!(first(8, Purpose::Life, 1), life);
        assert_ne!(first(7, Purpose::Life, 2), life);
        assert_ne!(first(7, Purpose::Arrivals, 1), life);
    }
}
