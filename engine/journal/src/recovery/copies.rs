//! Makes a journal and its mirror alike before they are read.
//!
//! Nothing was told before it was in both. So the longer chain that verifies holds all that was
//! told, and the other must be its beginning. Both are walked side by side; where one has no batch
//! that continues the chain and the other has, it is read through that one from then on. Only once
//! both come to the same end is anything written, and only in places where they differ: a crash
//! meanwhile leaves less to do, and the same rule for it.

mod inventory;
mod mend;
mod patched;
mod walk;

use std::fmt;

use crate::error::{Corruption, Flaw, OpenError};
use crate::format::chain::ChainKey;
use crate::recovery::copies::inventory::{Held, joined};
use crate::recovery::copies::mend::Patient;
use crate::recovery::copies::patched::{Patched, Patches};
use crate::recovery::copies::walk::{Walk, agree};
use crate::recovery::numbered;
use crate::storage::{Place, Segment, Source, Storage};

/// One of the two copies of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replica {
    /// The one in the journal's own directory.
    Journal,
    /// Its mirror.
    Mirror,
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Journal => "the journal",
            Self::Mirror => "the mirror",
        })
    }
}

/// Something that was not in one copy as it should be, and now is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repair {
    /// Which copy.
    pub replica: Replica,
    /// Where.
    pub place: Place,
    /// How much was written.
    ///
    /// # Units
    /// Bytes.
    pub bytes: u64,
    /// What was done.
    pub remedy: Remedy,
}

/// How a copy was repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Batches were written again, as the other copy has them.
    Restored,
    /// A segment was made again, as the other copy has it.
    SegmentMade,
    /// What stood behind the last batch was erased: an unfinished write, or what strayed there.
    Erased,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { replica, place, bytes, remedy } = self;
        match remedy {
            Remedy::Restored => {
                write!(f, "{replica}: {bytes} bytes at {place} restored from the other copy")
            }
            Remedy::SegmentMade => {
                write!(f, "{replica}: segment {} made again from the other copy", place.segment)
            }
            Remedy::Erased => {
                write!(f, "{replica}: {bytes} bytes at {place} erased, behind the last batch")
            }
        }
    }
}

/// Makes both copies alike, and tells what was done to which.
///
/// # Errors
/// [`OpenError`] if they do not belong together, or what one lacks is not in the other; nothing was
/// written then. What a storage says while it is written to.
pub(crate) fn reconcile<A: Storage, B: Storage>(
    journal: &mut A,
    mirror: &mut B,
    key: &ChainKey,
) -> Result<Vec<Repair>, OpenError> {
    let mut ours = held(journal)?;
    let mut theirs = held(mirror).map_err(in_mirror)?;
    let segments = joined(&mut ours, &mut theirs)?;
    if let (_, Some(gap)) = numbered(&segments) {
        return Err(gap.into());
    }
    let (ours_from, theirs_from) = (journal.readers(), mirror.readers());
    let mut our_whole = patched(ours_from.open(), theirs_from.open(), &segments, &ours.segments);
    let mut their_whole =
        patched(theirs_from.open(), ours_from.open(), &segments, &theirs.segments);
    let tail = match segments.first() {
        Some(first) => {
            let begin = Place { segment: first.number, offset: 0 };
            let ours = Walk::new(&mut our_whole, key, begin);
            let theirs = Walk::new(&mut their_whole, key, begin);
            agree(ours, theirs)?
        }
        None => unused(&ours.segments, &theirs.segments)?,
    };
    let (own, other) = (&ours.segments, &theirs.segments);
    let whole = &mut our_whole;
    let patient = Patient { storage: journal, replica: Replica::Journal, own, other, whole, tail };
    let mut repairs = patient.mend()?;
    let (own, other) = (other, own);
    let whole = &mut their_whole;
    let patient = Patient { storage: mirror, replica: Replica::Mirror, own, other, whole, tail };
    repairs.extend(patient.mend()?);
    Ok(repairs)
}

/// Gives the tail of a journal that was never written to.
///
/// # Errors
/// [`OpenError::Corrupt`] if it was: then all that it held is gone from both copies.
fn unused(ours: &[Segment], theirs: &[Segment]) -> Result<Place, OpenError> {
    let first = ours.iter().chain(theirs).map(|segment| segment.number).min();
    match first {
        Some(number) if number > 1 => {
            let place = Place { segment: number, offset: 0 };
            Err(Corruption { place, flaw: Flaw::Missing, later: None }.into())
        }
        Some(_) | None => Ok(Place { segment: 0, offset: 0 }),
    }
}

fn in_mirror(error: OpenError) -> OpenError {
    OpenError::Mirror(Box::new(error))
}

fn held<S: Storage>(storage: &mut S) -> Result<Held, OpenError> {
    let segments = storage.segments().map_err(OpenError::storage("sync and list the segments"))?;
    Ok(Held { segments, source: storage.readers().open() })
}

/// A copy that takes every segment from the other that it does not have as it must be.
fn patched(
    own: Box<dyn Source>,
    other: Box<dyn Source>,
    segments: &[Segment],
    held: &[Segment],
) -> Patched {
    let mut patches = Patches::default();
    for segment in segments.iter().filter(|segment| !held.contains(segment)) {
        patches.add(Place { segment: segment.number, offset: 0 }, segment.bytes);
    }
    Patched { own, other, segments: segments.to_vec(), patches }
}
