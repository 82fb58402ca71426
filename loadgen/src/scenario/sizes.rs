//! How many lines baskets have, and how many pieces people take from machines.

use kessai_engine::terms::limits::MAX_LINES;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// How much people buy at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasketSizes {
    /// Lines of a basket at a till.
    pub lines: LineCounts,
    /// Pieces that somebody takes from a machine.
    pub pieces: Pieces,
}

/// Quantiles of the number of lines, straight in between.
///
/// # Source
/// The defaults are those of 155,848 real baskets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineCounts {
    /// One basket in ten has at most so many.
    pub p10: u32,
    /// One in four.
    pub p25: u32,
    /// Half of them.
    pub p50: u32,
    /// Three in four.
    pub p75: u32,
    /// Nine in ten.
    pub p90: u32,
    /// 95 in a hundred.
    pub p95: u32,
    /// 99 in a hundred.
    pub p99: u32,
    /// All of them.
    pub most: u32,
}

/// How many pieces somebody takes: any number between the two as likely as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pieces {
    /// At least so many.
    pub least: u32,
    /// At most so many.
    pub most: u32,
}

impl Default for LineCounts {
    fn default() -> Self {
        Self { p10: 1, p25: 2, p50: 5, p75: 12, p90: 24, p95: 35, p99: 59, most: 161 }
    }
}

impl Default for Pieces {
    fn default() -> Self {
        Self { least: 1, most: 4 }
    }
}

impl LineCounts {
    /// The quantiles with their places in a thousand, from the fewest lines on.
    const fn points(&self) -> [(u32, u32); 9] {
        let Self { p10, p25, p50, p75, p90, p95, p99, most } = *self;
        [
            (0, 1),
            (100, p10),
            (250, p25),
            (500, p50),
            (750, p75),
            (900, p90),
            (950, p95),
            (990, p99),
            (1_000, most),
        ]
    }

    /// Whether they rise from 1 to no more than a purchase list holds.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let most = usize::try_from(self.most).is_ok_and(|most| most <= MAX_LINES);
        most && self.points().is_sorted_by_key(|(_, lines)| *lines)
    }

    /// Draws how many lines a basket has.
    #[must_use]
    pub fn draw(&self, rng: &mut impl Rng) -> u32 {
        let points = self.points();
        let place = rng.random_range(0..1_000_u32);
        let above = points.iter().zip(points.iter().skip(1)).find(|(_, (to, _))| place < *to);
        above.map_or(self.most, |((from, fewer), (to, more))| {
            let (way, whole) = (place.saturating_sub(*from), to.saturating_sub(*from).max(1));
            let half = whole / 2;
            let lines = more.saturating_sub(*fewer).saturating_mul(way).saturating_add(half);
            fewer.saturating_add(lines / whole)
        })
    }
}

impl Pieces {
    /// The most pieces that somebody takes.
    pub const MOST: u32 = 100;

    /// Whether there is a piece, and no more than [`MOST`](Self::MOST).
    #[must_use]
    pub const fn is_possible(&self) -> bool {
        1 <= self.least && self.least <= self.most && self.most <= Self::MOST
    }

    /// Draws how many pieces somebody takes.
    #[must_use]
    pub fn draw(&self, rng: &mut impl Rng) -> u32 {
        rng.random_range(self.least..=self.most.max(self.least))
    }
}

#[cfg(test)]
mod tests {
    use super::{LineCounts, Pieces};

    #[test]
    fn only_rising_quantiles_that_a_list_holds_are_possible() {
        let real = LineCounts::default();
        assert!(real.is_possible());
        assert!(LineCounts { most: 200, ..real }.is_possible());
        assert!(!LineCounts { most: 201, ..real }.is_possible());
        assert!(!LineCounts { p10: 0, ..real }.is_possible());
        assert!(!LineCounts { p50: 13, ..real }.is_possible());
        assert!(!LineCounts { most: 58, ..real }.is_possible());
        assert!(!Pieces { least: 0, most: 4 }.is_possible());
        assert!(!Pieces { least: 3, most: 2 }.is_possible());
        assert!(!Pieces { least: 1, most: 101 }.is_possible());
    }
}
