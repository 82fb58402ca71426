//! The rates that a search may try: steps that are each a little higher than the one below, and last
//! of all the highest rate itself.

use crate::schedule::Rate;

/// Rates that rise by the same share from step to step; step 0 is where the search begins, or the
/// last step if that is lower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ladder {
    first: f64,
    rise: f64,
    highest: Rate,
    /// The last step, which may be a smaller one than the others.
    last: i32,
}

/// Rates that differ by less than this share are the same: logarithms are not exact.
const SAME: f64 = 1e-9;

impl Ladder {
    /// Makes the ladder up to `highest` whose steps are `width` apart, as a share of the lower.
    ///
    /// # Panics
    /// Unless `width` is above 0 and at most 1.
    #[must_use]
    pub fn new(first: Rate, highest: Rate, width: f64) -> Self {
        assert!(width > 0.0 && width <= 1.0, "a width is a share");
        let (first, rise) = (first.payments(), 1.0 + width);
        let near = rounded((highest.payments() / first).ln() / rise.ln());
        let is_below = first * rise.powi(near) < highest.payments() * (1.0 - SAME);
        let last = if is_below { near.saturating_add(1) } else { near };
        Self { first, rise, highest, last }
    }

    /// The rate of a step.
    #[must_use]
    pub fn rate(&self, step: i32) -> Rate {
        if step >= self.last {
            return self.highest;
        }
        let rate = (self.first * self.share(step)).max(f64::MIN_POSITIVE);
        Rate::per_second(rate).unwrap_or(self.highest)
    }

    /// A step's rate as a share of the first, were there no highest.
    pub(super) fn share(&self, step: i32) -> f64 {
        self.rise.powi(step)
    }

    /// The last step, whose rate is the highest.
    pub(super) const fn last(&self) -> i32 {
        self.last
    }

    /// How many steps double the rate.
    pub(super) fn doubling(&self) -> i32 {
        rounded(2.0_f64.ln() / self.rise.ln()).max(1)
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "the quotient of logarithms of rates is small"
)]
fn rounded(number: f64) -> i32 {
    number.round() as i32
}

#[cfg(test)]
mod tests {
    use super::Ladder;
    use crate::schedule::Rate;

    fn rate(payments: f64) -> Rate {
        Rate::per_second(payments).unwrap()
    }

    #[test]
    fn steps_are_equally_far_apart() {
        let ladder = Ladder::new(rate(100.0), rate(1e6), 0.02);
        assert_eq!(ladder.rate(0), rate(100.0));
        assert!((ladder.rate(1).payments() - 102.0).abs() < 1e-9);
        for step in [-300, -1, 0, 1, 35, 400] {
            let rise = ladder.rate(step + 1).payments() / ladder.rate(step).payments();
            assert!((rise - 1.02).abs() < 1e-9, "{rise}");
        }
        assert_eq!(ladder.doubling(), 35);
        assert_eq!(Ladder::new(rate(1.0), rate(2.0), 1.0).doubling(), 1);
    }

    #[test]
    fn the_last_step_is_the_highest_rate_itself() {
        let check = |highest: f64, last: i32| {
            let ladder = Ladder::new(rate(100.0), rate(highest), 0.02);
            assert_eq!((ladder.last(), ladder.rate(last)), (last, rate(highest)));
            assert!(ladder.rate(last - 1) < rate(highest), "{highest}");
            assert_eq!(ladder.rate(last + 9), rate(highest));
        };
        check(102.0, 1);
        check(101.9, 1);
        check(102.1, 2);
        check(103.9, 2);
        check(100.0, 0);
        check(99.0, 0);
        check(98.0, -1);
    }
}
