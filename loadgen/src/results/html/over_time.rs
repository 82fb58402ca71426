//! Plots whose breadth is the time of the run.

use std::fmt;

use super::frame::{Decades, Frame, Mark, round_marks};
use crate::measure::Second;
use crate::statistics::Blocks;
use crate::tally::{Outcome, share};

/// The seconds of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct OverTime<'a>(pub(super) &'a [Second]);

/// Some seconds of a run, which are drawn as one column.
struct Column<'a> {
    /// Where it begins and ends on the breadth.
    from: f64,
    to: f64,
    seconds: &'a [Second],
}

impl<'a> OverTime<'a> {
    /// Divides the run into no more columns than a frame can show.
    fn columns(self, frame: &Frame) -> Vec<Column<'a>> {
        let together = self.0.len().div_ceil(frame.columns).max(1);
        let mut before = 0_usize;
        let chunks = self.0.chunks(together);
        chunks
            .map(|seconds| {
                let from = self.place(before);
                before = before.saturating_add(seconds.len());
                Column { from, to: self.place(before), seconds }
            })
            .collect()
    }

    /// Where so many seconds lie on the breadth.
    fn place(self, seconds: usize) -> f64 {
        share(wide(seconds), wide(self.0.len()))
    }

    fn breadth(self, frame: &Frame) -> Vec<Mark> {
        round_marks(1.0 / share(1, wide(self.0.len())), frame.marks)
    }

    /// Draws how many payments were meant to begin a second, by what became of them.
    pub(super) fn rates(self, f: &mut fmt::Formatter<'_>, frame: &Frame) -> fmt::Result {
        let columns = self.columns(frame);
        let highest = columns.iter().map(|column| column.a_second(Second::offered));
        let highest = highest.fold(0.0, f64::max) * 1.05;
        let marks = round_marks(highest, 5.0);
        for column in &columns {
            column.stack(f, frame, highest)?;
        }
        frame.axes(f, ("seconds", &self.breadth(frame)), ("payments a second", &marks))
    }

    /// Draws how often each time was taken, and the percentiles that people look for.
    pub(super) fn heat(self, f: &mut fmt::Formatter<'_>, frame: &Frame) -> fmt::Result {
        let responses = self.0.iter().map(|second| second.response().histogram());
        let answered = responses.filter(|histogram| !histogram.is_empty());
        let (least, most) = answered.fold((u64::MAX, 0), |(least, most), histogram| {
            (least.min(histogram.min()), most.max(histogram.max()))
        });
        let decades = Decades::holding(fraction(least), fraction(most));
        let columns = self.columns(frame);
        let counts: Vec<_> =
            columns.iter().map(|column| column.by_row(decades, frame.rows)).collect();
        let most = counts.iter().flatten().copied().max().unwrap_or_default();
        for (column, counts) in columns.iter().zip(&counts) {
            column.cells(f, frame, (counts, most))?;
        }
        for (class, quantile) in [("p50", 0.5), ("p99", 0.99)] {
            let points = columns.iter().filter_map(|column| {
                let time_us = column.quantile(quantile)?;
                Some((f64::midpoint(column.from, column.to), decades.place(time_us)))
            });
            frame.line(f, class, points)?;
        }
        frame.axes(f, ("seconds", &self.breadth(frame)), ("response", &decades.marks()))
    }
}

impl Column<'_> {
    /// How many of something there were a second.
    fn a_second(&self, count: impl Fn(&Second) -> u64) -> f64 {
        share(self.seconds.iter().map(count).sum(), wide(self.seconds.len()))
    }

    /// Draws the outcomes on top of each other.
    fn stack(&self, f: &mut fmt::Formatter<'_>, frame: &Frame, highest: f64) -> fmt::Result {
        let (from, to) = (frame.x(self.from), frame.x(self.to));
        let mut below = 0.0;
        for outcome in Outcome::ALL {
            let rate = self.a_second(|second| second.of(outcome));
            if rate > 0.0 {
                let (top, bottom) = (frame.y((below + rate) / highest), frame.y(below / highest));
                let paint = format!("class=\"{}\"", outcome.name());
                rectangle(f, &paint, (from, top), (to - from, bottom - top))?;
                below += rate;
            }
        }
        writeln!(f)
    }

    /// Counts the answers by the row in which their times lie.
    fn by_row(&self, decades: Decades, rows: usize) -> Vec<u64> {
        let ends = (1..=rows).map(|row| decades.time_at(share(wide(row), wide(rows))));
        let ends: Vec<f64> = ends.collect();
        let mut counts = vec![0_u64; rows];
        for second in self.seconds {
            for bar in second.response().histogram().iter_recorded() {
                let time_us = fraction(bar.value_iterated_to());
                let row = ends.partition_point(|end| *end < time_us);
                // The longest time may lie a hair above the last row.
                if let Some(count) = counts.get_mut(row.min(rows.saturating_sub(1))) {
                    *count = count.saturating_add(bar.count_since_last_iteration());
                }
            }
        }
        counts
    }

    /// Draws the counts of its rows, the denser the more there are.
    fn cells(
        &self,
        f: &mut fmt::Formatter<'_>,
        frame: &Frame,
        (counts, most): (&[u64], u64),
    ) -> fmt::Result {
        let (from, to) = (frame.x(self.from), frame.x(self.to));
        let rows = wide(counts.len());
        for (row, count) in (0_u64..).zip(counts).filter(|(_, count)| **count > 0) {
            let top = frame.y(share(row.saturating_add(1), rows));
            let bottom = frame.y(share(row, rows));
            // A single slow answer is to be seen beside thousands of quick ones.
            let density = 0.15 + 0.85 * (fraction(*count).ln() / fraction(most.max(2)).ln());
            let paint = format!("class=\"heat\" fill-opacity=\"{density:.2}\"");
            rectangle(f, &paint, (from, top), (to - from, bottom - top))?;
        }
        writeln!(f)
    }

    /// A quantile of its response times in microseconds; none if there is no time.
    fn quantile(&self, quantile: f64) -> Option<f64> {
        let whole = Blocks::new(self.seconds.iter().map(|s| s.response().clone()).collect());
        let whole = whole.whole();
        (whole.count() > 0).then(|| fraction(whole.quantile(quantile)))
    }
}

fn rectangle(
    f: &mut fmt::Formatter<'_>,
    paint: &str,
    (x, y): (f64, f64),
    (width, height): (f64, f64),
) -> fmt::Result {
    write!(
        f,
        "<rect {paint} x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
    )
}

/// A time in microseconds, or a count, as a fraction; none of them needs more than 32 bits.
fn fraction(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
