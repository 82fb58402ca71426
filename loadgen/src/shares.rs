//! Every share of a run's traffic, in this one place: who does what how often, what machines do,
//! and what is charged in which currency. A [scenario](crate::scenario) may have others.
//!
//! Shares are in thousandths and add up to a thousand; tests hold them to that and to what is drawn.

use std::collections::BTreeMap;

use rand::Rng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use serde::{Deserialize, Serialize};

use crate::course::{Fate, Naming};
use crate::people::Habit;

/// All that a share has to add up to.
pub const WHOLE: u32 = 1_000;

/// How often each of several things happens, in thousandths; what is not named never does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent, bound(deserialize = "T: Ord + Deserialize<'de>"))]
pub struct Shares<T>(BTreeMap<T, u32>);

impl<T: Ord + Copy> Shares<T> {
    /// Takes shares as they are declared here.
    #[must_use]
    pub fn of(shares: &[(T, u32)]) -> Self {
        Self(shares.iter().copied().collect())
    }

    /// Goes through them.
    pub fn iter(&self) -> impl Iterator<Item = (T, u32)> {
        self.0.iter().map(|(what, share)| (*what, *share))
    }

    /// Adds them up.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.values().copied().map(u64::from).sum()
    }

    /// Draws by these shares.
    ///
    /// # Errors
    /// [`NoShares`] if none is above zero, or their sum too large.
    pub fn draws(&self) -> Result<Draws<T>, NoShares> {
        let shares = WeightedIndex::new(self.0.values()).map_err(|_none| NoShares)?;
        Ok(Draws { what: self.0.keys().copied().collect(), shares })
    }
}

/// Says that there is nothing to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no share is above zero")]
pub struct NoShares;

/// Draws one of several things by their shares.
#[derive(Debug, Clone)]
pub struct Draws<T> {
    what: Vec<T>,
    shares: WeightedIndex<u32>,
}

impl<T: Copy> Draws<T> {
    /// Draws one.
    ///
    /// # Panics
    /// Never: there are as many things as shares.
    #[must_use]
    pub fn draw(&self, rng: &mut impl Rng) -> T {
        let place = self.shares.sample(rng);
        #[expect(clippy::expect_used, reason = "both were made of the same map")]
        *self.what.get(place).expect("a thing for each share")
    }
}

/// What customers do with the handset in hand, and clerks meanwhile.
pub const HABITS: [(Habit, u32); 6] = [
    (Habit::Approves, 800),
    (Habit::Cancels, 50),
    (Habit::MistypesOnce, 50),
    (Habit::MistypesThrice, 20),
    (Habit::StaysSilent, 30),
    (Habit::ClerkCancels, 50),
];

/// How tills learn who pays.
pub const NAMINGS: [(Naming, u32); 4] =
    [(Naming::Id, 850), (Naming::Code, 120), (Naming::MistypedCode, 15), (Naming::UsedCode, 15)];

/// What becomes of payments at tills with a clerk.
pub const AT_TILLS: [(Fate, u32); 8] = [
    (Fate::Kept, 870),
    (Fate::RefundedWhole, 30),
    (Fate::RefundedInPart, 30),
    (Fate::RefundedTwice, 15),
    (Fate::RefundedTooMuch, 15),
    (Fate::AnswerLost, 20),
    (Fate::LineLost, 15),
    (Fate::OpenOvertaken, 5),
];

/// What becomes of payments at vending machines.
pub const AT_MACHINES: [(Fate, u32); 5] = [
    (Fate::Dispensed, 700),
    (Fate::DispensedInPart, 130),
    (Fate::Jammed, 80),
    (Fate::Silent, 40),
    (Fate::BackLate, 50),
];

/// Refunds that another terminal of the merchant makes.
pub const REFUNDED_ELSEWHERE: u32 = 300;

/// Refunds and reports that are sent twice, as if the answer had been lost.
pub const SENT_TWICE: u32 = 100;

/// Terminals that are vending machines.
pub const MACHINES: u32 = 120;

/// Of so many stores one after the other, these charge in the currencies of
/// [`QUOTES`](crate::exchange::QUOTES), in its order.
pub const FOREIGN_STORES: [u32; 2] = [2, 7];
/// After how many stores that repeats.
pub const STORES_REPEAT: u32 = 10;

#[cfg(test)]
mod tests {
    use super::{
        AT_MACHINES, AT_TILLS, FOREIGN_STORES, HABITS, MACHINES, NAMINGS, REFUNDED_ELSEWHERE,
        SENT_TWICE, STORES_REPEAT, WHOLE,
    };

    fn sum<T>(shares: &[(T, u32)]) -> u32 {
        shares.iter().map(|(_, share)| share).sum()
    }

    #[test]
    fn shares_add_up_to_all() {
        let sums = [sum(&HABITS), sum(&NAMINGS), sum(&AT_TILLS), sum(&AT_MACHINES)];
        assert_eq!(sums, [WHOLE; 4]);
        assert!([REFUNDED_ELSEWHERE, SENT_TWICE, MACHINES].iter().all(|share| *share < WHOLE));
        assert!(FOREIGN_STORES.iter().all(|place| *place < STORES_REPEAT));
    }
}
