//! Bounded counts of what is open: taken before a lock, given back when a payment ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A count that several payments share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauge(Arc<AtomicU32>);

impl Gauge {
    /// Counts one more if that stays within `limit`.
    pub(crate) fn take(&self, limit: u32) -> Option<Permit> {
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                (count < limit).then(|| count.saturating_add(1))
            })
            .ok()
            .map(|_| Permit(self.clone()))
    }

    /// Reads the count.
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

/// One counted place; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Permit(Gauge);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}
