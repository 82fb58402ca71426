//! Many seeds of the first level: each is played twice, and must come out the same.

use std::ops::ControlFlow;
use std::time::Instant;

use super::judge::{Violation, Wrong};
use super::rounds::{Rounds, caught};
use super::stage::{Course, Stage};
use super::summary::Summary;
use super::trace::Voice;

/// How many events a seed has unless something else is said.
pub const EVENTS: u64 = 2_000;

/// What is to be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Campaign {
    /// The first seed.
    pub first_seed: u64,
    /// How many seeds.
    pub seeds: u64,
    /// How many are played at a time.
    pub jobs: usize,
    /// How many events a seed has before everything is brought to its end.
    pub events: u64,
    /// Whether to go on after a seed has failed.
    pub stop: Stop,
    /// Whether all that happens is written to standard error.
    pub voice: Voice,
}

/// When a campaign ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// When all seeds were played.
    AtEnd,
    /// When one has failed, if not before.
    AtFailure,
}

impl Stop {
    /// Says whether to go on after a seed has failed.
    pub(super) const fn after_failure(self) -> ControlFlow<()> {
        match self {
            Self::AtEnd => ControlFlow::Continue(()),
            Self::AtFailure => ControlFlow::Break(()),
        }
    }
}

/// A seed that broke a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What is wrong.
    pub what: String,
    pub(super) kind: Wrong,
}

/// Plays all seeds of a campaign.
#[must_use]
pub fn campaign(campaign: &Campaign) -> Summary {
    let started = Instant::now();
    let mut summary = Summary::default();
    let Campaign { first_seed, seeds, jobs, stop, .. } = *campaign;
    Rounds { first_seed, seeds, jobs }.play(
        |seed| play(seed, campaign),
        |played| match played {
            Ok(course) => {
                summary.add(&course.tally);
                ControlFlow::Continue(())
            }
            Err(failure) => {
                summary.fail(failure);
                stop.after_failure()
            }
        },
    );
    summary.finish(started.elapsed());
    summary
}

/// Plays a seed twice.
fn play(seed: u64, campaign: &Campaign) -> Result<Course, Failure> {
    let failed =
        |violation: Violation| Failure { seed, kind: violation.kind, what: violation.to_string() };
    let first = play_once(seed, campaign).map_err(failed)?;
    let second = play_once(seed, campaign).map_err(failed)?;
    if first.hash == second.hash {
        // Of both: the second was work as well.
        Ok(first)
    } else {
        Err(failed(Violation::new("played again, it came out differently")))
    }
}

fn play_once(seed: u64, campaign: &Campaign) -> Result<Course, Violation> {
    caught(seed, || Stage::new(seed, campaign.voice)?.play(campaign.events))
}
