//! Finds the highest rate at which a gateway still keeps its goals: which trial to make next, and
//! what all of them together say. It makes no trial itself and reads no clock.
//!
//! ```text
//!  climb     short trials: double until one is bad, or halve until one is good
//!  narrow    longer ones: halve the distance between the good rate and the bad one
//!  confirm   long ones: until one rate was good every time, one above it bad every time, and
//!            every rate between was both
//! ```
//! A single trial near the limit is a matter of luck, so no bound rests on one. A rate that is good
//! half of the time passes six times in a row once in 64: the capacity, at which half of all long
//! trials are good, lies between the two bounds in 19 of 20 searches.
//!
//! # Source
//! Multiple Loss Ratio Search (draft-ietf-bmwg-mlrsearch), in the small: trial durations that grow,
//! an exceed ratio of one half, and a goal width.

mod ladder;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use ladder::Ladder;

use crate::schedule::Rate;

/// How a search goes about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Manner {
    /// Where it begins.
    pub first: Rate,
    /// The highest rate that is tried.
    pub highest: Rate,
    /// How far apart rates are that are told apart, as a share of the lower.
    pub width: f64,
    /// How long the trials of each stage are.
    pub spans: Spans,
    /// How many long trials either bound rests on, all alike.
    pub confirmations: usize,
    /// How many long trials are made at most: then the bounds are told as they stand.
    pub most_long: usize,
}

/// How long the trials of each stage are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    /// While climbing.
    pub short: Duration,
    /// While narrowing.
    pub longer: Duration,
    /// While confirming.
    pub long: Duration,
}

impl Default for Spans {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { short: seconds(3), longer: seconds(10), long: seconds(30) }
    }
}

/// How a trial went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// All goals were kept.
    Good,
    /// One was not.
    Bad,
}

/// A trial that was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tried {
    /// At which rate.
    pub rate: Rate,
    /// For how long.
    pub span: Duration,
    /// How it went.
    pub mark: Mark,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// Make this trial, and [note](Search::note) how it went.
    Try {
        /// At which rate.
        rate: Rate,
        /// For how long.
        span: Duration,
    },
    /// Stop: the capacity lies between these.
    Between(Rate, Rate),
    /// Stop: even the highest rate that may be tried is good.
    AtLeast(Rate),
    /// Stop: no rate that can be told from none is good.
    None,
}

/// Below this share of the first rate it is given up.
const LOWEST: f64 = 1.0 / 1_024.0;

/// A search for the highest good rate.
#[derive(Debug, Clone)]
pub struct Search {
    manner: Manner,
    ladder: Ladder,
    /// The step of the highest good rate, and of the lowest bad one above it, so far.
    good: Option<i32>,
    bad: Option<i32>,
    tried: Vec<(i32, Tried)>,
}

impl Search {
    /// Begins a search.
    #[must_use]
    pub fn new(manner: Manner) -> Self {
        let ladder = Ladder::new(manner.first, manner.highest, manner.width);
        Self { manner, ladder, good: None, bad: None, tried: Vec::new() }
    }

    /// Lends all trials in the order in which they were made.
    pub fn tried(&self) -> impl Iterator<Item = &Tried> {
        self.tried.iter().map(|(_, tried)| tried)
    }

    /// Says what to do next.
    #[must_use]
    pub fn next(&self) -> Next {
        match self.plan() {
            Ok((step, span)) => Next::Try { rate: self.ladder.rate(step), span },
            Err(found) => found,
        }
    }

    /// The step to try next, and for how long; or what was found.
    fn plan(&self) -> Result<(i32, Duration), Next> {
        let last = self.ladder.last();
        let Spans { short, longer, .. } = self.manner.spans;
        match (self.good, self.bad) {
            (None, None) => Ok((last.min(0), short)),
            (Some(good), None) if good >= last => self.confirm(good),
            (Some(good), None) => {
                Ok((good.saturating_add(self.ladder.doubling()).min(last), short))
            }
            (None, Some(bad)) => match bad.saturating_sub(self.ladder.doubling()) {
                step if self.ladder.share(step) < LOWEST => Err(Next::None),
                step => Ok((step, short)),
            },
            (Some(good), Some(bad)) if bad.saturating_sub(good) > 1 => {
                let wide = bad.saturating_sub(good) > self.ladder.doubling() / 4;
                Ok((good.midpoint(bad), if wide { short } else { longer }))
            }
            (Some(good), Some(_)) => self.confirm(good),
        }
    }

