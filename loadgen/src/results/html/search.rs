//! The page of a search for the capacity, or of a sweep.

use std::fmt;

use super::curve::Curve;
use super::{Escaped, figure, numbers, page, verdict};
use crate::maximum::{Capacity, Found};
use crate::results::CapacityResult;

/// What a gateway was found to carry, as a page for browsers.
#[derive(Debug)]
pub(in crate::results) struct CapacityDocument<'a>(pub(in crate::results) &'a CapacityResult);

impl fmt::Display for CapacityDocument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        page(f, &self.0.origin.heading, |f| self.body(f))
    }
}

impl CapacityDocument<'_> {
    fn body(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CapacityResult { capacity, origin } = self.0;
        let Capacity { goals, found, trials, .. } = capacity;
        if let Some(found) = found {
            let class = match found {
                Found::Between(..) | Found::AtLeast(_) => "passed",
                Found::GeneratorLimited(_) => "warned",
                Found::Nothing => "failed",
            };
            verdict(f, class, &format!("Capacity with {}: {found}", Escaped(goals)))?;
        }
        if !trials.is_empty() {
            Self::plots(f, Curve(capacity))?;
        }
        numbers::trials(f, trials)?;
        numbers::origin(f, origin)
    }

    fn plots(f: &mut fmt::Formatter<'_>, curve: Curve<'_>) -> fmt::Result {
        let missed = ("missed", "a goal was missed");
        figure(
            f,
            ("What payments took at each rate", &[("p50", "p50"), ("p99", "p99"), missed]),
            "A point for each run, a line through the middle ones. Upright lines stand where the \
             capacity was found.",
            |f, frame| curve.times(f, frame),
        )?;
        figure(
            f,
            (
                "What ended beside what was offered",
                &[("ended", "ended in time"), ("offered", "offered"), missed],
            ),
            "A gateway that falls behind leaves the line of what was offered.",
            |f, frame| curve.ended(f, frame),
        )
    }
}
