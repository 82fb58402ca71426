//! An estimate with the interval in which the truth is believed to lie.

use std::fmt;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// How often an interval is meant to hold the truth.
pub const CONFIDENCE: f64 = 0.95;

/// An estimate, and the bounds that hold the true value in [`CONFIDENCE`] of all runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate.
    pub estimate: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl Interval {
    /// Says whether a value lies between the bounds.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Puts estimate and bounds on another scale.
    #[must_use]
    pub fn map(self, scale: impl Fn(f64) -> f64) -> Self {
        Self { estimate: scale(self.estimate), low: scale(self.low), high: scale(self.high) }
    }

    /// Cuts the lower bound where it is below nothing, which no count is: what few values leave open
    /// is open upwards.
    #[must_use]
    pub const fn of_a_count(self) -> Self {
        Self { low: self.low.max(0.0), ..self }
    }

    /// Half of the distance between the bounds, as a share of the estimate.
    #[must_use]
    pub fn relative_half_width(&self) -> f64 {
        (self.high - self.low) / 2.0 / self.estimate
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { estimate, low, high } = self;
        let digits = f.precision().unwrap_or(2);
        write!(f, "{estimate:.digits$} [{low:.digits$}, {high:.digits$}]")
    }
}

/// The interval around the mean of independent samples, by Student's t; none for fewer than two.
pub(super) fn around_mean(samples: &[f64]) -> Option<Interval> {
    let count = count(samples.len());
    let mean = samples.iter().sum::<f64>() / count;
    let squares = samples.iter().map(|sample| (sample - mean).powi(2)).sum::<f64>();
    let freedom = count - 1.0;
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf((1.0 + CONFIDENCE) / 2.0);
    let margin = t * (squares / freedom / count).sqrt();
    Some(Interval { estimate: mean, low: mean - margin, high: mean + margin })
}

/// A count as a fraction.
#[expect(clippy::as_conversions, reason = "a count below 2^53 is exact as a fraction")]
pub(super) const fn count(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::{Interval, around_mean};

    /// By hand: the variance is 1.895 / 5, t(0.975, 5) is 2.570582 by the tables.
    #[test]
    fn the_interval_around_a_mean_is_students() {
        let interval = around_mean(&[4.1, 5.3, 4.8, 5.9, 5.0, 4.6]).unwrap();
        assert!((interval.estimate - 4.95).abs() < 1e-9, "{interval}");
        assert!((interval.low - 4.303_934).abs() < 1e-4, "{interval:.6}");
        assert!((interval.high - 5.596_066).abs() < 1e-4, "{interval:.6}");
        assert_eq!(around_mean(&[1.0]), None, "one sample says nothing of its spread");
        assert_eq!(around_mean(&[]), None);
    }

    #[test]
    fn an_interval_tells_what_it_holds_and_how_wide_it_is() {
        let interval = Interval { estimate: 10.0, low: 9.0, high: 13.0 };
        assert!(interval.holds(9.0) && interval.holds(13.0) && !interval.holds(13.1));
        assert!((interval.relative_half_width() - 0.2).abs() < 1e-12);
        assert_eq!(interval.to_string(), "10.00 [9.00, 13.00]");
        assert_eq!(format!("{interval:.0}"), "10 [9, 13]");
    }
}
