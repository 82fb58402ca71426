//! One second of a run.

use std::time::Duration;

use crate::statistics::Block;
use crate::tally::Outcome;

/// What became of the payments that were meant to begin within one second.
#[derive(Debug, Clone, Default)]
pub struct Second {
    outcomes: [u64; Outcome::ALL.len()],
    response: Block,
    lag: Block,
}

impl Second {
    /// Makes a second of what was counted in it, by outcome as in [`Outcome::ALL`], and of response
    /// times and lags.
    pub(crate) const fn of_blocks(
        outcomes: [u64; Outcome::ALL.len()],
        response: Block,
        lag: Block,
    ) -> Self {
        Self { outcomes, response, lag }
    }

    /// Takes in what another process did in the same second.
    pub(super) fn join(&mut self, other: &Self) {
        for (count, more) in self.outcomes.iter_mut().zip(other.outcomes) {
            *count = count.saturating_add(more);
        }
        self.response.join(&other.response);
        self.lag.join(&other.lag);
    }

    pub(super) fn count(&mut self, outcome: Outcome) {
        let counts = Outcome::ALL.iter().zip(&mut self.outcomes);
        for (_, count) in counts.filter(|(of, _)| **of == outcome) {
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn take(&mut self, response: Duration) {
        self.response.take(microseconds(response));
    }

    pub(super) fn take_lag(&mut self, lag: Duration) {
        self.lag.take(microseconds(lag));
    }

    /// Lends the counts by outcome.
    pub fn outcomes(&self) -> impl Iterator<Item = (Outcome, u64)> {
        Outcome::ALL.into_iter().zip(self.outcomes)
    }

    /// Counts what came to this outcome.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes().filter(|(of, _)| *of == outcome).map(|(_, count)| count).sum()
    }

    /// Counts what was meant to begin.
    #[must_use]
    pub fn offered(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Counts the payments that came to an end, as a fraction.
    pub(super) fn ended_per_s(&self) -> f64 {
        let ended = self
            .outcomes()
            .filter(|(outcome, _)| !matches!(outcome, Outcome::Refused | Outcome::Skipped));
        // A second holds far fewer than 2^32.
        f64::from(u32::try_from(ended.map(|(_, count)| count).sum::<u64>()).unwrap_or(u32::MAX))
    }

    /// Lends the response times, in microseconds.
    #[must_use]
    pub const fn response(&self) -> &Block {
        &self.response
    }

    /// Lends how late payments were begun, in microseconds.
    #[must_use]
    pub const fn lag(&self) -> &Block {
        &self.lag
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
