//! The rates that a search may try: steps that are each a little higher than the one below.

use crate::schedule::Rate;

/// Rates that rise by the same share from step to step; step 0 is where the search begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ladder {
    first: f64,
    rise: f64,
}

impl Ladder {
    /// Makes the ladder whose steps are `width` apart, as a share of the lower.
    ///
    /// # Panics
    /// Unless `width` is above 0 and at most 1.
    #[must_use]
    pub fn new(first: Rate, width: f64) -> Self {
        assert!(width > 0.0 && width <= 1.0, "a width is a share");
        Self { first: first.payments(), rise: 1.0 + width }
    }

    /// The rate of a step.
    #[must_use]
    pub fn rate(&self, step: i32) -> Rate {
        let rate = (self.first * self.share(step)).clamp(f64::MIN_POSITIVE, Rate::HIGHEST);
        Rate::per_second(rate).unwrap_or(Rate::ONE)
    }

    /// A step's rate as a share of the first.
    pub(super) fn share(&self, step: i32) -> f64 {
        self.rise.powi(step)
    }

    /// The step whose rate this is.
    pub(super) fn step_of(&self, rate: Rate) -> i32 {
        rounded((rate.payments() / self.first).ln() / self.rise.ln())
    }

    /// The highest step that is not above `rate`.
    pub(super) fn step_below(&self, rate: Rate) -> i32 {
        let step = self.step_of(rate);
        if self.rate(step) > rate { step.saturating_sub(1) } else { step }
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
        let ladder = Ladder::new(rate(100.0), 0.02);
        assert_eq!(ladder.rate(0), rate(100.0));
        assert!((ladder.rate(1).payments() - 102.0).abs() < 1e-9);
        for step in [-300, -1, 0, 1, 35, 400] {
            assert_eq!(ladder.step_of(ladder.rate(step)), step);
        }
        assert_eq!(ladder.doubling(), 35);
        assert_eq!(Ladder::new(rate(1.0), 1.0).doubling(), 1);
    }

    #[test]
    fn no_step_is_above_the_highest_rate() {
        let ladder = Ladder::new(rate(100.0), 0.02);
        assert_eq!(ladder.step_below(rate(102.0)), 1);
        assert_eq!(ladder.step_below(rate(101.9)), 0);
        assert_eq!(ladder.step_below(rate(103.9)), 1);
        assert_eq!(ladder.step_below(rate(99.0)), -1);
    }
}
