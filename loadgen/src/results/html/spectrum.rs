//! All percentiles in one plot, whose breadth has as much room for 99 to 99.9 % as for 90 to 99 %.

use std::fmt;

use hdrhistogram::Histogram;

use super::frame::{Decades, Frame, Mark};
use crate::measure::{Measures, Timed};
use crate::report::QuantileIntervals;
use crate::tally::{Times, share};

/// Response and service times of all payments.
#[derive(Debug)]
pub(super) struct Spectrum<'a> {
    response: Histogram<u64>,
    service: Histogram<u64>,
    /// Bounds of the response times' percentiles, in milliseconds.
    intervals: &'a QuantileIntervals,
}

/// How many points a line has.
const POINTS: u32 = 160;

impl<'a> Spectrum<'a> {
    /// Adds the outcomes of a run up; none if no payment was answered.
    pub(super) fn of(measures: &Measures, intervals: &'a QuantileIntervals) -> Option<Self> {
        let response = sum(measures, |timed| &timed.response);
        let service = sum(measures, |timed| &timed.service);
        (!response.is_empty()).then_some(Self { response, service, intervals })
    }

    /// Draws both lines, and the bounds of the percentiles that have any.
    pub(super) fn draw(&self, f: &mut fmt::Formatter<'_>, frame: &Frame) -> fmt::Result {
        let most = self.response.max().max(self.service.max());
        let least = self.service.min().min(self.response.min());
        let decades = Decades::holding(microseconds(least), microseconds(most));
        // Half an answer beyond the last but one, so that each line ends at its longest time.
        let nines = -share(1, self.response.len().saturating_mul(2)).log10();
        let nines = nines.max(1.0);
        for (class, histogram) in [("service", &self.service), ("response", &self.response)] {
            let points = (0..=POINTS).map(|point| {
                let across = f64::from(point) / f64::from(POINTS);
                let quantile = 1.0 - 10_f64.powf(-across * nines);
                (across, decades.place(microseconds(histogram.value_at_quantile(quantile))))
            });
            frame.line(f, class, points)?;
        }
        let QuantileIntervals { p50, p90, p99, p999 } = self.intervals;
        for (quantile, interval) in [(0.5, p50), (0.9, p90), (0.99, p99), (0.999, p999)] {
            if let Some(interval) = interval {
                let x = frame.x(nines_of(quantile) / nines);
                let y = |ms: f64| frame.y(decades.place(ms * 1_000.0));
                let (low, high) = (y(interval.low), y(interval.high));
                write!(f, "<path class=\"bounds\" d=\"M{x:.1} {low:.1}V{high:.1}")?;
                let (left, right) = (x - 4.0, x + 4.0);
                writeln!(f, "M{left:.1} {low:.1}H{right:.1}M{left:.1} {high:.1}H{right:.1}\"/>")?;
            }
        }
        frame.axes(f, ("percentile", &percentiles(nines)), ("time", &decades.marks()))
    }
}

fn sum(measures: &Measures, of: fn(&Timed) -> &Times) -> Histogram<u64> {
    let mut sum = Times::default().histogram().clone();
    for (_, timed) in measures.timed() {
        #[expect(clippy::expect_used, reason = "all times are made with the same bounds")]
        sum.add(of(timed).histogram()).expect("the bounds are the same");
    }
    sum
}

/// How many nines a quantile has: 1 for 0.9, 2 for 0.99.
fn nines_of(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

/// A mark at each further nine.
fn percentiles(nines: f64) -> Vec<Mark> {
    let known = [
        (0.0, "0"),
        (0.5, "50 %"),
        (0.9, "90 %"),
        (0.99, "99 %"),
        (0.999, "99.9 %"),
        (0.999_9, "99.99 %"),
        (0.999_99, "99.999 %"),
        (0.999_999, "99.9999 %"),
    ];
    let within = known.into_iter().filter(|(quantile, _)| nines_of(*quantile) <= nines);
    within.map(|(quantile, words)| (nines_of(quantile) / nines, words.to_owned())).collect()
}

/// Times are bounded far below the hour that 32 bits hold.
fn microseconds(time: u64) -> f64 {
    f64::from(u32::try_from(time).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::percentiles;

    #[test]
    fn each_further_nine_takes_as_much_breadth() {
        let marks = percentiles(4.0);
        let of = |words: &str| marks.iter().find(|(_, of)| of == words).map(|(place, _)| *place);
        for (words, place) in [("90 %", 0.25), ("99 %", 0.5), ("99.9 %", 0.75)] {
            assert!((of(words).unwrap() - place).abs() < 1e-9, "{words}");
        }
        assert_eq!(of("99.999 %"), None);
    }
}
