//! Reads a journal behind its writer, as far as it is durable, and goes on there later.

use kessai_engine::Lsn;

use crate::error::{Corruption, Flaw, OpenError};
use crate::format::chain::ChainKey;
use crate::format::header::{HEADER_BYTES, Header};
use crate::recovery::chain::Chain;
pub(crate) use crate::recovery::scan::Bound;
use crate::recovery::scan::{Each, End, Found, Scan};
use crate::storage::{Place, Segment, Source};

/// A walk over the journal that can be put aside.
#[derive(Debug)]
pub(crate) struct Follower {
    source: Box<dyn Source>,
    key: ChainKey,
    /// The next record that is wanted.
    next: Lsn,
    /// What was read so far, and the place behind it.
    read: Option<(Chain, Place)>,
}

impl Follower {
    /// Makes ready to read from `next` on.
    pub(crate) const fn new(source: Box<dyn Source>, key: ChainKey, next: Lsn) -> Self {
        Self { source, key, next, read: None }
    }

    /// Hands on the next records up to `bound`, all of which are durable; at least a batch, and
    /// always whole ones.
    ///
    /// # Errors
    /// [`OpenError::Missing`] if the next record was trimmed, [`OpenError::Corrupt`] if a durable
    /// batch is not as it was written, and whatever reading or `each` gives.
    pub(crate) fn advance(&mut self, bound: Bound, each: &mut Each<'_>) -> Result<(), OpenError> {
        if bound.upto < self.next {
            return Ok(());
        }
        let listed = self.source.list().map_err(OpenError::storage("list the segments"))?;
        let first = listed.first().map_or(0, |first| first.number);
        // All of the segment was read before it was trimmed; the next starts anew.
        let read = self.read.take().filter(|(_, at)| at.segment >= first);
        let segments = match read {
            Some(_) => listed.as_slice(),
            None => self.holding(&listed)?,
        };
        let mut scan = Scan::resumed(&mut self.source, &self.key, self.next, read).within(bound);
        let end = scan.walk(segments, each)?;
        if end.found != Found::Enough {
            let corruption = missing(segments, &end);
            // The judge says it better, if it finds anything wrong.
            return Err(scan.judge(segments, &end).err().unwrap_or_else(|| corruption.into()));
        }
        let at = scan.at();
        let chain = scan.into_chain();
        // What is behind may have been read on the way to it.
        self.next = self.next.max(chain.next);
        self.read = at.map(|at| (chain, at));
        Ok(())
    }

    /// Leaves out the segments before the one that holds the next record, which need not be read.
    fn holding<'s>(&mut self, segments: &'s [Segment]) -> Result<&'s [Segment], OpenError> {
        for (index, segment) in segments.iter().enumerate().rev() {
            let place = Place { segment: segment.number, offset: 0 };
            let mut bytes = [0; HEADER_BYTES];
            let filled = self.source.fill(place, &mut bytes);
            filled.map_err(OpenError::storage(format!("read {place}")))?;
            if Header::decode(&bytes).is_ok_and(|(header, _)| header.first <= self.next) {
                return Ok(segments.get(index..).unwrap_or_default());
            }
        }
        Ok(segments)
    }
}

/// A durable batch is not where it must be.
fn missing(segments: &[Segment], end: &End) -> Corruption {
    let segment = segments.get(end.index).map_or(0, |segment| segment.number);
    let flaw = match end.found {
        Found::Changed(flaw) | Found::Unfinished { flaw, .. } => flaw,
        Found::Full | Found::NoHeader | Found::Enough => Flaw::Missing,
    };
    Corruption { place: Place { segment, offset: end.offset }, flaw, later: None }
}

#[cfg(test)]
mod tests;
