use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::html::RunDocument;
use super::{CapacityResult, Folder, Kept, Origin, ResultsError, RunResult, read};
use crate::maximum::{self, Asked, Capacity, Common, Found, Trial};
use crate::measure::Measures;
use crate::report::{Audit, Report, VERSION};
use crate::sample;
use crate::schedule::Skip;
use crate::search::Mark;
use crate::tally::Summary;
use crate::trial::Finding;

const SCHEMA: &str = include_str!("../../schema/result.schema.json");
const CAPACITY_SCHEMA: &str = include_str!("../../schema/capacity.schema.json");

/// What [`sample::world`] came to.
fn finding() -> Finding {
    let mut measures = Measures::new(Duration::from_secs(2));
    for (_, record) in &sample::world().0.records {
        measures.add(record, Summary::of(record).outcome);
    }
    measures.add_skips([(Duration::from_millis(1_500), Skip::Late)]);
    Finding {
        report: sample::report(),
        tally: sample::tally(),
        measures,
        started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        heading: "a <demo> of ours".to_owned(),
        troubles: 1,
        trouble: Some("a line was \"lost\"".to_owned()),
        testimony: sample::world().0.testimony(),
        books: Arc::new(sample::spilled(&sample::world().1)),
    }
}

/// Keeps it in a directory of its own.
fn kept() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    Folder::prepare(folder.path()).unwrap().keep(&Kept::from(&finding())).unwrap();
    folder
}

fn errors(json: &serde_json::Value) -> Vec<String> {
    errors_by(SCHEMA, json)
}

fn errors_by(schema: &str, json: &serde_json::Value) -> Vec<String> {
    let schema = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(json).map(|error| error.to_string()).collect()
}

