//! Populations as files, imported into a gateway of its own, and played there over the network.

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

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use host::Host;
use kessai_gateway::Settings;
use kessai_loadgen::administration::Administration;
use kessai_loadgen::board::Board;
use kessai_loadgen::capacity::{self, CapacityTest};
use kessai_loadgen::fleet::{Connections, Upkeep, Way, Ways};
use kessai_loadgen::interleaving::{Interleaving, InterleavingError, Side, Turn};
use kessai_loadgen::ledger::{Retention, Telling};
use kessai_loadgen::life::Workload;
use kessai_loadgen::measure::Measures;
use kessai_loadgen::merge::{Piece, merge};
use kessai_loadgen::people::Pace;
use kessai_loadgen::population::{Size, Wealth};
use kessai_loadgen::provision::{Provision, ProvisionError, RATES, Table};
use kessai_loadgen::report::{OutcomeTimes, Report};
use kessai_loadgen::results::{Folder, Kept};
use kessai_loadgen::schedule::{Bounds, Form, Rate, Spacing};
use kessai_loadgen::shares::MACHINES;
use kessai_loadgen::trial::{Finding, TrialError};
use tempfile::TempDir;
use tokio::sync::watch;

const CARRIED: Ways = Ways { tills: Way::Carried, handsets: Way::Carried };

/// Two hundred customers, twenty tills, and carriers for all of them.
fn small() -> Size {
    Size {
        customers: 200,
        terminals: 20,
        controllers: 3,
        hubs: 2,
        machines: MACHINES,
        wealth: Wealth::Mixed,
    }
}

/// Writes a provision into a folder of its own.
fn provision(size: Size, seed: u64) -> (TempDir, Provision) {
    let folder = tempfile::tempdir().unwrap();
    let provision = Provision::new(size, seed);
    provision.write(folder.path(), |_, _| {}).unwrap();
    (folder, provision)
}

/// As `provision` tells to configure the gateway.
fn rates(settings: &mut Settings, folder: &Path) {
    settings.exchange.rates = folder.join(RATES);
}

/// A second and a half of life, thirty times as fast.
fn test(host: &Host, folder: &Path, provision: Provision, ways: Ways) -> CapacityTest {
    CapacityTest {
        workload: Workload {
            rate: Rate::per_second(80.0).unwrap(),
            form: Form::Constant,
            spacing: Spacing::Poisson,
            span: Duration::from_millis(1_500),
            pace: Pace::new(30.0).unwrap(),
            scenario: Arc::default(),
            seed: 7,
            bounds: Bounds { late: Duration::from_secs(2), in_flight: 1_000 },
        },
        provision,
        folder: folder.to_owned(),
        ways,
        gateway: host.address(),
        administration: Administration::new(&host.url(), &host.token_file()).unwrap(),
        upkeep: Upkeep::default(),
        telling: Telling::default(),
        partition: None,
        begin_at: None,
        retention: Retention::default(),
    }
}

async fn run(test: &CapacityTest) -> Result<Finding, TrialError> {
    let (_stop, stopped) = watch::channel(false);
    capacity::run(test, Arc::new(Board::new(test.workload.span)), stopped).await
}

/// One after the other on one gateway: what the first left behind is where the second begins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provision_is_imported_and_played_directly_and_through_carriers() {
    let (folder, provision) = provision(small(), 5);
    let host = Host::start_with(|settings| rates(settings, folder.path()));
    host.import(folder.path(), &Table::ALL);
    for ways in [Ways::default(), CARRIED] {
        let finding = run(&test(&host, folder.path(), provision, ways)).await.unwrap();
        let report = &finding.report;
        assert_eq!(report.audit.problems, Vec::<String>::new(), "{}", finding.page());
        assert!(report.payments.approved > report.payments.offered / 2, "{}", finding.page());
        assert_eq!((report.payments.refused, report.payments.skipped), (0, 0));
        assert_eq!(finding.troubles, 0, "{:?}", finding.trouble);
        let connections = match ways.tills {
            Way::Own => Connections { terminals: 20, handsets: 200, ..Connections::default() },
            Way::Carried => Connections { controllers: 3, hubs: 2, ..Connections::default() },
        };
        assert_eq!(report.connections, connections);
        assert_eq!(report.gateway.address, host.address());
        check_receipts(&finding);
        check_cost(report);
    }
}

