//! Many seeds, one after another in each of a few threads.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

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
}

impl Rounds {
    /// Plays each seed, and hands what comes of it to `take`, which says whether to go on.
    pub(super) fn play<T: Send>(
        self,
        play: impl Fn(u64) -> T + Sync,
        take: impl FnMut(T) -> ControlFlow<()> + Send,
    ) {
        let next = AtomicU64::new(0);
        let stopped = AtomicBool::new(false);
        let take = Mutex::new(take);
        let work = || {
            while !stopped.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.seeds {
                    return;
                }
                let played = play(self.first_seed.saturating_add(number));
                let mut take = take.lock().unwrap_or_else(PoisonError::into_inner);
                if take(played).is_break() {
                    stopped.store(true, Ordering::Relaxed);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.jobs.max(1) {
                scope.spawn(work);
            }
            work();
        });
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
