//! Many seeds of the first level: each is played twice, and must come out the same.

use super::judge::Violation;
use super::rounds::{Rounds, Stop, caught};
use super::stage::{Course, Stage, Tally};
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

/// Plays all seeds of a campaign.
#[must_use]
pub fn campaign(campaign: &Campaign) -> Summary {
    watched(campaign, || {})
}

/// The same, telling `watch` of every seed that was played.
#[must_use]
pub fn watched(campaign: &Campaign, watch: impl Fn() + Sync) -> Summary {
    let Campaign { first_seed, seeds, jobs, stop, .. } = *campaign;
    let mut tally = Tally::default();
    let rounds = Rounds { first_seed, seeds, jobs, stop };
    let add = |course: &Course| tally.add(&course.tally);
    let played = rounds.play(|seed| play(seed, campaign), add, watch);
    Summary::new(played, tally)
}

/// Plays a seed twice.
fn play(seed: u64, campaign: &Campaign) -> Result<Course, Violation> {
    let (first, second) = (play_once(seed, campaign)?, play_once(seed, campaign)?);
    if first.hash == second.hash {
        // Of both: the second was work as well.
        Ok(first)
    } else {
        Err(Violation::new("played again, it came out differently"))
    }
}

fn play_once(seed: u64, campaign: &Campaign) -> Result<Course, Violation> {
    caught(seed, || Stage::new(seed, campaign.voice)?.play(campaign.events))
}
