//! Many seeds of the second level: each is played twice, and must come out the same.

use super::Course;
use super::judge::Broken;
use super::plan::Plan;
use super::stage::Stage;
use super::summary::{Summary, Sums};
use crate::simulation::judge::Violation;
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

/// Plays all seeds of a campaign.
#[must_use]
pub fn campaign(campaign: &Campaign) -> Summary {
    watched(campaign, || {})
}

/// The same, telling `watch` of every seed that was played.
#[must_use]
pub fn watched(campaign: &Campaign, watch: impl Fn() + Sync) -> Summary {
    let Campaign { first_seed, seeds, jobs, stop, voice } = *campaign;
    let mut sums = Sums::default();
    let rounds = Rounds { first_seed, seeds, jobs, stop };
    let played = rounds.play(
        |seed| play(seed, voice).map_err(|Broken(what)| Violation::new(what)),
        |course| sums.add(course),
        watch,
    );
    Summary::new(played, sums)
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
