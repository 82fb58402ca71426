//! References: each names one payment or refund between processor and bank, and no other.

use std::collections::HashMap;

use kessai_engine::terms::{PaymentId, Reference};
use serde::{Deserialize, Serialize};

use super::problems::Problems;
use crate::spill::{Parted, Spill, SpillError, part_of};

/// A reference that was told.
#[derive(Debug, Serialize, Deserialize)]
struct Named(Reference, PaymentId);

impl Parted for Named {
    fn part(&self) -> u8 {
        part_of(&self.0)
    }
}

/// All references that were told.
#[derive(Debug, Default)]
pub(super) struct References(Spill<Named>);

impl References {
    /// Adds those that a payment and its refunds were given.
    pub(super) fn add(&self, payment: PaymentId, references: impl Iterator<Item = Reference>) {
        references.for_each(|reference| self.0.put(&Named(reference, payment)));
    }

    /// Says which were given twice.
    pub(super) fn faults(&self, problems: &mut Problems) -> Result<(), SpillError> {
        for part in 0..=u8::MAX {
            let mut seen = HashMap::new();
            self.0.read(part, |Named(reference, payment)| {
                if let Some(other) = seen.insert(reference, payment) {
                    problems.add(|| {
                        format!("payments {other} and {payment} share reference {reference}")
                    });
                }
            })?;
        }
        Ok(())
    }
}
