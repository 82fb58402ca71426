//! Whole runs: over real QUIC on the loopback address, and without a network.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::PaymentId;
use kessai_loadgen::audit::{Books, CutOff, Evidence, Testimony, compare};
use kessai_loadgen::board::Board;
use kessai_loadgen::demo::{self, Medium, Plan};
use kessai_loadgen::fleet::{Connections, Fleet, Muster, Upkeep, Way, Ways};
use kessai_loadgen::keyring::Keyring;
use kessai_loadgen::ledger::{Ledger, Order, Record, Retention};
use kessai_loadgen::life::{self, Seen, Workload};
use kessai_loadgen::messages::{Message, Rung, Sender};
use kessai_loadgen::people::{Habit, Pace};
use kessai_loadgen::population::{Population, Size, Wealth};
use kessai_loadgen::report::Report;
use kessai_loadgen::scenario::{Scenario, Setting};
use kessai_loadgen::schedule::{Bounds, Form, Rate, Spacing};
use kessai_loadgen::shares::MACHINES;
use kessai_loadgen::site::{Durability, Site, SiteOptions};
use kessai_loadgen::trial::{Finding, TrialError};
use tokio::sync::watch;

/// A second and a half of life, thirty times as fast: 3 s of machine, all of it loopback.
fn plan(medium: Medium, durability: Durability) -> Plan {
    Plan {
        workload: Workload {
            rate: Rate::per_second(120.0).unwrap(),
            form: Form::Constant,
            spacing: Spacing::Poisson,
            span: Duration::from_millis(1_500),
            pace: Pace::new(30.0).unwrap(),
            scenario: Arc::default(),
            seed: 7,
            bounds: Bounds { late: Duration::from_secs(2), in_flight: 1_000 },
        },
        size: Size {
            customers: 250,
            terminals: 40,
            controllers: 0,
            hubs: 0,
            machines: MACHINES,
            wealth: Wealth::Mixed,
        },
        medium,
        ways: Ways::default(),
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
    let arrivals = plan.workload.arrivals().count();
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
    let ways = [
        payments.refunded,
        payments.reversed,
        payments.captured_in_part,
        payments.with_code,
        payments.foreign,
        payments.vending,
    ];
    assert!(ways.iter().all(|count| *count > 0), "{payments:?}");
    assert!(payments.refunded + payments.reversed < payments.approved, "{payments:?}");
    let (machine, human) = (&report.latency_ms.machine, &report.latency_ms.human);
    assert!(machine.p50 > 0.0 && human.p50 > 0.0, "{report:?}");
    // Whoever does not answer is waited for until the time is over, a second at this pace.
    assert!((500.0..1_100.0).contains(&human.max), "{report:?}");
    assert_eq!(finding.troubles, 0, "{:?}", finding.trouble);
    check_ladder(report);
}

/// Every message occurs in mixed life, but for what only troubles lead to; whatever a till sent came
/// to one end, and nothing came that nobody had asked for.
fn check_ladder(report: &Report) {
    for rung in &report.ladder.0 {
        let Rung { message, sender, sent, repeated, answered, refused, timed_out, unexpected } =
            *rung;
        assert_eq!(unexpected, 0, "{rung:?}");
        assert!(sent > 0 || message == Message::Status, "{rung:?}");
        assert!(repeated < sent || sent == 0, "{rung:?}");
        let ends = answered + refused + timed_out;
        match sender {
            Sender::Terminal => assert_eq!(ends, sent, "{rung:?}"),
            // A handset may still wait for its answer when its customer knows it already.
            Sender::Handset => assert!(answered > 0 && ends <= sent, "{rung:?}"),
            Sender::Gateway => assert_eq!(ends, 0, "{rung:?}"),
        }
        match message {
            // Wrong codes are tried on top, and refused.
            Message::Open => assert!(sent > report.payments.offered && refused > 0, "{rung:?}"),
            Message::Proof => assert!(refused > 0 && answered <= report.payments.approved),
            Message::Delivered | Message::Refund => assert!(answered > 0, "{rung:?}"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_life_over_quic_agrees_with_the_books() {
    let plan = plan(Medium::Network, Durability::Journal);
    check_mixed_life(&run(&plan).await, &plan);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_life_without_a_network_agrees_with_the_books() {
    for durability in [Durability::Journal, Durability::Volatile] {
        let plan = plan(Medium::Channels, durability);
        check_mixed_life(&run(&plan).await, &plan);
    }
}

/// The same life again, with every message of it passed on by controllers and hubs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_life_through_controllers_and_hubs_agrees_with_the_books() {
    for medium in [Medium::Network, Medium::Channels] {
        let mut plan = plan(medium, Durability::Journal);
        (plan.size.controllers, plan.size.hubs) = (3, 2);
        plan.ways = Ways { tills: Way::Carried, handsets: Way::Carried };
        let finding = run(&plan).await;
        check_mixed_life(&finding, &plan);
        let carried = Connections { controllers: 3, hubs: 2, ..Connections::default() };
        assert_eq!(finding.report.connections, carried);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tills_that_nobody_carries_cannot_go_through_controllers() {
    let mut plan = plan(Medium::Channels, Durability::Volatile);
    plan.ways.tills = Way::Carried;
    let (_stop, stopped) = watch::channel(false);
    let board = Arc::new(Board::new(plan.workload.span));
    let error = demo::run(&plan, board, stopped).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no controller to carry P0000000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_stopped_early_is_still_drained_and_audited() {
    let mut plan = plan(Medium::Channels, Durability::Volatile);
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
    let plan = plan(Medium::Network, Durability::Journal);
    let (_stop, stopped) = watch::channel(true);
    let board = Arc::new(Board::new(plan.workload.span));
    let result = demo::run(&plan, board, stopped).await;
    assert!(matches!(result, Err(TrialError::Interrupted)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arrivals_beyond_the_bounds_are_skipped_and_counted() {
    let mut plan = plan(Medium::Channels, Durability::Volatile);
    plan.workload.bounds.in_flight = 5;
    let report = run(&plan).await.report;
    assert_eq!(report.audit.problems, Vec::<String>::new());
    let skipped = report.payments.by_reason["skipped_too_many_open"];
    assert!(skipped > 0 && skipped == report.payments.skipped, "{report:?}");
    let arrivals = plan.workload.arrivals();
    assert_eq!(report.payments.offered, u64::try_from(arrivals.count()).unwrap());
}

/// Runs a plan step by step, and keeps what [`demo::run`] throws away.
async fn testimony(plan: &Plan) -> (Testimony, Site) {
    let (_stop, stopped) = watch::channel(false);
    let population = Arc::new(Population::new(plan.size, plan.workload.seed).unwrap());
    let keyring = Keyring::new(plan.workload.seed);
    let options = SiteOptions {
        prompt: plan.prompt(),
        delivery: demo::delivery(plan.workload.pace),
        connections: 300,
        durability: plan.durability,
    };
    let site = Site::start(options).unwrap();
    let pins = keyring.pins(&population).unwrap();
    let before = site.provision(&population, &pins, |_| {}).await.unwrap();
    let muster = Muster {
        road: &site.inside(),
        ways: plan.ways,
        population: &population,
        keyring,
        before: &before,
        prompt: plan.prompt(),
        upkeep: &Upkeep::default(),
    };
    let fleet = Fleet::connect(&muster, |_| {}).await.unwrap();
    let board = Arc::new(Board::new(plan.workload.span));
    let ledger = Arc::new(Ledger::new(plan.workload.telling(), Retention::default()));
    let seen = Seen { board, ledger: Arc::clone(&ledger), messages: Arc::default() };
    let living =
        life::run(&plan.workload, Arc::clone(&population), fleet, plan.prompt(), seen, stopped);
    let outages = living.await.unwrap();
    let evidence = Evidence {
        before,
        tries: site.tries(),
        prompt: plan.prompt(),
        budgets: Some(site.budgets()),
        outages,
        ..Evidence::default()
    };
    (Testimony { ledger, evidence }, site)
}

/// Every payment of a run, in the order of the arrivals.
fn records(ledger: &Ledger) -> Vec<(PaymentId, Record)> {
    let parts = (0..=u8::MAX).map(|part| ledger.read(part).unwrap().records);
    let mut records: Vec<_> = parts.flatten().collect();
    records.sort_by_key(|(_, record)| record.order.number);
    records
}

fn problems(testimony: &Testimony, books: &Books) -> Vec<String> {
    compare(std::slice::from_ref(testimony), books, |_| {}).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_seed_is_one_run_and_the_audit_of_it_is_not_blind() {
    let plan = plan(Medium::Channels, Durability::Volatile);
    let (first, site) = testimony(&plan).await;
    let mut books: Books = site.books().unwrap();
    assert_eq!(problems(&first, &books), Vec::<String>::new());
    let approved = |(_, record): &(_, Record)| {
        record.standings().last().is_some_and(|last| last.state == PaymentState::Captured)
    };
    let mut kept = records(&first.ledger);
    let place = kept.iter().position(approved).unwrap();
    let (payment, forgotten) = kept.remove(place);
    let forgetful = Ledger::default();
    kept.into_iter().for_each(|(payment, record)| forgetful.enter(payment, record));
    let forgetful = Testimony { ledger: Arc::new(forgetful), evidence: first.evidence.clone() };
    let found = problems(&forgetful, &books).join("\n");
    assert!(found.contains(&format!("payment {payment}: it is in the books")), "{found}");
    let customer = forgotten.order.customer;
    assert!(found.contains(&format!("customer {customer}: by what it was told")), "{found}");

    books.customers.get_mut(&customer).unwrap().held = forgotten.order.charge;
    assert_eq!(problems(&first, &books).len(), 1);

    let (second, _site) = testimony(&plan).await;
    let orders = |testimony: &Testimony| {
        let order = |(_, record): (_, Record)| {
            // Who pays depends on who is free, when it begins on the clock; all else does not.
            let mut order = record.order;
            (order.seat, order.customer) = (0, "0".parse().unwrap());
            order.begun = order.intended;
            order
        };
        records(&testimony.ledger).into_iter().map(order).collect::<Vec<Order>>()
    };
    assert_eq!(orders(&first), orders(&second));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_pay_where_everybody_has_plenty() {
    let mut plan = plan(Medium::Channels, Durability::Volatile);
    plan.size.wealth = Wealth::Plenty;
    plan.workload.span = Duration::from_millis(500);
    let report = run(&plan).await.report;
    assert!(report.audit.ok, "{:?}", report.audit.problems);
    assert!(!report.payments.by_reason.contains_key("insufficient_funds"), "{report:?}");
}

/// A second of each preset, thirty times as fast: what the preset is about happens, and the audit of
/// it finds nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_preset_agrees_with_the_books() {
    for scenario in Scenario::presets().unwrap() {
        let mut plan = plan(Medium::Channels, Durability::Volatile);
        plan.workload.span = Duration::from_secs(1);
        plan.size.machines = scenario.machines();
        plan.workload.form = scenario.form().clone();
        let name = scenario.name().to_owned();
        plan.workload.scenario = Arc::new(scenario.settled(plan.size).unwrap());
        let report = run(&plan).await.report;
        assert_eq!(report.audit.problems, Vec::<String>::new(), "{name}");
        let payments = &report.payments;
        let arrivals = u64::try_from(plan.workload.arrivals().count()).unwrap();
        assert_eq!((payments.offered, payments.skipped), (arrivals, 0), "{name}");
        assert_eq!(report.config.preset, name);
        let of = |count: u64| 100 * count / payments.offered;
        match name.as_str() {
            "vending" => assert_eq!(of(payments.vending), 100, "{payments:?}"),
            "hostile" => assert!(of(payments.approved) < 60, "{payments:?}"),
            "convenience-store" | "commuter-peak" => {
                assert!(of(payments.with_code) > 60, "{payments:?}");
            }
            _ => assert!(of(payments.approved) > 50, "{payments:?}"),
        }
    }
}

/// What is set is what is played: everybody cancels here, and at the one store that there is room
/// for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_is_what_is_played() {
    let mut plan = plan(Medium::Channels, Durability::Volatile);
    plan.workload.span = Duration::from_millis(500);
    let settings =
        ["habits.approves=0", "habits.cancels=850", "skew.stores=1000", "namings.id=1000"];
    let settings = settings.into_iter().chain([
        "namings.code=0",
        "namings.mistyped_code=0",
        "namings.used_code=0",
    ]);
    let settings: Vec<Setting> = settings.map(|text| text.parse().unwrap()).collect();
    plan.workload.scenario = Arc::new(Scenario::load("mixed", &settings).unwrap());
    let (testimony, site) = testimony(&plan).await;
    assert_eq!(problems(&testimony, &site.books().unwrap()), Vec::<String>::new());
    let records = records(&testimony.ledger);
    let stores: BTreeSet<_> =
        records.iter().map(|(_, record)| record.order.store_name.clone()).collect();
    assert_eq!(stores.len(), 1, "{stores:?}");
    let cancels = |(_, record): &&(_, Record)| record.order.person.habit == Habit::Cancels;
    let cancelled = records.iter().filter(cancels).count();
    assert!(cancelled * 10 > records.len() * 7, "{cancelled}");
}

/// A third of the tills and a third of the handsets are cut off again and again for a part of a
/// second: all are back before the end, whoever was there meanwhile was told every step, and whoever
/// was not learned of the latest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_were_cut_off_come_back_and_the_books_agree_with_what_they_learned() {
    for ways in [Ways::default(), Ways { tills: Way::Carried, handsets: Way::Carried }] {
        let mut plan = plan(Medium::Channels, Durability::Volatile);
        (plan.size.controllers, plan.size.hubs) = (3, 3);
        plan.ways = ways;
        let batch = "{ share = 333, every_s = 9, lasts = { median_s = 9, spread = 0.3 } }";
        let settings = ["tills", "handsets"].map(|whose| format!("outages.{whose}={batch}"));
        let settings = settings.map(|text| text.parse::<Setting>().unwrap());
        plan.workload.scenario = Arc::new(Scenario::load("mixed", &settings).unwrap());
        let (seen, site) = testimony(&plan).await;
        let (evidence, records) = (&seen.evidence, records(&seen.ledger));
        let found = problems(&seen, &site.books().unwrap());
        assert_eq!(found, Vec::<String>::new(), "{ways:?}");

        let (mut tills, mut customers) = (0, 0);
        for outage in &evidence.outages {
            let lasted = outage.until - outage.from;
            assert!((Duration::from_millis(50)..BACK).contains(&lasted), "{outage:?}");
            match &outage.of {
                CutOff::Tills(of) => tills += of.len(),
                CutOff::Handsets(of) => customers += of.len(),
                CutOff::Everybody => panic!("nobody does that here"),
            }
        }
        assert!(tills > 0 && customers > 0, "{:?}", evidence.outages);
        let met = |(_, record): &&(_, Record)| {
            let order = &record.order;
            evidence.outages.iter().any(|outage| {
                let during = (outage.from..outage.until).contains(&order.begun);
                during
                    && match &outage.of {
                        CutOff::Tills(of) => of.contains(&order.terminal),
                        CutOff::Handsets(of) => of.contains(&order.customer),
                        CutOff::Everybody => true,
                    }
            })
        };
        let met: Vec<_> = records.iter().filter(met).collect();
        let approved = met.iter().filter(|(_, record)| {
            record.terminal.first().is_some_and(|told| told.state.is_approved())
        });
        assert!(approved.count() > 0, "of {} that began in an outage", met.len());
    }
}

/// How long those who were cut off may take to be back.
const BACK: Duration = Duration::from_secs(20);
