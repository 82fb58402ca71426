//! One copy as it will be once it is repaired: read through what is to be taken from the other.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;

use crate::format::wide;
use crate::storage::{Place, Segment, Source};

/// Stretches of segments, joined where they touch.
#[derive(Debug, Default)]
pub(super) struct Patches(BTreeMap<Place, u64>);

impl Patches {
    /// Adds `bytes` bytes from `place` on.
    pub(super) fn add(&mut self, place: Place, bytes: u64) {
        let (mut start, mut end) = (place.offset, place.offset.saturating_add(bytes));
        let touching: Vec<_> = self
            .of(place.segment)
            .filter(|range| range.start <= end && range.end >= start)
            .collect();
        for range in touching {
            self.0.remove(&Place { offset: range.start, ..place });
            start = start.min(range.start);
            end = end.max(range.end);
        }
        self.0.insert(Place { offset: start, ..place }, end);
    }

    /// Gives the stretches within a segment, in rising order.
    pub(super) fn of(&self, segment: u64) -> impl Iterator<Item = Range<u64>> {
        let within = Place { segment, offset: 0 }..=Place { segment, offset: u64::MAX };
        self.0.range(within).map(|(place, end)| place.offset..*end)
    }

    /// Tells whether all of `bytes` bytes from `place` on are within one stretch.
    pub(super) fn covers(&self, place: Place, bytes: u64) -> bool {
        let end = place.offset.saturating_add(bytes);
        self.of(place.segment).any(|range| range.start <= place.offset && end <= range.end)
    }

    /// Takes back what lies behind `end`.
    fn cut(&mut self, end: Place) {
        self.0.retain(|place, until| {
            if place.segment == end.segment {
                *until = (*until).min(end.offset);
            }
            *place < end
        });
    }

    /// Tells from whom the byte at `place` is read, and up to which offset the same holds.
    fn at(&self, place: Place) -> (From, u64) {
        let next = self.of(place.segment).find(|range| place.offset < range.end);
        match next {
            Some(range) if range.start <= place.offset => (From::Other, range.end),
            Some(range) => (From::Own, range.start),
            None => (From::Own, u64::MAX),
        }
    }
}

enum From {
    Own,
    Other,
}

/// A copy, patched from the other one.
#[derive(Debug)]
pub(super) struct Patched {
    pub(super) own: Box<dyn Source>,
    pub(super) other: Box<dyn Source>,
    pub(super) segments: Vec<Segment>,
    pub(super) patches: Patches,
    /// From where on it is read as it is, whatever the other has there; none while it is walked.
    bare_from: Option<Place>,
}

impl Patched {
    pub(super) fn new(
        own: Box<dyn Source>,
        other: Box<dyn Source>,
        segments: Vec<Segment>,
        patches: Patches,
    ) -> Self {
        Self { own, other, segments, patches, bare_from: None }
    }

    /// Has nothing be taken from the other from `end` on: a segment that this copy lacks is blank
    /// there.
    pub(super) fn bare(&mut self, end: Place) {
        self.patches.cut(end);
        self.bare_from = Some(end);
    }

    /// Reads from the copy itself; from the other what its medium cannot read, which is to be
    /// repaired.
    fn fill_own(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        match self.own.fill(place, into) {
            Ok(()) => Ok(()),
            Err(error)
                if error.kind() == ErrorKind::NotFound
                    && self.bare_from.is_some_and(|end| place >= end) =>
            {
                into.fill(0);
                Ok(())
            }
            Err(_) => {
                self.other.fill(place, into)?;
                self.patches.add(place, wide(into.len()));
                Ok(())
            }
        }
    }
}

impl Source for Patched {
    fn list(&mut self) -> io::Result<Vec<Segment>> {
        Ok(self.segments.clone())
    }

    fn fill(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        let mut place = place;
        let mut rest = into;
        while !rest.is_empty() {
            let (from, until) = self.patches.at(place);
            let room = usize::try_from(until - place.offset).unwrap_or(usize::MAX);
            let (piece, behind) = rest.split_at_mut(room.min(rest.len()));
            match from {
                From::Other => self.other.fill(place, piece)?,
                From::Own => self.fill_own(place, piece)?,
            }
            place.offset = place.offset.saturating_add(wide(piece.len()));
            rest = behind;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(patches: &Patches, segment: u64) -> Vec<(u64, u64)> {
        patches.of(segment).map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn stretches_that_touch_are_joined() {
        let mut patches = Patches::default();
        let at = |offset| Place { segment: 2, offset };
        patches.add(at(100), 10);
        patches.add(at(200), 10);
        patches.add(Place { segment: 3, offset: 110 }, 10);
        assert_eq!(stretches(&patches, 2), [(100, 110), (200, 210)]);
        patches.add(at(110), 5);
        patches.add(at(95), 5);
        assert_eq!(stretches(&patches, 2), [(95, 115), (200, 210)]);
        assert!(patches.covers(at(95), 20) && !patches.covers(at(95), 21));
        patches.add(at(0), 300);
        assert_eq!(stretches(&patches, 2), [(0, 300)]);
        assert_eq!(stretches(&patches, 3), [(110, 120)]);
        assert_eq!(stretches(&patches, 1), []);
    }

    #[test]
    fn what_is_behind_the_end_is_taken_back() {
        let mut patches = Patches::default();
        let at = |segment, offset| Place { segment, offset };
        for (place, bytes) in [(at(1, 50), 100), (at(2, 0), 30), (at(2, 40), 30), (at(2, 90), 5)] {
            patches.add(place, bytes);
        }
        patches.add(at(3, 0), 10);
        patches.cut(at(2, 60));
        assert_eq!(stretches(&patches, 1), [(50, 150)]);
        assert_eq!(stretches(&patches, 2), [(0, 30), (40, 60)]);
        patches.cut(at(2, 40));
        assert_eq!(stretches(&patches, 2), [(0, 30)]);
        assert_eq!(stretches(&patches, 3), []);
    }
}
