//! Killed right after an approval, stopped, and started wrongly.

use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use kessai_client::wire::{Payment, PaymentState};
use kessai_engine::Engine;
use kessai_engine::terms::PaymentId;

use crate::kit::{KESSAI, Place, anywhere, buy};
use crate::support::{RICH, bounded, check_books, connector_to, till, yen};

fn state(engine: &Engine, payment: PaymentId) -> kessai_engine::PaymentState {
    engine.status(payment, "POS1".parse().unwrap()).unwrap().state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_till_was_told_survives_a_kill() {
    let place = Place::new();
    let (people, root) = place.enrol().await;
    let mut paid = Vec::new();
    for round in 1..=10 {
        let mut served = place.serve();
        let address = served.address();
        for earlier in &paid {
            let pos1 = till("POS1", connector_to(&people.tills[0], address, root)).await;
            let Payment { payment, .. } = earlier;
            let told = bounded(pos1.status(*payment)).await.unwrap();
            assert_eq!(told.without_receipt(), earlier.without_receipt(), "round {round}");
        }
        let end = buy(address, root, &people, 100 + round).await;
        served.kill();
        assert_eq!(end.state, PaymentState::Captured);
        paid.push(end);

        let (node, _) = place.node();
        let total: u64 = (1..=round).map(|round| 100 + round).sum();
        for payment in &paid {
            assert_eq!(
                state(node.engine(), payment.payment),
                kessai_engine::PaymentState::Captured
            );
        }
        let rich = node.engine().customer(&RICH.parse().unwrap()).unwrap();
        assert_eq!(rich.balance, yen(10_000 - total), "round {round}");
        check_books(node.engine(), i128::from(total));
        node.journal().close();
    }
}

/// A till that says something to a gateway which was killed and is back learns from its first
/// answer that the connection is none, and comes again by itself: long before a time-out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_come_back_at_once_to_a_gateway_that_was_killed() {
    let place = Place::new();
    let (people, root) = place.enrol().await;
    let mut served = place.serve();
    let address = served.address();
    let pos1 = till("POS1", connector_to(&people.tills[0], address, root)).await;
    bounded(pos1.echo(Bytes::from_static(b"before"))).await.unwrap();
    served.kill();
    place.configure(&anywhere("segment_mib = 1").replacen("127.0.0.1:0", &address.to_string(), 1));
    let served = place.serve();
    assert_eq!(served.address(), address);
    // Far less than the 30 s after which a silent connection is given up.
    let within = Duration::from_secs(8);
    let echo = pos1.echo(Bytes::from_static(b"after"));
    tokio::time::timeout(within, echo).await.expect("it has come back").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_drains_and_ends_well() {
    let place = Place::new();
    let (people, root) = place.enrol().await;
    for signal in ["-TERM", "-INT"] {
        let mut served = place.serve();
        let end = buy(served.address(), root, &people, 100).await;
        served.signal(signal);
        assert_eq!(served.end().code(), Some(0), "{signal}");
        let (node, _) = place.node();
        assert_eq!(state(node.engine(), end.payment), kessai_engine::PaymentState::Captured);
        node.journal().close();
    }
}

#[test]
fn configuration_faults_are_named() {
    let place = Place::new();
    std::fs::remove_file(place.path("kessai.toml")).unwrap();
    place.check_failure(&["kessai.toml", "No such file", "kessai init"]);
    std::fs::create_dir(place.path("kessai.toml")).unwrap();
    place.check_failure(&["kessai.toml", "directory"]);
    std::fs::remove_dir(place.path("kessai.toml")).unwrap();
    for (text, named) in [
        ("listen = ", "listen"),
        ("listn = \"127.0.0.1:0\"\n", "listn"),
        ("listen = \"localhost\"\n", "listen"),
        ("[payments]\ntries = 0\n", "payments.tries"),
        ("[payments]\nprompt = \"soon\"\n", "prompt"),
        ("[journal]\nsegment_mib = 0\n", "journal.segment_mib"),
        ("keys = \"data\"\n", "keys"),
    ] {
        place.configure(text);
        place.check_failure(&["kessai.toml", named]);
    }
    std::fs::write(place.path("kessai.toml"), [0xff, 0xfe]).unwrap();
    place.check_failure(&["kessai.toml", "UTF-8"]);
}

#[test]
fn key_faults_are_named() {
    let place = Place::new();
    let sealing = place.path("keys/sealing.keys");
    std::fs::set_permissions(&sealing, PermissionsExt::from_mode(0o644)).unwrap();
    place.check_failure(&["sealing.keys", "chmod 600"]);
    std::fs::set_permissions(&sealing, PermissionsExt::from_mode(0o600)).unwrap();
    let good = std::fs::read(&sealing).unwrap();
    std::fs::write(&sealing, "1 short\n").unwrap();
    place.check_failure(&["sealing.keys", "does not hold"]);
    std::fs::write(&sealing, good).unwrap();
    std::fs::rename(place.path("keys/server.key"), place.path("keys/mislaid")).unwrap();
    place.check_failure(&["server.key", "No such file"]);
    // The key of somebody else does not fit to the certificate.
    let other = Place::new();
    std::fs::copy(other.path("keys/server.key"), place.path("keys/server.key")).unwrap();
    place.check_failure(&["server key"]);
    std::fs::remove_dir_all(place.path("keys")).unwrap();
    place.check_failure(&["keys", "No such file"]);
}

#[test]
fn data_faults_are_named() {
    let place = Place::new();
    // Another's keys: the journal is not theirs.
    drop(place.node());
    let other = Place::new();
    let (own, theirs) = (place.path("keys"), other.path("keys"));
    std::fs::rename(&own, place.path("own")).unwrap();
    std::fs::rename(theirs, &own).unwrap();
    place.check_failure(&["journal", "sealing key"]);
    std::fs::remove_dir_all(&own).unwrap();
    std::fs::rename(place.path("own"), own).unwrap();

    let (node, _) = place.node();
    place.check_failure(&["journal", "in use by another process"]);
    node.journal().close();
    drop(node);
    std::fs::remove_dir_all(place.path("data")).unwrap();
    place.check_failure(&["data", "kessai init"]);
    assert!(!place.path("data").exists(), "nothing is made by the way");
}

#[test]
fn a_port_in_use_is_named() {
    let place = Place::new();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    place.configure(&format!("listen = \"{address}\"\n[admin]\nlisten = \"127.0.0.1:0\"\n"));
    place.check_failure(&["cannot listen", &address.to_string(), "in use"]);
}

#[test]
fn a_second_gateway_on_the_same_data_is_refused_and_the_first_goes_on() {
    let place = Place::new();
    let mut first = place.serve();
    first.address();
    place.check_failure(&["in use by another process"]);
    first.signal("-TERM");
    assert_eq!(first.end().code(), Some(0));
}

#[test]
fn init_leaves_a_folder_alone_that_holds_anything() {
    let place = Place::new();
    let before = std::fs::read(place.path("keys/sealing.keys")).unwrap();
    let again = Command::new(KESSAI).arg("init").arg(place.path("")).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("not empty"));
    assert_eq!(std::fs::read(place.path("keys/sealing.keys")).unwrap(), before);
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    for arguments in [&[][..], &["serve"], &["serv"], &["init"]] {
        let output = Command::new(KESSAI).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
