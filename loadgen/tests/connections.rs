//! Connections as load, against a gateway of its own: real numbers, small.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test may panic"
)]

#[allow(dead_code, reason = "no money is moved by others here")]
#[path = "support/host.rs"]
mod host;

use std::time::Duration;

use host::Host;
use kessai_gateway::Settings;
use kessai_loadgen::administration::Administration;
use kessai_loadgen::connections::report::Found;
use kessai_loadgen::connections::{
    AttemptsReport, ConnectionsReport, ConnectionsTest, Gathering, Loss, Moves, Offer, Peers, Plan,
    Progress, Storm, run,
};
use kessai_loadgen::population::{Size, Wealth};
use kessai_loadgen::provision::{Provision, Table};
use kessai_loadgen::schedule::{Form, Rate, Spacing};
use kessai_loadgen::trial::TrialError;
use tempfile::TempDir;
use tokio::sync::watch;

/// A gateway with a population, as long as it is kept.
struct Stage {
    folder: TempDir,
    provision: Provision,
    host: Host,
}

const SIZE: Size = Size {
    customers: 60,
    terminals: 12,
    controllers: 0,
    hubs: 0,
    machines: 0,
    wealth: Wealth::Plenty,
};

/// Starts a gateway that is `changed`, and imports everybody.
fn stage(change: impl FnOnce(&mut Settings)) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let provision = Provision::new(SIZE, 5);
    provision.write(folder.path(), |_, _| {}).unwrap();
    let host = Host::start_with(change);
    let tables = Table::ALL.into_iter().filter(|table| table.has_records(&SIZE));
    host.import(folder.path(), &tables.collect::<Vec<_>>());
    Stage { folder, provision, host }
}

impl Stage {
    fn test(&self, plan: Plan) -> ConnectionsTest {
        ConnectionsTest {
            plan,
            peers: Peers::Handsets,
            provision: self.provision,
            folder: self.folder.path().to_owned(),
            gateway: self.host.address(),
            administration: Administration::new(&self.host.url(), &self.host.token_file()).unwrap(),
            from: Vec::new(),
            sockets: 2,
            keep_alive: None,
            patience: Duration::from_secs(10),
            seed: 7,
        }
    }

    /// Does what the plan says, and holds the report to its schema.
    async fn play(&self, plan: Plan) -> ConnectionsReport {
        play(&self.test(plan)).await.unwrap()
    }
}

