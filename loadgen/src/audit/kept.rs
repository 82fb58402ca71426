//! An account of a run and the books, in a folder: so that an audit can be made again.
//!
//! ```text
//! ledger/   what was asked, done and told, by payment, in parts; evidence.json
//! books/    what the books held of each payment, in parts; sums.json
//! ```
//! Neither holds a secret: no password, no proof and no key ever comes into a ledger.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use kessai_engine::terms::CustomerId;
use kessai_gateway::admin::rows::{JournalReceiptRow, ReceiptStanding};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Books, CustomerEntry, Evidence, Positions, Tallies, Testimony};
use crate::ledger::Ledger;
use crate::spill::{Spill, SpillError};

/// The version of the JSON files.
const VERSION: u32 = 1;

const LEDGER: &str = "ledger";
const EVIDENCE: &str = "evidence.json";
const BOOKS: &str = "books";
const SUMS: &str = "sums.json";

/// What is known of a run besides its payments.
#[derive(Serialize, Deserialize)]
struct Known {
    version: u32,
    strays: Vec<String>,
    evidence: Evidence,
}

/// What the books hold besides payments.
#[derive(Serialize, Deserialize)]
struct Sums {
    version: u32,
    #[serde(with = "super::pairs")]
    customers: BTreeMap<CustomerId, CustomerEntry>,
    #[serde(with = "super::pairs")]
    merchants: Tallies,
    #[serde(with = "super::pairs")]
    exchange: Positions,
    problems: Vec<String>,
    receipts: Vec<(JournalReceiptRow, ReceiptStanding)>,
}

impl Testimony {
    /// Writes the account below `folder`.
    ///
    /// # Errors
    /// [`SpillError`].
    pub fn keep(&self, folder: &Path) -> Result<(), SpillError> {
        let folder = folder.join(LEDGER);
        self.ledger.keep(&folder)?;
        let (strays, evidence) = (self.ledger.strays(), self.evidence.clone());
        write(&folder.join(EVIDENCE), &Known { version: VERSION, strays, evidence })
    }

    /// Opens the account that was kept below `folder`.
    ///
    /// # Errors
    /// [`SpillError`] if it is not there as a whole.
    pub fn open(folder: &Path) -> Result<Self, SpillError> {
        let folder = folder.join(LEDGER);
        let Known { strays, evidence, .. } = read(&folder.join(EVIDENCE))?;
        Ok(Self { ledger: Arc::new(Ledger::open(&folder, strays)?), evidence })
    }
}

impl Books {
    /// Writes the books below `folder`.
    ///
    /// # Errors
    /// [`SpillError`].
    pub fn keep(&self, folder: &Path) -> Result<(), SpillError> {
        let folder = folder.join(BOOKS);
        self.payments.keep(&folder)?;
        let sums = Sums {
            version: VERSION,
            customers: self.customers.clone(),
            merchants: self.merchants.clone(),
            exchange: self.exchange.clone(),
            problems: self.problems.clone(),
            receipts: self.receipts.clone(),
        };
        write(&folder.join(SUMS), &sums)
    }

    /// Opens the books that were kept below `folder`.
    ///
    /// # Errors
    /// [`SpillError`] if they are not there as a whole.
    pub fn open(folder: &Path) -> Result<Self, SpillError> {
        let folder = folder.join(BOOKS);
        let sums: Sums = read(&folder.join(SUMS))?;
        let Sums { customers, merchants, exchange, problems, receipts, .. } = sums;
        let payments = Spill::open(&folder)?;
        Ok(Self { payments, customers, merchants, exchange, problems, receipts })
    }
}

fn write(path: &Path, what: &impl Serialize) -> Result<(), SpillError> {
    let json = serde_json::to_string(what).map_err(std::io::Error::from);
    let written = json.and_then(|json| fs::write(path, json + "\n"));
    written.map_err(|source| SpillError::Write { path: path.to_owned(), source })
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, SpillError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let damaged = |problem| SpillError::Damaged { path: path.to_owned(), problem };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(source) => return Err(SpillError::Read { path: path.to_owned(), source }),
    };
    // First of all the version: what another one has in its other keys is not to be guessed at.
    let versioned = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    match versioned {
        Versioned { version: VERSION } => {
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))
        }
        Versioned { version } => Err(damaged(format!("version {version} is not known here"))),
    }
}
