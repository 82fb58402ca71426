//! Two storages that hold the same, best on two disks: nothing is durable before it is in both.

use std::io;

use kessai_engine::Lsn;

use crate::error::OpenError;
use crate::format::chain::ChainKey;
use crate::recovery::copies::{Repair, reconcile};
use crate::storage::{Contents, Place, Readers, Segment, Shortage, Storage};

/// A journal's storage and its mirror.
///
/// A batch is begun in the mirror, written to the first, and durable once it is in both. An error
/// of either is an error of the whole: one copy alone is not what was promised.
#[derive(Debug)]
pub struct Mirrored<A, B> {
    first: A,
    mirror: B,
}

impl<A: Storage, B: Storage> Mirrored<A, B> {
    /// Joins two storages. What they hold is [made alike](Storage::reconcile) when the journal is
    /// opened.
    pub const fn new(first: A, mirror: B) -> Self {
        Self { first, mirror }
    }
}

impl<A: Storage, B: Storage> Storage for Mirrored<A, B> {
    fn reconcile(&mut self, key: &ChainKey, needed: Lsn) -> Result<Vec<Repair>, OpenError> {
        reconcile(&mut self.first, &mut self.mirror, key, needed)
    }

    fn copies(&self) -> u16 {
        self.first.copies().saturating_add(self.mirror.copies())
    }

    fn segments(&mut self) -> io::Result<Vec<Segment>> {
        self.mirror.segments().map_err(of_mirror)?;
        self.first.segments()
    }

    fn read(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        self.first.read(place, into)
    }

    fn activate(&mut self, segment: Segment, next_bytes: u64) -> io::Result<()> {
        self.first.activate(segment, next_bytes)?;
        self.mirror.activate(segment, next_bytes).map_err(of_mirror)
    }

    fn append(&mut self, place: Place, batch: &[u8]) -> io::Result<()> {
        self.mirror.begin(place, batch).map_err(of_mirror)?;
        self.first.append(place, batch)?;
        self.mirror.finish().map_err(of_mirror)
    }

    fn mend(&mut self, place: Place, bytes: &[u8]) -> io::Result<()> {
        self.first.mend(place, bytes)?;
        self.mirror.mend(place, bytes).map_err(of_mirror)
    }

    fn replace(&mut self, segment: Segment, contents: &mut Contents<'_>) -> io::Result<()> {
        self.first.replace(segment, contents)?;
        self.mirror.replace(segment, contents).map_err(of_mirror)
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        self.first.remove(number)?;
        self.mirror.remove(number).map_err(of_mirror)
    }

    fn readers(&self) -> Readers {
        self.first.readers().or(self.mirror.readers())
    }

    fn shortage(&self) -> Shortage {
        self.first.shortage().or(self.mirror.shortage())
    }
}

/// Says which of the two it was.
fn of_mirror(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("in the mirror: {error}"))
}
