//! An older copy of the data directory is put back: what terminals hold finds it out.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

use bytes::Bytes;
use kessai_client::terms::receipt::ReceiptMac;
use kessai_client::terms::{JournalReceipt, Reason};
use kessai_client::wire::{Payment, PaymentState};
use kessai_client::{Options, Terminal};
use kessai_engine::KeyPin;
use kessai_gateway::admin::rows::JournalReceiptRow;
use serde_json::Value;

use crate::kit::{KESSAI, Place, Served, buy};
use crate::support::{PATIENCE, People, bounded, connector_to, options};

/// A gateway with its people, stopped, after a payment that an older copy of the data does not have.
struct Rolled {
    place: Place,
    people: People,
    root: KeyPin,
    /// What the till was told before the copy was made, and after it.
    before: Payment,
    after: Payment,
}

impl Rolled {
    async fn new() -> Self {
        let place = Place::new();
        let (people, root) = place.enrol().await;
        let before = paid(&place, &people, root).await;
        copy(&place.path("data"), &place.path("older"));
        let after = paid(&place, &people, root).await;
        Self { place, people, root, before, after }
    }

    /// Puts this copy of the data in place of what is there, and keeps that aside.
    fn put_back(&self, copy: &str, aside: &str) {
        std::fs::rename(self.place.path("data"), self.place.path(aside)).unwrap();
        std::fs::rename(self.place.path(copy), self.place.path("data")).unwrap();
    }

    /// The till comes, and shows what it holds.
    async fn till(&self, address: SocketAddr, receipt: Option<JournalReceipt>) -> Terminal {
        let connector = connector_to(&self.people.tills[0], address, self.root);
        let options = Options { receipt, ..options() };
        let connect = Terminal::connect(connector, "POS1".parse().unwrap(), options);
        bounded(connect).await.unwrap()
    }

    fn accept(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } = Command::new(KESSAI)
            .args(["journal", "accept-loss", "--config"])
            .arg(self.place.path("kessai.toml"))
            .args(arguments)
            .output()
            .unwrap();
        let said = [stdout, stderr].concat();
        (status.code(), String::from_utf8(said).unwrap())
    }
}

/// Serves for one payment.
async fn paid(place: &Place, people: &People, root: KeyPin) -> Payment {
    let mut served = place.serve();
    let end = buy(served.address(), root, people, 100).await;
    assert_eq!(end.state, PaymentState::Captured);
    stop(&mut served);
    end
}

