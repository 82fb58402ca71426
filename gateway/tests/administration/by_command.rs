//! `kessai import`: exactly what it prints.

use std::path::Path;
use std::process::Output;

use crate::processor::Processor;
use crate::tables::{CATALOGUE, MERCHANTS, as_json};

fn check(output: &Output, code: i32, out: &str, err: &str) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!((text(&output.stdout).as_str(), text(&output.stderr).as_str()), (out, err));
    assert_eq!(output.status.code(), Some(code));
}

fn write(processor: &Processor, name: &str, content: &str) {
    std::fs::write(processor.desk().join(name), content).unwrap();
}

#[test]
fn what_was_imported_is_said_in_one_line() {
    let processor = Processor::start();
    let import = |words: &[&str]| processor.command(&[&["import"], words].concat());
    write(&processor, "merchants.csv", MERCHANTS);
    write(&processor, "more.JSONL", &as_json("id,name\nM1,First\nM3,Third\n"));
    write(&processor, "table", CATALOGUE);
    check(&import(&["merchants", "merchants.csv"]), 0, "imported 2 merchants\n", "");
    let updated = "imported 1 merchant, updated 1\n";
    check(&import(&["merchants", "more.JSONL", "--update"]), 0, updated, "");
    let products = import(&["catalogue", "table", "--format", "csv"]);
    check(&products, 0, "imported 3 products\n", "");
    let words = ["import", "hubs", "-", "--format", "csv", "--json"];
    write(&processor, "hubs.csv", "id\nH1\n");
    let output = processor.command_with(&words, &processor.desk().join("hubs.csv"));
    check(&output, 0, "{\n  \"entered\": 1,\n  \"updated\": 0,\n  \"bad\": 0\n}\n", "");
}

#[test]
fn bad_lines_are_said_one_by_one() {
    let processor = Processor::start();
    let import = |words: &[&str]| processor.command(&[&["import"], words].concat());
    write(&processor, "hubs.csv", "id\nH 1\nH2\n\nH2\n");
    let told = "hubs.csv:2: id: the character at byte 1 is not allowed in a code of this kind\n\
                hubs.csv:5: id: the same as in line 3\n";
    let last = "kessai: nothing was imported: 2 bad lines in hubs.csv\n";
    check(&import(&["hubs", "hubs.csv"]), 1, "", &format!("{told}{last}"));
    let skipped = "imported 1 hub, skipped 2 bad lines\n";
    check(&import(&["hubs", "hubs.csv", "--skip-bad"]), 0, skipped, told);
    let there = "hubs.csv:3: id: already there\n";
    let told = told.replace("hubs.csv:5: id: the same as in line 3\n", there);
    let (_, first) = told.split_once('\n').unwrap();
    assert_eq!(first, there);
    let last =
        "hubs.csv:5: id: already there\nkessai: nothing was imported: 3 bad lines in hubs.csv\n";
    check(&import(&["hubs", "hubs.csv"]), 1, "", &format!("{told}{last}"));
    write(&processor, "one.csv", "id\nH 1\n");
    let told = "one.csv:2: id: the character at byte 1 is not allowed in a code of this kind\n";
    let last = "kessai: nothing was imported: 1 bad line in one.csv\n";
    check(&import(&["hubs", "one.csv"]), 1, "", &format!("{told}{last}"));
    write(&processor, "many.csv", &format!("id\n{}", "H 1\n".repeat(1_500)));
    let output = import(&["hubs", "many.csv"]);
    let said = String::from_utf8(output.stderr).unwrap();
    let ends: Vec<_> = said.lines().skip(1_000).collect();
    let last = "kessai: nothing was imported: 1500 bad lines in many.csv";
    assert_eq!(ends, ["many.csv: 500 more bad lines", last]);
}

#[test]
fn what_cannot_be_sent_is_named() {
    let processor = Processor::start();
    let import = |words: &[&str]| processor.command(&[&["import"], words].concat());
    let which = "is it CSV or JSON Lines? give --format csv or jsonl\n";
    check(&import(&["hubs", "hubs.txt"]), 1, "", &format!("kessai: hubs.txt: {which}"));
    check(&import(&["hubs", "-"]), 1, "", &format!("kessai: -: {which}"));
    let missing = "kessai: cannot read none.csv: No such file or directory (os error 2)\n";
    check(&import(&["hubs", "none.csv"]), 1, "", missing);
    std::fs::create_dir(processor.desk().join("folder.csv")).unwrap();
    check(&import(&["hubs", "folder.csv"]), 1, "", "kessai: folder.csv is a directory\n");
    assert_eq!(import(&["people", "hubs.csv"]).status.code(), Some(2));
    assert!(!Path::new("hubs.csv").exists());
}
