//! The program `kessai-loadgen`: what it prints, writes and exits with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test may panic"
)]

#[path = "support/host.rs"]
mod host;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use host::Host;
use kessai_loadgen::population::{Population, Size, Wealth};
use kessai_loadgen::provision::Table;
use kessai_loadgen::shares::MACHINES;

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
fn a_run_leaves_what_its_schema_says_and_is_shown_again_but_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("results").join("first");
    let file = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let mut arguments = SMALL.to_vec();
    arguments.extend(["--pace", "30", "--out", out.to_str().unwrap()]);
    let (code, printed, stderr) = run(&arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{printed}");

    let json: serde_json::Value = serde_json::from_str(&file("result.json")).unwrap();
    let schema = serde_json::from_str(include_str!("../schema/result.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{json}");
    let lines = file("series.jsonl");
    let seconds = lines.lines().map(|line| serde_json::from_str(line).unwrap());
    let offered = |second: serde_json::Value| second["offered"].as_u64().unwrap();
    assert_eq!(json["payments"]["offered"], seconds.map(offered).sum::<u64>());
    assert!(file("report.html").contains("Audit: ok"));
    assert!(file("latency.hlog").contains("Tag=approved,0.000,"));

    let (code, shown, stderr) = run(&["show", out.to_str().unwrap()]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(shown.contains("audit: ok") && printed.ends_with(&shown), "{shown}\n{printed}");

    let (code, printed, stderr) = run(&arguments);
    assert_eq!((code, printed.as_str()), (Some(3), ""), "it is told before the run");
    assert!(stderr.contains("is not empty"), "{stderr}");
    assert_eq!(file("series.jsonl"), lines);
    let (code, _, stderr) = run(&["show", folder.path().to_str().unwrap()]);
    assert!(code == Some(3) && stderr.contains("result.json"), "{stderr}");
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
        &["demo", "--through", "walls"],
        &["demo", "--preset", "rush-hour"],
        &["demo", "--preset", "hostile", "--set", "skew.shops=1"],
        &["demo", "--set", "habits.approves=801"],
        &["demo", "--set", "skew.stores"],
        &["presets", "rush-hour"],
        &["provision", "--customers", "1", "--terminals", "1"],
        &["provision", "--customers", "0", "--terminals", "1", "--out", "nowhere"],
        &["show"],
        &["audit"],
        &["audit", "one", "two"],
        &["audit", "one", "--admin", "http://127.0.0.1:7480"],
        &["run", "--provision", "people"],
        &["run", "--gateway", "g:1", "--provision", "p", "--token-file", "t", "--duration", "0s"],
        &["connections"],
        &["connections", "idle"],
        &["connections", "idle", "--gateway", "g:1", "--provision", "p"],
        &["connections", "handshakes", "--gateway", "g:1", "--provision", "p", "--rate", "0"],
        &["connections", "storm", "--gateway", "g:1", "--provision", "p", "--within", "soon"],
        &["completions"],
        &["completions", "cmd"],
        &["man"],
        &["merge"],
        &["compare", "one"],
        &["compare", "one", "two", "--pace", "3"],
        &["compare", "--abba"],
        &["compare", "--abba", "--provision", "p", "--target", "g:1,http://g:2,t"],
        &["compare", "--abba", "--provision", "p", "--target", "g:1", "--target", "g:2"],
        &["dance"],
        &[],
    ] {
        let (code, stdout, stderr) = run(wrong);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{wrong:?}");
        assert!(!stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn a_part_is_played_by_a_number_and_at_a_moment() {
    let whom = ["run", "--gateway", "g:1", "--provision", "nowhere", "--token-file", "t"];
    let later = ["--begin-at", "2099-12-31T23:59:59Z"];
    let check = |arguments: &[&str], expected, words: &str| {
        let (code, stdout, stderr) = run(&[&whom, arguments].concat());
        assert_eq!((code, stdout.as_str()), (Some(expected), ""), "{stderr}");
        assert!(stderr.contains(words), "{words}: {stderr}");
    };
    check(&["--partition", "1/2"], 2, "--begin-at");
    check(&[&["--partition", "3/2"], &later[..]].concat(), 2, "such as 2/4");
    check(&["--partition", "1/2", "--begin-at", "soon"], 2, "a date and time in UTC");
    check(&[&["--partition", "1/2"], &later[..]].concat(), 3, "nowhere holds no provision");
    let (code, stdout, stderr) = run(&["merge", "part-1", "part-2"]);
    assert_eq!((code, stdout.as_str()), (Some(3), ""));
    assert!(stderr.contains("cannot read part-1"), "{stderr}");
}

#[test]
fn presets_are_listed_and_printed_as_files_that_can_be_played() {
    let (code, listed, stderr) = run(&["presets"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    for preset in
        ["mixed", "convenience-store", "vending", "commuter-peak", "hot-merchant", "hostile"]
    {
        assert!(listed.lines().any(|line| line.starts_with(preset)), "{listed}");
    }
    let (code, printed, stderr) = run(&["presets", "hostile", "--set", "skew.stores=1.5"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(printed.contains("stores = 1.5"), "{printed}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, printed.replace("stores = 1.5", "shops = 1.5")).unwrap();
    let (code, stdout, stderr) = run(&["demo", "--preset", file.to_str().unwrap()]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("shops") && stderr.contains("mine.toml"), "{stderr}");
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
    let mut lines = until_offered(&mut child);
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("audit: ok"), "{rest}");
}

/// Waits until the program says that payments are offered.
fn until_offered(child: &mut Child) -> BufReader<std::process::ChildStdout> {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("offered") {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended too early");
    }
    lines
}

/// What `--out` keeps is audited again, until something in it is otherwise; and no secret is in it.
#[test]
fn a_run_that_was_kept_is_audited_again() {
    let folder = tempfile::tempdir().unwrap();
    let (out, json) = (folder.path().join("kept"), folder.path().join("audit.json"));
    let place = out.to_str().unwrap();
    let (code, printed, stderr) =
        run(&[&SMALL[..], &["--pace", "30", "--seed", "5", "--out", place]].concat());
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{printed}");

    let (code, stdout, stderr) = run(&["audit", place, "--json", json.to_str().unwrap()]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    let result = std::fs::read_to_string(out.join("result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    let begun = |of: &str| result["payments"][of].as_u64().unwrap();
    let begun = begun("offered") - begun("skipped");
    assert!(stdout.starts_with(&format!("{begun} payments, 60 customers, ")), "{stdout}");
    assert!(stdout.contains("audit: ok"), "{stdout}");
    let written = std::fs::read_to_string(&json).unwrap();
    let written: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written, result["audit"]);
    assert_eq!(holds(&out, &secrets()), None);
    assert!(holds(&out.join("ledger"), &[b"P0000001".to_vec()]).is_some(), "it looks in there");

    let sums = out.join("books").join("sums.json");
    let text = std::fs::read_to_string(&sums).unwrap();
    std::fs::write(&sums, text.replacen("\"held\":0", "\"held\":7", 1)).unwrap();
    let (code, stdout, _) = run(&["audit", place]);
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stdout.contains("7 yen are held, and nothing is open"), "{stdout}");

    std::fs::remove_dir_all(out.join("ledger")).unwrap();
    let (code, _, stderr) = run(&["audit", place]);
    assert_eq!(code, Some(3));
    assert!(stderr.contains("evidence.json"), "{stderr}");
}

/// Every key of some customers, as bytes and in hexadecimal.
fn secrets() -> Vec<Vec<u8>> {
    let size = Size {
        customers: 60,
        terminals: 6,
        controllers: 8,
        hubs: 8,
        machines: MACHINES,
        wealth: Wealth::Mixed,
    };
    let population = Population::new(size, 5).unwrap();
    let keys = population.customers.iter().take(10).map(|customer| customer.keys());
    keys.flat_map(|keys| {
        [keys.stored.expose(), keys.server.expose(), keys.device.expose()].map(|it| it.to_vec())
    })
    .flat_map(|secret| [hex::encode(&secret).into_bytes(), secret])
    .collect()
}

/// Finds a file below a folder that has any of these bytes in it.
fn holds(folder: &Path, any: &[Vec<u8>]) -> Option<PathBuf> {
    let mut entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.find_map(|path| {
        if path.is_dir() {
            return holds(&path, any);
        }
        let bytes = std::fs::read(&path).unwrap();
        let has = |some: &Vec<u8>| bytes.windows(some.len()).any(|window| window == some);
        any.iter().any(has).then_some(path)
    })
}

/// Provisions, imports what the program says, and plays it; then once more, with money moved by
/// somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capacity_test_says_by_its_exit_code_what_came_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let people = path("people");
    let rates = format!("{people}/rates.csv");
    let size = ["--customers", "200", "--terminals", "20", "--hubs", "2", "--wealth", "plenty"];
    let (code, stdout, stderr) = run(&[&["provision", "--out", &people], &size[..]].concat());
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    let told: Vec<_> = stdout.lines().skip(1).map(str::trim).collect();
    let (commands, configuration) = told.split_at(6);
    assert_eq!(configuration[2..], ["[exchange]".to_owned(), format!("rates = {rates:?}")]);
    let host = Host::start_with(|settings| settings.exchange.rates = rates.into());
    let tables: Vec<_> =
        Table::ALL.into_iter().filter(|table| *table != Table::Controllers).collect();
    let import =
        |table: &Table| format!("kessai import {} {people}/{}", table.name(), table.file());
    assert_eq!(commands, tables.iter().map(import).collect::<Vec<_>>());

    let (address, url, json) = (host.address(), host.url(), path("out.json"));
    let token = host.token_file();
    let mut arguments = vec!["run", "--gateway", &address, "--admin", &url];
    arguments.extend(["--provision", &people, "--token-file", token.to_str().unwrap()]);
    arguments.extend(["--rate", "60", "--pace", "30", "--json", &json]);
    let (code, _, stderr) = run(&arguments);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("kessai import merchants"), "{stderr}");

    host.import(folder.path().join("people").as_path(), &tables);
    let (code, stdout, stderr) =
        run(&[&arguments[..], &["--duration", "1500ms", "--through", "hubs"]].concat());
    assert!(stderr.is_empty() && stdout.contains("audit: ok"), "{stdout}\n{stderr}");
    let report = std::fs::read_to_string(&json).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    // On a machine that is busy with other tests the load may begin late, and must say so.
    let kept_up = report["generator"]["limited_by"].as_array().unwrap().is_empty();
    assert_eq!(code, Some(if kept_up { 0 } else { 6 }), "{stdout}");
    assert_eq!(stdout.contains("load generator: kept up"), kept_up, "{stdout}");
    assert_eq!(report["gateway"]["address"], address);
    assert_eq!(
        (&report["connections"]["hubs"], &report["connections"]["terminals"]),
        (&2.into(), &20.into())
    );

    check_searches(folder.path(), &address, &arguments[1..9]);

    let mut child = program().args(&arguments).args(["--duration", "4s"]).spawn().unwrap();
    let mut lines = until_offered(&mut child);
    host.debit("1000-000-007", 3);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest}");
    assert!(rest.contains("audit: FAILED, 1 problems"), "{rest}");
    assert!(rest.contains("customer 1000-000-007: by what it was told it has"), "{rest}");
}

/// A sweep and a search keep their runs and a page with the curve, and write nothing over.
fn check_searches(folder: &Path, address: &str, whom: &[&str]) {
    let goals = ["--pace", "30", "--p99", "1min", "--timeouts", "100%"];
    let sweep = ["--rates", "30,60", "--duration", "1s"];
    let spans = ["--spans", "200ms", "300ms", "400ms"];
    let search = [&["--from", "40", "--to", "40", "--most-long", "6"], &spans[..]].concat();
    for (command, manner) in [("sweep", &sweep[..]), ("find-max", &search)] {
        let out = folder.join(command);
        let out = out.to_str().unwrap();
        let arguments = [&[command], whom, &goals, manner, &["--out", out]].concat();
        let (code, stdout, stderr) = run(&arguments);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
        let file = |name: &str| std::fs::read_to_string(Path::new(out).join(name)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&file("capacity.json")).unwrap();
        assert!(json["heading"].as_str().unwrap().contains(address), "{json}");
        let trials = json["trials"].as_array().unwrap();
        let rates: Vec<_> = trials.iter().map(|trial| trial["rate_per_s"].as_f64()).collect();
        if command == "sweep" {
            assert_eq!(
                (rates, &json["found"]),
                (vec![Some(30.0), Some(60.0)], &serde_json::Value::Null)
            );
        } else {
            assert_eq!(json["found"], serde_json::json!({ "at_least": 40.0 }), "{json}");
            assert_eq!(rates, [Some(40.0); 7], "one short run, six long ones");
        }
        assert_eq!(file("report.html").matches("<svg").count(), 4);
        let (code, stdout, stderr) = run(&arguments);
        assert_eq!((code, stdout.as_str()), (Some(3), ""), "it is told before the first run");
        assert!(stderr.contains("is not empty"), "{stderr}");
    }
}

/// A gateway that gives silent connections up after a second: kept alive they stand, and else the
/// exit code says that they were lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_lost_are_told_by_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (people, json) = (path("people"), path("out.json"));
    let size = ["--customers", "20", "--terminals", "8"];
    let (code, _, stderr) = run(&[&["provision", "--out", &people], &size[..]].concat());
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let host = Host::start_with(|settings| {
        settings.connections.idle = std::time::Duration::from_secs(1);
    });
    let tables = Table::ALL.into_iter();
    let tables: Vec<_> =
        tables.filter(|table| !matches!(table, Table::Controllers | Table::Hubs)).collect();
    host.import(folder.path().join("people").as_path(), &tables);
    let (address, url, token) = (host.address(), host.url(), host.token_file());
    let mut arguments = vec!["connections", "idle", "--gateway", &address, "--admin", &url];
    arguments.extend(["--provision", &people, "--token-file", token.to_str().unwrap()]);
    arguments.extend(["--connections", "20", "--duration", "2500ms", "--json", &json]);

    let (code, stdout, stderr) = run(&[&arguments[..], &["--keep-alive", "200ms"]].concat());
    assert_eq!(stderr, "", "{stdout}");
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let kept_up = report["generator"]["limited_by"].as_array().unwrap().is_empty();
    assert_eq!(code, Some(if kept_up { 0 } else { 6 }), "{stdout}");
    assert_eq!((&report["idle"]["alive"], &report["version"]), (&20.into(), &1.into()));
    assert!(stdout.contains("standing: 20 of 20\n"), "lines where there is no terminal: {stdout}");
    assert!(stdout.ends_with("connections: ok\n") && !stdout.contains('\u{1b}'), "{stdout}");

    let (code, stdout, _) = run(&[&arguments[..], &["--keep-alive", "0s"]].concat());
    assert_eq!(code, Some(4), "{stdout}");
    assert!(stdout.ends_with("  - 20 connections were lost: unreachable 20\n"), "{stdout}");
}

/// Whatever the help lists can be completed, and has a page of its own.
#[test]
fn every_command_is_known_to_shells_and_has_a_man_page() {
    let help = run(&["--help"]).1;
    let listed = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    // What a command is about may go on in further lines, which are set in deeper.
    let names = listed.lines().filter(|line| !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    let names: Vec<_> = names.filter(|name| *name != "help").collect();
    assert!(names.contains(&"find-max") && names.contains(&"completions"), "{listed}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, completions, stderr) = run(&["completions", shell]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        for words in names.iter().chain(&["token-file"]) {
            assert!(completions.contains(words), "{shell} does not know {words}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man");
    let arguments = ["man", "--out", out.to_str().unwrap()];
    let (code, stdout, stderr) = run(&arguments);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "", ""));
    for name in names {
        let page = std::fs::read_to_string(out.join(format!("kessai-loadgen-{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME"), "{page}");
    }
    let page = std::fs::read_to_string(out.join("kessai-loadgen-find-max.1")).unwrap();
    for words in ["\\-\\-p99", "Exit codes:", "confirming"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let taken = out.join("kessai-loadgen.1");
    let (code, _, stderr) = run(&["man", "--out", taken.to_str().unwrap()]);
    assert!(code == Some(3) && stderr.contains("cannot write to"), "{stderr}");
}

#[test]
fn the_help_has_examples_and_exit_codes() {
    let check = |command: &str, all: &[&str]| {
        let (code, stdout, _) = run(&[command, "--help"]);
        assert_eq!(code, Some(0));
        for words in all.iter().chain(&["Examples:", "Exit codes:"]) {
            assert!(stdout.contains(words), "{words}: {stdout}");
        }
        let longest = stdout.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "a line of {longest:?} characters: {stdout}");
    };
    check("demo", &["--pace", "130", "--json", "--through", "[default: 200]"]);
    check("provision", &["--customers", "--wealth", "[default: 42]"]);
    check("connections", &["handshakes", "storm", "turned_away", "--bystanders"]);
    check("show", &["result.json", "--out"]);
    check("compare", &["--abba", "--target", "pair by pair"]);
    check("merge", &["--partition N/4", "--out", "result.json"]);
    check("audit", &["--token-file", "--json", "--partition"]);
    check("find-max", &["--p99", "--spans", "capacity.json"]);
    check("run", &["--gateway", "--out", "--token-file", "--through", "must be alone", "130"]);
}
