//! Walks both copies to the same end, and decides whether it is the end of the journal.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use kessai_engine::Lsn;

use crate::error::{Corruption, Divergence, Flaw, OpenError};
use crate::format::chain::ChainKey;
use crate::format::header::{HEADER_BYTES, Header};
use crate::format::{BLOCK_BYTES, wide};
use crate::recovery::chain::Stretch;
use crate::recovery::copies::patched::Patched;
use crate::recovery::judge::{each_used, first_used};
use crate::recovery::scan::{End, Found, Scan};
use crate::storage::{Place, Segment};

/// One copy on its way.
pub(super) struct Walk<'a> {
    scan: Scan<'a, Patched>,
    segments: Vec<Segment>,
    begin: Place,
    end: End,
}

impl<'a> Walk<'a> {
    pub(super) fn new(whole: &'a mut Patched, key: &'a ChainKey, begin: Place) -> Self {
        let segments = whole.segments.clone();
        let end = End { index: 0, offset: 0, found: Found::NoHeader };
        let scan = Scan::new(whole, key, Lsn::NONE);
        Self { scan, segments, begin, end }
    }

    /// Goes on as far as batches continue the chain.
    fn go_on(&mut self) -> Result<(), OpenError> {
        self.end = self.scan.walk(&self.segments, &mut |_, _, _| Ok(()))?;
        Ok(())
    }

    /// Behind the last batch.
    fn at(&self) -> Place {
        self.scan.at().unwrap_or(self.begin)
    }

    /// Where no batch was found; none behind the last segment.
    fn stop(&self) -> Option<Place> {
        let segment = self.segments.get(self.end.index)?;
        Some(Place { segment: segment.number, offset: self.end.offset })
    }

    fn segment(&self, number: u64) -> Option<Segment> {
        self.segments.iter().find(|segment| segment.number == number).copied()
    }

    /// Takes from the other copy, which holds more, what this one lacks next, and goes on.
    ///
    /// # Errors
    /// [`OpenError::Diverged`] if that does not follow on here.
    fn catch_up(&mut self) -> Result<(), OpenError> {
        // What is missing may be the batch where the chain ended, the blocks behind it, or the first
        // batch of the next segment.
        let stop = self.stop().unwrap_or_else(|| self.at());
        let next = Place { segment: stop.segment.saturating_add(1), offset: 0 };
        for place in [self.at(), stop, next] {
            let Some(segment) = self.segment(place.segment) else { continue };
            let rest = segment.bytes.saturating_sub(place.offset);
            let whole = self.scan.source();
            let lacks = lacking(whole, place, segment);
            for bytes in [lacks, rest] {
                if bytes > 0 && !whole.patches.covers(place, bytes) {
                    whole.patches.add(place, bytes);
                    return self.go_on();
                }
            }
        }
        Err(Divergence::Continuation { place: stop, next: self.scan.chain().next }.into())
    }

    /// Looks at the end again as it is in this copy itself: what is behind, and was to be taken from
    /// the other, says nothing here.
    fn look_again(&mut self) -> Result<(), OpenError> {
        let at = self.at();
        let patches = &self.scan.source().patches;
        self.segments.retain(|segment| {
            let begin = Place { segment: segment.number, offset: 0 };
            segment.number <= at.segment || !patches.covers(begin, wide(BLOCK_BYTES))
        });
        self.scan.source().bare(at);
        self.go_on()
    }

    /// Tells why this is not the end of the journal, as far as this copy knows.
    fn objection(&mut self) -> Result<Option<Corruption>, OpenError> {
        match self.scan.judge(&self.segments, &self.end) {
            Ok(_) => Ok(None),
            Err(OpenError::Corrupt(corruption)) => Ok(Some(corruption)),
            Err(error) => Err(error),
        }
    }

    /// Tells whether this copy has all that was told. It does if it has the last batch of its own:
    /// then it was written to, and has the next too if that was told. And if the last batch says that
    /// it was written here too, and the one before it is here: then nothing came after the last, or
    /// it would be here as well.
    fn is_witness(&mut self) -> bool {
        let chain = self.scan.chain();
        let before = chain.last_but_one.filter(|_| chain.copies > 1);
        let Some(last) = chain.last else { return true };
        let patches = &self.scan.source().patches;
        let has = |batch: Stretch| !patches.covers(batch.place, wide(batch.bytes));
        has(last) || before.is_some_and(has)
    }

