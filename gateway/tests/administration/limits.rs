//! What an upload must keep to before it is looked at.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::processor::{Processor, end};
use crate::tables::MERCHANTS;

fn detail(processor: &Processor, path: &str, kind: &str, content: &[u8]) -> (u16, String) {
    let mut response = processor.post(path, kind, content);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = response.body_mut().read_json().unwrap();
    (response.status().as_u16(), problem["detail"].as_str().unwrap().to_owned())
}

#[test]
fn what_is_asked_must_make_sense() {
    let processor = Processor::start();
    let (csv, table) = ("text/csv", MERCHANTS.as_bytes());
    for (path, kind, status, named) in [
        ("people", csv, 404, "kind"),
        ("merchants?skip-bad=true", csv, 400, "skip"),
        ("merchants?update=yes", csv, 400, "update"),
        ("merchants", "application/json", 415, "text/csv"),
        ("merchants", "", 415, "application/x-ndjson"),
    ] {
        let (found, detail) = detail(&processor, path, kind, table);
        assert!(found == status && detail.contains(named), "{path}: {found} {detail}");
    }
    assert_eq!(processor.json(&["merchant", "list"]).as_array().unwrap().len(), 0);
    let mut told = processor.post("merchants", "Text/CSV; charset=utf-8", table);
    assert_eq!(told.status(), 200);
    assert!(told.body_mut().read_to_string().unwrap().contains("\"entered\":2"));
}

#[test]
fn an_upload_has_a_greatest_length_whether_it_is_announced_or_not() {
    let processor = Processor::start_with("import_mib = 1", "");
    let fits = format!("id,name\nM1,x\n{}", "\n".repeat((1 << 20) - 13));
    assert_eq!(fits.len(), 1 << 20);
    let long = format!("{fits}\n");
    let (status, detail) = detail(&processor, "merchants", "text/csv", long.as_bytes());
    assert_eq!(status, 413);
    assert!(detail.contains("1 MiB") && detail.contains("admin.import_mib"), "{detail}");
    let file = processor.desk().join("long.csv");
    std::fs::write(&file, &long).unwrap();
    let output = processor.command(&["import", "merchants", "long.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 MiB"), "{output:?}");
    // From a pipe nobody knows the length before its end.
    let words = ["import", "merchants", "-", "--format", "csv"];
    let output = processor.command_with(&words, &file);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 MiB"), "{output:?}");
    assert_eq!(processor.import("merchants", fits), [end(1, 0, 0)]);
}

/// Begins an upload without ending it.
fn begun(processor: &Processor) -> TcpStream {
    let address = processor.admin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /v1/import/merchants HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\n\
         Content-Type: text/csv\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\
         Connection: close\r\n\r\n",
        processor.bearer()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n", "it has its turn");
    stream
}

#[test]
fn one_import_is_under_way_at_a_time() {
    let processor = Processor::start();
    let mut first = begun(&processor);
    let (status, text) = detail(&processor, "stores", "text/csv", b"id\n");
    assert_eq!((status, text.contains("another import")), (409, true), "{text}");
    let failed = processor.failure(&["import", "hubs", "-", "--format", "csv"]);
    assert_eq!(failed, "kessai: another import is under way: wait for its end");
    first.write_all(b"d\r\nid,name\nM1,x\n\r\n0\r\n\r\n").unwrap();
    let mut answer = String::new();
    first.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"entered\":1"), "{answer}");
    assert_eq!(processor.import("hubs", "id\nH1\n"), [end(1, 0, 0)], "the next has its turn");
}

#[test]
fn an_upload_that_breaks_off_enters_nothing_and_gives_its_turn_back() {
    let processor = Processor::start();
    let mut first = begun(&processor);
    first.write_all(b"d\r\nid,name\nM1,x\n\r\n").unwrap();
    drop(first);
    // The gateway hears of it in its own time.
    let turn =
        (0..10_000).find(|_| processor.post("hubs", "text/csv", b"id\nH1\n").status() == 200);
    assert!(turn.is_some(), "the turn is never given back");
    assert_eq!(processor.json(&["merchant", "list"]).as_array().unwrap().len(), 0);
}

#[test]
fn nobody_imports_without_the_token() {
    let processor = Processor::start();
    let sent = ureq::post(format!("{}/v1/import/merchants", processor.admin))
        .header("Content-Type", "text/csv")
        .config()
        .http_status_as_error(false)
        .build()
        .send(MERCHANTS);
    assert_eq!(sent.unwrap().status(), 401);
    assert_eq!(processor.json(&["merchant", "list"]).as_array().unwrap().len(), 0);
}

#[test]
fn the_shortest_queue_is_long_enough() {
    let processor = Processor::start_with("", "queue = 64");
    let merchants: String = (0..200).map(|id| format!("M{id},x\n")).collect();
    let told = processor.import("merchants", format!("id,name\n{merchants}"));
    assert_eq!(told, [end(200, 0, 0)]);
    let customers: String = (0..500).map(|id| format!("C-{id},JPY,1,太郎\n")).collect();
    let table = format!("id,currency,balance_minor,name\n{customers}");
    assert_eq!(processor.import("customers", table), [end(500, 0, 0)]);
}
