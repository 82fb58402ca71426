//! Whether a number of one run differs from that of another.

use std::fmt;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::interval::{CONFIDENCE, Interval, around_mean, count};

/// A change below this is none that matters, however sure it is.
pub const LEAST_EFFECT: f64 = 0.03;

/// How often a change of the size that [`Difference::could_have_seen`] names would be found.
const POWER: f64 = 0.8;

/// How the second of two runs compares with the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No difference was found.
    Alike,
    /// It is higher.
    Higher,
    /// It is lower.
    Lower,
}

/// The change of a positive number, such as a rate or a quantile, from one run to another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The change as a share of the first run's number: 0.12 is 12 % more.
    pub change: Interval,
    /// How often chance alone would show as much.
    pub p: f64,
    /// The least change that would mostly have been found.
    pub could_have_seen: f64,
    /// What that comes to.
    pub verdict: Verdict,
}

/// Compares two numbers by their intervals; none unless both are above zero.
///
/// Ratios are compared on a logarithmic scale, where the bounds lie alike on both sides.
#[must_use]
pub fn difference(first: &Interval, second: &Interval) -> Option<Difference> {
    let normal = Normal::standard();
    let within = bound(&normal);
    let error = |of: &Interval| (of.high.ln() - of.low.ln()) / 2.0 / within;
    if !(first.low > 0.0 && second.low > 0.0) {
        return None;
    }
    let error = error(first).hypot(error(second));
    Some(judged((second.estimate / first.estimate).ln(), error, &normal))
}

/// Compares two numbers that were measured beside each other, pair by pair; none unless there are two
/// pairs, and all numbers are above zero.
///
/// What both of a pair suffer alike falls out of their ratio. The mean of the ratios' logarithms is
/// bounded by Student's t.
#[must_use]
pub fn paired(pairs: &[(f64, f64)]) -> Option<Difference> {
    let log = |(first, second): &(f64, f64)| {
        (*first > 0.0 && *second > 0.0).then(|| (second / first).ln())
    };
    let logs = pairs.iter().map(log).collect::<Option<Vec<_>>>()?;
    let mean = around_mean(&logs)?;
    let student = StudentsT::new(0.0, 1.0, count(logs.len()) - 1.0).ok()?;
    let error = (mean.high - mean.low) / 2.0 / bound(&student);
    Some(judged(mean.estimate, error, &student))
}

/// The geometric mean of numbers above zero, with its bounds by Student's t; none for fewer than two.
#[must_use]
pub fn geometric_mean(numbers: &[f64]) -> Option<Interval> {
    let log = |number: &f64| (*number > 0.0).then(|| number.ln());
    let logs = numbers.iter().map(log).collect::<Option<Vec<_>>>()?;
    Some(around_mean(&logs)?.map(f64::exp))
}

/// How many errors lie between an estimate and its bounds.
fn bound(errors: &impl ContinuousCDF<f64, f64>) -> f64 {
    errors.inverse_cdf((1.0 + CONFIDENCE) / 2.0)
}

