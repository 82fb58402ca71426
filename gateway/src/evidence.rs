//! Evidence: what the journal says of one payment, recomputed and checked.
//!
//! Reads only, beside a gateway that serves or without one; it writes, locks and asks nothing. It
//! never opens what is sealed: of a person it tells what the confirmation itself showed, and of
//! secrets nothing. The proof is not journalled: that it matched is the gateway's word, and what it
//! covered is told in full, so that a handset's own log can be compared.

mod checks;
mod course;
mod page;
mod report;
mod shown;
#[cfg(test)]
mod tests;
mod trace;

use std::path::Path;

use kessai_engine::terms::PaymentId;
use kessai_journal::{ChainKey, Corruption, Ending, OpenError, Reading};

use crate::keys::Keys;
use crate::settings::Settings;
pub use checks::{Check, Verdict};
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
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] Box<OpenError>),
}

/// Collects the evidence of a payment from the data directory that `settings` name.
///
/// # Errors
/// [`EvidenceError`].
pub fn of_payment(
    settings: &Settings,
    keys: &Keys,
    payment: PaymentId,
) -> Result<Evidence, EvidenceError> {
    collect(&settings.data.join(crate::node::JOURNAL), &ChainKey(*keys.chain_key()), payment)
}

/// Collects the evidence of a payment, or of the payment of a refund, from the journal in a
/// directory, whoever is using it.
///
/// # Errors
/// [`EvidenceError`].
pub fn collect(
    journal: &Path,
    key: &ChainKey,
    asked: PaymentId,
) -> Result<Evidence, EvidenceError> {
    let trace = Trace::read(journal, key, asked)?;
    if let Some(trace) = trace.found() {
        return Ok(Evidence::new(trace, None));
    }
    if let Some(payment) = trace.refunded
        && let Some(of_payment) = Trace::read(journal, key, payment)?.found()
    {
        return Ok(Evidence::new(of_payment, Some(asked)));
    }
    Err(match damage(&trace.reading) {
        None => EvidenceError::Unknown(asked),
        Some(damage) => EvidenceError::Lost { payment: asked, damage },
    })
}

const fn damage(reading: &Reading) -> Option<Corruption> {
    match reading.ending {
        Ending::Clean(_) | Ending::Torn(_) => None,
        Ending::Corrupt(corruption) => Some(corruption),
    }
}
