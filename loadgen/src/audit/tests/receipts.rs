//! Receipts of the journal: what terminals hold must be genuine, and in one chain.

use kessai_gateway::admin::rows::{JournalReceiptRow, ReceiptStanding};

use super::check;
use crate::audit::{BooksInMemory, Held};
use crate::sample::Recorded;

fn receipt(lsn: u64, chain_prefix: &str) -> JournalReceiptRow {
    let (chain_prefix, mac) = (chain_prefix.to_owned(), "00".repeat(16));
    JournalReceiptRow { partition: 0, epoch: 3, lsn, chain_prefix, mac }
}

/// Lets a terminal hold a receipt of which the gateway says so, or nothing.
fn hold(
    (recorded, books): (&mut Recorded, &mut BooksInMemory),
    terminal: &str,
    receipt: JournalReceiptRow,
    standing: Option<ReceiptStanding>,
) {
    recorded.held.push(Held { terminal: terminal.parse().unwrap(), receipt: receipt.clone() });
    books.receipts.extend(standing.map(|standing| (receipt, standing)));
}

#[test]
fn a_receipt_must_be_genuine_and_in_the_journal() {
    use ReceiptStanding::{Accepted, Forged, Lost, NotKept, Ours, Unchecked};
    for (standing, words) in [
        (Some(Ours), None),
        (Some(NotKept), None),
        (Some(Forged), Some("is taken for a forgery")),
        (Some(Lost), Some("is of none that the journal has")),
        (Some(Accepted), Some("is of a loss that was accepted")),
        (Some(Unchecked), Some("could not be checked")),
        (None, Some("was not checked")),
    ] {
        let sentence = words
            .map(|words| format!("terminal P0000001: its receipt of record 40 of epoch 3 {words}"));
        let expected: Vec<&str> = sentence.iter().map(String::as_str).collect();
        super::check_all(
            |recorded, books| hold((recorded, books), "P0000001", receipt(40, "aa"), standing),
            &expected,
        );
    }
}

/// Whatever the gateway says of each: a record has one place in one chain.
#[test]
fn two_receipts_of_one_record_are_the_same() {
    let ours = Some(ReceiptStanding::Ours);
    check(
        |recorded, books| {
            hold((recorded, books), "P0000001", receipt(40, "aa"), ours);
            hold((recorded, books), "P0000002", receipt(41, "bb"), ours);
            hold((recorded, books), "P0000003", receipt(40, "cc"), ours);
            hold((recorded, books), "P0000004", receipt(40, "aa"), ours);
        },
        "terminals P0000001 and P0000003 hold different receipts of record 40 of epoch 3",
    );
}
