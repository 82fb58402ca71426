//! The page, and the same for programs.

use serde_json::{Value, json};

use super::nothing;
use super::story::{KEY, Story, payment, refund};
use crate::evidence::collect;

#[test]
fn the_page_is_as_printed() {
    let evidence = collect(&Story::whole().written().path(), &KEY, refund(), &nothing).unwrap();
    let mut page = evidence.to_string();
    // What a batch hashes to is the journal's own affair.
    for step in &evidence.steps {
        page = page.replace(&step.batch.hash, "#");
    }
    assert_eq!(page, include_str!("page.txt"), "{page}");
}

#[test]
fn nobody_was_asked_where_nobody_was() {
    let mut story = Story::whole();
    for name in ["opened", "mismatched", "approved", "captured", "refunded"] {
        story.remove(name);
    }
    story.push(Story::overtaken());
    let evidence = collect(&story.written().path(), &KEY, payment(), &nothing).unwrap();
    assert!(evidence.holds());
    let page = evidence.to_string();
    assert!(page.contains("  state               cancelled (cancelled_by_terminal)\n"), "{page}");
    assert!(page.contains("\nThe customer was not asked\n"), "{page}");
}

#[test]
fn programs_read_the_same() {
    let evidence = collect(&Story::whole().written().path(), &KEY, payment(), &nothing).unwrap();
    let read: Value = serde_json::to_value(&evidence).unwrap();
    let outcome = json!({
        "state": "refunded", "reason": "approved", "approval_number": "123456",
        "reference": "000000000042", "captured_minor": 15_725, "captured_price_minor": 10_000,
        "refunded_minor": 3_931, "refunded_price_minor": 2_500,
    });
    assert_eq!(read["outcome"], outcome);
    assert_eq!(read["shown"]["lines"][1]["name"], "おにぎり");
    let foreign = json!({
        "price_minor": 12_715, "currency": "USD", "rate": "157.250268528", "markup_bp": 150,
    });
    assert_eq!(read["shown"]["foreign"], foreign);
    assert_eq!(read["times"]["received_at_ms"], super::NOW_MS);
    assert_eq!(read["times"]["told_at_ms"], Value::Null);
    assert_eq!(read["refunds"][0]["price_minor"], 2_500);
    let steps: Vec<_> =
        read["steps"].as_array().unwrap().iter().map(|step| &step["what"]).collect();
    assert_eq!(steps, ["opened", "wrong_proof", "approved", "captured", "refunded"]);
    assert_eq!(read["checks"][0]["name"], "content_digest");
    assert_eq!(read["checks"][0]["result"], "ok");
}
