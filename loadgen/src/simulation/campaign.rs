//! Many seeds, one after another in each of a few threads; each seed is played twice, and must come
//! out the same.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::judge::{Violation, Wrong};
use super::stage::{Course, Stage};
use super::summary::Summary;
use super::trace::Voice;

thread_local! {
    /// The seed that this thread plays.
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

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
    let next = AtomicU64::new(0);
    let stopped = AtomicBool::new(false);
    let summary = Mutex::new(Summary::default());
    let work = || {
        while !stopped.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= campaign.seeds {
                return;
            }
            let seed = campaign.first_seed.saturating_add(number);
            let played = play(seed, campaign);
            if played.is_err() && campaign.stop == Stop::AtFailure {
                stopped.store(true, Ordering::Relaxed);
            }
            let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
            match played {
                Ok(course) => summary.add(&course.tally),
                Err(failure) => summary.fail(failure),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..campaign.jobs.max(1) {
            scope.spawn(work);
        }
        work();
    });
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.finish(started.elapsed());
    summary
}

/// Has a panic say which seed it was in and how to play it again: in a program that ends with the
/// panic, nobody else will.
pub fn name_seeds_in_panics(replay: impl Fn(u64) -> String + Send + Sync + 'static) {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        before(info);
        if let Some(seed) = SEED.get() {
            eprintln!("seed {seed} panicked; to play it again: {}", replay(seed));
        }
    }));
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
    SEED.set(Some(seed));
    let course = panic::catch_unwind(AssertUnwindSafe(|| {
        Stage::new(seed, campaign.voice)?.play(campaign.events)
    }));
    SEED.set(None);
    course.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(Violation::new(format!("panicked: {}", text.unwrap_or_default())))
    })
}
