//! A day's curve: how much is bought at which time of day.

use std::str::FromStr;

/// Minutes in a day.
const DAY: u32 = 1_440;

/// How busy each time of day is, beside the day's mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Minutes since midnight, rising, and the weight there; straight in between, and from the last
    /// back to the first through midnight.
    points: Vec<(u32, f64)>,
    mean: f64,
}

/// Why a text is no day's curve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CurveError {
    /// A line does not say when and how much.
    #[error("line {0} of the curve is not HH:MM,WEIGHT")]
    Line(usize),
    /// The times do not rise.
    #[error("line {0} of the curve is not later than the one before")]
    Order(usize),
    /// There is too little to draw.
    #[error("a curve needs at least two lines, and a weight above 0 in one of them")]
    Empty,
}

impl Curve {
    /// Goes through a day from midnight to midnight: how long each straight line is as a share of
    /// the day, and the weights at its ends, of which the day's mean is 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let midnight = |minute| (minute, self.weight_at_midnight());
        let before = self.points.iter().copied();
        let points: Vec<_> =
            std::iter::once(midnight(0)).chain(before).chain([midnight(DAY)]).collect();
        let mean = self.mean;
        let pairs = points.clone().into_iter().zip(points.into_iter().skip(1));
        pairs.filter(|((from, _), (to, _))| from < to).map(move |((from, low), (to, high))| {
            (f64::from(to - from) / f64::from(DAY), low / mean, high / mean)
        })
    }

    /// The weight on the line from the last point through midnight to the first.
    fn weight_at_midnight(&self) -> f64 {
        let (Some((first, low)), Some((last, high))) = (self.points.first(), self.points.last())
        else {
            return 0.0;
        };
        let gap = DAY.saturating_sub(*last).saturating_add(*first);
        let share = f64::from(DAY.saturating_sub(*last)) / f64::from(gap.max(1));
        high + (low - high) * share
    }
}

impl FromStr for Curve {
    type Err = CurveError;

    /// Reads lines of `HH:MM,WEIGHT`; empty ones and those that begin with `#` say nothing.
    fn from_str(text: &str) -> Result<Self, CurveError> {
        let mut points: Vec<(u32, f64)> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let (number, line) = (number.saturating_add(1), line.trim());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let point = point(line).ok_or(CurveError::Line(number))?;
            if points.last().is_some_and(|(before, _)| *before >= point.0) {
                return Err(CurveError::Order(number));
            }
            points.push(point);
        }
        let mut curve = Self { points, mean: 1.0 };
        curve.mean = curve.lines().map(|(share, from, to)| share * (from + to) / 2.0).sum();
        if curve.points.len() < 2 || curve.mean <= 0.0 {
            return Err(CurveError::Empty);
        }
        Ok(curve)
    }
}

fn point(line: &str) -> Option<(u32, f64)> {
    let (time, weight) = line.split_once(',')?;
    let (hour, minute) = time.trim().split_once(':')?;
    let hour: u32 = hour.parse().ok().filter(|hour| *hour < 24)?;
    let minute: u32 = minute.parse().ok().filter(|minute| *minute < 60)?;
    let weight: f64 = weight.trim().parse().ok()?;
    let within = (0.0..=1_000_000.0).contains(&weight);
    within.then(|| (hour.saturating_mul(60).saturating_add(minute), weight))
}

#[cfg(test)]
mod tests {
    use super::{Curve, CurveError};

    #[test]
    fn a_day_begins_and_ends_on_the_line_through_midnight() {
        let curve: Curve = "# a kiosk\n06:00, 0\n\n12:00, 4\n18:00, 2".parse().unwrap();
        let lines: Vec<_> = curve.lines().collect();
        let mean = (0.5 * 0.25 + 2.0 * 0.25 + 3.0 * 0.25 + 1.5 * 0.25) / 1.0;
        let expected = [(0.25, 1.0, 0.0), (0.25, 0.0, 4.0), (0.25, 4.0, 2.0), (0.25, 2.0, 1.0)]
            .map(|(share, from, to)| (share, from / mean, to / mean));
        assert_eq!(lines.len(), 4);
        for (found, expected) in lines.iter().zip(expected) {
            assert!((found.0 - expected.0).abs() < 1e-12, "{found:?} {expected:?}");
            assert!((found.1 - expected.1).abs() < 1e-12, "{found:?} {expected:?}");
            assert!((found.2 - expected.2).abs() < 1e-12, "{found:?} {expected:?}");
        }
        let area: f64 = lines.iter().map(|(share, from, to)| share * (from + to) / 2.0).sum();
        assert!((area - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_curve_is_named_by_its_line() {
        let check = |text: &str, error| assert_eq!(text.parse::<Curve>(), Err(error), "{text}");
        check("", CurveError::Empty);
        check("8:00,1", CurveError::Empty);
        check("8:00,0\n9:00,0", CurveError::Empty);
        check("8:00,1\n8:00,2", CurveError::Order(2));
        check("\n24:00,1", CurveError::Line(2));
        for wrong in ["8:60,1", "8,1", "8:00", "8:00,-1", "8:00,nan", "8:00,many"] {
            check(wrong, CurveError::Line(1));
        }
    }
}
