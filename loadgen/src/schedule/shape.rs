//! How the rate of payments changes over a run.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::curve::Curve;
use super::rate::Rate;

/// How the rate goes, as it is asked for; how high and how long come apart from it.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Form {
    /// The same rate throughout.
    #[default]
    Constant,
    /// From one rate straight to another.
    Ramp(Rate),
    /// So many equally long steps, up or down, from one rate to another.
    Stairs(Rate, u32),
    /// The same rate, but for a tenth of the time in the middle, where it is this one.
    Spike(Rate),
    /// As through a day, which the whole run goes through once.
    Day(Curve),
}

/// Says that a text is no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a shape is constant, ramp:TO, stairs:TO/STEPS with 2 to 1000 steps, or spike:PEAK")]
pub struct FormError;

impl FromStr for Form {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, FormError> {
        let rate = |text: &str| text.parse::<Rate>().map_err(|_no_rate| FormError);
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        match name {
            "constant" if rest.is_empty() => Ok(Self::Constant),
            "ramp" => Ok(Self::Ramp(rate(rest)?)),
            "spike" => Ok(Self::Spike(rate(rest)?)),
            "stairs" => {
                let (to, steps) = rest.split_once('/').ok_or(FormError)?;
                let steps = steps.parse().ok().filter(|steps| (2..=1_000).contains(steps));
                Ok(Self::Stairs(rate(to)?, steps.ok_or(FormError)?))
            }
            _ => Err(FormError),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Ramp(to) => write!(f, "ramp:{to}"),
            Self::Stairs(to, steps) => write!(f, "stairs:{to}/{steps}"),
            Self::Spike(peak) => write!(f, "spike:{peak}"),
            Self::Day(_) => f.write_str("day"),
        }
    }
}

/// A stretch of time over which the rate goes straight from one value to another.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    /// In seconds.
    span: f64,
    /// In payments a second, not below 0.
    from: f64,
    to: f64,
}

/// The rate over the whole time of a run: straight lines, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    lines: Vec<Line>,
    span: Duration,
}

impl Shape {
    /// Lays a form out from `rate` over `span`. A day's curve has `rate` as its mean.
    #[must_use]
    pub fn new(form: &Form, rate: Rate, span: Duration) -> Self {
        let (rate, seconds) = (rate.payments(), span.as_secs_f64());
        let level = |share: f64, at: f64| Line { span: seconds * share, from: at, to: at };
        let lines = match form {
            Form::Constant => vec![level(1.0, rate)],
            Form::Ramp(to) => vec![Line { span: seconds, from: rate, to: to.payments() }],
            Form::Stairs(to, steps) => {
                let steps = (*steps).max(2);
                let rise = (to.payments() - rate) / f64::from(steps - 1);
                let step = |step| level(1.0 / f64::from(steps), rate + rise * f64::from(step));
                (0..steps).map(step).collect()
            }
            Form::Spike(peak) => {
                vec![level(0.45, rate), level(0.1, peak.payments()), level(0.45, rate)]
            }
            Form::Day(curve) => curve
                .lines()
                .map(|(share, from, to)| Line {
                    span: seconds * share,
                    from: rate * from,
                    to: rate * to,
                })
                .collect(),
        };
        Self { lines, span }
    }

    /// For how long payments are offered.
    #[must_use]
    pub const fn span(&self) -> Duration {
        self.span
    }

    /// How many payments are offered in all, on average.
    #[must_use]
    pub fn offered(&self) -> f64 {
        self.lines.iter().map(Line::offered).sum()
    }

    /// The rate at a moment of the run, in payments a second; 0 once it is over.
    #[must_use]
    pub fn rate_at(&self, moment: Duration) -> f64 {
        let mut left = moment.as_secs_f64();
        for line in &self.lines {
            if left < line.span {
                return line.from + (line.to - line.from) * left / line.span;
            }
            left -= line.span;
        }
        0.0
    }

