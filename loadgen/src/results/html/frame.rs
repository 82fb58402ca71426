//! A surface to draw on, with axes.

use std::fmt;

/// A surface with room for axes, in pixels.
///
/// Every plot is drawn twice, for wide screens and for phones, so that its letters keep their size.
#[derive(Debug)]
pub(super) struct Frame {
    /// The class that the style sheet shows it by.
    pub(super) class: &'static str,
    pub(super) width: f64,
    pub(super) height: f64,
    /// Into how many columns time is divided at most.
    pub(super) columns: usize,
    /// Into how many rows the heights are.
    pub(super) rows: usize,
    /// How many marks an axis of time has at most.
    pub(super) marks: f64,
}

const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 38.0;

/// One mark on an axis: where on it, from 0 to 1, and what is written there.
pub(super) type Mark = (f64, String);

impl Frame {
    /// What a desk has.
    pub(super) const WIDE: Self =
        Self { class: "wide", width: 860.0, height: 296.0, columns: 240, rows: 40, marks: 8.0 };
    /// What a phone has.
    pub(super) const NARROW: Self =
        Self { class: "narrow", width: 360.0, height: 266.0, columns: 90, rows: 28, marks: 4.0 };

    /// Where a share of the breadth lies.
    pub(super) fn x(&self, share: f64) -> f64 {
        LEFT + share.clamp(0.0, 1.0) * (self.width - LEFT - RIGHT)
    }

    /// Where a share of the height lies; upwards, as people read plots.
    pub(super) fn y(&self, share: f64) -> f64 {
        TOP + (1.0 - share.clamp(0.0, 1.0)) * (self.height - TOP - BOTTOM)
    }

    /// Draws the axes with their marks.
    pub(super) fn axes(
        &self,
        f: &mut fmt::Formatter<'_>,
        (below, breadth): (&str, &[Mark]),
        (beside, height): (&str, &[Mark]),
    ) -> fmt::Result {
        let (left, right, bottom, top) = (self.x(0.0), self.x(1.0), self.y(0.0), self.y(1.0));
        for (share, words) in height {
            let y = self.y(*share);
            write!(f, "<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>")?;
            text(f, "end", (left - 6.0, y + 4.0), words)?;
        }
        for (share, words) in breadth {
            let x = self.x(*share);
            write!(f, "<path class=\"grid\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>")?;
            text(f, "middle", (x, bottom + 16.0), words)?;
        }
        writeln!(f, "<path class=\"axis\" d=\"M{left:.1} {top:.1}V{bottom:.1}H{right:.1}\"/>")?;
        text(f, "end", (right, self.height - 5.0), below)?;
        text(f, "start", (2.0, 14.0), beside)?;
        writeln!(f)
    }

    /// Draws a line through points, each a share of the breadth and of the height.
    pub(super) fn line(
        &self,
        f: &mut fmt::Formatter<'_>,
        class: &str,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> fmt::Result {
        write!(f, "<polyline class=\"{class}\" points=\"")?;
        for (across, up) in points {
            write!(f, "{:.1},{:.1} ", self.x(across), self.y(up))?;
        }
        writeln!(f, "\"/>")
    }
}

fn text(f: &mut fmt::Formatter<'_>, anchor: &str, (x, y): (f64, f64), words: &str) -> fmt::Result {
    write!(f, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>")
}

/// Marks from 0 to `high` at round numbers, no more than `most` besides 0.
pub(super) fn round_marks(high: f64, most: f64) -> Vec<Mark> {
    if high <= 0.0 {
        return vec![(0.0, "0".to_owned())];
    }
    let decade = 10_f64.powf((high / most).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * decade);
    let fits = |step: &f64| high / step <= most;
    let step = steps.into_iter().find(fits).unwrap_or(high);
    let values = (0_u32..).map(|number| f64::from(number) * step);
    // A hair above the end is rounding, not a mark too far.
    let values = values.take_while(|value| *value <= high * 1.000_001);
    let digits = if step < 1.0 { 1 } else { 0 };
    values.map(|value| (value / high, format!("{value:.digits$}"))).collect()
}

/// Heights on a logarithmic scale of times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decades {
    /// The logarithm of the least time in microseconds.
    low: f64,
    high: f64,
}

impl Decades {
    /// A scale that holds all times from `least` to `most`.
    ///
    /// # Units
    /// Microseconds.
    pub(super) fn holding(least: f64, most: f64) -> Self {
        let low = least.max(1.0).log10().floor();
        Self { low, high: most.max(1.0).log10().max(low + 1.0) }
    }

    /// Where a time lies, from 0 to 1.
    pub(super) fn place(self, time_us: f64) -> f64 {
        ((time_us.max(1.0).log10() - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The time that lies there, in microseconds.
    pub(super) fn time_at(self, place: f64) -> f64 {
        10_f64.powf(self.low + place * (self.high - self.low))
    }

    /// A mark at each power of ten, and at what lies between two and five times that if there is
    /// room.
    pub(super) fn marks(self) -> Vec<Mark> {
        let few = self.high - self.low < 2.0;
        let between: &[f64] = if few { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let decades = (0_u32..12).map(|power| 10_f64.powf(f64::from(power)));
        let times = decades.flat_map(|decade| between.iter().map(move |times| times * decade));
        let (least, most) = (self.time_at(0.0) * 0.999, self.time_at(1.0) * 1.001);
        let within = times.filter(|time| (least..=most).contains(time));
        within.map(|time| (self.place(time), time_words(time))).collect()
    }
}

/// Names a round time.
fn time_words(time_us: f64) -> String {
    if time_us < 999.5 {
        format!("{time_us:.0} µs")
    } else if time_us < 999_500.0 {
        format!("{:.0} ms", time_us / 1_000.0)
    } else {
        format!("{:.0} s", time_us / 1_000_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Decades, round_marks};

    fn words(marks: Vec<super::Mark>) -> Vec<String> {
        marks.into_iter().map(|(_, words)| words).collect()
    }

    #[test]
    fn marks_are_round_and_few() {
        let check = |high, most, expected: &[&str]| {
            assert_eq!(words(round_marks(high, most)), expected, "{high}");
        };
        check(60.0, 8.0, &["0", "10", "20", "30", "40", "50", "60"]);
        check(347.0, 5.0, &["0", "100", "200", "300"]);
        check(1.0, 4.0, &["0.0", "0.5", "1.0"]);
        check(0.0, 5.0, &["0"]);
        let places: Vec<_> = round_marks(40.0, 4.0).into_iter().map(|(place, _)| place).collect();
        assert_eq!(places, [0.0, 0.25, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn a_decade_takes_as_much_height_as_any_other() {
        let decades = Decades::holding(110.0, 1_000_000.0);
        assert_eq!(words(decades.marks()), ["100 µs", "1 ms", "10 ms", "100 ms", "1 s"]);
        assert!((decades.place(10_000.0) - 0.5).abs() < 1e-9);
        assert!((decades.time_at(0.5) - 10_000.0).abs() < 1e-6);
        assert_eq!(
            words(Decades::holding(1_100.0, 6_000.0).marks()),
            ["1 ms", "2 ms", "5 ms", "10 ms"]
        );
        assert_eq!((decades.place(0.0), decades.place(1e9)), (0.0, 1.0));
    }
}
