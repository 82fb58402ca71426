//! The moments at which payments are meant to begin.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

use super::shape::Shape;
use crate::seeds::{Purpose, stream};

/// How arrivals lie between each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Spacing {
    /// As customers come who know nothing of each other: a Poisson process.
    #[default]
    Poisson,
    /// Equally far apart, as far as the rate stays.
    Uniform,
    /// At these moments, which were written down elsewhere; the shape's rate says nothing then.
    Trace(Arc<[Duration]>),
}

/// Why a text is no trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpacingError {
    /// A line is no moment.
    #[error("line {0} of the trace is no number of seconds, such as 12.25")]
    Line(usize),
    /// The moments do not rise.
    #[error("line {0} of the trace is before the one before")]
    Order(usize),
}

impl fmt::Display for Spacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Poisson => "poisson",
            Self::Uniform => "uniform",
            Self::Trace(_) => "trace",
        })
    }
}

impl Spacing {
    /// Reads a trace: a line for each arrival, in seconds from the start; empty lines and those
    /// that begin with `#` say nothing.
    ///
    /// # Errors
    /// [`SpacingError`] names the first line that is wrong.
    pub fn trace(text: &str) -> Result<Self, SpacingError> {
        let mut moments: Vec<Duration> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let (number, line) = (number.saturating_add(1), line.trim());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let seconds = f64::from_str(line).ok();
            let moment = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let moment = moment.ok_or(SpacingError::Line(number))?;
            if moments.last().is_some_and(|before| *before > moment) {
                return Err(SpacingError::Order(number));
            }
            moments.push(moment);
        }
        Ok(Self::Trace(moments.into()))
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
    spacing: Spacing,
    shape: Shape,
    /// How many payments are offered on average until the last arrival.
    offered: f64,
    /// By what the shape's rate is multiplied.
    times: f64,
    number: u64,
}

impl Arrivals {
    /// Draws the arrivals of a run.
    #[must_use]
    pub fn new(spacing: Spacing, shape: Shape, seed: u64) -> Self {
        let rng = stream(seed, Purpose::Arrivals, 0);
        Self { rng, spacing, shape, offered: 0.0, times: 1.0, number: 0 }
    }

    /// Multiplies the rate of the shape from now on; a trace keeps its moments.
    pub fn turn_to(&mut self, times: f64) {
        self.times = times;
    }

    fn moment(&mut self) -> Option<Duration> {
        // However the rate changes: in the measure of what is offered, gaps are those of rate 1.
        let gap = match &self.spacing {
            Spacing::Poisson => Distribution::<f64>::sample(&Exp1, &mut self.rng),
            Spacing::Uniform => 1.0,
            Spacing::Trace(moments) => {
                let moment = usize::try_from(self.number).ok().and_then(|n| moments.get(n));
                return moment.copied().filter(|at| *at < self.shape.span());
            }
        };
        self.offered += gap / self.times;
        self.shape.moment_of(self.offered)
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let arrival = Arrival { at: self.moment()?, number: self.number };
        self.number = self.number.saturating_add(1);
        Some(arrival)
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrival, Arrivals, Shape, Spacing, SpacingError};
    use crate::schedule::{Form, Rate};
    use std::time::Duration;

    fn arrivals(spacing: Spacing, form: &str, rate: f64, seconds: u64, seed: u64) -> Vec<Arrival> {
        let rate = Rate::per_second(rate).unwrap();
        let form: Form = form.parse().unwrap();
        let shape = Shape::new(&form, rate, Duration::from_secs(seconds));
        Arrivals::new(spacing, shape, seed).collect()
    }

    fn poisson(rate: f64, seconds: u64, seed: u64) -> Vec<Arrival> {
        arrivals(Spacing::Poisson, "constant", rate, seconds, seed)
    }

    fn count(things: usize) -> f64 {
        f64::from(u32::try_from(things).unwrap())
    }

    #[test]
    fn one_seed_is_one_timeline() {
        assert_eq!(poisson(100.0, 3, 1), poisson(100.0, 3, 1));
        assert_ne!(poisson(100.0, 3, 1), poisson(100.0, 3, 2));
        let (short, long) = (poisson(100.0, 1, 1), poisson(100.0, 2, 1));
        assert_eq!(long[..short.len()], short, "a longer run begins like a shorter one");
    }

    #[test]
    fn arrivals_rise_within_the_span_and_are_numbered() {
        for form in ["constant", "ramp:5", "stairs:900/5", "spike:2000"] {
            let all = arrivals(Spacing::Poisson, form, 500.0, 4, 9);
            assert!(all.is_sorted_by_key(|arrival| arrival.at));
            assert!(all.iter().all(|arrival| arrival.at < Duration::from_secs(4)));
            assert!(all.iter().zip(0..).all(|(arrival, number)| arrival.number == number));
        }
    }

    /// Counts and gaps of a Poisson process have known means and spreads; six standard deviations.
    #[test]
    fn arrivals_are_poisson() {
        let all = poisson(1_000.0, 20, 3);
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
    fn arrivals_follow_the_shape() {
        let all = arrivals(Spacing::Poisson, "ramp:1900", 100.0, 20, 5);
        for second in 0..20 {
            let within = |arrival: &&Arrival| arrival.at.as_secs() == second;
            let (found, expected) = (count(all.iter().filter(within).count()), 90.0);
            let expected = 100.0 + expected / 2.0 + expected * count(second.try_into().unwrap());
            assert!((found - expected).abs() < 6.0 * expected.sqrt(), "{found} in {second}");
        }
    }

    #[test]
    fn uniform_arrivals_are_equally_far_apart() {
        let all = arrivals(Spacing::Uniform, "constant", 100.0, 2, 1);
        let expected = (1..200).map(|n| Duration::from_millis(n * 10));
        assert_eq!(all.len(), 199);
        for (arrival, expected) in all.iter().zip(expected) {
            assert!(arrival.at.abs_diff(expected) < Duration::from_micros(1), "{arrival:?}");
        }
    }

    #[test]
    fn a_trace_is_kept_to() {
        let trace = Spacing::trace("# written by hand\n0\n0.5\n0.5\n\n3.25\n").unwrap();
        let all = arrivals(trace, "constant", 1.0, 3, 1);
        let moments: Vec<_> = all.iter().map(|arrival| arrival.at.as_millis()).collect();
        assert_eq!(moments, [0, 500, 500], "what lies behind the span is left out");
        assert_eq!(Spacing::trace("1\nx"), Err(SpacingError::Line(2)));
        assert_eq!(Spacing::trace("-1"), Err(SpacingError::Line(1)));
        assert_eq!(Spacing::trace("2\n\n1"), Err(SpacingError::Order(3)));
    }
}
