//! When payments are begun: an open loop, fixed before the run.
//!
//! Arrivals are a Poisson process on one absolute timeline. It never waits for answers, so a
//! gateway that falls behind is seen to fall behind: every latency counts from the intended time.
//! What cannot be begun in time is skipped and counted, never made up for in a burst.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp};

use crate::seeds::{Purpose, stream};

/// How many payments are offered a second, on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(Exp<f64>, f64);

/// Says that a number is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a number of payments a second, above 0 and at most 1000000")]
pub struct RateError;

impl Rate {
    /// Takes a number of payments a second.
    ///
    /// # Errors
    /// [`RateError`] unless it is above 0 and at most a million.
    pub fn per_second(rate: f64) -> Result<Self, RateError> {
        if !(rate > 0.0 && rate <= 1_000_000.0) {
            return Err(RateError);
        }
        Exp::new(rate).map(|gaps| Self(gaps, rate)).map_err(|_negative| RateError)
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        text.parse().map_err(|_no_number| RateError).and_then(Self::per_second)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.fmt(f)
    }
}

/// The moment at which a payment is meant to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Counts the arrivals from 0; all else about the payment is drawn by it.
    pub number: u64,
    /// When, from the start of the run.
    pub at: Duration,
}

/// All arrivals of a run, in order.
#[derive(Debug, Clone)]
pub struct Arrivals {
    rng: ChaCha8Rng,
    rate: Rate,
    next: Arrival,
    end: Duration,
}

impl Arrivals {
    /// Draws the arrivals of the first `span` of a run.
    #[must_use]
    pub fn new(rate: Rate, span: Duration, seed: u64) -> Self {
        let rng = stream(seed, Purpose::Arrivals, 0);
        Self { rng, rate, next: Arrival { number: 0, at: Duration::ZERO }, end: span }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let gap = Duration::try_from_secs_f64(self.rate.0.sample(&mut self.rng)).ok()?;
        let at = self.next.at.checked_add(gap).filter(|at| *at < self.end)?;
        let arrival = Arrival { number: self.next.number, at };
        self.next = Arrival { number: arrival.number.saturating_add(1), at };
        Some(arrival)
    }
}

/// What keeps the load generator honest when it, or the gateway, cannot keep up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// An arrival that could not be begun this long after its time is skipped.
    pub late: Duration,
    /// The most payments under way; an arrival beyond it is skipped.
    pub in_flight: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { late: Duration::from_millis(250), in_flight: 20_000 }
    }
}

/// Why an arrival was not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skip {
    /// Its time was over: the load generator itself was too slow.
    Late,
    /// Too many payments were under way.
    TooManyOpen,
    /// Every customer was standing at a till already.
    NobodyFree,
}

impl Skip {
    /// Names the cause in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Late => "skipped_late",
            Self::TooManyOpen => "skipped_too_many_open",
            Self::NobodyFree => "skipped_nobody_free",
        }
    }
}

impl Bounds {
    /// Decides at `now` whether an arrival may still be begun.
    ///
    /// # Errors
    /// [`Skip`] says why it may not.
    pub fn judge(&self, arrival: Arrival, now: Duration, open: usize) -> Result<(), Skip> {
        if now.saturating_sub(arrival.at) > self.late {
            Err(Skip::Late)
        } else if open >= self.in_flight {
            Err(Skip::TooManyOpen)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrival, Arrivals, Bounds, Rate, RateError, Skip};
    use std::time::Duration;

    fn arrivals(rate: f64, seconds: u64, seed: u64) -> Vec<Arrival> {
        let rate = Rate::per_second(rate).unwrap();
        Arrivals::new(rate, Duration::from_secs(seconds), seed).collect()
    }

    #[test]
    fn one_seed_is_one_timeline() {
        assert_eq!(arrivals(100.0, 3, 1), arrivals(100.0, 3, 1));
        assert_ne!(arrivals(100.0, 3, 1), arrivals(100.0, 3, 2));
        let (short, long) = (arrivals(100.0, 1, 1), arrivals(100.0, 2, 1));
        assert_eq!(long[..short.len()], short, "a longer run begins like a shorter one");
    }

    #[test]
    fn arrivals_rise_within_the_span_and_are_numbered() {
        let all = arrivals(500.0, 4, 9);
        assert!(all.is_sorted_by_key(|arrival| arrival.at));
        assert!(all.iter().all(|arrival| arrival.at < Duration::from_secs(4)));
        assert!(all.iter().zip(0..).all(|(arrival, number)| arrival.number == number));
    }

    /// Counts and gaps of a Poisson process have known means and spreads; six standard deviations.
    #[test]
    fn arrivals_are_poisson() {
        let all = arrivals(1_000.0, 20, 3);
        let count = |things: usize| f64::from(u32::try_from(things).unwrap());
        let deviation = (count(all.len()) - 20_000.0).abs();
        assert!(deviation < 6.0 * 20_000.0_f64.sqrt(), "{}", all.len());
        let gaps: Vec<f64> =
            all.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / count(gaps.len());
        let squares = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>();
        let spread = (squares / count(gaps.len())).sqrt() / mean;
        assert!((spread - 1.0).abs() < 0.05, "an exponential's deviation is its mean: {spread}");
        let short = gaps.iter().filter(|gap| **gap < mean * 2.0_f64.ln()).count();
        let half = count(short) / count(gaps.len());
        assert!((half - 0.5).abs() < 0.03, "half of the gaps are below the median: {half}");
    }

    #[test]
    fn what_is_too_late_or_too_much_is_skipped() {
        let bounds = Bounds { late: Duration::from_millis(10), in_flight: 3 };
        let arrival = Arrival { number: 0, at: Duration::from_millis(100) };
        let check = |now_ms, open| bounds.judge(arrival, Duration::from_millis(now_ms), open);
        assert_eq!(check(100, 0), Ok(()));
        assert_eq!(check(99, 2), Ok(()), "a timer that fires early is not late");
        assert_eq!(check(110, 2), Ok(()));
        assert_eq!(check(111, 2), Err(Skip::Late));
        assert_eq!(check(100, 3), Err(Skip::TooManyOpen));
        assert_eq!(check(111, 3), Err(Skip::Late));
    }

    #[test]
    fn only_rates_are_rates() {
        for text in ["0", "-1", "nan", "inf", "1000001", "many", ""] {
            assert_eq!(text.parse::<Rate>(), Err(RateError), "{text}");
        }
        assert_eq!("0.5".parse::<Rate>().unwrap().to_string(), "0.5");
        assert_eq!("200".parse::<Rate>().unwrap().to_string(), "200");
    }
}
