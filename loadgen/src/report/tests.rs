use super::{Audit, Page, Report};
use crate::sample;

fn report(problems: Vec<String>) -> Report {
    let audit = Audit { ok: problems.is_empty(), problems, left_out: Vec::new() };
    Report { audit, ..sample::report() }
}

fn keys(value: &serde_json::Value, path: &str, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields)
            if !path.ends_with("by_reason") && !path.ends_with("refused_for") =>
        {
            for (name, field) in fields {
                keys(field, &format!("{path}.{name}"), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

#[test]
fn the_json_has_the_keys_that_others_rely_on_and_no_others() {
    let report = report(vec!["wrong".to_owned()]);
    let json: serde_json::Value = serde_json::to_value(&report).unwrap();
    let mut found = Vec::new();
    keys(&json, "", &mut found);
    found.sort();
    let quantiles =
        |of| ["max", "p50", "p90", "p99", "p999"].map(|q| format!(".latency_ms.{of}.{q}"));
    let payments = [
        "approved",
        "by_reason",
        "cancelled",
        "declined",
        "expired",
        "offered",
        "refused",
        "refused_for",
        "skipped",
        "overtaken",
        "refunded",
        "reversed",
        "captured_in_part",
        "with_code",
        "foreign",
        "vending",
    ];
    let mut expected: Vec<_> =
        ["ok", "problems", "left_out"].map(|key| format!(".audit.{key}")).to_vec();
    expected.extend(quantiles("human"));
    expected.extend(quantiles("machine"));
    expected.extend(payments.map(|key| format!(".payments.{key}")));
    expected.extend([".seconds", ".seed", ".throughput_per_s"].map(str::to_owned));
    expected.extend([".version", ".ladder"].map(str::to_owned));
    let config =
        ["arrivals", "by_hand", "customers", "pace", "rate_per_s", "seconds", "shape", "terminals"];
    expected.extend([".config.preset", ".config.preset_digest"].map(str::to_owned));
    expected.extend([".config.partition", ".config.begin_at"].map(str::to_owned));
    expected.extend(config.map(|key| format!(".config.{key}")));
    for outcome in ["approved", "cancelled", "declined", "expired", "refused"] {
        for time in ["lag_ms", "response_ms", "service_ms"] {
            let quantile = |q| format!(".by_outcome.{outcome}.{time}.{q}");
            expected.extend(["max", "p50", "p90", "p99", "p999"].map(quantile));
        }
    }
    expected.extend(["p50", "p90", "p99", "p999"].map(|q| format!(".intervals.machine_ms.{q}")));
    let interval = [".estimate", ".high", ".low"];
    expected.extend(interval.map(|bound| format!(".intervals.throughput_per_s{bound}")));
    expected.extend(["cpu_s", "cpu_share", "limited_by"].map(|key| format!(".generator.{key}")));
    let lag = ["max", "p50", "p90", "p99", "p999"];
    expected.extend(lag.map(|q| format!(".generator.lag_ms.{q}")));
    let cost = ["cpu_s", "datagrams", "payments", "resident_bytes", "syncs", "written_bytes"];
    expected.extend(cost.map(|key| format!(".gateway_cost.{key}")));
    let carried = ["controllers", "handsets", "hubs", "terminals"];
    expected.extend(carried.map(|kind| format!(".connections.{kind}")));
    expected.extend([".gateway.address", ".gateway.version"].map(str::to_owned));
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(json["audit"]["ok"], false);
    assert_eq!(json["audit"]["problems"][0], "wrong");
    assert_eq!(json["payments"]["by_reason"]["insufficient_funds"], 1);
    assert_eq!(json["payments"]["refused_for"], serde_json::json!({ "busy": 1 }));
    let config = &json["config"];
    assert_eq!((&config["shape"], &config["arrivals"]), (&"ramp:30".into(), &"uniform".into()));
    assert_eq!(serde_json::from_value::<Report>(json.clone()).unwrap(), report);
    assert_eq!(json["gateway_cost"]["datagrams"], serde_json::Value::Null, "what is not known");
    assert_eq!((&json["seed"], &json["seconds"]), (&42.into(), &2.0.into()));
    assert_eq!(json["connections"]["controllers"], 8);
}

#[test]
fn offered_is_the_sum() {
    let payments = report(Vec::new()).payments;
    let sum = payments.approved
        + payments.declined
        + payments.cancelled
        + payments.expired
        + payments.refused
        + payments.skipped;
    assert_eq!((payments.offered, sum), (9, 9));
    assert_eq!(payments.by_reason.values().sum::<u64>(), 9);
}

#[test]
fn the_page_says_when_there_was_no_money_left() {
    let tally = sample::tally();
    let page = |poor| {
        let mut report = report(Vec::new());
        report.payments.offered = 100;
        report.payments.by_reason.insert("insufficient_funds".into(), poor);
        let reasons = tally.named_reasons();
        Page { report: &report, heading: "a demo", reasons: &reasons, troubles: (0, None) }
            .to_string()
    };
    assert!(page(26).contains("short of money: 26 %"));
    assert!(!page(25).contains("short of money"));
}

#[test]
fn the_page_says_what_was_found() {
    let tally = sample::tally();
    let page_of = |report: Report| {
        let troubles = (2, Some("a line was lost"));
        let reasons = tally.named_reasons();
        Page { report: &report, heading: "a demo", reasons: &reasons, troubles }.to_string()
    };
    let page = |problems| page_of(report(problems));
    let good = page(Vec::new());
    for words in [
        "a demo",
        "audit: ok",
        "tries_exceeded",
        "skipped_late",
        "22.2 %",
        "a line was lost",
        "load generator: ",
        "gateway: 0.400 ms of processor time, 1.25 syncs, 5120 bytes written a payment\n",
        "gateway: 192 MiB in memory at the end\n",
    ] {
        assert!(good.contains(words), "{words}: {good}");
    }
    assert!(!good.contains("by hand"), "{good}");
    let mut turned = report(Vec::new());
    turned.config.by_hand = vec!["1.0 s: paused".to_owned(), "2.0 s: 100 % of the rate".to_owned()];
    let turned = page_of(turned);
    let words = "the rate was changed by hand: 1.0 s: paused; 2.0 s: 100 % of the rate\n";
    assert!(turned.contains(words), "{turned}");
    let mut part = report(Vec::new());
    part.audit.left_out = vec!["the exchange position".to_owned()];
    assert!(page_of(part).contains("audit: ok\n") && !good.contains("not judged"), "{good}");
    let bad = page((0..25).map(|n| format!("problem {n}")).collect());
    assert!(bad.contains("audit: FAILED, 25 problems") && !bad.contains("audit: ok"), "{bad}");
    assert!(bad.contains("problem 19") && !bad.contains("problem 20"), "{bad}");
    assert!(bad.contains("and 5 more"), "{bad}");
}
