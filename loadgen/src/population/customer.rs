//! A customer: an id, a handset with its secrets, and what they have to begin with.

use clap::ValueEnum;
use kessai_engine::terms::collation::{
    DeviceKey, DeviceKeys, HandsetSecrets, ROW_VERSION, SealedRow, SealingKey,
};
use kessai_engine::terms::{Amount, CustomerId, DeviceId};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::PopulationError;

/// What customers have to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Wealth {
    /// Most can pay; about one in seven cannot pay much.
    Mixed,
    /// Everybody can pay everything: for measuring approvals.
    Plenty,
}

/// A customer with a handset.
pub struct Customer {
    /// The registered id.
    pub id: CustomerId,
    /// Counts the customers of the whole population from 0.
    pub number: usize,
    /// The handset.
    pub device: DeviceId,
    /// What the processor keeps for them to begin with.
    pub opening: Amount,
    seed: [u8; 32],
    device_key: [u8; 32],
    nonce: [u8; 12],
}

impl Customer {
    /// Makes the customer of that number up.
    pub(super) fn draw(
        number: u32,
        wealth: Wealth,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, PopulationError> {
        let (millions, thousands) = (number / 1_000_000, number / 1_000 % 1_000);
        let id =
            format!("{:04}-{thousands:03}-{:03}", millions.saturating_add(1_000), number % 1_000);
        let mut drawn = Self {
            id: CustomerId::new(&id)?,
            number: usize::try_from(number).unwrap_or(usize::MAX),
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

    /// What an enrolment of the handset would bring.
    #[must_use]
    pub fn keys(&self) -> DeviceKeys {
        self.secrets().device_keys()
    }

    /// The handset's keys as the processor stores them.
    #[must_use]
    pub fn sealed(&self, key: &SealingKey) -> SealedRow {
        key.seal(&self.keys(), &self.id, &self.device, ROW_VERSION, self.nonce)
    }
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
    use super::{Customer, Wealth};
    use crate::seeds::{Purpose, stream};
    use kessai_engine::terms::collation::SealingKey;

    fn customers(count: u32, wealth: Wealth) -> Vec<Customer> {
        let mut rng = stream(3, Purpose::Population, 1);
        (0..count).map(|number| Customer::draw(number, wealth, &mut rng).unwrap()).collect()
    }

    #[test]
    fn some_have_too_little_and_most_have_enough() {
        let all = customers(5_000, Wealth::Mixed);
        let poor = all.iter().filter(|customer| customer.opening.minor() < 1_500).count();
        assert!((600..900).contains(&poor), "{poor} of 5000");
        assert!(all.iter().all(|customer| customer.opening.minor() < 500_000));
        let rich = customers(9, Wealth::Plenty);
        assert!(rich.iter().all(|customer| customer.opening.minor() > 100_000_000));
    }

    #[test]
    fn sealed_rows_open_to_the_handsets_own_keys() {
        let key = SealingKey::new(1, [7; 32]);
        for customer in &customers(3, Wealth::Mixed) {
            let opened = key.open(&customer.sealed(&key), &customer.id, &customer.device);
            assert!(opened == Ok(customer.keys()));
            assert!(opened != Ok(customer.mistyped().device_keys()), "a wrong password is wrong");
        }
    }
}
