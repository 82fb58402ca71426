//! What a journal at rest holds, without what is in it.

use std::ops::Range;

use kessai_engine::Lsn;

use crate::error::OpenError;
use crate::format::chain::ChainKey;
use crate::recovery::numbered;
use crate::recovery::scan::Scan;
use crate::storage::Source;

/// The records of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first one, and the one that will come next.
    pub(crate) records: Range<Lsn>,
    /// The first of the last batch, of which nobody knows whether it is durable.
    pub(crate) last: Lsn,
}

/// Reads a journal to its end; none if it holds no record.
///
/// # Errors
/// [`OpenError`] if it cannot be read or is not as it was written.
pub(crate) fn span<S: Source>(source: &mut S, key: &ChainKey) -> Result<Option<Span>, OpenError> {
    let mut scan = Scan::new(source, key, Lsn::NONE);
    let segments = scan.list()?;
    if let (_, Some(gap)) = numbered(&segments) {
        return Err(gap.into());
    }
    let mut last = None;
    let end = scan.walk(&segments, &mut |batch, _, _| {
        last = Some(batch.records.start);
        Ok(())
    })?;
    scan.judge(&segments, &end)?;
    let chain = scan.into_chain();
    let records = chain.first.unwrap_or(Lsn(1))..chain.next;
    Ok(last.map(|last| Span { records, last }))
}
