use std::time::{Duration, SystemTime};

use super::{Piece, Unmergeable, merge};
use crate::fleet::Connections;
use crate::ledger::Record;
use crate::measure::Measures;
use crate::report::{Intervals, OutcomeTimes};
use crate::results::{Kept, Origin, RunResult, Troubles};
use crate::sample;
use crate::tally::{Summary, Times};

const BEGIN: SystemTime = SystemTime::UNIX_EPOCH;

/// What a part saw whose tills were told of ends so much later.
fn records(later: Duration) -> Vec<Record> {
    let records = sample::world().0.records.into_iter().map(|(_, mut record)| {
        record.terminal.iter_mut().for_each(|told| told.at += later);
        record
    });
    records.collect()
}

fn measures<'a>(records: impl IntoIterator<Item = &'a Record>) -> (Measures, Times) {
    let (mut measures, mut human) = (Measures::new(Duration::from_secs(2)), Times::default());
    for record in records {
        let summary = Summary::of(record);
        measures.add(record, summary.outcome);
        if let Some(time) = summary.split.and_then(|split| split.human) {
            human.add(time);
        }
    }
    (measures, human)
}

/// What partition `part` left, whose tills were told of ends so much later than in the sample.
fn piece(part: &str, later: Duration) -> Piece {
    let (measures, human) = measures(&records(later));
    let mut report = sample::report();
    (report.config.partition, report.config.begin_at) = (part.parse().ok(), Some(BEGIN));
    (report.generator.cpu_s, report.generator.cpu_share) = (Some(2.0), Some(0.3));
    report.generator.limited_by.clear();
    let tally = sample::tally();
    let result = RunResult {
        report,
        origin: Origin::here(format!("a run, partition {part}"), BEGIN + later),
        reasons: tally.named_reasons(),
        troubles: Troubles { count: 1, last: Some(format!("a line of {part}")) },
        parts: Vec::new(),
    };
    Piece { name: format!("part-{part}"), kept: Kept { result, measures, human } }
}

fn pieces() -> [Piece; 2] {
    [piece("1/2", Duration::ZERO), piece("2/2", Duration::from_millis(400))]
}

