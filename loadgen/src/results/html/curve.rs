//! What a gateway does at each rate that was tried: for long the same, then ever worse.

use std::fmt;

use super::frame::{Decades, Frame, round_marks};
use crate::maximum::{Capacity, Found, Trial};
use crate::search::Mark;

/// The runs of a search or a sweep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Curve<'a>(pub(super) &'a Capacity);

/// A number of a run.
type Number = fn(&Trial) -> f64;

impl Curve<'_> {
    /// Draws what payments took.
    pub(super) fn times(self, f: &mut fmt::Formatter<'_>, frame: &Frame) -> fmt::Result {
        let us = |of: Number| self.0.trials.iter().map(move |trial| of(trial) * 1_000.0);
        let least = us(|trial| trial.p50_ms).fold(f64::INFINITY, f64::min);
        let decades = Decades::holding(least, us(|trial| trial.p99_ms).fold(0.0, f64::max));
        let place = |ms: f64| decades.place(ms * 1_000.0);
        self.found(f, frame)?;
        self.line(f, frame, "p50", |trial| place(trial.p50_ms))?;
        self.line(f, frame, "p99", |trial| place(trial.p99_ms))?;
        self.axes(f, frame, "time", &decades.marks())
    }

    /// Draws how many payments ended beside how many were offered.
    pub(super) fn ended(self, f: &mut fmt::Formatter<'_>, frame: &Frame) -> fmt::Result {
        let highest = self.highest();
        frame.line(f, "offered", [(0.0, 0.0), (1.0, 1.0)])?;
        self.found(f, frame)?;
        self.line(f, frame, "ended", |trial| trial.throughput_per_s / highest)?;
        self.axes(f, frame, "ended a second", &round_marks(highest, 5.0))
    }

    /// Draws a point for each run, and a line through the middle one of those at each rate.
    fn line(
        self,
        f: &mut fmt::Formatter<'_>,
        frame: &Frame,
        class: &str,
        place: impl Fn(&Trial) -> f64,
    ) -> fmt::Result {
        let highest = self.highest();
        let mut runs: Vec<_> = self.0.trials.iter().collect();
        runs.sort_by(|one, other| one.rate_per_s.total_cmp(&other.rate_per_s));
        let middles = runs.chunk_by(|one, other| one.rate_per_s == other.rate_per_s);
        let middles = middles.filter_map(|alike| {
            let mut places: Vec<_> = alike.iter().map(|trial| place(trial)).collect();
            places.sort_by(f64::total_cmp);
            let middle = places.get(places.len() / 2)?;
            Some((alike.first()?.rate_per_s / highest, *middle))
        });
        frame.line(f, class, middles)?;
        for trial in runs {
            let (x, y) = (frame.x(trial.rate_per_s / highest), frame.y(place(trial)));
            let kept = match trial.mark {
                Mark::Good => "kept",
                Mark::Bad => "missed",
            };
            write!(f, "<circle class=\"{class} {kept}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>")?;
        }
        writeln!(f)
    }

    /// Draws the rates between which the capacity was found.
    fn found(self, f: &mut fmt::Formatter<'_>, frame: &Frame) -> fmt::Result {
        let rates = match self.0.found {
            Some(Found::Between(low, high)) => [Some(low), Some(high)],
            Some(Found::AtLeast(low) | Found::GeneratorLimited(low)) => [Some(low), None],
            Some(Found::Nothing) | None => [None, None],
        };
        let (top, bottom) = (frame.y(1.0), frame.y(0.0));
        for rate in rates.into_iter().flatten() {
            let x = frame.x(rate / self.highest());
            write!(f, "<path class=\"found\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>")?;
        }
        writeln!(f)
    }

    fn axes(
        self,
        f: &mut fmt::Formatter<'_>,
        frame: &Frame,
        beside: &str,
        marks: &[super::frame::Mark],
    ) -> fmt::Result {
        let rates = round_marks(self.highest(), frame.marks);
        frame.axes(f, ("offered a second", &rates), (beside, marks))
    }

    /// The end of the axis of rates.
    fn highest(self) -> f64 {
        self.0.trials.iter().map(|trial| trial.rate_per_s).fold(0.0, f64::max) * 1.05
    }
}
