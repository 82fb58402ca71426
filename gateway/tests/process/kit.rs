//! What the tests of the binary share: a folder that it made, and the process that serves from it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};

use kessai_client::wire::Payment;
use kessai_gateway::entropy::SystemEntropy;
use kessai_gateway::{Keys, Node, Settings};
use tempfile::TempDir;

use crate::support::{
    self, PATIENCE, People, RICH, asked, bounded, connector_to, handset, purchase, secrets_of, till,
};

pub const KESSAI: &str = env!("CARGO_BIN_EXE_kessai");

/// A configuration for any free ports, with settings of the journal.
pub fn anywhere(journal: &str) -> String {
    format!("listen = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[journal]\n{journal}\n")
}

/// A folder that `kessai init` made, with a short journal and any free port.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder };
        let made = Command::new(KESSAI).arg("init").arg(place.path("")).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        assert!(String::from_utf8_lossy(&made.stdout).contains("kessai serve --config"));
        place.configure(&anywhere("segment_mib = 1"));
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("kessai").join(name)
    }

    pub fn configure(&self, text: &str) {
        std::fs::write(self.path("kessai.toml"), text).unwrap();
    }

    /// The engine as it stands on disk; nobody else may have it open.
    pub fn node(&self) -> (Node, Keys) {
        let settings = Settings::load(&self.path("kessai.toml")).unwrap();
        let keys = Keys::load(&settings.keys).unwrap();
        (Node::open(&settings, &keys, &SystemEntropy).unwrap(), keys)
    }

    pub async fn enrol(&self) -> (People, kessai_engine::KeyPin) {
        let (node, keys) = self.node();
        let people = support::enrol(node.engine(), node.journal(), &keys).await;
        node.journal().close();
        (people, keys.root_pin)
    }

    pub fn serve(&self) -> Served {
        Served::start(&self.path("kessai.toml"))
    }

    /// Serves, though it cannot: gives the exit code and the last line.
    pub fn fail(&self) -> (Option<i32>, String) {
        let mut served = self.serve();
        let status = served.end();
        let mut log = String::new();
        served.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (status.code(), log.lines().last().unwrap_or_default().to_owned())
    }

    pub fn check_failure(&self, named: &[&str]) {
        let (code, last) = self.fail();
        assert_eq!(code, Some(1), "{last}");
        assert!(last.starts_with("kessai: "), "{last}");
        for name in named {
            assert!(last.contains(name), "{name} is not named: {last}");
        }
    }
}

/// A running `kessai serve`, killed when it is dropped.
pub struct Served {
    child: Child,
    lines: Receiver<String>,
}

impl Served {
    pub fn start(configuration: &Path) -> Self {
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

    pub fn address(&self) -> SocketAddr {
        let line = self.lines.recv_timeout(PATIENCE).expect("it serves");
        line.strip_prefix("serving at ").unwrap().parse().unwrap()
    }

    /// Where its administration is. Asked once, after its [`address`](Self::address).
    pub fn admin(&self) -> SocketAddr {
        let mut lines = std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok());
        let line =
            lines.find_map(|line| line.strip_prefix("administration at ").map(str::to_owned));
        line.expect("it is administered").parse().unwrap()
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits until it ends by itself, but not for ever.
    pub fn end(&mut self) -> ExitStatus {
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        let ended = self.lines.recv_timeout(PATIENCE);
        assert_eq!(ended, Err(std::sync::mpsc::RecvTimeoutError::Disconnected), "it goes on");
        self.child.wait().unwrap()
    }

    pub fn kill(&mut self) {
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
pub async fn buy(
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
