//! A run cut into blocks of equal time.

use hdrhistogram::{AdditionError, Histogram};

/// The times of the answers whose intended moment lies in one block of a run, to two significant
/// digits, which is finer than any block is sure of.
///
/// # Units
/// Microseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Block(Histogram<u32>);

/// The longest time that is told apart from longer ones, in microseconds.
const LONGEST_US: u64 = 600_000_000;

impl Default for Block {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds and the precision are constants")]
        Self(Histogram::new_with_bounds(1, LONGEST_US, 2).expect("bounds of a histogram"))
    }
}

impl Block {
    /// Takes a time in microseconds.
    pub fn take(&mut self, time_us: u64) {
        self.0.saturating_record(time_us);
    }

    /// Counts the times.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Counts the times above this one, as far as they can be told apart.
    #[must_use]
    pub fn above(&self, time_us: u64) -> u64 {
        self.count().saturating_sub(self.0.count_between(0, time_us))
    }

    /// The time that bounds so large a share of all.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u64 {
        self.0.value_at_quantile(share)
    }

    /// Lends the histogram.
    #[must_use]
    pub const fn histogram(&self) -> &Histogram<u32> {
        &self.0
    }

    /// Takes in the times of another.
    pub(crate) fn join(&mut self, other: &Self) {
        #[expect(clippy::expect_used, reason = "all blocks are made with the same bounds")]
        self.0.add(&other.0).expect("the bounds are the same");
    }

    /// Takes in times that were counted elsewhere.
    ///
    /// # Errors
    /// [`AdditionError`] if a time lies beyond the bounds.
    pub(crate) fn take_all(&mut self, times: &Histogram<u32>) -> Result<(), AdditionError> {
        self.0.add(times)
    }
}

/// The blocks of a run in order, all equally long.
#[derive(Debug, Clone, Default)]
pub struct Blocks(Vec<Block>);

impl Blocks {
    /// Takes the whole blocks of a run.
    #[must_use]
    pub const fn new(blocks: Vec<Block>) -> Self {
        Self(blocks)
    }

    /// Lends the blocks.
    #[must_use]
    pub fn as_slice(&self) -> &[Block] {
        &self.0
    }

    /// Puts neighbours together, `size` to a block; what does not fill one is left out.
    #[must_use]
    pub fn joined(&self, size: usize) -> Self {
        Self(self.0.chunks_exact(size.max(1)).map(sum).collect())
    }

    /// Adds all blocks up.
    #[must_use]
    pub fn whole(&self) -> Block {
        sum(&self.0)
    }
}

fn sum(blocks: &[Block]) -> Block {
    blocks.iter().fold(Block::default(), |mut sum, block| {
        sum.join(block);
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::{Block, Blocks};

    #[test]
    fn neighbours_are_put_together_and_a_rest_is_left_out() {
        let blocks = (1..=7).map(|time| {
            let mut block = Block::default();
            (0..10).for_each(|_| block.take(time));
            block
        });
        let blocks = Blocks::new(blocks.collect());
        let joined = blocks.joined(3);
        let seen: Vec<_> = joined
            .as_slice()
            .iter()
            .map(|b| (b.count(), b.quantile(0.0), b.quantile(1.0)))
            .collect();
        assert_eq!(seen, [(30, 1, 3), (30, 4, 6)]);
        assert_eq!(blocks.whole().count(), 70);
        assert_eq!(blocks.whole().above(5), 20);
        assert_eq!(Blocks::default().whole(), Block::default());
    }
}
