//! Rates of exchange: shown as they are in force, and a file of them checked before it is.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::processor::{KESSAI, Processor};

const HEADING: &str = "base,quote,rate,markup_bp,valid_from,valid_until\n";

/// One that is over, two that hold, of which one goes before the other, and one to come.
const LINES: &str = "\
    USD,JPY,150,0,2020-01-01T00:00:00Z,2021-01-01T00:00:00Z\n\
    USD,JPY,157.25,200,2022-01-01T00:00:00+09:00,2100-01-01T00:00:00Z\n\
    USD,JPY,155,0,2021-06-01T00:00:00Z,2100-01-01T00:00:00Z\n\
    JPY,USD,0.0064,0,2099-01-01T00:00:00Z,2100-01-01T00:00:00Z\n";

fn check(words: &[&str]) -> Output {
    let mut command = Command::new(KESSAI);
    command.args(["rates", "check"]).args(words).env_remove("KESSAI_CONFIG").output().unwrap()
}

fn told(output: &Output) -> (i32, &str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn rates_are_shown_with_what_holds_now() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rates.csv");
    std::fs::write(&file, format!("{HEADING}{LINES}")).unwrap();
    let processor =
        Processor::start_with("", &format!("[exchange]\nrates = \"{}\"", file.display()));
    let page = "\
base  quote  rate     markup_bp  valid_from_at         valid_until_at        holds
JPY   USD    0.0064           0  2099-01-01T00:00:00Z  2100-01-01T00:00:00Z  later
USD   JPY    150              0  2020-01-01T00:00:00Z  2021-01-01T00:00:00Z  stale
USD   JPY    155              0  2021-06-01T00:00:00Z  2100-01-01T00:00:00Z  superseded
USD   JPY    160.395        200  2021-12-31T15:00:00Z  2100-01-01T00:00:00Z  now
";
    assert_eq!(processor.kessai(&["rates", "show"]), page);
    let first = json!({
        "base": "JPY", "quote": "USD", "rate": "0.0064", "markup_bp": 0,
        "valid_from_at_ms": 4_070_908_800_000_u64, "valid_until_at_ms": 4_102_444_800_000_u64,
        "holds": "later",
    });
    assert_eq!(processor.json(&["rates", "show"])[0], first);
    // A bad file changes nothing; a good one is read soon.
    std::fs::write(&file, "nonsense").unwrap();
    assert_eq!(processor.kessai(&["rates", "show"]), page);
    let newer = folder.path().join("newer.csv");
    std::fs::write(&newer, HEADING).unwrap();
    std::fs::rename(&newer, &file).unwrap();
    let read = (0..100_000).any(|_| processor.json(&["rates", "show"]) == json!([]));
    assert!(read, "it is never read again");
}

#[test]
fn without_a_file_there_are_none() {
    let processor = Processor::start();
    assert_eq!(processor.json(&["rates", "show"]), Value::Array(Vec::new()));
    assert_eq!(processor.kessai(&["rates", "show"]), "none\n");
}

#[test]
fn a_file_is_checked_without_a_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rates.csv");
    let path = file.to_str().unwrap();
    let write = |content: &str| std::fs::write(&file, content).unwrap();
    write(&format!("{HEADING}{LINES}"));
    let expected = format!("{path}: 4 rates, nothing wrong\n");
    assert_eq!(told(&check(&[path])), (0, expected.as_str(), ""));
    let one = LINES.lines().next().unwrap();
    write(&format!("{HEADING}{one}\n"));
    let expected = format!("{path}: 1 rate, nothing wrong\n");
    assert_eq!(told(&check(&[path])), (0, expected.as_str(), ""));
    write(&format!("{HEADING}{one}\nUSD,JPY,-1,0,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z\n"));
    let output = check(&[path]);
    let (code, out, err) = told(&output);
    assert_eq!((code, out), (1, ""));
    assert!(err.starts_with(&format!("kessai: {path}:3: rate: ")), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    let output = check(&["none.csv"]);
    let expected = "kessai: none.csv: No such file or directory (os error 2)\n";
    assert_eq!(told(&output), (1, "", expected));
    assert_eq!(check(&[]).status.code(), Some(2));
}
