//! What a monitoring system reads of the real program.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kessai_client::terms::collation::Password;
use kessai_client::wire::PaymentState;
use kessai_client::{Event, Options, QuicOptions, Terminal, endpoint, enrol_handset, enrol_peer};

use crate::doors::{PATIENCE, purchase};
use crate::processor::Processor;

/// A sample's name with its labels, and its value.
type Samples = BTreeMap<String, f64>;

/// Reads everything, as a monitoring system does.
fn scrape(processor: &Processor) -> Samples {
    let url = format!("{}/metrics", processor.admin);
    let mut response = ureq::get(url).header("Authorization", processor.bearer()).call().unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    let text = response.body_mut().read_to_string().unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let parse = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    samples.map(parse).collect()
}

fn of(samples: &Samples, name: &str) -> f64 {
    *samples.get(name).unwrap_or_else(|| panic!("no {name} in {samples:#?}"))
}

#[test]
fn a_gateway_that_was_just_started_tells_all_that_it_has() {
    let processor = Processor::start();
    let samples = scrape(&processor);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(of(&samples, &format!("kessai_build_info{{version=\"{version}\"}}")), 1.0);
    assert!(of(&samples, "process_cpu_seconds_total") > 0.0);
    assert!(of(&samples, "process_resident_memory_bytes") > 1_000_000.0);
    for nothing in [
        "kessai_payments_opened_total",
        "kessai_payments_ended_total{end=\"approved\",reason=\"approved\"}",
        "kessai_payments_open",
        "kessai_refunds_total",
        "kessai_connections{role=\"terminal\"}",
        "kessai_connections{role=\"hub\"}",
        "kessai_requests_in_flight",
        "kessai_handshakes_total{outcome=\"completed\"}",
        "kessai_udp_datagrams_total{direction=\"in\"}",
        "kessai_journal_durable_lsn",
        "kessai_archive_lag_records",
        "kessai_snapshot_lag_records",
    ] {
        assert_eq!(of(&samples, nothing), 0.0, "{nothing}");
    }
    let opening = "kessai_journal_batches_total";
    assert_eq!((of(&samples, opening), of(&samples, "kessai_journal_syncs_total")), (1.0, 1.0));
}

