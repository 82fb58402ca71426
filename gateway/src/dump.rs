//! The journal for programs: one JSON object a record, without what is secret and what is personal.
//!
//! Reads only, like [`crate::evidence`]: beside a gateway that serves, a journal at rest or a
//! damaged one. Left out are keys and pins, sealed rows and profiles, names, references that people
//! wrote, nonces, and the texts that customers were shown with their digests, from which a short
//! text could be guessed. Customers and handsets go by [pseudonyms](Pseudonyms).

mod pseudonyms;
mod said;
mod telling;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::Path;

use kessai_engine::Lsn;
use kessai_engine::terms::PaymentId;
use kessai_journal::{ChainKey, OpenError, Reading, Recorded, read};
use serde::Serialize;

pub use pseudonyms::Pseudonyms;
use said::Said;

use crate::evidence::Batch;

/// Which records are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// The first one; [`Lsn::NONE`] for the first that the journal holds.
    pub from: Lsn,
    /// Only those that name this payment, or the refund of this id.
    pub payment: Option<PaymentId>,
}

/// One record.
#[derive(Debug, Serialize)]
struct Row {
    /// Its number in the journal.
    record: u64,
    /// The shard or register that it changed.
    unit: u16,
    /// Its number among the records of that.
    sequence: u64,
    /// When it was decided, in milliseconds since the Unix epoch.
    at_ms: u64,
    /// The business day, as the decimal number YYYYMMDD.
    business_date: u32,
    /// What was decided.
    #[serde(flatten)]
    said: Said,
    /// What made it durable.
    batch: Batch,
}

/// Why a journal cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// It cannot be read.
    #[error(transparent)]
    Journal(#[from] Box<OpenError>),
    /// Nobody takes what is told.
    #[error("cannot write the dump: {0}")]
    Write(io::Error),
}

/// Writes the records of the journal in a directory to `out`, one a line, and tells how the
/// journal ends: damage is no error, what stands before it has been written.
///
/// # Errors
/// [`DumpError`].
pub fn write(
    journal: &Path,
    key: &ChainKey,
    selection: Selection,
    pseudonyms: &Pseudonyms,
    out: &mut impl Write,
) -> Result<Reading, DumpError> {
    let mut line = Vec::new();
    let visit = |recorded: Recorded| {
        if !selection.takes(&recorded) {
            return Ok(());
        }
        line.clear();
        serde_json::to_writer(&mut line, &Row::of(&recorded, pseudonyms))?;
        line.push(b'\n');
        out.write_all(&line)
    };
    let reading = read(journal, key, selection.from, visit).map_err(|error| match error {
        OpenError::Replay { source, lsn } => match source.downcast::<io::Error>() {
            Ok(error) => DumpError::Write(*error),
            Err(source) => DumpError::Journal(Box::new(OpenError::Replay { lsn, source })),
        },
        error => DumpError::Journal(Box::new(error)),
    })?;
    out.flush().map_err(DumpError::Write)?;
    Ok(reading)
}

impl Selection {
    fn takes(&self, recorded: &Recorded) -> bool {
        let Some(payment) = self.payment else { return true };
        let record = &recorded.entry.record;
        record.refund() == Some(payment) || record.payments().any(|named| named == payment)
    }
}

impl Row {
    fn of(recorded: &Recorded, pseudonyms: &Pseudonyms) -> Self {
        let entry = &recorded.entry;
        Self {
            record: recorded.lsn.0,
            unit: entry.unit.0,
            sequence: entry.sequence,
            at_ms: entry.at_ms,
            business_date: entry.business_date.yyyymmdd(),
            said: Said::of(&entry.record, pseudonyms),
            batch: Batch::of(recorded),
        }
    }
}
