//! Reads a journal that belongs to someone else: it writes nothing, locks nothing, and bears that
//! its owner goes on writing.
//!
//! What is found behind the last whole batch may be a write that is under way. Batches are strictly
//! serial, so a later one proves that the place was written: then a second look decides. Without
//! such proof it is looked at again for a while.

use std::error::Error;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::Duration;

use kessai_engine::{Entry, Lsn};

use crate::error::{Corruption, OpenError};
use crate::format::chain::ChainKey;
use crate::recovery::scan::{Each, End, Scan};
use crate::recovery::{Batched, TornTail, numbered};
use crate::storage::{Directory, Place, Segment, Source};

/// An entry, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number in the journal.
    pub lsn: Lsn,
    /// What was recorded.
    pub entry: Entry,
    /// The batch that made it durable.
    pub batch: Batched,
}

/// What was found when a journal was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The records that verify: the first one held, and the one behind the last.
    pub records: Range<Lsn>,
    /// How often the journal had been opened when the last of them was written.
    pub epoch: u64,
    /// What stands behind them.
    pub ending: Ending,
}

/// What stands behind the last batch that verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing: the next batch goes there, or into the next segment.
    Clean(Place),
    /// A write that a crash left unfinished, or that takes long. Nothing in it was ever told.
    Torn(TornTail),
    /// Bytes that were durable and have changed or are gone.
    Corrupt(Corruption),
}

/// Reads the journal in a directory, whoever is using it, and hands every entry from `from` on to
/// `visit`, in order; [`Lsn::NONE`] asks for all that are held. Chain and checksums are verified
/// from the first batch on, by the same code that recovers.
///
/// Nothing is written, synced or locked. Damage is no error: it is the [`Ending`], and what stands
/// before it has been visited. If the journal is in use, the last batch may not be durable yet.
///
/// # Errors
/// [`OpenError`] when the directory cannot be read, is [under another key](OpenError::WrongKey),
/// [no longer holds](OpenError::Missing) the record `from`, or was trimmed faster than it was read;
/// when a record is no entry; or when `visit` fails.
pub fn read<E: Into<Box<dyn Error + Send + Sync>>>(
    directory: &Path,
    key: &ChainKey,
    from: Lsn,
    mut visit: impl FnMut(Recorded) -> Result<(), E>,
) -> Result<Reading, OpenError> {
    let mut each = |batch: &Batched, lsn: Lsn, contents: &[u8]| {
        let entry = Entry::decode(contents).map_err(|source| OpenError::Decode { lsn, source })?;
        visit(Recorded { lsn, entry, batch: batch.clone() })
            .map_err(|source| OpenError::Replay { lsn, source: source.into() })
    };
    let pause = || thread::sleep(PAUSE);
    watch(&mut Scan::new(&mut Directory::new(directory), key, from), &mut each, pause)
}

/// How often a tail is looked at again that may be a write under way.
const LOOKS: u32 = 50;
/// How long to wait before each look: a write takes microseconds, unless its thread must wait for
/// the processor.
pub(super) const PAUSE: Duration = Duration::from_millis(4);

/// Reads until what is found holds.
pub(super) fn watch<S: Source>(
    scan: &mut Scan<'_, S>,
    each: &mut Each<'_>,
    pause: impl Fn(),
) -> Result<Reading, OpenError> {
    let mut looks = 0;
    let mut found_before = None;
    loop {
        let segments = scan.list()?;
        let ending = match attempt(scan, &segments, each) {
            Ok(ending) => ending,
            // The first segments were trimmed before anything was read.
            Err(OpenError::Storage { source, .. })
                if source.kind() == ErrorKind::NotFound && scan.at().is_none() && looks < LOOKS =>
            {
                looks += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        let found = (ending, segments);
        let holds = match found.0 {
            // The owner may have gone on in a segment that was made since.
            Ending::Clean(_) => scan.list()? == found.1,
            Ending::Corrupt(Corruption { later: Some(_), .. }) => {
                found_before.as_ref() == Some(&found)
            }
            Ending::Torn(_) | Ending::Corrupt(Corruption { later: None, .. }) => {
                looks = if found_before.as_ref() == Some(&found) { looks + 1 } else { 0 };
                pause();
                looks >= LOOKS
            }
        };
        if holds {
            let chain = scan.chain();
            let records = chain.first.unwrap_or(Lsn(1))..chain.next;
            return Ok(Reading { records, epoch: chain.epoch, ending });
        }
        found_before = Some(found);
    }
}

/// Reads on as far as it goes, and tells what stands there.
fn attempt<S: Source>(
    scan: &mut Scan<'_, S>,
    segments: &[Segment],
    each: &mut Each<'_>,
) -> Result<Ending, OpenError> {
    let (held, gap) = numbered(segments);
    let end = scan.walk(held, each)?;
    Ok(match scan.judge(held, &end) {
        Err(OpenError::Corrupt(corruption)) => Ending::Corrupt(corruption),
        Err(error) => return Err(error),
        // An unfinished write stands at the very end, so not before a gap.
        Ok(_) if let Some(gap) = gap => Ending::Corrupt(gap),
        Ok(Some(torn)) => Ending::Torn(torn),
        Ok(None) => Ending::Clean(place(held, &end)),
    })
}

fn place(segments: &[Segment], end: &End) -> Place {
    let segment = segments.get(end.index).map_or(1, |segment| segment.number);
    Place { segment, offset: end.offset }
}

#[cfg(test)]
mod tests;