    /// Finds a batch behind the end that was begun after one that is missing.
    fn later(&mut self) -> Result<Option<Place>, OpenError> {
        let (at, chain) = (self.at(), self.scan.chain());
        let (next, link) = (chain.next, chain.link);
        let mut later = None;
        let from = self.segments.iter().filter(|segment| segment.number >= at.segment);
        for segment in from.copied().collect::<Vec<_>>() {
            let offset = if segment.number == at.segment { at.offset } else { 0 };
            each_used(self.scan.source(), segment, offset, |offset, block| {
                let place = Place { segment: segment.number, offset };
                // The one that would come next may be unfinished.
                let may_be_next = place == at
                    || (place.segment == at.segment.saturating_add(1) && place.offset == 0);
                let follows = |header: &Header| {
                    may_be_next && header.first == next && link == Some(header.previous)
                };
                match Header::decode(block) {
                    Ok((header, _)) if header.first >= next && !follows(&header) => {
                        later = Some(place);
                        ControlFlow::Break(())
                    }
                    Ok(_) | Err(_) => ControlFlow::Continue(()),
                }
            })?;
            if later.is_some() {
                break;
            }
        }
        Ok(later)
    }
}

/// Tells how much of the other copy belongs to `place`: a batch, or all up to the segment's end if
/// this copy has nothing there, or the other has no batch.
fn lacking(whole: &mut Patched, place: Place, segment: Segment) -> u64 {
    let rest = segment.bytes.saturating_sub(place.offset);
    let mut bytes = [0; HEADER_BYTES];
    let header = match whole.other.fill(place, &mut bytes) {
        Ok(()) => Header::decode(&bytes).ok(),
        Err(_) => None,
    };
    let batch = header.and_then(|(header, _)| header.padded_bytes()).map(wide);
    match batch.filter(|batch| *batch <= rest) {
        Some(batch) if !is_blank(whole, place, segment) => batch,
        Some(_) | None => rest,
    }
}

/// Tells whether this copy itself has nothing from `place` on.
fn is_blank(whole: &mut Patched, place: Place, segment: Segment) -> bool {
    first_used(whole.own.as_mut(), segment, place.offset).is_ok_and(|used| used.is_none())
}

/// Where both come to an end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agreed {
    pub(super) tail: Place,
    /// The first record that is held; none if there is no batch.
    pub(super) first: Option<Lsn>,
}

/// Has the shorter follow the longer until both are at the same end, and tells where that is.
///
/// # Errors
/// [`OpenError`] if the one does not continue the other, or if neither explains what is there.
pub(super) fn agree(mut ours: Walk<'_>, mut theirs: Walk<'_>) -> Result<Agreed, OpenError> {
    let in_mirror = super::in_mirror;
    ours.go_on()?;
    theirs.go_on().map_err(in_mirror)?;
    loop {
        match ours.scan.at().cmp(&theirs.scan.at()) {
            Ordering::Less => ours.catch_up()?,
            Ordering::Greater => theirs.catch_up()?,
            Ordering::Equal => break,
        }
    }
    let place = ours.at();
    if ours.scan.chain().link != theirs.scan.chain().link {
        return Err(Divergence::Contents { place }.into());
    }
    ours.look_again()?;
    theirs.look_again().map_err(in_mirror)?;
    let objections = (ours.objection()?, theirs.objection().map_err(in_mirror)?);
    let later = match ours.later()? {
        None => theirs.later().map_err(in_mirror)?,
        found => found,
    };
    if let Some(later) = later {
        let missing = Corruption { place, flaw: Flaw::Missing, later: Some(later) };
        let both = [objections.0.unwrap_or(missing), objections.1.unwrap_or(missing)];
        return Err(OpenError::CorruptInBoth(Box::new(both)));
    }
    // Whoever was there to the last holds all that was told. What else the other has behind that
    // was never told, or is no batch.
    let ours_ends = objections.0.is_none() && ours.is_witness();
    let theirs_ends = objections.1.is_none() && theirs.is_witness();
    let agreed = Agreed { tail: place, first: ours.scan.chain().first };
    match objections {
        _ if ours_ends || theirs_ends => Ok(agreed),
        (Some(ours), Some(theirs)) => Err(OpenError::CorruptInBoth(Box::new([ours, theirs]))),
        (Some(corruption), None) => Err(corruption.into()),
        (None, Some(corruption)) => Err(in_mirror(corruption.into())),
        (None, None) => Ok(agreed),
    }
}
