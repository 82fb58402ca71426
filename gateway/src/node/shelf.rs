//! The archive, as long as it is open.

use std::sync::{Arc, PoisonError, RwLock};

use kessai_engine::terms::PaymentId;
use kessai_engine::{ArchivedPayment, Corrupt};
use kessai_journal::{Archive, ArchiveError};

/// Why the archive gives no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    /// It cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It cannot be so what it says.
    #[error("the archive's records of a payment do not follow on from each other: {0}")]
    Records(#[from] Corrupt),
    /// There is none.
    #[error("{0}")]
    Closed(String),
}

/// Finds a payment. Blocks.
pub(crate) fn find(
    archive: &Archive,
    payment: PaymentId,
) -> Result<Option<ArchivedPayment>, LookupError> {
    let records = archive.payment(&payment)?;
    let entries = records.iter().map(|recorded| &recorded.entry);
    Ok(ArchivedPayment::fold(payment, entries)?)
}

/// The archive for all who look into it, or why there is none. Shared; closed once for all.
#[derive(Debug, Clone)]
pub(crate) struct Shelf(Arc<RwLock<Result<Archive, String>>>);

impl Default for Shelf {
    fn default() -> Self {
        Self::new(Err("there is no archive".to_owned()))
    }
}

impl Shelf {
    pub(crate) fn new(archive: Result<Archive, String>) -> Self {
        Self(Arc::new(RwLock::new(archive)))
    }

    /// The archive; whoever has it keeps it open.
    ///
    /// # Errors
    /// [`LookupError::Closed`], saying why it cannot be used.
    pub(crate) fn archive(&self) -> Result<Archive, LookupError> {
        let archive = self.0.read().unwrap_or_else(PoisonError::into_inner);
        archive.clone().map_err(LookupError::Closed)
    }

    /// Gives it up, so that it can be opened again once nobody looks into it any more.
    pub(crate) fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) =
            Err("the archive is closed".to_owned());
    }
}
