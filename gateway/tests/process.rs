//! The real binary: killed right after an approval, stopped, and started wrongly.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::panic,
    unreachable_pub,
    dead_code,
    missing_docs,
    reason = "a test may panic, and uses a part of what tests share"
)]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bytes::Bytes;
use kessai_client::wire::{Payment, PaymentState};
use kessai_engine::Engine;
use kessai_engine::terms::PaymentId;
use kessai_gateway::entropy::SystemEntropy;
use kessai_gateway::{Keys, Node, Settings};
use support::{
    PATIENCE, People, RICH, asked, bounded, check_books, connector_to, handset, purchase,
    secrets_of, till, yen,
};
use tempfile::TempDir;

const KESSAI: &str = env!("CARGO_BIN_EXE_kessai");

/// A configuration for any free ports, with settings of the journal.
fn anywhere(journal: &str) -> String {
    format!("listen = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[journal]\n{journal}\n")
}

/// A folder that `kessai init` made, with a short journal and any free port.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder };
        let made = Command::new(KESSAI).arg("init").arg(place.path("")).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        assert!(String::from_utf8_lossy(&made.stdout).contains("kessai serve --config"));
        place.configure(&anywhere("segment_mib = 1"));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("kessai").join(name)
    }

    fn configure(&self, text: &str) {
        std::fs::write(self.path("kessai.toml"), text).unwrap();
    }

    /// The engine as it stands on disk; nobody else may have it open.
    fn node(&self) -> (Node, Keys) {
        let settings = Settings::load(&self.path("kessai.toml")).unwrap();
        let keys = Keys::load(&settings.keys).unwrap();
        (Node::open(&settings, &keys, &SystemEntropy).unwrap(), keys)
    }

    async fn enrol(&self) -> (People, kessai_engine::KeyPin) {
        let (node, keys) = self.node();
        let people = support::enrol(node.engine(), node.journal(), &keys).await;
        node.journal().close();
        (people, keys.root_pin)
    }

    fn serve(&self) -> Served {
        Served::start(&self.path("kessai.toml"))
    }

    /// Serves, though it cannot: gives the exit code and the last line.
    fn fail(&self) -> (Option<i32>, String) {
        let mut served = self.serve();
        let status = served.end();
        let mut log = String::new();
        served.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (status.code(), log.lines().last().unwrap_or_default().to_owned())
    }

    fn check_failure(&self, named: &[&str]) {
        let (code, last) = self.fail();
        assert_eq!(code, Some(1), "{last}");
        assert!(last.starts_with("kessai: "), "{last}");
        for name in named {
            assert!(last.contains(name), "{name} is not named: {last}");
        }
    }
}

/// A running `kessai serve`, killed when it is dropped.
struct Served {
    child: Child,
    lines: Receiver<String>,
}

impl Served {
    fn start(configuration: &Path) -> Self {
        let mut child = Command::new(KESSAI)
            .args(["serve", "--config"])
            .arg(configuration)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        // Ends with the process, at the latest.
        std::thread::spawn(move || {
            out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    fn address(&self) -> SocketAddr {
        let line = self.lines.recv_timeout(PATIENCE).expect("it serves");
        line.strip_prefix("serving at ").unwrap().parse().unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits until it ends by itself, but not for ever.
    fn end(&mut self) -> ExitStatus {
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        let ended = self.lines.recv_timeout(PATIENCE);
        assert_eq!(ended, Err(std::sync::mpsc::RecvTimeoutError::Disconnected), "it goes on");
        self.child.wait().unwrap()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Buys for `price` yen as the rich customer, and gives what the till was told at the end.
async fn buy(
    address: SocketAddr,
    root: kessai_engine::KeyPin,
    people: &People,
    price: u64,
) -> Payment {
    let pos1 = till("POS1", connector_to(&people.tills[0], address, root)).await;
    let owner = &people.phones[0];
    let (phone, mut events) =
        handset(owner, connector_to(&owner.key, address, root), u64::MAX).await;
    let asking = purchase(pos1.payment_id(), RICH, price);
    tokio::spawn(async move {
        let question = asked(&mut events).await;
        // Its answer may be lost: the gateway is killed as soon as the till knows.
        drop(phone.approve(&question, &secrets_of(1)).await);
    });
    bounded(pos1.pay(asking)).await.unwrap()
}

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
