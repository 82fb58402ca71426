//! The test of the tests: every error that can be planted in the real code is found by the
//! simulator within 500 seeds, and printed with the one command that finds it again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::num::NonZeroUsize;
use std::process::Command;
use std::thread;

use kessai_engine::planted::{self, Bug};
use kessai_loadgen::simulation::{Campaign, EVENTS, Stop, Voice, campaign};

/// One test: a bug is planted for the whole process.
#[test]
fn every_planted_bug_is_found_within_500_seeds() {
    let jobs = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    for bug in Bug::ALL {
        planted::plant(bug);
        let search = Campaign {
            first_seed: 1,
            seeds: 500,
            jobs,
            events: EVENTS,
            stop: Stop::AtFailure,
            voice: Voice::Silent,
        };
        let summary = campaign(&search);
        let found = summary.failures().first();
        let found = found.unwrap_or_else(|| panic!("{bug} is not found"));
        println!("{bug}: by seed {}: {}", found.seed, found.what);
    }
    planted::clear();
    let few = Campaign {
        first_seed: 1,
        seeds: 20,
        jobs,
        events: EVENTS,
        stop: Stop::AtEnd,
        voice: Voice::Silent,
    };
    assert_eq!(campaign(&few).failures(), [], "nothing is planted");
}

#[test]
fn a_failure_prints_the_one_command_that_plays_it_again() {
    let told = simulate("simulate --seeds 3 --planted told-before-sync");
    let command = told.lines().find(|line| line.contains("--first-seed")).unwrap();
    let again = simulate(command.trim().strip_prefix("kessai-loadgen ").unwrap());
    let first = told.lines().next().unwrap();
    assert!(first.contains("told before it was durable"), "{told}");
    assert_eq!(again.lines().next(), Some(first));
}

/// Runs a simulation that must fail, and gives what it wrote to standard error.
fn simulate(arguments: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kessai-loadgen"));
    let output = command.args(arguments.split(' ')).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}