#[test]
fn what_is_joined_is_what_one_process_would_have_seen() {
    let [one, two] = pieces();
    let merged = merge(&[two, one]).unwrap();
    let seen = [records(Duration::ZERO), records(Duration::from_millis(400))].concat();
    let (measures, human) = measures(&seen);
    let report = &merged.result.report;
    assert_eq!(report.by_outcome, OutcomeTimes::by_outcome(&measures));
    assert_eq!(report.intervals, Intervals::of(&measures));
    assert_eq!(report.latency_ms.machine, measures.all(|timed| &timed.response).quantiles());
    assert_eq!(report.latency_ms.human, human.quantiles());
    assert_eq!(merged.human.histogram(), human.histogram());
    for (second, expected) in merged.measures.seconds().iter().zip(measures.seconds()) {
        assert!(second.outcomes().eq(expected.outcomes()));
        assert_eq!((second.response(), second.lag()), (expected.response(), expected.lag()));
    }

    let part = sample::report();
    assert_eq!(report.payments.offered, 2 * part.payments.offered);
    assert_eq!(report.payments.by_reason["insufficient_funds"], 2);
    assert!((report.throughput_per_s - 2.0 * part.throughput_per_s).abs() < 1e-9);
    assert_eq!(report.connections, part.connections.and(part.connections));
    assert_eq!(
        report.connections,
        Connections { controllers: 16, handsets: 80, ..part.connections }
    );
    assert_eq!((report.config.partition, report.config.begin_at), (None, Some(BEGIN)));
    let RunResult { origin, reasons, troubles, parts, .. } = &merged.result;
    assert_eq!(
        (origin.heading.as_str(), origin.started_at),
        ("a run, merged from 2 partitions", BEGIN)
    );
    assert_eq!(reasons["declined"]["tries_exceeded"], 2);
    assert_eq!((troubles.count, troubles.last.as_deref()), (2, Some("a line of 2/2")));
    assert_eq!(
        parts.iter().map(|part| part.partition.to_string()).collect::<Vec<_>>(),
        ["1/2", "2/2"]
    );
    assert!(merged.result.page().contains("not judged: the exchange position"));

    let schema = include_str!("../../schema/result.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    let json = serde_json::to_value(&merged.result).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

/// What a part was found to have done stands in the whole, with its name.
#[test]
fn one_part_spoils_the_whole() {
    let check = |spoil: fn(&mut RunResult), sentences: [&[&str]; 3]| {
        let mut pieces = pieces();
        spoil(&mut pieces[1].kept.result);
        let report = merge(&pieces).unwrap().result.report;
        let found = [&report.audit.problems, &report.generator.limited_by, &report.config.by_hand];
        assert_eq!(
            found.map(|found| found.iter().map(String::as_str).collect::<Vec<_>>()),
            sentences
        );
        assert_eq!(report.audit.ok, sentences[0].is_empty());
    };
    check(|_| {}, [&[], &[], &[]]);
    check(
        |result| {
            let audit = &mut result.report.audit;
            (audit.ok, audit.problems) = (false, vec!["a yen is missing".to_owned()]);
        },
        [&["partition 2/2: a yen is missing"], &[], &[]],
    );
    check(
        |result| result.report.generator.limited_by.push("it was busy".to_owned()),
        [&[], &["partition 2/2: it was busy"], &[]],
    );
    check(
        |result| result.report.config.by_hand.push("1.0 s: stopped".to_owned()),
        [&[], &[], &["partition 2/2: 1.0 s: stopped"]],
    );
}

#[test]
fn parts_on_one_machine_may_be_too_much_for_it_together() {
    let check = |machines: [&str; 2], share: f64, limited: &[&str]| {
        let mut pieces = pieces();
        for (piece, machine) in pieces.iter_mut().zip(machines) {
            piece.kept.result.origin.host.name = Some(machine.to_owned());
            piece.kept.result.report.generator.cpu_share = Some(0.45);
        }
        let generator = merge(&pieces).unwrap().result.report.generator;
        assert_eq!(generator.limited_by, limited);
        assert_eq!((generator.cpu_s, generator.cpu_share), (Some(4.0), Some(share)));
    };
    check(["a", "a"], 0.9, &["all partitions on a: it took 90 % of all processors"]);
    check(["a", "b"], 0.45, &[]);
}

/// Both read the counters of one gateway: to add them up would be to count payments twice.
#[test]
fn the_cost_is_that_of_the_part_that_saw_most() {
    let mut pieces = pieces();
    for (piece, (payments, syncs)) in pieces.iter_mut().zip([(90, 1.5), (80, 1.0)]) {
        let cost = &mut piece.kept.result.report.gateway_cost;
        (cost.payments, cost.syncs) = (Some(payments), Some(syncs));
    }
    let cost = merge(&pieces).unwrap().result.report.gateway_cost;
    assert_eq!((cost.payments, cost.syncs), (Some(90), Some(1.5)));
}

#[test]
fn what_is_not_all_the_parts_of_one_run_is_refused() {
    let check = |pieces: &[Piece], sentence: &str| {
        assert_eq!(merge(pieces).unwrap_err().to_string(), sentence);
    };
    let [one, two] = pieces();
    assert_eq!(merge(&[]).err(), Some(Unmergeable::Nothing));
    check(std::slice::from_ref(&two), "nothing of partition 1/2 was named");
    let again = [one.clone(), one.clone(), two.clone()];
    check(&again, "part-1/2 and part-1/2 are both partition 1/2");
    let whole = |piece: &Piece| {
        let mut piece = piece.clone();
        piece.kept.result.report.config.partition = None;
        piece
    };
    check(&[one.clone(), whole(&two)], "part-2/2 is no part: it was run without --partition");
    let of_three = piece("3/3", Duration::ZERO);
    let differ =
        "part-1/2 and part-3/3 are not of one run: they differ in the number of partitions";
    check(&[one.clone(), of_three], differ);
    let differs = |change: fn(&mut RunResult), what: &str| {
        let mut other = two.clone();
        change(&mut other.kept.result);
        let expected = format!("part-1/2 and part-2/2 are not of one run: they differ in {what}");
        check(&[one.clone(), other], &expected);
    };
    differs(|r| r.report.config.begin_at = None, "the moment to begin");
    differs(|r| r.report.seed += 1, "the seed");
    differs(|r| r.report.gateway.address.push('0'), "the gateway");
    differs(|r| r.origin.program.version.push('9'), "the version of the load generator");
    differs(|r| r.report.config.rate_per_s += 1.0, "the rate");
    differs(|r| r.report.config.customers += 1, "the number of customers");
}
