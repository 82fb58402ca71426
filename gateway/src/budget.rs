//! Budgets: how often each of many may do something within a minute.
//!
//! They are ephemeral, and forgotten with the process.

use std::hash::Hash;

use dashmap::DashMap;

/// The time after which a budget is whole again, in milliseconds.
pub(crate) const WINDOW_MS: u64 = 60_000;

/// Counts, for each of many, what it did since its window began.
///
/// There are as many entries as there are that ever did it: use it for those whom the register or
/// the customers know.
#[derive(Debug)]
pub(crate) struct Budget<K: Eq + Hash> {
    each: u32,
    spent: DashMap<K, Spent>,
}

#[derive(Debug, Clone, Copy)]
struct Spent {
    since_ms: u64,
    count: u32,
}

impl<K: Eq + Hash> Budget<K> {
    /// Gives everybody `each` a minute.
    pub(crate) fn new(each: u32) -> Self {
        Self { each, spent: DashMap::new() }
    }

    /// Says whether there is anything left.
    pub(crate) fn is_left(&self, who: &K, now_ms: u64) -> bool {
        let spent = self.spent.get(who).filter(|spent| spent.is_recent(now_ms));
        spent.is_none_or(|spent| spent.count < self.each)
    }

    /// Takes one, and says whether there was one.
    pub(crate) fn take(&self, who: K, now_ms: u64) -> bool {
        let fresh = Spent { since_ms: now_ms, count: 0 };
        let mut spent = self.spent.entry(who).or_insert(fresh);
        if !spent.is_recent(now_ms) {
            *spent = fresh;
        }
        let is_left = spent.count < self.each;
        spent.count = spent.count.saturating_add(1);
        is_left
    }
}

impl Spent {
    const fn is_recent(&self, now_ms: u64) -> bool {
        now_ms < self.since_ms.saturating_add(WINDOW_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, WINDOW_MS};

    #[test]
    fn each_has_a_budget_of_its_own_and_it_comes_back() {
        let budget = Budget::new(2);
        assert!(budget.take("a", 5) && budget.is_left(&"a", 5) && budget.take("a", 6));
        assert!(!budget.is_left(&"a", 7) && !budget.take("a", 7));
        assert!(budget.is_left(&"b", 7) && budget.take("b", 7));
        assert!(!budget.is_left(&"a", 4 + WINDOW_MS));
        assert!(budget.is_left(&"a", 5 + WINDOW_MS) && budget.take("a", 5 + WINDOW_MS));
    }
}