/// Terminals hold receipts of the journal, and the gateway was asked about every one of them.
fn check_receipts(finding: &Finding) {
    let held: HashSet<_> =
        finding.testimony.evidence.held.iter().map(|held| &held.receipt).collect();
    let asked: HashSet<_> = finding.books.receipts.iter().map(|(receipt, _)| receipt).collect();
    assert!(held == asked && !held.is_empty(), "{held:?} {asked:?}");
}

/// The gateway's own count is the load generator's, and what a payment cost is within reason.
fn check_cost(report: &Report) {
    let (payments, cost) = (&report.payments, &report.gateway_cost);
    let ended = payments.approved + payments.declined + payments.cancelled + payments.expired;
    assert_eq!(cost.payments, Some(ended));
    let within = |what: Option<f64>, least: f64, most: f64| {
        assert!(what.is_some_and(|what| (least..most).contains(&what)), "{cost:?}");
    };
    within(cost.cpu_s, 0.000_01, 1.0);
    within(cost.syncs, 0.05, 10.0);
    within(cost.written_bytes, 200.0, 40_960.0);
    within(cost.datagrams, 2.0, 100.0);
    assert!(cost.resident_bytes > Some(1 << 20), "{cost:?}");
}

#[test]
fn one_seed_and_size_are_the_same_bytes_and_for_their_owner_alone() {
    let (first, again) = (provision(small(), 5).0, provision(small(), 5).0);
    let other = provision(small(), 6).0;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let names = Table::ALL.map(Table::file);
    for name in names.iter().map(String::as_str).chain(["provision.toml", RATES]) {
        let read = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert_eq!(read(first.path()), read(again.path()), "{name}");
        let same_for_all = ["merchants.csv", "stores.csv", RATES].contains(&name);
        assert_eq!(read(first.path()) == read(other.path()), same_for_all, "{name}");
        assert_eq!(mode(&first.path().join(name)), 0o600, "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    Provision::new(small(), 5).write(&made, |_, _| {}).unwrap();
    assert_eq!(mode(&made), 0o700);
    let twice = Provision::new(small(), 5).write(&made, |_, _| {});
    assert!(matches!(twice, Err(ProvisionError::NotEmpty(_))), "{twice:?}");
}

#[test]
fn a_folder_without_a_provision_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Provision::load(folder.path()).unwrap_err().to_string();
    assert!(missing.contains("holds no provision: make one with"), "{missing}");
    std::fs::write(folder.path().join("provision.toml"), "version = 9\n").unwrap();
    let strange = Provision::load(folder.path()).unwrap_err().to_string();
    assert!(strange.contains("made by another version"), "{strange}");
}

/// Runs a test that cannot begin, and gives the sentence that says why.
async fn refused(test: &CapacityTest) -> String {
    let error = run(test).await.unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_imported_is_told_with_the_command_that_does_it() {
    let (folder, provision) = provision(small(), 5);
    let host = Host::start_with(|settings| rates(settings, folder.path()));
    let test = test(&host, folder.path(), provision, CARRIED);
    let counts = [1, 3, 20, 3, 2, 200, 200];
    for (table, count) in Table::ALL.into_iter().zip(counts) {
        let (name, path) = (table.name(), folder.path().display());
        let expected = format!(
            "the gateway has 0 of the {count} {name} of {path}: \
             run `kessai import {name} {path}/{name}.csv`"
        );
        assert_eq!(refused(&test).await, expected);
        host.import(folder.path(), &[table]);
    }
    run(&test).await.unwrap();
}

/// A gateway that declines foreign prices, or converts them by other rates, is told before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_without_the_rates_is_told_where_they_are() {
    let (folder, provision) = provision(small(), 5);
    let other = folder.path().join("other.csv");
    let text = std::fs::read_to_string(folder.path().join(RATES)).unwrap();
    std::fs::write(&other, text.replace("157.2453", "157.2454")).unwrap();
    for file in [None, Some(other)] {
        let host = Host::start_with(|settings| {
            settings.exchange.rates = file.clone().unwrap_or_default();
        });
        host.import(folder.path(), &Table::ALL);
        let path = folder.path().display();
        let expected = format!(
            "the gateway does not convert USD by the rate of {path}: set exchange.rates in its \
             configuration to {path}/rates.csv, and start it again"
        );
        let test = test(&host, folder.path(), provision, CARRIED);
        assert_eq!(refused(&test).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_provision_is_told_from_this_one() {
    let (folder, played) = provision(small(), 5);
    let host = Host::start_with(|settings| rates(settings, folder.path()));
    host.import(folder.path(), &Table::ALL);
    let check = async |size: Size, seed: u64, ways: Ways, words: &str| {
        let error = refused(&test(&host, folder.path(), Provision::new(size, seed), ways)).await;
        assert!(error.contains(words), "{words}: {error}");
    };
    check(small(), 6, CARRIED, "another seed or size").await;
    let one_till = Size { terminals: 1, ..small() };
    check(one_till, 6, CARRIED, "the gateway's handsets are not those of").await;
    let more = Size { customers: 300, ..small() };
    check(more, 5, CARRIED, "has 200 of the 300 customers").await;
    check(more, 5, CARRIED, "customers.csv --update`").await;
    let uncarried = Size { controllers: 0, ..small() };
    check(uncarried, 5, CARRIED, "has no controllers: provision it with --controllers").await;
    run(&test(&host, folder.path(), played, CARRIED)).await.unwrap();
}

/// Plays both halves of a population at once, and tries again later if the machine was too busy to
/// have everybody connected in time.
async fn both_halves(test: &CapacityTest) -> [Finding; 2] {
    for seconds in [5, 20, 80] {
        let begin_at = Some(SystemTime::now() + Duration::from_secs(seconds));
        let half = |half: &str| {
            let partition = half.parse().ok();
            CapacityTest { partition, begin_at, ..test.clone() }
        };
        let (one, two) = (half("1/2"), half("2/2"));
        match tokio::join!(run(&one), run(&two)) {
            (Ok(one), Ok(two)) => return [one, two],
            (Err(TrialError::TooLate { .. }), _) | (_, Err(TrialError::TooLate { .. })) => {}
            (one, two) => panic!("{:?} {:?}", one.err(), two.err()),
        }
    }
    panic!("nobody is connected within 80 s");
}

/// Each half begins its share of what one process would have begun, and audits that and no more;
/// merged, they are what one process would have told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_play_one_population_and_what_they_left_is_merged() {
    let (folder, provision) = provision(Size { terminals: 64, ..small() }, 5);
    let host = Host::start_with(|settings| rates(settings, folder.path()));
    host.import(folder.path(), &Table::ALL);
    let test = test(&host, folder.path(), provision, CARRIED);
    let halves = both_halves(&test).await;
    let mut joined = Measures::new(test.workload.span);
    let mut pieces = Vec::new();
    for finding in &halves {
        let report = &finding.report;
        assert_eq!(report.audit.problems, Vec::<String>::new(), "{}", finding.page());
        assert_eq!((report.payments.refused, report.payments.skipped), (0, 0));
        assert!(report.payments.offered > 20, "{}", finding.page());
        joined.join(&finding.measures);
        let out = folder.path().join(format!("part-{}", pieces.len()));
        Folder::prepare(&out).unwrap().keep(&Kept::from(finding)).unwrap();
        pieces.push(Piece { name: out.display().to_string(), kept: Kept::read(&out).unwrap() });
    }
    let whole = merge(&pieces).unwrap();
    let report = &whole.result.report;
    let arrivals = u64::try_from(test.workload.arrivals().count()).unwrap();
    assert_eq!(report.payments.offered, arrivals, "every payment was in one of them");
    let [one, two] = halves.map(|half| half.report);
    assert_eq!(report.payments.approved, one.payments.approved + two.payments.approved);
    assert_eq!(report.by_outcome, OutcomeTimes::by_outcome(&joined));
    assert_eq!(report.latency_ms.machine, joined.all(|timed| &timed.response).quantiles());
    let (hubs, controllers) = (2, 3);
    assert_eq!(report.connections, Connections { hubs, controllers, ..Connections::default() });
    assert_eq!(report.ladder, one.ladder.and(&two.ladder));
    let out = folder.path().join("whole");
    Folder::prepare(&out).unwrap().keep(&whole).unwrap();
    assert_eq!(Kept::read(&out).unwrap().result, whole.result);
}

/// Two gateways of one program take turns, each is audited by its own books, and what is otherwise in
/// one of them is told before any run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_take_turns_with_the_same_payments() {
    let (folder, provision) = provision(small(), 5);
    let [one, two, other] = [1_000, 1_000, 900].map(|prompt_ms| {
        let host = Host::start_with(|settings| {
            rates(settings, folder.path());
            settings.payments.prompt = Duration::from_millis(prompt_ms);
        });
        host.import(folder.path(), &Table::ALL);
        let test = test(&host, folder.path(), provision, CARRIED);
        (host, test)
    });
    let (_stop, stop) = watch::channel(false);
    let mut turns = Vec::new();
    let rounds = NonZeroU32::new(2).unwrap();
    let told = |turn: Turn<'_>| {
        turns.push((turn.round, turn.side, turn.report.seed, turn.report.payments.offered));
    };
    let compared = Interleaving { first: &one.1, second: &two.1, rounds, told, stop: stop.clone() };
    match compared.compare().await {
        Ok(comparison) => {
            let p50 = &comparison.rows[1];
            assert!(p50.values.0.is_some() && p50.difference.is_some(), "{comparison}");
            let order: Vec<_> = turns.iter().map(|(round, side, ..)| (*round, *side)).collect();
            let expected =
                [(1, Side::First), (1, Side::Second), (2, Side::Second), (2, Side::First)];
            assert_eq!(order, expected);
        }
        // On a machine that is busy with other tests.
        Err(InterleavingError::GeneratorLimited { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    for round in turns.chunks_exact(2) {
        assert_eq!(
            (round[0].2, round[0].3),
            (round[1].2, round[1].3),
            "one seed, as many payments"
        );
    }
    let (first, second, told) =
        (&one.1, &other.1, |turn: Turn<'_>| assert_eq!(turn.round, 0, "it was run"));
    let unlike = Interleaving { first, second, rounds, told, stop }.compare().await.unwrap_err();
    let sentence = "the gateways are set otherwise: they differ in payments.prompt";
    assert_eq!(unlike.to_string(), sentence);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_cannot_be_played_is_told_before() {
    let size = Size { terminals: 64, hubs: 1, ..small() };
    let (folder, provision) = provision(size, 5);
    let host = Host::start_with(|settings| rates(settings, folder.path()));
    host.import(folder.path(), &Table::ALL);
    let check = async |part: &str, begin_at: Option<SystemTime>, words: &str| {
        let partition = part.parse().ok();
        let whole = test(&host, folder.path(), provision, CARRIED);
        let error = refused(&CapacityTest { partition, begin_at, ..whole }).await;
        assert!(error.contains(words), "{words}: {error}");
    };
    check("1/4", None, "2 merchants are too few for 4 partitions").await;
    check("2/2", None, "1 hubs are too few: partition 2/2 gets none of them").await;
    let over = SystemTime::now() - Duration::from_secs(90);
    check("1/2", Some(over), "the moment to begin was over 1m 31s before everybody").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_without_room_for_all_connections_is_told_before() {
    let (folder, provision) = provision(small(), 5);
    let host = Host::start_with(|settings| {
        rates(settings, folder.path());
        settings.connections.most = 100;
    });
    host.import(folder.path(), &Table::ALL);
    let error = refused(&test(&host, folder.path(), provision, Ways::default())).await;
    assert!(error.contains("takes 100 connections at a time, and this run needs 220"), "{error}");
    run(&test(&host, folder.path(), provision, CARRIED)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administration_that_does_not_answer_is_told() {
    let (folder, provision) = provision(small(), 5);
    let host = Host::start_with(|settings| rates(settings, folder.path()));
    let mut test = test(&host, folder.path(), provision, CARRIED);
    let token = folder.path().join("token");
    std::fs::write(&token, "wrong").unwrap();
    test.administration = Administration::new(&host.url(), &token).unwrap();
    let error = refused(&test).await;
    assert!(error.contains("/v1/gateway: "), "{error}");
    test.administration = Administration::new("http://127.0.0.1:1", &token).unwrap();
    let error = refused(&test).await;
    assert!(error.contains("no administration answers at http://127.0.0.1:1"), "{error}");
    let missing = Administration::new("http://127.0.0.1:1", &folder.path().join("none"));
    assert!(missing.unwrap_err().to_string().contains("none: "));
}

/// A customer's money is what the gateway says it is before, however rich they were made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_was_moved_before_the_run_is_no_discrepancy() {
    let (folder, provision) = provision(Size { wealth: Wealth::Plenty, ..small() }, 5);
    let host = Host::start_with(|settings| rates(settings, folder.path()));
    host.import(folder.path(), &Table::ALL);
    host.debit("1000-000-000", 1_234);
    let finding = run(&test(&host, folder.path(), provision, CARRIED)).await.unwrap();
    assert_eq!(finding.report.audit.problems, Vec::<String>::new());
}