fn stop(served: &mut Served) {
    served.signal("-TERM");
    assert_eq!(served.end().code(), Some(0));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What the administration says of the gateway's health, with the status.
fn health(admin: SocketAddr) -> (u16, Value) {
    ask(admin, "GET /v1/health HTTP/1.0\r\n\r\n")
}

fn ask(admin: SocketAddr, request: &str) -> (u16, Value) {
    let mut line = TcpStream::connect(admin).unwrap();
    line.set_read_timeout(Some(PATIENCE)).unwrap();
    line.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

/// What the administration says of receipts, to whoever has the token.
fn check(place: &Place, admin: SocketAddr, receipts: &[JournalReceipt]) -> (u16, Value) {
    let rows: Vec<_> = receipts.iter().map(JournalReceiptRow::from).collect();
    let body = serde_json::to_string(&rows).unwrap();
    let token = std::fs::read_to_string(place.path("keys/admin.token")).unwrap();
    let (token, length) = (token.trim(), body.len());
    let head = format!(
        "POST /v1/receipts/check HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    ask(admin, &(head + &body))
}

/// Asks until what the receipts came to is as expected: they are looked into beside all else.
async fn until_counted(admin: SocketAddr, which: &'static str, count: u64) {
    let asking = tokio::task::spawn_blocking(move || {
        while health(admin).1["receipts"][which] != count {
            std::thread::yield_now();
        }
    });
    bounded(asking).await.unwrap();
}

async fn is_refused(till: &Terminal) -> bool {
    match till.echo(Bytes::from_static(b"there?")).await {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.reason(), Some(Reason::ShuttingDown), "{error}");
            true
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_till_that_returns_stops_a_gateway_that_came_back_with_older_data() {
    let rolled = Rolled::new().await;
    rolled.put_back("older", "newer");
    let mut served = rolled.place.serve();
    let (address, admin) = (served.address(), served.admin());
    // Whoever holds what is there changes nothing.
    let other = rolled.till(address, rolled.before.receipt).await;
    until_counted(admin, "ours", 1).await;
    assert!(!is_refused(&other).await);
    let (status, told) = health(admin);
    assert_eq!((status, &told["status"]), (200, &Value::from("serving")));

    let till = rolled.till(address, rolled.after.receipt).await;
    until_counted(admin, "lost", 1).await;
    assert!(is_refused(&till).await && is_refused(&other).await, "everybody is refused");
    let (status, told) = health(admin);
    assert_eq!((status, &told["status"]), (503, &Value::from("stopped")));
    let lost = rolled.after.receipt.unwrap().claimed;
    assert_eq!(told["lost"]["highest"]["lsn"], lost.lsn, "{told}");
    assert_eq!(told["lost"]["returned_by"], "terminal POS1");
    assert!(!told.to_string().contains(crate::support::RICH), "{told}");
    let (code, said) = rolled.accept(&["--yes"]);
    assert_eq!((code, said.contains("in use")), (Some(3), true), "{said}");
    stop(&mut served);

    // It stays so after a restart, whoever comes.
    let mut served = rolled.place.serve();
    let address = served.address();
    assert!(is_refused(&rolled.till(address, None).await).await);
    stop(&mut served);

    let (code, said) = rolled.accept(&[]);
    let named = format!("record {} of epoch {}", lost.lsn, lost.epoch);
    assert_eq!(
        (code, said.contains(&named), said.contains("--yes")),
        (Some(1), true, true),
        "{said}"
    );
    assert_eq!(rolled.accept(&["--yes"]).0, Some(0));
    assert_eq!(rolled.accept(&["--yes"]), (Some(0), "No loss waits to be accepted.\n".into()));

    let mut served = rolled.place.serve();
    let (address, admin) = (served.address(), served.admin());
    let till = rolled.till(address, rolled.after.receipt).await;
    until_counted(admin, "accepted", 1).await;
    let end = buy(address, rolled.root, &rolled.people, 100).await;
    assert_eq!(end.state, PaymentState::Captured);
    assert!(end.receipt.unwrap().claimed > lost, "so that terminals let go of what is lost");
    assert!(!is_refused(&till).await);
    let (status, told) = health(admin);
    assert_eq!((status, &told["status"]), (200, &Value::from("serving")));
    assert_eq!(told["accepted_losses"][0]["found"]["highest"]["lsn"], lost.lsn, "{told}");
    stop(&mut served);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_newer_data_back_it_serves_and_nothing_is_accepted() {
    let rolled = Rolled::new().await;
    rolled.put_back("older", "newer");
    let mut served = rolled.place.serve();
    let address = served.address();
    let admin = served.admin();
    let _till = rolled.till(address, rolled.after.receipt).await;
    until_counted(admin, "lost", 1).await;
    stop(&mut served);

    rolled.put_back("newer", "wrong");
    let mut served = rolled.place.serve();
    let (address, admin) = (served.address(), served.admin());
    let till = rolled.till(address, rolled.after.receipt).await;
    until_counted(admin, "ours", 1).await;
    let told = bounded(till.status(rolled.after.payment)).await.unwrap();
    assert_eq!(told.without_receipt(), rolled.after.without_receipt());
    stop(&mut served);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_receipt_is_counted_and_changes_nothing() {
    let rolled = Rolled::new().await;
    let mut served = rolled.place.serve();
    let (address, admin) = (served.address(), served.admin());
    let genuine = rolled.after.receipt.unwrap();
    let mut claimed = genuine.claimed;
    claimed.lsn += 1_000_000;
    for forged in [
        JournalReceipt { mac: ReceiptMac([0; 16]), ..genuine },
        JournalReceipt { claimed, ..genuine },
    ] {
        assert!(!is_refused(&rolled.till(address, Some(forged)).await).await);
    }
    until_counted(admin, "forged", 2).await;
    let (status, told) = health(admin);
    assert_eq!((status, &told["receipts"]["lost"]), (200, &Value::from(0)));
    let end = buy(address, rolled.root, &rolled.people, 100).await;
    assert_eq!(end.state, PaymentState::Captured);
    stop(&mut served);
    assert!(!rolled.place.path("data/losses.toml").exists());
}

/// An auditor may ask what receipts are worth, of a service that is stopped as well; only a terminal
/// that returns with one stops it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_is_told_what_receipts_are_worth_and_nothing_follows() {
    let rolled = Rolled::new().await;
    let (before, after) = (rolled.before.receipt.unwrap(), rolled.after.receipt.unwrap());
    let forged = JournalReceipt { mac: ReceiptMac([0; 16]), ..before };
    rolled.put_back("older", "newer");
    let mut served = rolled.place.serve();
    let (address, admin) = (served.address(), served.admin());
    let worth = || check(&rolled.place, admin, &[before, after, forged]);
    let expected = serde_json::json!(["ours", "lost", "forged"]);
    assert_eq!(worth(), (200, expected.clone()));
    let (status, told) = health(admin);
    assert_eq!((status, &told["receipts"]["lost"]), (200, &Value::from(0)), "{told}");
    assert!(!rolled.place.path("data/losses.toml").exists());

    let _till = rolled.till(address, rolled.after.receipt).await;
    until_counted(admin, "lost", 1).await;
    assert_eq!(worth(), (200, expected));
    let nonsense = "POST /v1/receipts/check HTTP/1.0\r\nContent-Length: 2\r\n\r\n[]";
    assert_eq!(ask(admin, nonsense).0, 401, "it needs the token");
    stop(&mut served);
}
