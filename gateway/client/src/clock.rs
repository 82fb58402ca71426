//! Tells the gateway's time, never the own wall clock's.

use std::sync::{Mutex, PoisonError};

use kessai_terms::PaymentId;
use tokio::time::Instant;

use crate::randomness::Randomness;

/// Carries the gateway's clock on by the own monotonic one.
#[derive(Debug, Default)]
pub(crate) struct GatewayClock(Mutex<Option<(u64, Instant)>>);

impl GatewayClock {
    /// Sets the clock by what the gateway said just now.
    pub(crate) fn set(&self, gateway_time_ms: u64) {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *reading = Some((gateway_time_ms, Instant::now()));
    }

    /// Tells the gateway's time, late by as long as its word took to arrive: never in its future.
    pub(crate) fn now_ms(&self) -> u64 {
        let reading = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reading.map_or(0, |(gateway_time_ms, read_at)| {
            let since = u64::try_from(read_at.elapsed().as_millis()).unwrap_or(u64::MAX);
            gateway_time_ms.saturating_add(since)
        })
    }

    /// Makes a payment id that no other payment has.
    pub(crate) fn payment_id(&self, randomness: &Randomness) -> PaymentId {
        PaymentId::from_parts(self.now_ms(), randomness.draw())
    }
}
