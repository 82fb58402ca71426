//! Whole runs: over real QUIC on the loopback address, and without a network.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

use std::sync::Arc;
use std::time::Duration;

use kessai_loadgen::audit::{Evidence, compare};
use kessai_loadgen::board::Board;
use kessai_loadgen::demo::{self, DemoError, Finding, Plan};
use kessai_loadgen::fleet::{Fleet, Keyring, Way};
use kessai_loadgen::ledger::{Order, Record};
use kessai_loadgen::life::{self, Workload};
use kessai_loadgen::people::Pace;
use kessai_loadgen::population::{Population, Size, Wealth};
use kessai_loadgen::schedule::{Arrivals, Bounds, Rate};
use kessai_loadgen::site::{Durability, Site, SiteOptions};
use tokio::sync::watch;

/// A second and a half of life, thirty times as fast: 3 s of machine, all of it loopback.
fn plan(way: Way, durability: Durability) -> Plan {
    Plan {
        workload: Workload {
            rate: Rate::per_second(120.0).unwrap(),
            span: Duration::from_millis(1_500),
            pace: Pace::new(30.0).unwrap(),
            seed: 7,
            bounds: Bounds { late: Duration::from_secs(2), in_flight: 1_000 },
        },
        size: Size { customers: 250, terminals: 12, wealth: Wealth::Mixed },
        way,
        durability,
    }
}

async fn run(plan: &Plan) -> Finding {
    // Kept: a run whose stop can never come would end at once.
    let (_stop, stopped) = watch::channel(false);
    let board = Arc::new(Board::new(plan.workload.span));
    demo::run(plan, board, stopped).await.unwrap()
}

