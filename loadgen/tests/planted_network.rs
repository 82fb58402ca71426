//! The test of the tests, over the network: what was told before it was durable is found there too,
//! by what tills and handsets heard alone.
#![allow(clippy::panic, reason = "a test may panic")]

use std::num::NonZeroUsize;
use std::thread;

use kessai_engine::planted::{self, Bug};
use kessai_loadgen::simulation::network::{Campaign, campaign};
use kessai_loadgen::simulation::{Stop, Voice};

/// In a program of its own: a bug is planted for the whole process.
#[test]
fn what_is_told_before_it_is_durable_is_found_within_500_seeds() {
    planted::plant(Bug::ToldBeforeSync);
    let search = Campaign {
        first_seed: 1,
        seeds: 500,
        jobs: thread::available_parallelism().map_or(1, NonZeroUsize::get),
        stop: Stop::AtFailure,
        voice: Voice::Silent,
    };
    let summary = campaign(&search);
    let found = summary.failures().first();
    let found = found.unwrap_or_else(|| panic!("not found"));
    println!("by seed {}: {}", found.seed, found.what);
}