async fn play(test: &ConnectionsTest) -> Result<ConnectionsReport, TrialError> {
    let (_stop, stopped) = watch::channel(false);
    let report = run(test, &Progress::Silent, stopped).await?;
    let schema = serde_json::from_str(include_str!("../schema/connections.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    let errors: Vec<_> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{json}");
    Ok(report)
}

fn rate(per_second: f64) -> Rate {
    Rate::per_second(per_second).unwrap()
}

fn offer(per_second: f64, seconds: u64) -> Offer {
    let span = Duration::from_secs(seconds);
    Offer { rate: rate(per_second), form: Form::Constant, span }
}

fn gathering(connections: usize) -> Gathering {
    Gathering { connections, rate: rate(200.0), give_up: Duration::from_secs(20) }
}

fn none() -> Vec<String> {
    Vec::new()
}

/// What was done is what the gateway counted.
fn all_done(report: &ConnectionsReport, attempts: &AttemptsReport, done: u64) {
    assert_eq!((attempts.offered, attempts.done), (done, done), "{report}");
    assert!(attempts.failed.is_empty() && attempts.skipped.is_empty(), "{report}");
    let times = &attempts.times;
    assert!(times.service_ms.p50 > 0.0 && times.response_ms.p50 >= times.service_ms.p50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_are_made_at_their_moments_and_the_gateway_counts_as_many() {
    let stage = stage(|_| {});
    let report = stage.play(Plan::Handshakes(offer(40.0, 3), Spacing::Uniform)).await;
    let Found::Handshakes(found) = &report.found else { panic!("{report}") };
    all_done(&report, &found.attempts, 119);
    assert_eq!(report.knocks.completed, Some(119));
    let per_s = found.attempts.done_per_s.unwrap();
    assert!((per_s.estimate - 40.0).abs() < 1.0 && per_s.holds(40.0), "{per_s}");
    assert!(found.attempts.response_ms.p50.is_some(), "{report}");
    assert!(report.usage.gateway_cpu_ms_per_handshake > Some(0.01), "{report}");
    assert_eq!((&report.problems, &report.limits_reached), (&none(), &none()), "{report}");
    assert!(report.to_string().contains("connections: ok"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_turns_handshakes_away_is_named_and_no_problem() {
    let stage = stage(|settings| settings.connections.per_source_per_second = 5);
    let report = stage.play(Plan::Handshakes(offer(60.0, 2), Spacing::Uniform)).await;
    let Found::Handshakes(found) = &report.found else { panic!("{report}") };
    let turned_away = found.attempts.failed["turned_away"];
    assert_eq!((found.attempts.failed.len(), found.attempts.offered), (1, 119), "{report}");
    assert!((5..=16).contains(&found.attempts.done), "5 at once, and 5 a second: {report}");
    assert_eq!(report.knocks.refused_source, Some(turned_away));
    assert_eq!((report.problems.len(), report.limits_reached.len()), (0, 1), "{report}");
    let words = format!(
        "{turned_away} were turned away because the gateway takes 5 new connections a second"
    );
    assert!(report.limits_reached[0].contains(&words), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_are_kept_alive_and_counted() {
    let stage = stage(|settings| settings.connections.idle = Duration::from_secs(1));
    let mut test = stage.test(Plan::Idle(gathering(40), Duration::from_secs(3)));
    test.keep_alive = Some(Duration::from_millis(200));
    let report = play(&test).await.unwrap();
    let Found::Idle(found) = &report.found else { panic!("{report}") };
    assert_eq!((found.opened.stood, found.opened.missing, found.alive), (40, 0, 40), "{report}");
    all_done(&report, &found.opened.attempts, 40);
    let ramp = found.opened.seconds.unwrap();
    assert!((39.0 / 200.0..10.0).contains(&ramp), "the last comes 39 two-hundredths later: {ramp}");
    assert!(found.seconds >= 3.0 && found.round_trips.is_none(), "{report}");
    assert_eq!((report.knocks.completed, report.problems.len()), (Some(40), 0), "{report}");
    let opening = report.usage.opening.unwrap();
    assert!(opening.gateway.resident_after_bytes > Some(1 << 20), "{report}");
    assert!(opening.generator.cpu_s > Some(0.0), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_without_a_sign_of_life_are_lost_and_counted() {
    let stage = stage(|settings| settings.connections.idle = Duration::from_secs(1));
    let report = stage.play(Plan::Idle(gathering(10), Duration::from_secs(3))).await;
    let Found::Idle(found) = &report.found else { panic!("{report}") };
    assert_eq!((found.opened.stood, found.alive), (10, 0), "{report}");
    assert_eq!(found.lost.iter().collect::<Vec<_>>(), [(&"unreachable".to_owned(), &10)]);
    assert_eq!(report.problems, ["10 connections were lost: unreachable 10"]);
    assert!(report.to_string().contains("NOT AS THEY SHOULD BE"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_holds_as_many_as_it_takes_and_turns_the_others_away() {
    let stage = stage(|settings| settings.connections.most = 12);
    let few = Gathering { give_up: Duration::from_secs(2), ..gathering(20) };
    let report = stage.play(Plan::Idle(few, Duration::from_millis(500))).await;
    let Found::Idle(found) = &report.found else { panic!("{report}") };
    assert_eq!((found.opened.stood, found.opened.missing, found.alive), (12, 8, 12), "{report}");
    assert!(found.opened.attempts.failed["turned_away"] >= 8, "{report}");
    assert_eq!((report.problems.len(), report.limits_reached.len()), (0, 1), "{report}");
    assert!(report.limits_reached[0].contains("takes 12 connections"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_lived_connections_answer_all_the_time() {
    let stage = stage(|_| {});
    let mut test = stage.test(Plan::LongLived(gathering(10), offer(50.0, 3)));
    test.peers = Peers::Terminals;
    let report = play(&test).await.unwrap();
    let Found::LongLived(found) = &report.found else { panic!("{report}") };
    assert_eq!((found.opened.stood, found.alive), (10, 10), "{report}");
    let trips = found.round_trips.as_ref().unwrap();
    assert!((90..=220).contains(&trips.done), "150 on average: {report}");
    all_done(&report, trips, trips.offered);
    assert_eq!(report.problems, none(), "{report}");
}

fn storm(loss: Loss, bystanders: usize) -> Storm {
    Storm {
        loss,
        calm: Duration::from_secs(2),
        outage: Duration::from_secs(2),
        within: Duration::from_millis(300),
        give_up: Duration::from_secs(20),
        bystanders,
    }
}

/// The gateway hears nothing of the loss, and has the old connections when the new ones come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_silent_outage_everybody_comes_back_while_others_pay() {
    let stage = stage(|_| {});
    let report = stage.play(Plan::Storm(gathering(40), storm(Loss::Silent, 3))).await;
    let Found::Storm(found) = &report.found else { panic!("{report}") };
    assert_eq!((found.dropped, found.back.stood, found.back.missing), (40, 40, 0), "{report}");
    let back = found.back_s;
    assert!(back.p50 <= back.p90 && back.p90 <= back.p99 && back.p99 <= back.all, "{report}");
    assert!(back.all.is_some_and(|all| all < 20.0) && back.p50 > Some(0.0), "{report}");
    let others = found.bystanders.as_ref().unwrap();
    assert_eq!(others.pairs, 3);
    for (phase, least) in [(&others.before, 3), (&others.during, 6)] {
        assert!(phase.done >= least && phase.failed.is_empty(), "{report}");
        assert!(phase.times.response_ms.p50 > 0.0, "{report}");
    }
    // Three handsets and three terminals of the others, too.
    assert_eq!(report.knocks.completed, Some(40 + 6 + 40));
    assert_eq!(report.problems, none(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_turned_away_in_a_storm_tries_again_until_all_are_back() {
    let stage = stage(|settings| settings.connections.per_source_per_second = 20);
    let slowly = Gathering { rate: rate(15.0), ..gathering(40) };
    let storm = Storm { within: Duration::ZERO, ..storm(Loss::Closed, 0) };
    let report = stage.play(Plan::Storm(slowly, storm)).await;
    let Found::Storm(found) = &report.found else { panic!("{report}") };
    assert_eq!((found.dropped, found.back.stood), (40, 40), "{report}");
    assert!(found.back.attempts.failed["turned_away"] >= 10, "{report}");
    assert!(found.back_s.all > Some(0.5), "20 at once, and 20 a second: {report}");
    assert_eq!((report.problems.len(), found.bystanders.is_none()), (0, true), "{report}");
    assert!(report.limits_reached[0].contains("20 new connections a second"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handsets_move_and_terminals_must_not() {
    let stage = stage(|_| {});
    let plan =
        |count| Plan::Migration(gathering(10), Moves { count, every: Duration::from_millis(200) });
    let report = stage.play(plan(3)).await;
    let Found::Migration(found) = &report.found else { panic!("{report}") };
    assert_eq!((found.opened.stood, found.survived, found.moves), (10, 10, 3), "{report}");
    all_done(&report, &found.round_trips, 30);
    assert_eq!((report.knocks.completed, &report.problems), (Some(10), &none()), "{report}");

    let test = ConnectionsTest { peers: Peers::Terminals, ..stage.test(plan(1)) };
    let report = play(&test).await.unwrap();
    let Found::Migration(found) = &report.found else { panic!("{report}") };
    assert_eq!(found.survived, 0, "{report}");
    assert_eq!(found.lost["closed_address_changed"], 10, "{report}");
    assert_eq!(report.problems, none(), "that is the rule for them: {report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_there_or_not_known_is_told_before() {
    let stage = stage(|_| {});
    let plan = |count| Plan::Idle(gathering(count), Duration::from_secs(1));
    let error = play(&stage.test(plan(61))).await.unwrap_err().to_string();
    assert!(error.contains("has 60 handsets, and so many connections need 61"), "{error}");
    let mut test = stage.test(plan(5));
    test.provision = Provision::new(SIZE, 6);
    let error = play(&test).await.unwrap_err().to_string();
    assert!(error.contains("another seed or size"), "{error}");
    let mut test = stage.test(plan(5));
    test.from = vec!["192.0.2.1".parse().unwrap()];
    let error = play(&test).await.unwrap_err().to_string();
    assert!(error.contains("cannot open a UDP socket"), "{error}");
}
