//! What becomes of receipts of the gateway's journal: the highest is kept and shown at each coming.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

mod support;

use std::path::Path;
use std::sync::Arc;

use kessai_client::terms::JournalReceipt;
use kessai_client::terms::collation::PeerName;
use kessai_client::terms::receipt::{ChainPrefix, JournalPoint, ReceiptMac};
use kessai_client::wire::{Answer, Payment, Request};
use kessai_client::{Controller, FileError, Options, PeerFile, PeerKey, Terminal};
use support::{Connection, Gateway, captured, gone, options};

fn receipt(epoch: u64, lsn: u64) -> JournalReceipt {
    let chain = ChainPrefix([0xc0; 8]);
    let claimed = JournalPoint { epoch, lsn, partition: 0, chain };
    JournalReceipt { claimed, mac: ReceiptMac([0xac; 16]) }
}

/// Takes a connection, says welcome, and tells what the client showed.
async fn greeted(gateway: &mut Gateway) -> (Connection, Option<JournalReceipt>) {
    let mut connection = gateway.accept().await;
    let hello = connection.hear().await;
    connection.answer(&hello, Answer::Welcome(connection.greeting())).await;
    match hello.body {
        Request::Hello(hello) => (connection, hello.receipt),
        other => panic!("not a hello: {other:?}"),
    }
}

/// Asks for a payment that is answered with this receipt.
async fn paid(terminal: &Terminal, connection: &mut Connection, with: Option<JournalReceipt>) {
    let payment = terminal.payment_id();
    let serve = async {
        let call = connection.hear().await;
        let answer = Payment { receipt: with, ..captured(payment) };
        connection.answer(&call, Answer::Payment(answer)).await;
    };
    let (told, ()) = tokio::join!(terminal.status(payment), serve);
    assert_eq!(told.unwrap().receipt, with, "it is there for whoever asked, too");
}

async fn connect(
    gateway: &mut Gateway,
    options: Options,
) -> (Terminal, Connection, Option<JournalReceipt>) {
    let door = Arc::clone(&gateway.door);
    let connect = Terminal::connect(door, "POS00001".parse().unwrap(), options);
    let (terminal, (connection, shown)) = tokio::join!(connect, greeted(gateway));
    (terminal.unwrap(), connection, shown)
}

#[tokio::test(start_paused = true)]
async fn the_highest_receipt_is_kept_and_shown_again_at_every_coming() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection, mut shown) = connect(&mut gateway, options()).await;
    assert_eq!(shown, None);
    let mut highest = None;
    for told in [
        [None, Some(receipt(4, 10)), Some(receipt(4, 9))],
        [None, None, Some(receipt(4, 11))],
        // A gateway that was started anew counts on; one that lost records begins below.
        [Some(receipt(5, 2)), Some(receipt(4, 900)), None],
    ] {
        assert_eq!(shown, highest);
        for with in told {
            paid(&terminal, &mut connection, with).await;
        }
        highest = told.into_iter().flatten().chain(highest).max_by_key(|receipt| receipt.claimed);
        assert_eq!(terminal.highest_receipt(), highest);
        drop(connection);
        gateway.fail([gone()]);
        (connection, shown) = greeted(&mut gateway).await;
    }
    assert_eq!(shown, Some(receipt(5, 2)));
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_was_kept_is_shown_at_once_and_only_raised() {
    let mut gateway = Gateway::new();
    let kept = Options { receipt: Some(receipt(4, 10)), ..options() };
    let (terminal, mut connection, shown) = connect(&mut gateway, kept).await;
    assert_eq!(shown, Some(receipt(4, 10)));
    paid(&terminal, &mut connection, Some(receipt(3, 11))).await;
    assert_eq!(terminal.highest_receipt(), Some(receipt(4, 10)));
    paid(&terminal, &mut connection, Some(receipt(4, 11))).await;
    assert_eq!(terminal.highest_receipt(), Some(receipt(4, 11)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_for_which_nobody_waits_any_more_has_its_receipt_kept() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection, _) = connect(&mut gateway, options()).await;
    let payment = terminal.payment_id();
    let (given_up, call) = tokio::join!(terminal.status(payment), connection.hear());
    given_up.unwrap_err();
    let answer = Payment { receipt: Some(receipt(4, 10)), ..captured(payment) };
    connection.answer(&call, Answer::Payment(answer)).await;
    paid(&terminal, &mut connection, None).await;
    assert_eq!(terminal.highest_receipt(), Some(receipt(4, 10)));
}

#[tokio::test(start_paused = true)]
async fn the_terminals_of_a_controller_keep_one_receipt() {
    let mut gateway = Gateway::new();
    let door = Arc::clone(&gateway.door);
    let connect = Controller::connect(door, "C1".parse().unwrap(), options());
    let (controller, (mut connection, _)) = tokio::join!(connect, greeted(&mut gateway));
    let controller = controller.unwrap();
    let terminals = ["POS00001", "POS00002"].map(|id| controller.terminal(id.parse().unwrap()));
    paid(&terminals[0], &mut connection, Some(receipt(4, 11))).await;
    paid(&terminals[1], &mut connection, Some(receipt(4, 10))).await;
    assert_eq!(controller.highest_receipt(), Some(receipt(4, 11)));
    drop(connection);
    assert_eq!(greeted(&mut gateway).await.1, Some(receipt(4, 11)));
}

/// Leaves in a folder what the enrolment at a gateway with this root would.
fn enrol(folder: &Path, root: &str) -> PeerFile {
    let key = PeerKey::generate().unwrap().to_pem().unwrap();
    let text = format!(
        "kessai-peer 1\ngateway localhost:7443\nroot {root}\nrole terminal\nid POS00001\n{}",
        key.as_str()
    );
    let path = folder.join("peer");
    std::fs::write(&path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    PeerFile::open(folder).unwrap()
}

#[test]
fn the_receipt_in_a_folder_only_rises_and_belongs_to_one_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let file = enrol(folder.path(), &"ab".repeat(32));
    assert!(matches!(file.peer(), PeerName::Terminal(_)));
    assert_eq!(file.receipt().unwrap(), None);
    for (kept, expected) in [((4, 10), (4, 10)), ((4, 9), (4, 10)), ((5, 1), (5, 1))] {
        file.keep_receipt(&receipt(kept.0, kept.1)).unwrap();
        let again = PeerFile::open(folder.path()).unwrap();
        assert_eq!(again.receipt().unwrap(), Some(receipt(expected.0, expected.1)));
    }
    // The gateway has new keys, and the terminal was enrolled anew.
    let file = enrol(folder.path(), &"cd".repeat(32));
    assert_eq!(file.receipt().unwrap(), None);
    file.keep_receipt(&receipt(1, 1)).unwrap();
    assert_eq!(file.receipt().unwrap(), Some(receipt(1, 1)));

    std::fs::write(folder.path().join("receipt"), "kessai-receipt 1\nroot ?\n").unwrap();
    let error = file.receipt().unwrap_err();
    assert!(matches!(error, FileError::Malformed { .. }), "{error}");
}
