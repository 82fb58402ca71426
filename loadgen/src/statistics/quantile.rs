//! A quantile of all times, with an interval that takes stalls into account.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, DiscreteCDF};

use super::blocks::{Block, Blocks};
use super::interval::{CONFIDENCE, Interval, count};

/// A quantile of a run's times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    /// Which share of the times it bounds.
    pub share: f64,
    /// The quantile in microseconds, with bounds where enough was seen to have any.
    pub interval: Interval,
    /// How many independent answers would have told as much.
    pub effective: u64,
}

/// The quantile of all times that bounds `share` of them; none if too little was seen to bound it
/// on both sides.
///
/// The bounds are order statistics: whatever the distribution of the times, the number of
/// independent ones below the true quantile is binomial. How many the answers are worth is seen by
/// how much the share above the estimate differs from block to block.
///
/// # Source
/// Order statistics: David and Nagaraja, *Order Statistics*, section 7.1. Effective sample size:
/// Kish, *Survey Sampling*, section 8.2 (the design effect of clusters).
#[must_use]
pub fn quantile(blocks: &Blocks, share: f64) -> Option<Quantile> {
    let whole = blocks.whole();
    if whole.count() == 0 {
        return None;
    }
    let estimate = whole.quantile(share);
    let effective = floored(times(whole.count()) / design_effect(blocks, estimate));
    let (low, high) = ranks(share, effective)?;
    let at = |rank: u64| times(whole.quantile(times(rank) / times(effective)));
    let interval = Interval { estimate: times(estimate), low: at(low), high: at(high) };
    Some(Quantile { share, interval, effective })
}

/// The ranks among `answers` independent ones that bound the quantile; none if the upper would lie
/// beyond the last.
fn ranks(share: f64, answers: u64) -> Option<(u64, u64)> {
    let below = Binomial::new(share, answers).ok()?;
    let low = below.inverse_cdf((1.0 - CONFIDENCE) / 2.0).checked_sub(1)?;
    let high = below.inverse_cdf((1.0 + CONFIDENCE) / 2.0).checked_add(1)?;
    (low > 0 && high <= answers).then_some((low, high))
}

/// How many answers tell as much as an independent one: 1, or more if blocks differ.
fn design_effect(blocks: &Blocks, estimate: u64) -> f64 {
    let sizes = std::iter::successors(Some(1_usize), |size| size.checked_mul(2));
    let enough = |size: &usize| blocks.as_slice().len() / size >= LEAST_BLOCKS;
    let effects = sizes.take_while(enough);
    let effects = effects.map(|size| effect_of(blocks.joined(size).as_slice(), estimate));
    effects.fold(1.0, f64::max)
}

/// Blocks that their spread can be taken from.
const LEAST_BLOCKS: usize = 10;

/// The variance of the share above the estimate, over that of as many independent answers.
fn effect_of(blocks: &[Block], estimate: u64) -> f64 {
    let seen: Vec<_> = blocks.iter().map(|block| (block.above(estimate), block.count())).collect();
    let (above, all) = seen.iter().fold((0, 0), |(a, n), (above, all)| (a + above, n + all));
    let share = times(above) / times(all);
    let independent = share * (1.0 - share) / times(all);
    if independent <= 0.0 {
        return 1.0;
    }
    // The estimator of a ratio over clusters of unequal size.
    let squares = seen.iter().map(|(above, all)| (times(*above) - share * times(*all)).powi(2));
    let clusters = count(seen.len());
    let variance = squares.sum::<f64>() / times(all).powi(2) * clusters / (clusters - 1.0);
    variance / independent
}

/// A count or time as a fraction.
#[expect(clippy::as_conversions, reason = "a count below 2^53 is exact as a fraction")]
const fn times(number: u64) -> f64 {
    number as f64
}

/// The whole part, at least 1.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a quotient of a count by at least 1 is within its range"
)]
const fn floored(number: f64) -> u64 {
    number.max(1.0) as u64
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::{Distribution, LogNormal};

    use super::super::blocks::{Block, Blocks};
    use super::{quantile, ranks};
    use crate::seeds::{Purpose, stream};

    /// Answers of a lognormal distribution whose 99th percentile is 10 ms; in `stalled` of the
    /// blocks all are 5 times as slow.
    fn run(blocks: usize, answers: usize, stalled: f64, seed: u64) -> Blocks {
        let mut rng = stream(seed, Purpose::Arrivals, 0);
        let (median, spread): (f64, f64) = (2_000.0, 0.691_83);
        let times = LogNormal::new(median.ln(), spread).unwrap();
        let blocks = (0..blocks).map(|_| {
            let slow = if rng.random_bool(stalled) { 5.0 } else { 1.0 };
            let mut block = Block::default();
            for _ in 0..answers {
                let time: f64 = times.sample(&mut rng) * slow;
                block.take(super::floored(time));
            }
            block
        });
        Blocks::new(blocks.collect())
    }

    /// Summed exactly, the distribution of 1000 at 0.99 passes 0.025 at 983 and 0.975 at 996.
    #[test]
    fn ranks_are_binomial() {
        assert_eq!(ranks(0.99, 1_000), Some((982, 997)));
        assert_eq!(ranks(0.5, 100), Some((39, 61)));
        assert_eq!(ranks(0.99, 100), None, "a hundred answers do not bound the 99th percentile");
        assert_eq!(ranks(0.5, 1), None);
    }

    #[test]
    fn the_true_quantile_lies_within_as_often_as_is_said() {
        let holds = |seed| {
            let found = quantile(&run(60, 200, 0.0, seed), 0.99).unwrap();
            assert!(found.effective <= 12_000);
            found.interval.low <= 10_000.0 * 1.01 && found.interval.high >= 10_000.0 * 0.99
        };
        let held = (0..400).filter(|seed| holds(*seed)).count();
        assert!((376..=400).contains(&held), "{held} of 400");
    }

    #[test]
    fn stalls_make_the_answers_worth_less() {
        let calm = quantile(&run(60, 200, 0.0, 1), 0.9).unwrap();
        let stalled = quantile(&run(60, 200, 0.2, 1), 0.9).unwrap();
        assert!(calm.effective > 6_000, "{calm:?}");
        assert!(stalled.effective < 1_000, "{stalled:?}");
        let width = |q: super::Quantile| q.interval.relative_half_width();
        assert!(width(stalled) > 3.0 * width(calm));
    }

    #[test]
    fn too_little_has_no_bounds() {
        assert_eq!(quantile(&Blocks::default(), 0.5), None);
        assert_eq!(quantile(&run(1, 50, 0.0, 1), 0.99), None);
    }
}
