//! Whether a number of one run differs from that of another.

use std::fmt;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::interval::{CONFIDENCE, Interval};

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
    let within = normal.inverse_cdf((1.0 + CONFIDENCE) / 2.0);
    let error = |of: &Interval| (of.high.ln() - of.low.ln()) / 2.0 / within;
    if !(first.low > 0.0 && second.low > 0.0) {
        return None;
    }
    let error = error(first).hypot(error(second));
    let change = (second.estimate / first.estimate).ln();
    let share = |log: f64| log.exp_m1();
    let p = if error > 0.0 { 2.0 * normal.cdf(-(change / error).abs()) } else { 0.0 };
    let matters = share(change).abs() >= LEAST_EFFECT && p < 1.0 - CONFIDENCE;
    Some(Difference {
        change: Interval {
            estimate: share(change),
            low: share(change - within * error),
            high: share(change + within * error),
        },
        p,
        could_have_seen: share((within + normal.inverse_cdf(POWER)) * error).max(LEAST_EFFECT),
        verdict: match matters {
            false => Verdict::Alike,
            true if change > 0.0 => Verdict::Higher,
            true => Verdict::Lower,
        },
    })
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
    use super::{Difference, Verdict, difference};
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

    #[test]
    fn what_is_not_above_zero_has_no_ratio() {
        let zero = Interval { estimate: 0.0, low: 0.0, high: 0.0 };
        let one = Interval { estimate: 1.0, low: 1.0, high: 1.0 };
        assert_eq!(difference(&zero, &one), None);
        assert_eq!(difference(&one, &zero), None);
    }
}
