//! The mean of samples that follow each other, such as payments ended in each second.

use super::interval::{Interval, around_mean, count};

/// Batches that are enough for Student's t, with few samples lost to each.
const BATCHES: usize = 20;

/// The interval around the mean of samples taken one after the other; none for fewer than two.
///
/// Neighbours may resemble each other. So they are put together in batches, longer ones first in
/// favour of honesty: of the intervals by batches of 1, 2, 4 ... samples, down to `BATCHES`
/// batches, the widest is given.
///
/// # Source
/// The method of batch means: Law, *Simulation Modeling and Analysis*, section 9.5.3.
#[must_use]
pub fn mean(samples: &[f64]) -> Option<Interval> {
    let sizes = std::iter::successors(Some(1_usize), |size| size.checked_mul(2));
    let enough = |size: &usize| *size == 1 || samples.len() / size >= BATCHES;
    let wider = |a: &Interval, b: &Interval| (a.high - a.low).total_cmp(&(b.high - b.low));
    let around = sizes.take_while(enough).filter_map(|size| around_mean(&batches(samples, size)));
    let widest = around.max_by(wider)?;
    let estimate = samples.iter().sum::<f64>() / count(samples.len());
    let margin = (widest.high - widest.low) / 2.0;
    Some(Interval { estimate, low: estimate - margin, high: estimate + margin })
}

/// The means of neighbours; what does not fill a batch is left out.
fn batches(samples: &[f64], size: usize) -> Vec<f64> {
    samples.chunks_exact(size).map(|batch| batch.iter().sum::<f64>() / count(size)).collect()
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, Normal};

    use super::mean;
    use crate::seeds::{Purpose, stream};

    /// Samples of a first-order autoregression around 100.
    fn row(length: usize, memory: f64, seed: u64) -> Vec<f64> {
        let mut rng = stream(seed, Purpose::Arrivals, 0);
        let noise = Normal::new(0.0, 5.0).unwrap();
        let mut last = 0.0;
        let mut draw = || {
            last = memory * last + noise.sample(&mut rng);
            100.0 + last
        };
        (0..length).map(|_| draw()).collect()
    }

    /// How often the true mean lies within, of a thousand runs.
    fn held(length: usize, memory: f64) -> usize {
        let holds = |seed| mean(&row(length, memory, seed)).unwrap().holds(100.0);
        (0..1_000).filter(|seed| holds(*seed)).count()
    }

    #[test]
    fn the_true_mean_lies_within_as_often_as_is_said() {
        let independent = held(240, 0.0);
        assert!((940..=995).contains(&independent), "{independent}");
        let resembling = held(640, 0.6);
        assert!((925..=995).contains(&resembling), "{resembling}");
    }

    #[test]
    fn one_sample_has_no_interval() {
        assert_eq!(mean(&[3.0]), None);
        let two = mean(&[1.0, 3.0]).unwrap();
        assert!((two.estimate - 2.0).abs() < 1e-12 && two.low < 0.0, "{two}");
    }
}