/// Judges a change on the logarithmic scale by its error, which is distributed so.
fn judged(change: f64, error: f64, errors: &impl ContinuousCDF<f64, f64>) -> Difference {
    let within = bound(errors);
    let share = |log: f64| log.exp_m1();
    let p = if error > 0.0 { 2.0 * errors.cdf(-(change / error).abs()) } else { 0.0 };
    let matters = share(change).abs() >= LEAST_EFFECT && p < 1.0 - CONFIDENCE;
    Difference {
        change: Interval {
            estimate: share(change),
            low: share(change - within * error),
            high: share(change + within * error),
        },
        p,
        could_have_seen: share((within + errors.inverse_cdf(POWER)) * error).max(LEAST_EFFECT),
        verdict: match matters {
            false => Verdict::Alike,
            true if change > 0.0 => Verdict::Higher,
            true => Verdict::Lower,
        },
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| share * 100.0;
        match self.verdict {
            Verdict::Alike => {
                let seen = percent(self.could_have_seen);
                write!(f, "no difference found (could have seen {seen:.0} %)")
            }
            Verdict::Higher | Verdict::Lower => {
                let Interval { estimate, low, high } = self.change;
                let [change, low, high] = [estimate, low, high].map(percent);
                write!(f, "{change:+.1} % [{low:+.1}, {high:+.1}], p = {:.4}", self.p)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, Normal};

    use super::{Difference, Verdict, difference, geometric_mean, paired};
    use crate::seeds::{Purpose, stream};
    use crate::statistics::Interval;

    fn compare(first: (f64, f64), second: (f64, f64)) -> Difference {
        let interval = |(estimate, factor): (f64, f64)| Interval {
            estimate,
            low: estimate / factor,
            high: estimate * factor,
        };
        difference(&interval(first), &interval(second)).unwrap()
    }

    #[test]
    fn a_change_is_told_with_its_interval() {
        let found = compare((10.0, 1.05), (11.2, 1.05));
        assert_eq!(found.verdict, Verdict::Higher);
        // ln 1.12 = 0.11333; the error is ln 1.05 / 1.95996 * sqrt 2 = 0.035206; z = 3.2191.
        assert!((found.p - 0.001_286).abs() < 2e-6, "{found:?}");
        assert_eq!(found.to_string(), "+12.0 % [+4.5, +20.0], p = 0.0013");
        assert_eq!(compare((11.2, 1.05), (10.0, 1.05)).verdict, Verdict::Lower);
    }

    #[test]
    fn what_may_be_chance_is_no_difference() {
        let found = compare((10.0, 1.05), (10.4, 1.05));
        assert_eq!(found.verdict, Verdict::Alike);
        assert!(found.p > 0.05 && found.change.holds(0.0), "{found:?}");
        // (1.95996 + 0.84162) * 0.035206 = 0.098633 on the logarithmic scale.
        assert_eq!(found.to_string(), "no difference found (could have seen 10 %)");
    }

    #[test]
    fn what_is_sure_but_small_is_no_difference_either() {
        let found = compare((10.0, 1.001), (10.2, 1.001));
        assert!(found.p < 1e-6 && found.verdict == Verdict::Alike, "{found:?}");
        assert_eq!(found.to_string(), "no difference found (could have seen 3 %)");
        assert_eq!(compare((10.0, 1.0), (11.0, 1.0)).verdict, Verdict::Higher, "without any error");
    }

    /// By hand: the logarithms of the ratios have the mean 0.145727 and the standard error 0.018948;
    /// t(0.975, 3) is 3.182446 by the tables, and 7.6911 is passed 0.4568 % of the time.
    #[test]
    fn pairs_are_compared_by_their_ratios() {
        let found = paired(&[(10.0, 11.0), (20.0, 24.0), (5.0, 5.75), (8.0, 9.44)]).unwrap();
        assert_eq!(found.verdict, Verdict::Higher);
        assert!((found.p - 0.004_568).abs() < 1e-5, "{found:?}");
        assert_eq!(found.to_string(), "+15.7 % [+8.9, +22.9], p = 0.0046");
        assert!((found.could_have_seen - 0.082_03).abs() < 1e-4, "{found:?}");
        assert_eq!(paired(&[(10.0, 11.0)]), None, "one pair says nothing of its spread");
        assert_eq!(paired(&[(10.0, 11.0), (0.0, 1.0)]), None);
        let mean = geometric_mean(&[8.0, 2.0]).unwrap();
        assert!((mean.estimate - 4.0).abs() < 1e-12 && mean.holds(8.0), "{mean}");
    }

    /// Both of a pair suffer from the hour alike, which differs by far more than they do.
    #[test]
    fn what_both_suffer_hides_no_difference_and_makes_none() {
        let mut rng = stream(5, Purpose::Arrivals, 0);
        let (hour, own) = (Normal::new(0.0, 0.5).unwrap(), Normal::new(0.0, 0.02).unwrap());
        let mut pairs = |change: f64| {
            let pair = |_| {
                let hour: f64 = hour.sample(&mut rng);
                let mut run = |of: f64| of * (hour + own.sample(&mut rng)).exp();
                (run(10.0), run(10.0 * change))
            };
            let pairs: Vec<_> = (0..8).map(pair).collect();
            paired(&pairs).unwrap().verdict
        };
        let alike = (0..100).filter(|_| pairs(1.0) == Verdict::Alike).count();
        assert!(alike >= 95, "{alike} of 100");
        let higher = (0..100).filter(|_| pairs(1.08) == Verdict::Higher).count();
        assert!(higher >= 95, "{higher} of 100");
    }

    #[test]
    fn what_is_not_above_zero_has_no_ratio() {
        let zero = Interval { estimate: 0.0, low: 0.0, high: 0.0 };
        let one = Interval { estimate: 1.0, low: 1.0, high: 1.0 };
        assert_eq!(difference(&zero, &one), None);
        assert_eq!(difference(&one, &zero), None);
    }
}
