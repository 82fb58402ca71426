//! What the gateway counts of its own work since it was started, for the administration to tell.
//!
//! Numbers that only rise, in relaxed atomics: nothing waits for them, nothing is decided by them, and
//! nobody is named by them. What something else knows already is read there and not counted here.

mod payments;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kessai_engine::terms::Reason;

pub(crate) use payments::Payments;

/// What the gateway has counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) payments: Payments,
    /// Requests that were refused.
    pub(crate) refused: Arc<ByReason>,
    pub(crate) handshakes: Handshakes,
    pub(crate) received: Traffic,
    pub(crate) sent: Traffic,
}

/// How often something happened.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn note(&self) {
        self.add(1);
    }

    fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often something happened for each reason.
#[derive(Debug)]
pub(crate) struct ByReason([Count; Reason::ALL.len()]);

impl Default for ByReason {
    fn default() -> Self {
        Self([const { Count(AtomicU64::new(0)) }; Reason::ALL.len()])
    }
}

impl ByReason {
    pub(crate) fn note(&self, reason: Reason) {
        self.add(reason, 1);
    }

    fn add(&self, reason: Reason, more: u64) {
        // They are listed by rising number.
        let place = Reason::ALL.binary_search(&reason).ok();
        if let Some(count) = place.and_then(|place| self.0.get(place)) {
            count.add(more);
        }
    }

    /// The reasons that there were, and how often.
    pub(crate) fn read(&self) -> impl Iterator<Item = (Reason, u64)> {
        let counts = self.0.iter().map(Count::read);
        Reason::ALL.iter().copied().zip(counts).filter(|(_, count)| *count > 0)
    }
}

/// What became of those who knocked.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    /// They are who they say they are, by their key; whether it is enrolled is asked later.
    pub(crate) completed: Count,
    /// They gave up, were too slow, or TLS refused them.
    pub(crate) failed: Count,
    /// They were asked to show that they are at the address that they write from.
    pub(crate) retried: Count,
    /// There was no room for another connection or handshake.
    pub(crate) crowded: Count,
    /// Too many came from there within a second.
    pub(crate) too_many_of_source: Count,
}

/// Datagrams that went one way.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) datagrams: Count,
    /// Their contents; what the network adds is not seen here.
    pub(crate) bytes: Count,
}

impl Traffic {
    /// Counts `bytes` that are cut into datagrams of `each`, but for the last.
    pub(crate) fn note(&self, bytes: usize, each: usize) {
        let wide = |count| u64::try_from(count).unwrap_or(u64::MAX);
        self.datagrams.add(wide(bytes.div_ceil(each.max(1))));
        self.bytes.add(wide(bytes));
    }
}

#[cfg(test)]
mod tests {
    use kessai_engine::terms::Reason;

    use super::{ByReason, Traffic};

    #[test]
    fn every_reason_is_counted_for_itself() {
        let counts = ByReason::default();
        assert_eq!(counts.read().count(), 0, "what never happened is not told");
        for (times, reason) in (1..).zip(Reason::ALL) {
            counts.add(*reason, times);
        }
        let told: Vec<_> = counts.read().collect();
        let expected: Vec<_> = Reason::ALL.iter().copied().zip(1..).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_sent_together_counts_as_the_datagrams_that_it_becomes() {
        let traffic = Traffic::default();
        for (bytes, each) in [(1_200, 1_200), (2_500, 1_200), (40, 1_200), (7, 0)] {
            traffic.note(bytes, each);
        }
        assert_eq!(traffic.bytes.read(), 3_747);
        assert_eq!(traffic.datagrams.read(), 1 + 3 + 1 + 7);
    }
}
