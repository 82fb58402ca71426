//! Looks a journal over, in use or at rest, sound or damaged, and changes nothing: it goes on
//! behind damage, so that all of it is told, and compares the mirror.

mod agreement;
mod tolerant;

use std::ops::Range;
use std::path::Path;
use std::thread;

use kessai_engine::Lsn;

use crate::error::{Corruption, OpenError};
use crate::format::chain::ChainKey;
use crate::format::header::Header;
use crate::format::{BLOCK_BYTES, wide};
use crate::recovery::chain::SegmentRead;
pub use crate::recovery::check::agreement::{Agreement, Difference};
use crate::recovery::check::tolerant::Tolerant;
use crate::recovery::judge::find_used;
use crate::recovery::onlooker::{Ending, PAUSE, watch};
use crate::recovery::scan::Scan;
use crate::storage::{Directory, Place, Source};

/// What was found in a journal and in its mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The copy in the journal's own directory.
    pub journal: CopyReport,
    /// The mirror, and how it agrees with that.
    pub mirror: Option<(CopyReport, Agreement)>,
}

impl Report {
    /// Tells whether everything is as it was written, but for an unfinished write at the end.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let mirror = self.mirror.as_ref();
        self.journal.damage.is_empty()
            && mirror.is_none_or(|(copy, agreement)| copy.damage.is_empty() && agreement.is_sound())
    }
}

/// What was found in one copy of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyReport {
    /// Each segment that holds a batch, in order.
    pub segments: Vec<SegmentReport>,
    /// Every place that is not as it was written, in order.
    pub damage: Vec<Damage>,
    /// Where it could not be read at all.
    pub unreadable: Vec<Place>,
    /// What stands behind the last batch that verifies.
    pub ending: Ending,
}

/// What verifies in one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentReport {
    /// Its number.
    pub number: u64,
    /// Its records: the first one, and the one behind the last.
    pub records: Range<Lsn>,
    /// How many batches they stand in, those that only open an epoch included.
    pub batches: u64,
    /// The epochs of the first and of the last batch.
    pub epochs: (u64, u64),
    /// Where its last batch ends.
    ///
    /// # Units
    /// Bytes.
    pub used_bytes: u64,
}

/// A place that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where, and what is wrong.
    pub corruption: Corruption,
    /// The records that stood there, if a later batch tells: the first one, and the one behind the
    /// last. Empty if the damaged batch held none.
    pub lost: Option<Range<Lsn>>,
}

/// Looks over the journal in a directory, and its mirror: reads all of both, writes and locks
/// nothing, whoever is using them.
///
/// # Errors
/// [`OpenError`] when a directory cannot be listed, or is of
/// [another key](OpenError::WrongKey) or [version](OpenError::Version).
pub fn check(directory: &Path, mirror: Option<&Path>, key: &ChainKey) -> Result<Report, OpenError> {
    let pause = || thread::sleep(PAUSE);
    let journal = look_over(Box::new(Directory::new(directory)), key, pause)?;
    let mirror = match mirror {
        None => None,
        Some(mirror) => {
            let copy = look_over(Box::new(Directory::new(mirror)), key, pause)
                .map_err(|error| OpenError::Mirror(Box::new(error)))?;
            let sources = [Directory::new(directory), Directory::new(mirror)];
            let agreement = Agreement::of(&journal, &copy, sources)
                .map_err(OpenError::storage("compare the mirror"))?;
            Some((copy, agreement))
        }
    };
    Ok(Report { journal, mirror })
}

/// Looks over one copy.
fn look_over(
    source: Box<dyn Source>,
    key: &ChainKey,
    pause: impl Fn() + Copy,
) -> Result<CopyReport, OpenError> {
    let mut source = Tolerant::new(source);
    let mut scan = Scan::new(&mut source, key, Lsn::NONE);
    let mut damage: Vec<Damage> = Vec::new();
    let ending = loop {
        let reading = watch(&mut scan, &mut |_, _, _| Ok(()), pause)?;
        let Ending::Corrupt(corruption) = reading.ending else {
            break reading.ending;
        };
        let expected = scan.chain().next;
        let behind = next_batch(&mut scan, corruption.place)?;
        let lost = behind.map(|(_, first)| expected..first);
        damage.push(Damage { corruption, lost });
        match behind {
            Some((place, _)) => scan.skip_to(place),
            None => break reading.ending,
        }
    };
    let segments = scan.into_chain().segments.into_iter().map(SegmentReport::from).collect();
    Ok(CopyReport { segments, damage, unreadable: source.into_unreadable(), ending })
}

/// Finds the first batch behind a damaged place that verifies and is not an old one that strayed
/// there; gives its place and first record.
fn next_batch(
    scan: &mut Scan<'_, Tolerant>,
    damaged: Place,
) -> Result<Option<(Place, Lsn)>, OpenError> {
    let next = scan.chain().next;
    for segment in scan.list()? {
        if segment.number < damaged.segment {
            continue;
        }
        let mut offset = if segment.number == damaged.segment {
            damaged.offset.saturating_add(wide(BLOCK_BYTES))
        } else {
            0
        };
        let is_later = |block: &[u8]| {
            block.len() == BLOCK_BYTES
                && Header::decode(block).is_ok_and(|(header, _)| {
                    header.segment == segment.number && header.first >= next
                })
        };
        while let Some(at) = find_used(scan.source(), segment, offset, is_later)? {
            let place = Place { segment: segment.number, offset: at };
            if let Some(first) = scan.verifies(place, segment)? {
                return Ok(Some((place, first)));
            }
            offset = at.saturating_add(wide(BLOCK_BYTES));
        }
    }
    Ok(None)
}

impl From<SegmentRead> for SegmentReport {
    fn from(read: SegmentRead) -> Self {
        let SegmentRead { number, records, batches, epochs, used_bytes } = read;
        Self { number, records, batches, epochs, used_bytes }
    }
}
