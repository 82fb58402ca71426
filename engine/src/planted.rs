//! Errors that can be planted in the real code, to test the tests that must find them.
//!
//! Without the feature `planted` nothing can be planted, [`is`] is a constant, and what hangs on it
//! is compiled away. With it, one bug is chosen for the whole process while it runs.

use std::fmt;
use std::str::FromStr;

/// An error that somebody might make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bug {
    /// The journal calls a batch durable when it begins to write it.
    ToldBeforeSync,
    /// An open under a used id is decided anew.
    NoIdempotency,
    /// A payment that expires keeps its hold.
    HoldForgottenOnExpiry,
    /// Recovery takes the first batch that is not as it was written for a torn tail.
    CutAtFirstBadChecksum,
    /// Nobody adds up what was given back before.
    RefundAboveCapture,
    /// The answer to a wrong proof does not wait for its record, so that a crash forgets the try.
    TryForgottenByCrash,
    /// Ids lose their memory by the gateway's clock alone, though they may be ahead of it.
    FloorOffByTolerance,
    /// Records stand in a batch in another order than the one that they were numbered in.
    LsnOrderBroken,
}

impl Bug {
    /// Every bug.
    pub const ALL: [Self; 8] = [
        Self::ToldBeforeSync,
        Self::NoIdempotency,
        Self::HoldForgottenOnExpiry,
        Self::CutAtFirstBadChecksum,
        Self::RefundAboveCapture,
        Self::TryForgottenByCrash,
        Self::FloorOffByTolerance,
        Self::LsnOrderBroken,
    ];

    /// The bug's name, as it is chosen by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ToldBeforeSync => "told-before-sync",
            Self::NoIdempotency => "no-idempotency",
            Self::HoldForgottenOnExpiry => "hold-forgotten-on-expiry",
            Self::CutAtFirstBadChecksum => "cut-at-first-bad-checksum",
            Self::RefundAboveCapture => "refund-above-capture",
            Self::TryForgottenByCrash => "try-forgotten-by-crash",
            Self::FloorOffByTolerance => "floor-off-by-tolerance",
            Self::LsnOrderBroken => "lsn-order-broken",
        }
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no bug of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no such bug; there are told-before-sync, no-idempotency, hold-forgotten-on-expiry, \
         cut-at-first-bad-checksum, refund-above-capture, try-forgotten-by-crash, \
         floor-off-by-tolerance and lsn-order-broken"
)]
pub struct NoSuchBug;

impl FromStr for Bug {
    type Err = NoSuchBug;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|bug| bug.name() == name).ok_or(NoSuchBug)
    }
}

/// Says whether `bug` is planted.
#[cfg(not(feature = "planted"))]
#[must_use]
pub const fn is(_bug: Bug) -> bool {
    false
}

#[cfg(feature = "planted")]
pub use chosen::{clear, is, plant};

#[cfg(feature = "planted")]
mod chosen {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Bug;

    /// The place of the bug in [`Bug::ALL`], counted from 1; 0 for none.
    static CHOSEN: AtomicUsize = AtomicUsize::new(0);

    fn number(bug: Bug) -> usize {
        Bug::ALL.iter().position(|other| *other == bug).map_or(0, |place| place.saturating_add(1))
    }

    /// Says whether `bug` is planted.
    #[must_use]
    pub fn is(bug: Bug) -> bool {
        CHOSEN.load(Ordering::Relaxed) == number(bug)
    }

    /// Plants `bug` in place of any other.
    pub fn plant(bug: Bug) {
        CHOSEN.store(number(bug), Ordering::Relaxed);
    }

    /// Takes the planted bug out.
    pub fn clear() {
        CHOSEN.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Bug, NoSuchBug};

    #[test]
    fn bugs_are_chosen_by_their_names() {
        for bug in Bug::ALL {
            assert_eq!(bug.name().parse(), Ok(bug));
            assert!(NoSuchBug.to_string().contains(bug.name()), "{bug}");
        }
        assert_eq!("none".parse::<Bug>(), Err(NoSuchBug));
    }

    #[test]
    fn nothing_is_planted_unless_it_was_chosen() {
        assert!(Bug::ALL.into_iter().all(|bug| !super::is(bug)));
    }
}
