//! The program `kessai-loadgen`: what it prints, writes and exits with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

const SMALL: [&str; 9] =
    ["demo", "--seconds", "1", "--rate", "30", "--customers", "60", "--terminals", "6"];

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kessai-loadgen"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = program().args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_demo_exits_with_0_and_writes_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.json");
    let mut arguments = SMALL.to_vec();
    arguments.extend(["--pace", "30", "--seed", "5", "--json", file.to_str().unwrap()]);
    let (code, stdout, stderr) = run(&arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.contains("audit: ok"), "{stdout}");
    assert!(!stdout.contains('\u{1b}'), "a pipe gets plain lines: {stdout:?}");
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(json["audit"]["ok"], true);
    assert_eq!((&json["seed"], &json["seconds"]), (&5.into(), &1.0.into()));
    let payments = json["payments"].as_object().unwrap();
    let of = |key: &str| payments[key].as_u64().unwrap();
    let outcomes = ["approved", "declined", "cancelled", "expired", "refused", "skipped"];
    assert_eq!(of("offered"), outcomes.into_iter().map(of).sum::<u64>());
    assert!(of("approved") > 0, "{json}");
    assert!(json["latency_ms"]["machine"]["p99"].as_f64().unwrap() > 0.0, "{json}");
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for wrong in [
        &["demo", "--rate", "0"][..],
        &["demo", "--rate", "many"],
        &["demo", "--seconds", "0"],
        &["demo", "--seconds", "-1"],
        &["demo", "--pace", "0"],
        &["demo", "--customers", "0"],
        &["demo", "--terminals", "0"],
        &["demo", "--seed", "-1"],
        &["demo", "--speed", "1"],
        &["demo", "extra"],
        &["dance"],
        &[],
    ] {
        let (code, stdout, stderr) = run(wrong);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{wrong:?}");
        assert!(!stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn a_report_that_cannot_be_written_exits_with_3_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing").join("out.json");
    let mut arguments = SMALL.to_vec();
    arguments.extend(["--json", file.to_str().unwrap()]);
    let (code, stdout, stderr) = run(&arguments);
    assert_eq!((code, stdout.as_str()), (Some(3), ""));
    assert!(stderr.contains("missing"), "{stderr}");
}

#[test]
fn an_interrupted_run_is_audited_and_exits_with_130() {
    let mut arguments = SMALL.to_vec();
    arguments[2] = "3600";
    arguments.extend(["--pace", "30"]);
    let mut child = program().args(&arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("offered") {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended too early");
    }
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("audit: ok"), "{rest}");
}

#[test]
fn the_help_has_examples_and_exit_codes() {
    let (code, stdout, _) = run(&["demo", "--help"]);
    assert_eq!(code, Some(0));
    for words in ["--pace", "Examples:", "Exit codes:", "130", "--json", "[default: 200]"] {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
    let longest = stdout.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "a line of {longest:?} characters");
}