    /// Takes in how the trial went that [`Search::next`] asked for.
    pub fn note(&mut self, mark: Mark) {
        let Ok((step, span)) = self.plan() else {
            return;
        };
        let rate = self.ladder.rate(step);
        self.tried.push((step, Tried { rate, span, mark }));
        if span < self.manner.spans.long {
            match mark {
                Mark::Good => self.good = Some(step),
                Mark::Bad => self.bad = Some(step),
            }
        }
    }

    /// Asks for long trials until both bounds are sure and no rate between can become one; the
    /// shorter trials that led here only say where to begin.
    fn confirm(&self, good: i32) -> Result<(i32, Duration), Next> {
        let low = self.lower_bound(good);
        if self.ladder.share(low) < LOWEST {
            return Err(Next::None);
        }
        let high = self.upper_bound(low);
        // No rate above the highest is ever tried, so that none is a bound.
        let found = if high > self.ladder.last() {
            Next::AtLeast(self.ladder.rate(low))
        } else {
            Next::Between(self.ladder.rate(low), self.ladder.rate(high))
        };
        let wanted = if !self.is_sure(low, Mark::Good) {
            Some(low)
        } else if high > self.ladder.last() {
            None
        } else if !self.is_sure(high, Mark::Bad) {
            Some(high)
        } else {
            let open: Vec<_> = (low.saturating_add(1)..high)
                .filter(|step| !(self.saw(*step, Mark::Good) && self.saw(*step, Mark::Bad)))
                .collect();
            open.get(open.len() / 2).copied()
        };
        let wanted = wanted.filter(|_| self.long().count() < self.manner.most_long);
        wanted.map(|step| (step, self.manner.spans.long)).ok_or(found)
    }

    /// The highest rate that is surely good, below all that are surely bad; before there is one, the
    /// next that may be.
    fn lower_bound(&self, good: i32) -> i32 {
        let sure = |mark| self.steps().filter(move |step| self.is_sure(*step, mark));
        let ceiling = sure(Mark::Bad).min().map_or(i32::MAX, |bad| bad.saturating_sub(1));
        sure(Mark::Good).filter(|step| *step <= ceiling).max().unwrap_or_else(|| {
            let down = std::iter::successors(Some(good.min(ceiling)), |step| step.checked_sub(1));
            down.into_iter().find(|step| !self.saw(*step, Mark::Bad)).unwrap_or(i32::MIN)
        })
    }

    /// The lowest rate above that is surely bad; before there is one, the next that may be.
    fn upper_bound(&self, low: i32) -> i32 {
        let sure = self.steps().filter(|step| *step > low && self.is_sure(*step, Mark::Bad));
        sure.min().unwrap_or_else(|| {
            let mut up = low.saturating_add(1)..;
            up.find(|step| !self.saw(*step, Mark::Good)).unwrap_or(i32::MAX)
        })
    }

    fn steps(&self) -> impl Iterator<Item = i32> {
        self.tried.iter().map(|(step, _)| *step)
    }

    /// Whether a step had enough long trials, all of them like this.
    fn is_sure(&self, step: i32, mark: Mark) -> bool {
        let other = match mark {
            Mark::Good => Mark::Bad,
            Mark::Bad => Mark::Good,
        };
        self.long_trials(step, mark) >= self.manner.confirmations && !self.saw(step, other)
    }

    fn saw(&self, step: i32, mark: Mark) -> bool {
        self.long_trials(step, mark) > 0
    }

    fn long_trials(&self, step: i32, mark: Mark) -> usize {
        self.long().filter(|(of, tried)| *of == step && tried.mark == mark).count()
    }

    fn long(&self) -> impl Iterator<Item = &(i32, Tried)> {
        self.tried.iter().filter(|(_, tried)| tried.span >= self.manner.spans.long)
    }
}

#[cfg(test)]
mod tests;
