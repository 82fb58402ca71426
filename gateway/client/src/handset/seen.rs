//! Remembers which notices have been told, by their numbers.

use std::collections::BTreeSet;

/// Holds the numbers of all notices that were told.
///
/// They come nearly in order: all up to one number, and a few beyond it.
#[derive(Debug)]
pub(super) struct Seen {
    up_to: u64,
    beyond: BTreeSet<u64>,
}

/// How many numbers beyond a gap are remembered before the gap is given up: the gateway does not
/// send it, or what it sends there cannot be believed.
const MOST_BEYOND: usize = 256;

impl Seen {
    pub(super) const fn new(up_to: u64) -> Self {
        Self { up_to, beyond: BTreeSet::new() }
    }

    /// Tells the number below which none is missing.
    pub(super) const fn up_to(&self) -> u64 {
        self.up_to
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        number <= self.up_to || self.beyond.contains(&number)
    }

    pub(super) fn insert(&mut self, number: u64) {
        if self.contains(number) {
            return;
        }
        self.beyond.insert(number);
        if self.beyond.len() > MOST_BEYOND
            && let Some(first) = self.beyond.pop_first()
        {
            self.up_to = first;
        }
        while self.up_to.checked_add(1).is_some_and(|next| self.beyond.remove(&next)) {
            self.up_to += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_holds_the_number_until_it_is_filled() {
        let mut seen = Seen::new(4);
        assert!(seen.contains(4) && !seen.contains(5));
        for (number, up_to) in [(5, 5), (7, 5), (8, 5), (7, 5), (3, 5), (6, 8), (9, 9)] {
            seen.insert(number);
            assert!(seen.contains(number));
            assert_eq!(seen.up_to(), up_to, "after {number}");
        }
        assert!(seen.beyond.is_empty() && !seen.contains(10));
    }

    #[test]
    fn a_gap_that_is_never_filled_is_given_up() {
        let mut seen = Seen::new(0);
        let most = u64::try_from(MOST_BEYOND).unwrap();
        for number in 2..=most + 1 {
            seen.insert(number);
            assert_eq!(seen.up_to(), 0);
        }
        seen.insert(most + 3);
        assert_eq!(seen.up_to(), most + 1);
        assert!(!seen.contains(most + 2), "a new gap");
        assert_eq!(seen.beyond.len(), 1);
    }

    #[test]
    fn the_greatest_number_is_no_trouble() {
        let mut seen = Seen::new(u64::MAX - 1);
        seen.insert(u64::MAX);
        assert_eq!(seen.up_to(), u64::MAX);
    }
}
