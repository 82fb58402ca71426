//! Receipts of the journal: whatever a terminal holds must stand in the gateway's chain.
//!
//! Only the gateway can tell a genuine receipt from a forged one, and where its journal stands. That
//! two terminals hold different receipts of one record needs no word of it: then the journal has
//! been written twice.
//!
//! # Source
//! docs/PROTOCOL.md, "Receipts of the journal".

use std::collections::{BTreeMap, HashMap};

use kessai_client::Terminal;
use kessai_engine::terms::TerminalId;
use kessai_gateway::admin::rows::{JournalReceiptRow, ReceiptStanding};
use serde::{Deserialize, Serialize};

use super::Testimony;
use super::problems::Problems;

/// The highest receipt that a terminal holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Who holds it.
    pub terminal: TerminalId,
    /// What it holds.
    pub receipt: JournalReceiptRow,
}

impl Held {
    /// The highest that a terminal, or the controller that carries it, was given.
    #[must_use]
    pub fn by(terminal: &Terminal) -> Option<Self> {
        let receipt = terminal.highest_receipt()?;
        Some(Self { terminal: terminal.id(), receipt: JournalReceiptRow::from(&receipt) })
    }
}

/// Says what is wrong with the receipts that terminals hold.
pub(super) fn faults(
    testimonies: &[&Testimony],
    told: &[(JournalReceiptRow, ReceiptStanding)],
    problems: &mut Problems,
) {
    let told: HashMap<_, _> = told.iter().map(|(receipt, standing)| (receipt, standing)).collect();
    let mut of_record: BTreeMap<_, &Held> = BTreeMap::new();
    for held in testimonies.iter().flat_map(|testimony| &testimony.evidence.held) {
        let Held { terminal, receipt } = held;
        let JournalReceiptRow { partition, epoch, lsn, .. } = *receipt;
        if let Some(fault) = fault(told.get(receipt).copied()) {
            problems.add(|| {
                format!("terminal {terminal}: its receipt of record {lsn} of epoch {epoch} {fault}")
            });
        }
        let other = of_record.entry((partition, epoch, lsn)).or_insert(held);
        if other.receipt != *receipt {
            problems.add(|| {
                let other = other.terminal;
                format!(
                    "terminals {other} and {terminal} hold different receipts of record {lsn} of \
                     epoch {epoch}"
                )
            });
        }
    }
}

const fn fault(standing: Option<&ReceiptStanding>) -> Option<&'static str> {
    match standing {
        // What the journal keeps no more says nothing.
        Some(ReceiptStanding::Ours | ReceiptStanding::NotKept) => None,
        Some(ReceiptStanding::Forged) => Some("is taken for a forgery"),
        Some(ReceiptStanding::Lost) => Some("is of none that the journal has"),
        Some(ReceiptStanding::Accepted) => Some("is of a loss that was accepted"),
        Some(ReceiptStanding::Unchecked) => Some("could not be checked"),
        None => Some("was not checked"),
    }
}
