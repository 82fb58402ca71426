//! The simulator: no seed breaks a promise, every kind of fault is met, and a seed says all.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

use kessai_loadgen::simulation::network;
use kessai_loadgen::simulation::{Campaign, EVENTS, Fault, Stop, Voice, campaign};

#[test]
fn no_seed_breaks_a_promise_and_all_faults_are_met() {
    let few = Campaign {
        first_seed: 1,
        seeds: 60,
        jobs: 2,
        events: EVENTS,
        stop: Stop::AtEnd,
        voice: Voice::Silent,
    };
    let summary = campaign(&few);
    assert_eq!(summary.failures(), []);
    let tally = summary.tally();
    for fault in Fault::ALL {
        assert!(tally.faults.get(&fault).is_some_and(|count| *count > 0), "never {fault}");
    }
    let enough = tally.recoveries > 60 && tally.payments > 1_000 && tally.acknowledgements > 5_000;
    assert!(enough, "{tally:?}");
}

#[test]
fn no_seed_breaks_a_promise_over_the_network() {
    let few = network::Campaign {
        first_seed: 1,
        seeds: 6,
        jobs: 2,
        stop: Stop::AtEnd,
        voice: Voice::Silent,
    };
    let summary = network::campaign(&few);
    assert_eq!(summary.failures(), []);
    assert!(summary.recoveries() > 3, "{summary}");
}

#[test]
fn the_summary_is_written_as_json_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("summary.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kessai-loadgen"));
    command.args(["simulate", "--seeds", "2", "--json"]).arg(&file);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    for (name, expected) in [("seeds", 2), ("lost", 0), ("doubled", 0), ("false_refusals", 0)] {
        assert_eq!(json[name], expected, "{name}");
    }
    assert!(json["events"].as_u64().unwrap() >= 2 * EVENTS, "{json}");
    assert_eq!(json["faults"].as_object().unwrap().len(), Fault::ALL.len());
}

#[test]
fn what_cannot_be_written_is_said() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kessai-loadgen"));
    let output = command.args(["simulate", "--seeds", "1", "--json", "/none/x.json"]).output();
    assert_eq!(output.unwrap().status.code(), Some(3));
}