    /// The moment until which `count` payments are offered on average; none beyond the end.
    pub(super) fn moment_of(&self, count: f64) -> Option<Duration> {
        let (mut left, mut before) = (count, 0.0);
        for line in &self.lines {
            if left < line.offered() {
                let moment = before + line.until(left);
                return Duration::try_from_secs_f64(moment).ok().filter(|at| *at < self.span);
            }
            left -= line.offered();
            before += line.span;
        }
        None
    }
}

impl Line {
    fn offered(&self) -> f64 {
        self.span * (self.from + self.to) / 2.0
    }

    /// How long it takes until `count` payments were offered, which is below all of the line's.
    ///
    /// The count rises as `from * t + slope * t² / 2`; of the two ways to write the root, this one
    /// loses no digits as the slope goes to 0.
    fn until(&self, count: f64) -> f64 {
        let slope = (self.to - self.from) / self.span;
        let root = (self.from * self.from + 2.0 * slope * count).max(0.0).sqrt();
        if root + self.from > 0.0 { 2.0 * count / (self.from + root) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Curve, Form, FormError, Rate, Shape};
    use std::time::Duration;

    const SPAN: Duration = Duration::from_secs(100);

    fn shape(form: &str, rate: f64) -> Shape {
        Shape::new(&form.parse().unwrap(), Rate::per_second(rate).unwrap(), SPAN)
    }

    fn check(shape: &Shape, offered: f64, rates: &[(u64, f64)]) {
        assert!((shape.offered() - offered).abs() < 1e-6, "{}", shape.offered());
        for (ms, expected) in rates {
            let found = shape.rate_at(Duration::from_millis(*ms));
            assert!((found - expected).abs() < 1e-9, "{found} at {ms} ms");
        }
    }

    #[test]
    fn every_form_goes_as_its_name_says() {
        check(&shape("constant", 50.0), 5_000.0, &[(0, 50.0), (99_999, 50.0), (100_000, 0.0)]);
        check(&shape("ramp:150", 50.0), 10_000.0, &[(0, 50.0), (50_000, 100.0), (75_000, 125.0)]);
        check(
            &shape("stairs:40/4", 10.0),
            2_500.0,
            &[(0, 10.0), (24_999, 10.0), (25_001, 20.0), (60_000, 30.0), (99_000, 40.0)],
        );
        check(
            &shape("spike:500", 50.0),
            4_500.0 + 5_000.0,
            &[(44_000, 50.0), (45_001, 500.0), (54_999, 500.0), (55_001, 50.0)],
        );
        let day: Curve = "0:00,1\n12:00,3\n".parse().unwrap();
        let day = Shape::new(&Form::Day(day), Rate::per_second(20.0).unwrap(), SPAN);
        check(&day, 2_000.0, &[(0, 10.0), (25_000, 20.0), (50_000, 30.0), (75_000, 20.0)]);
    }

    #[test]
    fn moments_and_counts_are_each_others_inverse() {
        for form in ["constant", "ramp:150", "ramp:1", "stairs:40/4", "spike:500"] {
            let shape = shape(form, 50.0);
            let mut counted = 0.0;
            for ms in 0..100_000_u64 {
                counted += shape.rate_at(Duration::from_micros(ms * 1_000 + 500)) / 1_000.0;
                let moment = shape.moment_of(counted.min(shape.offered() - 1e-6)).unwrap();
                let expected = Duration::from_millis(ms + 1);
                assert!(moment.abs_diff(expected) < Duration::from_millis(2), "{form} {ms}");
            }
            assert_eq!(shape.moment_of(shape.offered() + 1e-6), None, "{form}");
        }
    }

    #[test]
    fn only_forms_are_forms() {
        for text in
            ["", "flat", "constant:3", "ramp", "ramp:0", "stairs:40", "stairs:40/1", "spike:x"]
        {
            assert_eq!(text.parse::<Form>(), Err(FormError), "{text}");
        }
        for text in ["constant", "ramp:150", "stairs:40/4", "spike:500"] {
            assert_eq!(text.parse::<Form>().unwrap().to_string(), text);
        }
    }
}
