//! Keeps the highest receipt of the gateway's journal that came over a line.

use std::sync::{Mutex, MutexGuard, PoisonError};

use kessai_terms::JournalReceipt;

/// Is the highest receipt so far.
#[derive(Debug, Default)]
pub(super) struct Highest(Mutex<Option<JournalReceipt>>);

impl Highest {
    /// Begins with what was kept from before.
    pub(super) const fn from_kept(kept: Option<JournalReceipt>) -> Self {
        Self(Mutex::new(kept))
    }

    /// Takes a receipt, and keeps it if it is higher: answers may overtake each other.
    pub(super) fn raise(&self, receipt: JournalReceipt) {
        let mut highest = self.lock();
        if highest.is_none_or(|highest| highest.claimed < receipt.claimed) {
            *highest = Some(receipt);
        }
    }

    /// Tells the highest one.
    pub(super) fn told(&self) -> Option<JournalReceipt> {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Option<JournalReceipt>> {
        // Replaced as a whole: a panic elsewhere leaves it so.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
