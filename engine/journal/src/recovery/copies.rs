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

use kessai_engine::Lsn;

use crate::error::{Corruption, Flaw, OpenError};
use crate::format::chain::ChainKey;
use crate::recovery::copies::inventory::{Held, joined};
use crate::recovery::copies::mend::Patient;
use crate::recovery::copies::patched::{Patched, Patches};
use crate::recovery::copies::walk::{Agreed, Walk, agree};
use crate::recovery::numbered;
use crate::storage::{Place, Readers, Segment, Source, Storage};

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
    /// A segment was removed that the other copy had trimmed already.
    Trimmed,
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
            Remedy::Trimmed => {
                write!(f, "{replica}: segment {} removed, trimmed in the other copy", place.segment)
            }
        }
    }
}

/// Makes both copies alike, and tells what was done to which. The records from `needed` on are going
/// to be replayed.
///
/// # Errors
/// [`OpenError`] if they do not belong together, or what one lacks is not in the other; nothing was
/// written then. What a storage says while it is written to.
pub(crate) fn reconcile<A: Storage, B: Storage>(
    journal: &mut A,
    mirror: &mut B,
    key: &ChainKey,
    needed: Lsn,
) -> Result<Vec<Repair>, OpenError> {
    let mut ours = held(journal)?;
    let mut theirs = held(mirror).map_err(in_mirror)?;
    let segments = joined(&mut ours, &mut theirs)?;
    if let (_, Some(gap)) = numbered(&segments) {
        return Err(gap.into());
    }
    let pair = Pair { ours: &ours.segments, theirs: &theirs.segments };
    let readers = (journal.readers(), mirror.readers());
    let Wholes { mut ours, mut theirs, tail } = match pair.walk(&readers, &segments, key) {
        Ok((wholes, _)) => wholes,
        Err(error) => {
            // A crash while both were trimmed leaves what nobody needs in one of them. If that is
            // damaged, there is no loss.
            let kept = pair.behind_trimmed(&segments);
            match pair.walk(&readers, kept, key) {
                Ok((wholes, Some(first))) if kept.len() < segments.len() && first <= needed => {
                    wholes
                }
                Ok(_) | Err(_) => return Err(error),
            }
        }
    };
    let Pair { ours: own, theirs: other } = pair;
    let (replica, whole) = (Replica::Journal, &mut ours);
    let mut repairs = Patient { storage: journal, replica, own, other, whole, tail }.mend()?;
    let (replica, whole, own, other) = (Replica::Mirror, &mut theirs, other, own);
    repairs.extend(Patient { storage: mirror, replica, own, other, whole, tail }.mend()?);
    Ok(repairs)
}

/// The segments that the copies have.
struct Pair<'a> {
    ours: &'a [Segment],
    theirs: &'a [Segment],
}

/// Both copies as they will be.
struct Wholes {
    ours: Patched,
    theirs: Patched,
    tail: Place,
}

impl Pair<'_> {
    /// Walks over these segments in both copies. Also gives the first record that is held.
    fn walk(
        &self,
        (journal, mirror): &(Readers, Readers),
        segments: &[Segment],
        key: &ChainKey,
    ) -> Result<(Wholes, Option<Lsn>), OpenError> {
        let mut ours = patched(journal.open(), mirror.open(), segments, self.ours);
        let mut theirs = patched(mirror.open(), journal.open(), segments, self.theirs);
        let Some(first) = segments.first() else {
            let tail = unused(self.ours, self.theirs)?;
            return Ok((Wholes { ours, theirs, tail }, None));
        };
        let begin = Place { segment: first.number, offset: 0 };
        let walks = (Walk::new(&mut ours, key, begin), Walk::new(&mut theirs, key, begin));
        let Agreed { tail, first } = agree(walks.0, walks.1)?;
        Ok((Wholes { ours, theirs, tail }, first))
    }

    /// Gives the segments from the first on that both copies have.
    fn behind_trimmed<'s>(&self, segments: &'s [Segment]) -> &'s [Segment] {
        let in_both =
            |segment: &Segment| self.ours.contains(segment) && self.theirs.contains(segment);
        let from = segments.iter().position(in_both).unwrap_or(0);
        segments.get(from..).unwrap_or(segments)
    }
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
    Patched::new(own, other, segments.to_vec(), patches)
}