#[test]
fn what_is_written_fits_the_schema_and_is_read_again() {
    let folder = kept();
    let text = fs::read_to_string(folder.path().join("result.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(errors(&json), Vec::<String>::new());
    let report = serde_json::to_value(sample::report()).unwrap();
    assert_eq!(errors(&report), Vec::<String>::new(), "--json has no more than the report");
    assert_eq!(json["started_at"], "2023-11-14T22:13:20Z");
    assert!(json["host"]["cores"].as_u64() > Some(0), "{json}");

    let result: RunResult = read(folder.path()).unwrap();
    assert_eq!(result.page(), finding().page());
    assert!(result.page().contains("tries_exceeded"), "reasons are kept by outcome");
    let report: Report = read(&folder.path().join("result.json")).unwrap();
    assert_eq!(report, finding().report);
}

/// The schema is not so wide that anything fits it.
#[test]
fn the_schema_refuses_what_is_not_a_result() {
    let good = serde_json::to_value(RunResult::of(&finding())).unwrap();
    let check = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = good.clone();
        change(&mut json);
        assert_ne!(errors(&json), Vec::<String>::new(), "{json}");
    };
    assert_eq!(good["version"], VERSION);
    check(&|json| json["version"] = (VERSION + 1).into());
    check(&|json| json["payments"]["lost"] = 1.into());
    check(&|json| json["ladder"][0]["message"] = "greeting".into());
    check(&|json| drop(json["ladder"][1].as_object_mut().unwrap().remove("timed_out")));
    check(&|json| json["payments"]["offered"] = "many".into());
    check(&|json| json["by_outcome"]["forgotten"] = json["by_outcome"]["approved"].clone());
    check(&|json| json["intervals"]["machine_ms"]["p99"] = 1.into());
    check(&|json| drop(json["generator"].as_object_mut().unwrap().remove("lag_ms")));
    check(&|json| drop(json.as_object_mut().unwrap().remove("host")));
    check(&|json| drop(json.as_object_mut().unwrap().remove("seed")));
}

#[test]
fn a_line_of_the_series_is_a_second() {
    let folder = kept();
    let text = fs::read_to_string(folder.path().join("series.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    // Eight payments were meant to begin after 100 ms; the ninth was skipped in the next second.
    let of = |key: &str| [&lines[0][key], &lines[1][key]].map(|count| count.as_u64().unwrap());
    assert_eq!((of("second"), of("offered")), ([0, 1], [8, 1]));
    assert_eq!((of("approved"), of("declined"), of("skipped")), ([2, 0], [2, 0], [0, 1]));
    assert!(lines[0]["response_p99_ms"].as_f64() > Some(0.0), "{text}");
    assert!((lines[0]["lag_p99_ms"].as_f64().unwrap() - 1.0).abs() < 0.02, "{text}");
    assert!(lines[1]["response_p50_ms"].is_null() && lines[1]["lag_p99_ms"].is_null(), "{text}");
}

#[test]
fn the_log_of_histograms_holds_every_time() {
    let folder = kept();
    let text = fs::read(folder.path().join("latency.hlog")).unwrap();
    let (mut seconds, mut tagged, mut begun) = (Vec::new(), Vec::new(), None);
    for entry in IntervalLogIterator::new(&text) {
        match entry.unwrap() {
            LogEntry::BaseTime(at) => begun = Some(at.as_secs()),
            LogEntry::StartTime(_) => {}
            LogEntry::Interval(interval) => {
                use base64::Engine as _;
                let engine = base64::engine::general_purpose::STANDARD;
                let bytes = engine.decode(interval.encoded_histogram()).unwrap();
                let histogram: Histogram<u64> =
                    Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
                match interval.tag() {
                    Some(tag) => tagged.push((tag.as_str().to_owned(), histogram)),
                    None => seconds.push((interval.start_timestamp().as_secs(), histogram.len())),
                }
            }
        }
    }
    let finding = finding();
    assert_eq!(begun, Some(1_700_000_000));
    let answered: u64 = finding.measures.timed().map(|(_, timed)| timed.response.count()).sum();
    assert_eq!(seconds, [(0, answered), (1, 0)]);
    let begun = tagged.iter().filter(|(tag, _)| tag == "second:lag");
    assert_eq!(begun.map(|(_, lag)| lag.len()).collect::<Vec<_>>(), [8, 0]);
    let of = |tag: &str| &tagged.iter().find(|(of, _)| of == tag).unwrap().1;
    for (outcome, timed) in finding.measures.timed() {
        let name = outcome.name();
        assert_eq!(of(name), timed.response.histogram(), "{name}");
        assert_eq!(of(&format!("{name}:service")), timed.service.histogram(), "{name}");
        assert_eq!(of(&format!("{name}:lag")), timed.lag.histogram(), "{name}");
    }
    assert_eq!(of("human"), finding.tally.human.histogram());
}

/// What was kept is read again as it was: a second copy of it is the same to the byte.
#[test]
fn all_that_was_measured_is_read_again() {
    let (first, second) = (kept(), tempfile::tempdir().unwrap());
    let again = Kept::read(first.path()).unwrap();
    assert_eq!(again.result.page(), finding().page());
    Folder::prepare(second.path()).unwrap().keep(&again).unwrap();
    for name in ["result.json", "series.jsonl", "latency.hlog", "report.html"] {
        let [one, other] = [&first, &second].map(|of| fs::read(of.path().join(name)).unwrap());
        assert!(one == other, "{name} is another one");
    }
}

#[test]
fn what_is_not_whole_is_told() {
    let check = |name: &str, from: &str, to: &str, words: &str| {
        let folder = kept();
        let path = folder.path().join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = Kept::read(folder.path()).unwrap_err();
        assert!(matches!(error, ResultsError::Damaged { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains(name) && error.contains(words), "{error}");
    };
    check("series.jsonl", "\"second\":0", "\"second\":7", "second 0 is missing");
    check("series.jsonl", "\"approved\"", "\"proved\"", "says nothing of approved");
    check("series.jsonl", "{", "", "");
    check("latency.hlog", "Tag=second:lag", "Tag=lag", "there is no tag lag");
    check("latency.hlog", "Tag=approved:lag", "Tag=approved:leg", "no tag approved:leg");
    check("latency.hlog", "HIST", "HISU", "");
    let folder = kept();
    fs::remove_file(folder.path().join("latency.hlog")).unwrap();
    let error = Kept::read(folder.path()).unwrap_err();
    assert!(matches!(error, ResultsError::Read { .. }), "{error}");
}

#[test]
fn the_page_needs_nothing_else_and_says_what_was_found() {
    let page = fs::read_to_string(kept().path().join("report.html")).unwrap();
    for foreign in ["<script", "<link", "<img", "http:", "https:", "url(", "@import", "<demo>"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for words in [
        "<title>a &lt;demo&gt; of ours</title>",
        "a line was &quot;lost&quot;",
        "Audit: ok",
        "Load generator: ",
        "prefers-color-scheme: dark",
        "tries_exceeded",
        "2023-11-14T22:13:20Z",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let plots = |class: &str| page.matches(&format!("<svg class=\"{class}\"")).count();
    assert_eq!((plots("wide"), plots("narrow")), (3, 3));
    assert!(!page.contains("NaN") && !page.contains("inf"), "a number went wrong");
}

#[test]
fn what_was_found_wrong_stands_first_and_a_run_of_nothing_has_a_page() {
    let problems = (0..25).map(|n| format!("problem {n} of <us>")).collect();
    let mut result = RunResult::of(&finding());
    result.report.audit = Audit { ok: false, problems, left_out: Vec::new() };
    result.report.generator.limited_by = vec!["it began late".to_owned()];
    let measures = Measures::new(Duration::from_secs(1));
    let page = RunDocument { result: &result, measures: &measures }.to_string();
    assert!(page.contains("Audit: FAILED, 25 problems") && !page.contains("Audit: ok"), "{page}");
    assert!(page.contains("problem 19 of &lt;us&gt;") && !page.contains("problem 20"), "{page}");
    assert!(page.contains("and 5 more") && page.contains("WAS THE LIMIT"), "{page}");
    assert!(page.contains("nothing to draw") && !page.contains("<svg"), "{page}");
}

fn trial(rate_per_s: f64, p99_ms: f64, mark: Mark) -> Trial {
    Trial {
        rate_per_s,
        seconds: 10.0,
        mark,
        missed: Vec::new(),
        limited_by: Vec::new(),
        throughput_per_s: rate_per_s * 0.99,
        p50_ms: p99_ms / 4.0,
        p99_ms,
        gateway_cost: sample::report().gateway_cost,
    }
}

fn capacity(trials: Vec<Trial>) -> CapacityResult {
    let found = Some(Found::Between(200.0, 210.0));
    let goals = "p99 < 20ms".to_owned();
    let asked = Asked::Sweep { rates_per_s: vec![100.0, 200.0, 210.0], seconds: 10.0 };
    let Report { seed, config, gateway, connections, .. } = sample::report();
    let common = Some(Common {
        seed,
        pace: config.pace,
        customers: config.customers,
        terminals: config.terminals,
        preset: config.preset,
        preset_digest: config.preset_digest,
        gateway,
        connections,
    });
    CapacityResult {
        capacity: Capacity { version: maximum::VERSION, goals, asked, common, found, trials },
        origin: Origin::here("what it <carries>".to_owned(), SystemTime::UNIX_EPOCH),
    }
}

#[test]
fn a_search_leaves_its_runs_and_a_page_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let runs = [(100.0, 5.0, Mark::Good), (200.0, 9.0, Mark::Good), (210.0, 60.0, Mark::Bad)];
    let result = capacity(runs.map(|(rate, p99, mark)| trial(rate, p99, mark)).to_vec());
    Folder::prepare(folder.path()).unwrap().keep_capacity(&result).unwrap();
    let file = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let again: CapacityResult = serde_json::from_str(&file("capacity.json")).unwrap();
    assert_eq!(again, result);
    let page = file("report.html");
    for words in ["what it &lt;carries&gt;", "p99 &lt; 20ms: between 200.0 and 210.0", "<td>198.0"]
    {
        assert!(page.contains(words), "{words}");
    }
    // Two plots for two sizes of screen: three lines, of three runs each, one of which missed.
    let count = |what: &str| page.matches(what).count();
    assert_eq!((count("<circle"), count(" missed\" cx"), count("class=\"found\"")), (18, 6, 8));
    assert!(!page.contains("NaN") && !page.contains("inf"), "a number went wrong");
}

#[test]
fn what_a_search_leaves_fits_its_schema_and_nothing_else_does() {
    let runs = [(100.0, 5.0, Mark::Good), (200.0, 9.0, Mark::Bad)];
    let mut result = capacity(runs.map(|(rate, p99, mark)| trial(rate, p99, mark)).to_vec());
    let errors = |json: &serde_json::Value| errors_by(CAPACITY_SCHEMA, json);
    let search = Asked::Search {
        from_per_s: 100.0,
        to_per_s: 1_000.0,
        width: 0.02,
        seconds: [3.0, 10.0, 30.0],
        confirmations: 6,
        most_long: 60,
    };
    for (asked, found) in [
        (result.capacity.asked.clone(), None),
        (search.clone(), Some(Found::Between(100.0, 102.0))),
        (search.clone(), Some(Found::AtLeast(100.0))),
        (search.clone(), Some(Found::GeneratorLimited(100.0))),
        (search, Some(Found::Nothing)),
    ] {
        (result.capacity.asked, result.capacity.found) = (asked, found);
        let whole = serde_json::to_value(&result).unwrap();
        assert_eq!(errors(&whole), Vec::<String>::new(), "{whole}");
        let bare = serde_json::to_value(&result.capacity).unwrap();
        assert_eq!(errors(&bare), Vec::<String>::new(), "--json has no more");
    }
    let check = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = serde_json::to_value(&result).unwrap();
        change(&mut json);
        assert_ne!(errors(&json), Vec::<String>::new(), "{json}");
    };
    check(&|json| json["version"] = (maximum::VERSION + 1).into());
    check(&|json| json["found"] = serde_json::json!({ "between": [1.0] }));
    check(&|json| json["found"] = "something".into());
    check(&|json| json["asked"] = serde_json::json!({ "sweep": {} }));
    check(&|json| json["trials"][0]["mark"] = "middling".into());
    check(&|json| json["trials"][1]["gateway_cost"]["syncs"] = "many".into());
    check(&|json| drop(json["common"].as_object_mut().unwrap().remove("seed")));
    check(&|json| drop(json.as_object_mut().unwrap().remove("host")));
}

#[test]
fn a_search_called_off_before_its_first_run_has_a_page() {
    let page = super::html::CapacityDocument(&capacity(Vec::new())).to_string();
    assert!(page.contains("Every run") && !page.contains("<svg"), "{page}");
}

#[test]
fn nothing_is_written_over() {
    let folder = kept();
    let before = fs::read(folder.path().join("result.json")).unwrap();
    assert!(matches!(Folder::prepare(folder.path()), Err(ResultsError::NotEmpty(_))));
    let file = folder.path().join("result.json");
    assert!(
        matches!(Folder::prepare(&file), Err(ResultsError::Write { .. })),
        "a file is in the way"
    );
    assert_eq!(fs::read(&file).unwrap(), before);

    let new = folder.path().join("some").join("where");
    let ready = Folder::prepare(&new).unwrap();
    assert_eq!(fs::read_dir(&new).unwrap().count(), 0, "it is left as it was until the end");
    fs::write(new.join("series.jsonl"), "mine").unwrap();
    assert!(matches!(ready.keep(&Kept::from(&finding())), Err(ResultsError::Write { .. })));
    assert_eq!(fs::read_to_string(new.join("series.jsonl")).unwrap(), "mine");
    assert!(!new.join("result.json").exists(), "where it is, all is");
}

#[test]
fn what_is_no_result_is_told_from_one() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str, expected: fn(&ResultsError) -> bool| {
        fs::write(folder.path().join("result.json"), text).unwrap();
        let error = read::<RunResult>(folder.path()).unwrap_err();
        assert!(expected(&error), "{text}: {error}");
        assert!(error.to_string().contains("result.json"), "{error}");
    };
    check("no JSON", |error| matches!(error, ResultsError::Unintelligible { .. }));
    check("{\"version\":2}", |error| matches!(error, ResultsError::Unintelligible { .. }));
    check("{\"version\":99}", |error| matches!(error, ResultsError::Version { version: 99, .. }));
    let missing = read::<RunResult>(Path::new("nowhere/at/all")).unwrap_err();
    assert!(matches!(missing, ResultsError::Read { .. }), "{missing}");
}
