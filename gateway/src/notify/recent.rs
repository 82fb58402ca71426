//! Who was told a moment ago: one message is enough for payments in quick succession, and no
//! terminal can make the gateway flood a person.

use std::collections::HashMap;
use std::time::Duration;

use kessai_engine::terms::CustomerId;
use tokio::time::Instant;

/// Customers remembered at a time; beyond it some are told once too often.
const MOST: usize = 65_536;

/// Remembers for a while whom a notification went to.
#[derive(Debug)]
pub(super) struct Recent {
    quiet: Duration,
    told: HashMap<CustomerId, Instant>,
}

impl Recent {
    pub(super) fn new(quiet: Duration) -> Self {
        Self { quiet, told: HashMap::new() }
    }

    /// Says whether the customer may be told now, and remembers it if so.
    pub(super) fn admit(&mut self, customer: CustomerId, now: Instant) -> bool {
        let is_recent = |told: &Instant| now.saturating_duration_since(*told) < self.quiet;
        if self.told.get(&customer).is_some_and(is_recent) {
            return false;
        }
        if self.told.len() >= MOST {
            self.told.retain(|_, told| is_recent(told));
            if self.told.len() >= MOST {
                self.told.clear();
            }
        }
        self.told.insert(customer, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{MOST, Recent};

    #[test]
    fn a_customer_is_left_alone_for_a_while() {
        let mut recent = Recent::new(Duration::from_secs(30));
        let (a, b) = ("C-1".parse().unwrap(), "C-2".parse().unwrap());
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(recent.admit(a, at(0)));
        assert!(!recent.admit(a, at(29)));
        assert!(recent.admit(b, at(29)), "another customer is another matter");
        assert!(recent.admit(a, at(30)), "what was held back does not prolong it");
        assert!(!recent.admit(a, at(31)));
    }

    #[test]
    fn no_quiet_means_everything_passes() {
        let mut recent = Recent::new(Duration::ZERO);
        let now = Instant::now();
        assert!((0..3).all(|_| recent.admit("C-1".parse().unwrap(), now)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut recent = Recent::new(Duration::from_secs(30));
        let now = Instant::now();
        for number in 0..=MOST {
            assert!(recent.admit(format!("C-{number}").parse().unwrap(), now));
            assert!(recent.told.len() <= MOST);
        }
    }
}
