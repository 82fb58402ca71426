//! Times, counted in a histogram.

use std::time::Duration;

use hdrhistogram::{AdditionError, Histogram};

/// Times by their quantiles, to a part in a thousand.
#[derive(Debug, Clone)]
pub struct Times(Histogram<u64>);

/// The longest time that is told apart from longer ones.
const LONGEST_US: u64 = 600_000_000;

impl Default for Times {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds and the precision are constants")]
        Self(Histogram::new_with_bounds(1, LONGEST_US, 3).expect("bounds of a histogram"))
    }
}

/// Quantiles of times.
///
/// # Units
/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Quantiles {
    /// Half of the times are at most this.
    pub p50: f64,
    /// Nine of ten are.
    pub p90: f64,
    /// 99 of a hundred are.
    pub p99: f64,
    /// 999 of a thousand are.
    pub p999: f64,
    /// All are.
    pub max: f64,
}

impl Times {
    /// Takes a time.
    pub fn add(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Takes in the times of another.
    pub fn join(&mut self, other: &Self) {
        #[expect(clippy::expect_used, reason = "all are made with the same bounds")]
        self.0.add(&other.0).expect("the bounds are the same");
    }

    /// Takes in times that were counted elsewhere.
    ///
    /// # Errors
    /// [`AdditionError`] if a time lies beyond the bounds.
    pub(crate) fn take_all(&mut self, times: &Histogram<u64>) -> Result<(), AdditionError> {
        self.0.add(times)
    }

    /// Counts the times.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Lends the histogram, which counts microseconds.
    #[must_use]
    pub const fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    /// Computes the quantiles; zeros if there is no time.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        let at = |quantile| milliseconds(self.0.value_at_quantile(quantile).min(self.0.max()));
        Quantiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: milliseconds(self.0.max()),
        }
    }
}

/// Microseconds as milliseconds.
pub(crate) fn milliseconds(microseconds: u64) -> f64 {
    // Times are bounded far below the hour that 32 bits hold; one division keeps the digits short.
    f64::from(u32::try_from(microseconds).unwrap_or(u32::MAX)) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::Times;
    use std::time::Duration;

    #[test]
    fn quantiles_are_exact_to_a_part_in_a_thousand() {
        let mut times = Times::default();
        assert_eq!(times.quantiles().max, 0.0);
        for ms in 1..=1_000 {
            times.add(Duration::from_millis(ms));
        }
        let quantiles = times.quantiles();
        for (found, expected) in [
            (quantiles.p50, 500.0),
            (quantiles.p90, 900.0),
            (quantiles.p99, 990.0),
            (quantiles.p999, 999.0),
            (quantiles.max, 1_000.0),
        ] {
            assert!((found / expected - 1.0_f64).abs() < 0.002, "{found} for {expected}");
        }
        assert_eq!(times.count(), 1_000);
    }
}
