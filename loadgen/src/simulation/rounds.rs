//! Many seeds, one after another in each of a few threads.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::judge::{Violation, Wrong};
use super::played::Played;

thread_local! {
    /// The seed that this thread plays.
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Which seeds are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rounds {
    pub(super) first_seed: u64,
    pub(super) seeds: u64,
    /// How many are played at a time.
    pub(super) jobs: usize,
    /// Whether to go on after a seed has failed.
    pub(super) stop: Stop,
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

impl Rounds {
    /// Plays each seed, and hands what comes of those that break no promise to `passed`; tells
    /// `watch` of every seed that was played.
    pub(super) fn play<T: Send>(
        self,
        play: impl Fn(u64) -> Result<T, Violation> + Sync,
        mut passed: impl FnMut(&T) + Send,
        watch: impl Fn() + Sync,
    ) -> Played {
        let began = Instant::now();
        let next = AtomicU64::new(0);
        let stopped = AtomicBool::new(false);
        let mut sums = Played::default();
        let take = Mutex::new(|seed, played: Result<T, Violation>| match played {
            Ok(course) => {
                sums.passed = sums.passed.saturating_add(1);
                passed(&course);
            }
            Err(violation) => {
                let (what, kind) = (violation.to_string(), violation.kind);
                sums.failures.push(Failure { seed, what, kind });
                stopped.store(self.stop == Stop::AtFailure, Ordering::Relaxed);
            }
        });
        let work = || {
            while !stopped.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.seeds {
                    return;
                }
                let seed = self.first_seed.saturating_add(number);
                let played = play(seed);
                watch();
                let mut take = take.lock().unwrap_or_else(PoisonError::into_inner);
                take(seed, played);
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.jobs.max(1) {
                scope.spawn(work);
            }
            work();
        });
        sums.failures.sort_by_key(|failure| failure.seed);
        sums.took = began.elapsed();
        sums
    }
}

/// Plays a seed; a panic is what it says.
pub(super) fn caught<T, E: From<String>>(
    seed: u64,
    play: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    SEED.set(Some(seed));
    let played = panic::catch_unwind(AssertUnwindSafe(play));
    SEED.set(None);
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(format!("panicked: {}", text.unwrap_or_default()).into())
    })
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
