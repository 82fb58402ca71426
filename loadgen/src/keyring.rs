//! The keys by which a gateway knows the fleet: they follow from the seed, so that a population
//! that was provisioned once can come again.

use kessai_client::{KeyError, PeerKey};
use kessai_engine::KeyPin;
use rand::Rng;

use crate::population::Population;
use crate::seeds::{Purpose, stream};

/// Makes the keys of a population, each when it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyring {
    seed: u64,
}

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The till at this place of the population.
    Till(usize),
    /// The handset of the customer at this place.
    Handset(usize),
    /// The controller at this place.
    Controller(usize),
    /// The hub at this place.
    Hub(usize),
}

/// By what the gateway is to know everybody, in the order of the population.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    /// The keys of the tills.
    pub tills: Vec<KeyPin>,
    /// The keys of the handsets.
    pub handsets: Vec<KeyPin>,
    /// The keys of the controllers.
    pub controllers: Vec<KeyPin>,
    /// The keys of the hubs.
    pub hubs: Vec<KeyPin>,
}

/// Bits of a key's number that count holders of one kind.
const PLACE_BITS: u32 = 40;

impl Holder {
    fn number(self) -> u64 {
        let (kind, place) = match self {
            Self::Till(place) => (0, place),
            Self::Handset(place) => (1, place),
            Self::Controller(place) => (2, place),
            Self::Hub(place) => (3, place),
        };
        // A population has at most a million of each kind.
        (kind << PLACE_BITS) | u64::try_from(place).unwrap_or(u64::MAX >> (64 - PLACE_BITS))
    }
}

impl Keyring {
    /// Takes the seed of a population.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Makes somebody's key: always the same one.
    ///
    /// # Errors
    /// [`KeyError`]; never for the seeds that there are.
    pub fn key(&self, holder: Holder) -> Result<PeerKey, KeyError> {
        let mut seed = [0; 32];
        stream(self.seed, Purpose::Keys, holder.number()).fill_bytes(&mut seed);
        PeerKey::from_seed(&seed)
    }

    /// Tells by what the gateway is to know somebody.
    ///
    /// # Errors
    /// [`KeyError`], as [`key`](Self::key).
    pub fn pin(&self, holder: Holder) -> Result<KeyPin, KeyError> {
        self.key(holder).map(|key| KeyPin(key.pin()))
    }

    /// Tells by what the gateway is to know everybody.
    ///
    /// # Errors
    /// [`KeyError`], as [`key`](Self::key).
    pub fn pins(&self, population: &Population) -> Result<Pins, KeyError> {
        let pins = |count: usize, holder: fn(usize) -> Holder| {
            (0..count).map(|place| self.pin(holder(place))).collect::<Result<Vec<_>, _>>()
        };
        Ok(Pins {
            tills: pins(population.tills.len(), Holder::Till)?,
            handsets: pins(population.customers.len(), Holder::Handset)?,
            controllers: pins(population.controllers.len(), Holder::Controller)?,
            hubs: pins(population.hubs.len(), Holder::Hub)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Holder, Keyring};
    use std::collections::BTreeSet;

    #[test]
    fn everybody_has_a_key_of_their_own_and_the_same_one_again() {
        let holders = [
            Holder::Till(0),
            Holder::Till(1),
            Holder::Handset(0),
            Holder::Controller(0),
            Holder::Hub(0),
        ];
        let pins = |seed| holders.map(|holder| Keyring::new(seed).pin(holder).unwrap().0);
        let all: BTreeSet<_> = pins(1).into_iter().chain(pins(2)).collect();
        assert_eq!(all.len(), 2 * holders.len());
        assert_eq!(pins(1), pins(1));
    }
}
