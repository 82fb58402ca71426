//! Many seeds of the second level: each is played twice, and must come out the same.

use std::ops::ControlFlow;
use std::time::Instant;

use super::Course;
use super::judge::Broken;
use super::plan::Plan;
use super::stage::Stage;
use super::summary::Summary;
use crate::simulation::rounds::{Rounds, caught};
use crate::simulation::{Stop, Voice};

/// What is to be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Campaign {
    /// The first seed.
    pub first_seed: u64,
    /// How many seeds.
    pub seeds: u64,
    /// How many are played at a time.
    pub jobs: usize,
    /// Whether to go on after a seed has failed.
    pub stop: Stop,
    /// Whether every datagram and all that is told are written to standard error.
    pub voice: Voice,
}

/// A seed that broke a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What is wrong.
    pub what: String,
}

/// Plays all seeds of a campaign.
#[must_use]
pub fn campaign(campaign: &Campaign) -> Summary {
    let started = Instant::now();
    let mut summary = Summary::default();
    let Campaign { first_seed, seeds, jobs, stop, voice } = *campaign;
    Rounds { first_seed, seeds, jobs }.play(
        |seed| play(seed, voice).map_err(|Broken(what)| Failure { seed, what }),
        |played| match played {
            Ok(course) => {
                summary.add(&course);
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
fn play(seed: u64, voice: Voice) -> Result<Course, Broken> {
    let once = || caught(seed, || Stage::new(seed, Plan::draw(seed), voice).play());
    let (first, second) = (once()?, once()?);
    if first == second {
        Ok(first)
    } else {
        Err(Broken(format!("played again, it came out differently: {first:?}, then {second:?}")))
    }
}
