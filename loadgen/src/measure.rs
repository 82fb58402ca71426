//! What a run measured: three times of each payment, by what became of it, and second by second.
//!
//! ```text
//! intended ───► begun ─────────────────────► answered
//!          lag         service
//!          ──────────── response ──────────
//! ```
//! *Response* counts from the moment at which the payment was meant to begin, *service* from when the
//! load generator did begin it, *lag* is between the two. A gateway that stalls delays what was
//! meant to begin meanwhile: only the response time shows it. What people took is in none of them;
//! see [`timing`].

mod second;

use std::collections::BTreeMap;
use std::time::Duration;

pub use second::Second;

use crate::ledger::{Moment, Record};
use crate::schedule::Skip;
use crate::statistics::{Blocks, Interval, Quantile, mean, quantile};
use crate::tally::{Outcome, Times};
use crate::timing;

/// The three times of all payments that came to one outcome.
#[derive(Debug, Clone, Default)]
pub struct Timed {
    /// From the intended moment to the answer.
    pub response: Times,
    /// From the beginning to the answer.
    pub service: Times,
    /// From the intended moment to the beginning.
    pub lag: Times,
}

/// What a run measured.
#[derive(Debug, Clone)]
pub struct Measures {
    span: Duration,
    timed: BTreeMap<Outcome, Timed>,
    seconds: Vec<Second>,
}

impl Measures {
    /// Begins to measure a run whose arrivals lie in its first `span`.
    #[must_use]
    pub fn new(span: Duration) -> Self {
        Self { span, timed: BTreeMap::new(), seconds: Vec::new() }
    }

    /// Puts together what was measured before.
    pub(crate) const fn of(
        span: Duration,
        timed: BTreeMap<Outcome, Timed>,
        seconds: Vec<Second>,
    ) -> Self {
        Self { span, timed, seconds }
    }

    /// Takes in what another process measured in the same run.
    pub fn join(&mut self, other: &Self) {
        for (outcome, more) in &other.timed {
            let timed = self.timed.entry(*outcome).or_default();
            timed.response.join(&more.response);
            timed.service.join(&more.service);
            timed.lag.join(&more.lag);
        }
        let seconds = self.seconds.len().max(other.seconds.len());
        self.seconds.resize_with(seconds, Second::default);
        for (second, more) in self.seconds.iter_mut().zip(&other.seconds) {
            second.join(more);
        }
    }

    /// All times of one sort, whatever became of the payments.
    #[must_use]
    pub fn all(&self, of: impl Fn(&Timed) -> &Times) -> Times {
        self.timed.values().fold(Times::default(), |mut all, timed| {
            all.join(of(timed));
            all
        })
    }

    /// Takes in a payment that came to an outcome.
    pub fn add(&mut self, record: &Record, outcome: Outcome) {
        let response = timing::split(record).map(|split| split.machine);
        self.note(outcome, record.order.intended, record.order.begun, response);
    }

    fn note(
        &mut self,
        outcome: Outcome,
        intended: Moment,
        begun: Moment,
        response: Option<Duration>,
    ) {
        let lag = begun.saturating_sub(intended);
        let second = self.second(intended);
        second.count(outcome);
        second.take_lag(lag);
        if let Some(response) = response {
            second.take(response);
        }
        let timed = self.timed.entry(outcome).or_default();
        timed.lag.add(lag);
        if let Some(response) = response {
            timed.response.add(response);
            timed.service.add(response.saturating_sub(lag));
        }
    }

    /// Takes in the arrivals that were not begun.
    pub fn add_skips(&mut self, skips: impl IntoIterator<Item = (Duration, Skip)>) {
        for (intended, _skip) in skips {
            self.second(intended).count(Outcome::Skipped);
        }
    }

    fn second(&mut self, moment: Duration) -> &mut Second {
        let number = usize::try_from(moment.as_secs()).unwrap_or(usize::MAX);
        if self.seconds.len() <= number {
            self.seconds.resize_with(number.saturating_add(1), Second::default);
        }
        #[expect(clippy::expect_used, reason = "it has just been made so long")]
        self.seconds.get_mut(number).expect("the second is there")
    }

    /// Lends the times by outcome.
    pub fn timed(&self) -> impl Iterator<Item = (Outcome, &Timed)> {
        self.timed.iter().map(|(outcome, timed)| (*outcome, timed))
    }

    /// Lends the seconds of the run by the intended moment of what they hold.
    #[must_use]
    pub fn seconds(&self) -> &[Second] {
        &self.seconds
    }

    /// The response times in whole seconds: a last one that was cut off would tell another story.
    #[must_use]
    pub fn blocks(&self) -> Blocks {
        let whole = usize::try_from(self.span.as_secs()).unwrap_or(usize::MAX);
        Blocks::new(
            self.seconds.iter().take(whole).map(|second| second.response().clone()).collect(),
        )
    }

    /// A quantile of the response times of all payments, in milliseconds; none if too little was
    /// seen to bound it.
    #[must_use]
    pub fn response_quantile(&self, share: f64) -> Option<Quantile> {
        let found = quantile(&self.blocks(), share)?;
        Some(Quantile { interval: found.interval.map(|us| us / 1_000.0), ..found })
    }

    /// How many payments ended a second, by the second in which they were meant to begin.
    #[must_use]
    pub fn throughput(&self) -> Option<Interval> {
        let whole = usize::try_from(self.span.as_secs()).unwrap_or(usize::MAX);
        let ended = self.seconds.iter().map(Second::ended_per_s);
        // Seconds at the end in which nothing was meant to begin count as well.
        let ended: Vec<_> = ended.chain(std::iter::repeat(0.0)).take(whole).collect();
        mean(&ended).map(Interval::of_a_count)
    }
}

#[cfg(test)]
mod tests;
