//! The processor's people: they raise and lower balances, and see to customers who are blocked.

use kessai_engine::Standing;

use super::errands::Errands;
use super::{Ending, Scene};
use crate::simulation::cast::CUSTOMERS;
use crate::simulation::chance::{Chance, Of};
use crate::simulation::message::{Ask, Tell};

/// The processor.
#[derive(Debug)]
pub(in crate::simulation) struct Processor {
    chance: Chance,
    errands: Errands,
    /// When it does something next.
    rested_ms: u64,
    references: u64,
    frozen: Option<usize>,
}

impl Processor {
    pub(in crate::simulation) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed, Of::Processor);
        let rested_ms = chance.between(500..=2_000);
        let errands = Errands::default();
        Self { chance, errands, rested_ms, references: 0, frozen: None }
    }

    /// When it wants to act next.
    pub(in crate::simulation) fn next_ms(&self, ending: Ending) -> Option<u64> {
        let rested = (ending == Ending::NotYet).then_some(self.rested_ms);
        rested.into_iter().chain(self.errands.next_ms()).min()
    }

    /// Whether it has been answered all that it asked.
    pub(in crate::simulation) fn is_done(&self) -> bool {
        self.errands.is_empty()
    }

    /// Its connection broke, and it has another.
    pub(in crate::simulation) fn reconnected(&mut self, scene: &mut Scene<'_>) {
        self.errands.hurry(scene);
    }

    /// Does what it has a mind to.
    pub(in crate::simulation) fn act(&mut self, scene: &mut Scene<'_>) {
        if self.rested_ms <= scene.now_ms && scene.ending == Ending::NotYet {
            self.rested_ms = scene.now_ms.saturating_add(self.chance.between(300..=3_000));
            let ask = self.wish();
            self.errands.add(ask, 0, scene);
        }
        self.errands.send_due(scene);
    }

    /// Hears what it is told.
    pub(in crate::simulation) fn hear(&mut self, request: u64, _tell: &Tell) {
        self.errands.answered(request);
    }

    fn wish(&mut self) -> Ask {
        let customer = self.chance.below(CUSTOMERS);
        match self.chance.between(0..=9) {
            0..=2 => Ask::Unblock(customer),
            // Whoever was frozen is let in again before the next one is.
            3 => match self.frozen.take() {
                Some(frozen) => Ask::SetStanding(frozen, Standing::Active),
                None => Ask::SetStanding(*self.frozen.insert(customer), Standing::Frozen),
            },
            // Now and then a reference that was used before, perhaps for something else.
            kind => {
                if self.references == 0 || !self.chance.per_cent(15) {
                    self.references = self.references.saturating_add(1);
                }
                let sum = self.chance.between(1..=20).saturating_mul(250).cast_signed();
                let amount = if kind < 8 { sum } else { sum.saturating_neg() };
                Ask::Transfer { customer, reference: self.references, amount }
            }
        }
    }
}
