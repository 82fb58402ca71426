//! When payments are begun: an open loop, fixed before the run.
//!
//! Arrivals lie on one absolute timeline, drawn from a seed. It never waits for answers, so a
//! gateway that falls behind is seen to fall behind: every latency counts from the intended time.
//! What cannot be begun in time is skipped and counted, never made up for in a burst.

mod arrivals;
mod curve;
mod rate;
mod shape;

use std::time::Duration;

pub use arrivals::{Arrival, Arrivals, Spacing, SpacingError};
pub use curve::{Curve, CurveError};
pub use rate::{Rate, RateError};
pub use shape::{Form, FormError, Shape};

/// What keeps the load generator honest when it, or the gateway, cannot keep up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// An arrival that could not be begun this long after its time is skipped.
    pub late: Duration,
    /// The most payments under way; an arrival beyond it is skipped.
    pub in_flight: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { late: Duration::from_millis(250), in_flight: 20_000 }
    }
}

/// Why an arrival was not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skip {
    /// Its time was over: the load generator itself was too slow.
    Late,
    /// Too many payments were under way.
    TooManyOpen,
    /// Every customer was standing at a till already.
    NobodyFree,
}

impl Skip {
    /// Names the cause in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Late => "skipped_late",
            Self::TooManyOpen => "skipped_too_many_open",
            Self::NobodyFree => "skipped_nobody_free",
        }
    }
}

impl Bounds {
    /// Decides at `now` whether an arrival may still be begun.
    ///
    /// # Errors
    /// [`Skip`] says why it may not.
    pub fn judge(&self, arrival: Arrival, now: Duration, open: usize) -> Result<(), Skip> {
        if now.saturating_sub(arrival.at) > self.late {
            Err(Skip::Late)
        } else if open >= self.in_flight {
            Err(Skip::TooManyOpen)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrival, Bounds, Skip};
    use std::time::Duration;

    #[test]
    fn what_is_too_late_or_too_much_is_skipped() {
        let bounds = Bounds { late: Duration::from_millis(10), in_flight: 3 };
        let arrival = Arrival { number: 0, at: Duration::from_millis(100) };
        let check = |now_ms, open| bounds.judge(arrival, Duration::from_millis(now_ms), open);
        assert_eq!(check(100, 0), Ok(()));
        assert_eq!(check(99, 2), Ok(()), "a timer that fires early is not late");
        assert_eq!(check(110, 2), Ok(()));
        assert_eq!(check(111, 2), Err(Skip::Late));
        assert_eq!(check(100, 3), Err(Skip::TooManyOpen));
        assert_eq!(check(111, 3), Err(Skip::Late));
    }
}