#[test]
fn nobody_reads_them_without_the_token() {
    let processor = Processor::start();
    let url = format!("{}/metrics", processor.admin);
    for bearer in [None, Some("Bearer 00"), Some("Basic 00")] {
        let mut asked = ureq::get(&url);
        if let Some(bearer) = bearer {
            asked = asked.header("Authorization", bearer);
        }
        let answer = asked.config().http_status_as_error(false).build().call().unwrap();
        assert_eq!(answer.status(), 401, "{bearer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_connections_and_records_are_counted() {
    tokio::time::timeout(PATIENCE, one_of_each()).await.expect("it takes too long");
}

/// A payment that is approved, one that its customer cancels, one that is declined and one that is
/// refused.
async fn one_of_each() {
    let processor = Processor::start();
    processor.enter_shop();
    let entered = scrape(&processor);
    let network = endpoint("127.0.0.1:0".parse().unwrap()).unwrap();
    let (quic, options) = (QuicOptions::default(), Options::default());
    let activation = processor.activation(&["terminal", "activate", "POS1"]);
    let till = enrol_peer(&network, &activation, &processor.desk().join("till")).await.unwrap();
    let password = Password::new("490172").unwrap();
    let activation = processor.activation(&["customer", "activate", "C-1"]);
    let folder = processor.desk().join("phone");
    let phone = enrol_handset(&network, &activation, &password, &folder).await.unwrap();
    let secrets = phone.secrets(&password).await;
    let connector = Arc::new(till.connector(network.clone(), &quic).await.unwrap());
    let pos1 = "POS1".parse().unwrap();
    let terminal = Terminal::connect(connector, pos1, options.clone()).await.unwrap();
    let (handset, mut events) = phone.connect(network.clone(), &quic, options).await.unwrap();

    for expected in [PaymentState::Captured, PaymentState::Cancelled] {
        let paying = tokio::spawn({
            let (terminal, payment) = (terminal.clone(), terminal.payment_id());
            async move { terminal.pay(purchase(payment, 300)).await }
        });
        let question = loop {
            if let Event::Asked(question) = events.next().await.unwrap() {
                break question;
            }
        };
        let waiting = scrape(&processor);
        assert_eq!(of(&waiting, "kessai_payments_open"), 1.0);
        assert_eq!(of(&waiting, "kessai_requests_in_flight"), 1.0, "the till waits");
        if expected == PaymentState::Captured {
            handset.approve(&question, &secrets).await.unwrap();
        } else {
            handset.refuse(question.payment()).await.unwrap();
        }
        assert_eq!(paying.await.unwrap().unwrap().state, expected);
    }
    let poor = terminal.pay(purchase(terminal.payment_id(), 5_000)).await.unwrap();
    assert_eq!(poor.state, PaymentState::Declined);
    terminal.status(terminal.payment_id()).await.unwrap_err();

    let samples = scrape(&processor);
    for (name, expected) in [
        ("kessai_payments_opened_total", 2.0),
        ("kessai_payments_ended_total{end=\"approved\",reason=\"approved\"}", 1.0),
        ("kessai_payments_ended_total{end=\"cancelled\",reason=\"cancelled_by_customer\"}", 1.0),
        ("kessai_payments_ended_total{end=\"declined\",reason=\"insufficient_funds\"}", 1.0),
        ("kessai_payments_open", 0.0),
        ("kessai_requests_refused_total{reason=\"payment_unknown\"}", 1.0),
        ("kessai_connections{role=\"terminal\"}", 1.0),
        ("kessai_connections{role=\"handset\"}", 1.0),
        // Two to enrol, two that stay.
        ("kessai_handshakes_total{outcome=\"completed\"}", 4.0),
    ] {
        assert_eq!(of(&samples, name), expected, "{name}");
    }
    assert!(!samples.keys().any(|name| name.contains("C-1") || name.contains("POS1")));
    check_journal(&entered, &samples);
    let way = |way: &str| {
        let of =
            |what: &str| of(&samples, &format!("kessai_udp_{what}_total{{direction={way:?}}}"));
        (of("datagrams"), of("bytes"))
    };
    for (datagrams, bytes) in [way("in"), way("out")] {
        // Four handshakes with certificates both ways, and some messages.
        assert!(datagrams > 12.0 && bytes > 4_000.0, "{datagrams} {bytes}");
        assert!(bytes / datagrams < 1_500.0, "what is sent together is not one datagram");
    }
}

/// The journal's numbers agree with each other.
fn check_journal(before: &Samples, after: &Samples) {
    let grown = |name: &str| of(after, name) - of(before, name);
    let (records, batches) =
        (grown("kessai_journal_records_total"), grown("kessai_journal_batches_total"));
    // Two keys, two that were opened, three ends.
    assert_eq!((records, grown("kessai_journal_durable_lsn")), (7.0, 7.0));
    assert!((1.0..=records).contains(&batches), "{batches}");
    assert_eq!(grown("kessai_journal_syncs_total"), batches);
    let bytes = grown("kessai_journal_written_bytes_total");
    assert!(bytes >= batches * 4_096.0 && bytes < batches * 16_384.0, "{bytes}");
    let timed = of(after, "kessai_journal_sync_seconds_count");
    assert_eq!(timed, of(after, "kessai_journal_batches_total") - 1.0, "all but the first");
    assert_eq!(of(after, "kessai_journal_sync_seconds_bucket{le=\"+Inf\"}"), timed);
    let sum = Duration::from_secs_f64(of(after, "kessai_journal_sync_seconds_sum"));
    assert!(!sum.is_zero() && sum < PATIENCE, "{sum:?}");
}
