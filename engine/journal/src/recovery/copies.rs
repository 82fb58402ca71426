//! Makes a journal and its mirror alike before they are read.

use kessai_engine::Lsn;

use crate::error::OpenError;
use crate::format::chain::ChainKey;
use crate::recovery::scan::Scan;
use crate::storage::{Place, Storage};

/// Requires both to hold the same.
pub(crate) fn reconcile<A: Storage, B: Storage>(
    first: &mut A,
    mirror: &mut B,
    key: &ChainKey,
) -> Result<(), OpenError> {
    let ours = end(first, key)?;
    let theirs = end(mirror, key)?;
    if ours == theirs { Ok(()) } else { Err(OpenError::Diverged) }
}

type End = (Option<Place>, Lsn, Option<[u8; 16]>);

fn end<S: Storage>(storage: &mut S, key: &ChainKey) -> Result<End, OpenError> {
    let segments = storage.segments().map_err(OpenError::storage("sync and list the segments"))?;
    let mut scan = Scan::new(storage, key, Lsn::NONE);
    scan.walk(&segments, &mut |_, _, _| Ok(()))?;
    let at = scan.at();
    let chain = scan.into_chain();
    Ok((at, chain.next, chain.link.map(|link| link.0)))
}
