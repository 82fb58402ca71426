//! Evidence: what the journal says of one payment, and the archive where that was trimmed,
//! recomputed and checked.
//!
//! Reads only, beside a gateway that serves or without one; it writes, locks and asks nothing. It
//! never opens what is sealed: of a person it tells what the confirmation itself showed, and of
//! secrets nothing. The proof is not journalled: that it matched is the gateway's word, and what it
//! covered is told in full, so that a handset's own log can be compared.

mod checks;
mod course;
mod filed;
mod page;
mod report;
mod shown;
#[cfg(test)]
mod tests;
mod trace;

use std::io::ErrorKind;
use std::path::Path;

use kessai_engine::Lsn;
use kessai_engine::terms::PaymentId;
use kessai_journal::{
    Archive, ArchiveError, ArchiveOptions, ChainKey, Corruption, Ending, OpenError, Reading,
};

use crate::keys::Keys;
use crate::node::JOURNAL;
use crate::node::beside::ARCHIVE;
use crate::settings::Settings;
pub use checks::{Check, Verdict};
pub use filed::{Filed, Unreadable};
pub use report::{
    Approval, Batch, Content, Evidence, JournalRow, Outcome, Step, TermsRow, Times, WrongProof,
};
pub use shown::{LineRow, Party, Shown, TaxRow};
use trace::Trace;

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The journal holds no record of such a payment or refund.
    #[error("the journal holds no record of a payment or refund {0}")]
    Unknown(PaymentId),
    /// Nor does the part of the journal that can be read.
    #[error(
        "what can be read of the journal holds no record of a payment or refund {payment}; {damage}"
    )]
    Lost {
        /// Which was asked for.
        payment: PaymentId,
        /// What keeps the rest from being read.
        damage: Corruption,
    },
    /// The journal was trimmed, and what it no longer holds cannot be had.
    #[error("the journal was trimmed, and the archive cannot be read: {0}")]
    Archive(String),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] Box<OpenError>),
}

/// Asks whoever has the archive open for what it holds of a payment or refund.
pub type AskGateway<'a> = dyn Fn(PaymentId) -> Result<Option<Filed>, String> + 'a;

/// Collects the evidence of a payment from the data directory that `settings` name; if a gateway
/// has the archive open, and the journal does not say everything, that is asked for it.
///
/// # Errors
/// [`EvidenceError`].
pub fn of_payment(
    settings: &Settings,
    keys: &Keys,
    payment: PaymentId,
    gateway: &AskGateway<'_>,
) -> Result<Evidence, EvidenceError> {
    let path = settings.data.join(ARCHIVE);
    let look = |payment| match open(&path) {
        Ok(archive) => Filed::find(&archive, payment).map_err(|error| error.to_string()),
        Err(ArchiveError::InUse(_)) => gateway(payment),
        Err(error) => Err(error.to_string()),
    };
    collect(&settings.data.join(JOURNAL), &ChainKey(*keys.chain_key()), payment, &look)
}

/// Opens the archive, if there is one: evidence makes none.
fn open(path: &Path) -> Result<Archive, ArchiveError> {
    std::fs::metadata(path)?;
    Archive::open(path, &ArchiveOptions::default())
}

/// Collects the evidence of a payment, or of the payment of a refund, from the journal in a
/// directory, whoever is using it, and from the archive as far as the journal was trimmed.
///
/// # Errors
/// [`EvidenceError`].
pub fn collect(
    journal: &Path,
    key: &ChainKey,
    asked: PaymentId,
    archive: &AskGateway<'_>,
) -> Result<Evidence, EvidenceError> {
    let trace = follow(journal, key, asked, None)?;
    let mut payment = trace.refunded.unwrap_or(asked);
    let is_trimmed = trace.reading.records.start > Lsn(1);
    let filed = if is_trimmed { archive(payment).map_err(EvidenceError::Archive)? } else { None };
    payment = filed.as_ref().map_or(payment, |filed| filed.payment);
    let refund = (payment != asked).then_some(asked);
    let trace = if filed.is_none() && refund.is_none() {
        trace
    } else {
        follow(journal, key, payment, filed.as_ref())?
    };
    if let Some(trace) = trace.found() {
        return Ok(Evidence::new(trace, refund));
    }
    Err(match damage(&trace.reading) {
        None => EvidenceError::Unknown(asked),
        Some(damage) => EvidenceError::Lost { payment: asked, damage },
    })
}

/// How often a journal is read again that its owner trims meanwhile.
const READS: usize = 20;

fn follow(
    journal: &Path,
    key: &ChainKey,
    payment: PaymentId,
    filed: Option<&Filed>,
) -> Result<Trace, Box<OpenError>> {
    for _ in 1..READS {
        match Trace::read(journal, key, payment, filed) {
            Err(error) if was_trimmed(&error) => {}
            read => return read,
        }
    }
    Trace::read(journal, key, payment, filed)
}

/// Whether a segment was gone when its turn came.
fn was_trimmed(error: &OpenError) -> bool {
    matches!(error, OpenError::Storage { source, .. } if source.kind() == ErrorKind::NotFound)
}

const fn damage(reading: &Reading) -> Option<Corruption> {
    match reading.ending {
        Ending::Clean(_) | Ending::Torn(_) => None,
        Ending::Corrupt(corruption) => Some(corruption),
    }
}
