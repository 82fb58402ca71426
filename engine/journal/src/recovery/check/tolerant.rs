//! A source that goes on where its medium cannot be read.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};

use crate::format::{BLOCK_BYTES, wide};
use crate::storage::{Place, Segment, Source};

/// What is given in place of a block that cannot be read: it is no batch, no record, and not blank.
const UNREADABLE: u8 = 0xff;

/// Notes what cannot be read, and gives bytes in its place that nothing takes for sound.
#[derive(Debug)]
pub(super) struct Tolerant {
    source: Box<dyn Source>,
    unreadable: BTreeSet<Place>,
}

impl Tolerant {
    pub(super) fn new(source: Box<dyn Source>) -> Self {
        Self { source, unreadable: BTreeSet::new() }
    }

    /// Gives the blocks that could not be read.
    pub(super) fn into_unreadable(self) -> Vec<Place> {
        self.unreadable.into_iter().collect()
    }
}

impl Source for Tolerant {
    fn list(&mut self) -> io::Result<Vec<Segment>> {
        self.source.list()
    }

    fn fill(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        match self.source.fill(place, into) {
            Ok(()) => return Ok(()),
            // The owner removes and makes segments meanwhile.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) =>
            {
                return Err(error);
            }
            Err(_) => {}
        }
        let mut place = place;
        for block in into.chunks_mut(BLOCK_BYTES) {
            if self.source.fill(place, block).is_err() {
                block.fill(UNREADABLE);
                self.unreadable.insert(place);
            }
            place.offset = place.offset.saturating_add(wide(block.len()));
        }
        Ok(())
    }
}