/// Every kind of end occurs, all arrivals are accounted for, and the audit finds nothing.
fn check_mixed_life(finding: &Finding, plan: &Plan) {
    let report = &finding.report;
    assert_eq!(report.audit.problems, Vec::<String>::new());
    assert!(report.audit.ok);
    let Workload { rate, span, seed, .. } = plan.workload;
    let arrivals = Arrivals::new(rate, span, seed).count();
    let payments = &report.payments;
    assert_eq!(payments.offered, u64::try_from(arrivals).unwrap());
    assert_eq!((payments.refused, payments.skipped), (0, 0), "{:?}", payments.by_reason);
    assert!(payments.approved > payments.offered / 2, "{payments:?}");
    for reason in [
        "insufficient_funds",
        "tries_exceeded",
        "cancelled_by_customer",
        "cancelled_by_terminal",
        "expired_unanswered",
    ] {
        assert!(payments.by_reason.contains_key(reason), "no {reason}: {payments:?}");
    }
    let (machine, human) = (&report.latency_ms.machine, &report.latency_ms.human);
    assert!(machine.p50 > 0.0 && human.p50 > 0.0, "{report:?}");
    // Whoever does not answer is waited for until the time is over, a second at this pace.
    assert!((500.0..1_100.0).contains(&human.max), "{report:?}");
    assert_eq!(finding.troubles, 0, "{:?}", finding.trouble);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_life_over_quic_agrees_with_the_books() {
    let plan = plan(Way::Network, Durability::Journal);
    check_mixed_life(&run(&plan).await, &plan);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_life_without_a_network_agrees_with_the_books() {
    for durability in [Durability::Journal, Durability::Volatile] {
        let plan = plan(Way::Inside, durability);
        check_mixed_life(&run(&plan).await, &plan);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_stopped_early_is_still_drained_and_audited() {
    let mut plan = plan(Way::Inside, Durability::Volatile);
    plan.workload.span = Duration::from_secs(3_600);
    let (stop, stopped) = watch::channel(false);
    let board = Arc::new(Board::new(plan.workload.span));
    let seen = Arc::clone(&board);
    let stopping = async {
        while seen.view().offered < 40 {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
    };
    let (finding, ()) = tokio::join!(demo::run(&plan, board, stopped), stopping);
    let report = finding.unwrap().report;
    assert_eq!(report.audit.problems, Vec::<String>::new());
    assert!((40..10_000).contains(&report.payments.offered), "{report:?}");
}

#[tokio::test]
async fn a_run_that_is_stopped_before_it_begins_has_no_report() {
    let plan = plan(Way::Network, Durability::Journal);
    let (_stop, stopped) = watch::channel(true);
    let board = Arc::new(Board::new(plan.workload.span));
    let result = demo::run(&plan, board, stopped).await;
    assert!(matches!(result, Err(DemoError::Interrupted)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arrivals_beyond_the_bounds_are_skipped_and_counted() {
    let mut plan = plan(Way::Inside, Durability::Volatile);
    plan.workload.bounds.in_flight = 5;
    let report = run(&plan).await.report;
    assert_eq!(report.audit.problems, Vec::<String>::new());
    let skipped = report.payments.by_reason["skipped_too_many_open"];
    assert!(skipped > 0 && skipped == report.payments.skipped, "{report:?}");
    let arrivals = Arrivals::new(plan.workload.rate, plan.workload.span, plan.workload.seed);
    assert_eq!(report.payments.offered, u64::try_from(arrivals.count()).unwrap());
}

/// Runs a plan step by step, and keeps what [`demo::run`] throws away.
async fn evidence(plan: &Plan) -> (Evidence, Site) {
    let (_stop, stopped) = watch::channel(false);
    let population = Arc::new(Population::new(plan.size, plan.workload.seed).unwrap());
    let keyring = Keyring::make(&population, plan.way).unwrap();
    let options =
        SiteOptions { prompt: plan.prompt(), connections: 300, durability: plan.durability };
    let site = Site::start(options).unwrap();
    site.provision(&population, keyring.pins(), |_| {}).await.unwrap();
    let fleet = Fleet::connect(&site, &population, &keyring, |_| {}).await.unwrap();
    let board = Arc::new(Board::new(plan.workload.span));
    let lives =
        life::run(&plan.workload, Arc::clone(&population), fleet, plan.prompt(), board, stopped);
    let (records, strays) = lives.await.unwrap().copy();
    let openings = population.customers.iter().map(|customer| (customer.id, customer.opening));
    let tries = site.tries();
    let prompt = plan.prompt();
    (Evidence { records, strays, openings: openings.collect(), tries, prompt }, site)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_seed_is_one_run_and_the_audit_of_it_is_not_blind() {
    let plan = plan(Way::Inside, Durability::Volatile);
    let (first, site) = evidence(&plan).await;
    let books = site.books().unwrap();
    assert_eq!(compare(&first, &books), Vec::<String>::new());
    let approved = |(_, record): &(_, Record)| record.terminal[0].receipt.is_some();
    let place = first.records.iter().position(approved).unwrap();

    let mut forgetful = first.clone();
    let (payment, forgotten) = forgetful.records.remove(place);
    let problems = compare(&forgetful, &books).join("\n");
    assert!(problems.contains(&format!("payment {payment}: it is in the books")), "{problems}");
    let customer = forgotten.order.customer;
    assert!(problems.contains(&format!("customer {customer}: by what it was told")), "{problems}");

    let mut books = books;
    books.customers.get_mut(&customer).unwrap().held = forgotten.order.total;
    assert_eq!(compare(&first, &books).len(), 1);

    let (second, _site) = evidence(&plan).await;
    let orders = |evidence: &Evidence| {
        let order = |(_, record): &(_, Record)| {
            let Order { number, intended, terminal, lines, total, person, .. } = &record.order;
            (*number, *intended, *terminal, lines.clone(), *total, person.clone())
        };
        evidence.records.iter().map(order).collect::<Vec<_>>()
    };
    assert_eq!(orders(&first), orders(&second));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_pay_where_everybody_has_plenty() {
    let mut plan = plan(Way::Inside, Durability::Volatile);
    plan.size.wealth = Wealth::Plenty;
    plan.workload.span = Duration::from_millis(500);
    let report = run(&plan).await.report;
    assert!(report.audit.ok, "{:?}", report.audit.problems);
    assert!(!report.payments.by_reason.contains_key("insufficient_funds"), "{report:?}");
}
