//! The journal's segments on the simulated disk, made and removed as [`Files`](crate::Files) does.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::storage::ahead::FURTHER_SEGMENTS;
use crate::storage::directory::{UNFINISHED, segment_name, segment_number};
use crate::storage::folder::{Folder, FolderFile};
use crate::storage::simulated::folder::{SimulatedFile, SimulatedFolder};
use crate::storage::{Contents, Place, Readers, Segment, Shortage, Source, Storage};

/// The journal's segments on a [`SimulatedDisk`](crate::SimulatedDisk), until the machine stops.
#[derive(Debug)]
pub struct SimulatedStorage {
    folder: SimulatedFolder,
    active: Option<(u64, SimulatedFile)>,
    /// How many bytes must be free, lest room be short.
    reserve_bytes: Arc<AtomicU64>,
}

impl SimulatedStorage {
    pub(super) fn new(folder: SimulatedFolder) -> Self {
        Self { folder, active: None, reserve_bytes: Arc::default() }
    }

    fn active(&self, segment: u64) -> io::Result<&SimulatedFile> {
        match &self.active {
            Some((number, file)) if *number == segment => Ok(file),
            _ => Err(io::Error::other("the segment is not the active one")),
        }
    }

    /// Opens a segment, or makes it durably: under its name it is always whole.
    fn prepare(&self, segment: Segment) -> io::Result<SimulatedFile> {
        let name = segment_name(segment.number);
        match self.folder.open(&name) {
            Ok(file) if file.bytes()? == segment.bytes => return Ok(file),
            Ok(_) => return Err(ErrorKind::InvalidData.into()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let file = self.folder.create(UNFINISHED)?;
        file.set_bytes(segment.bytes)?;
        file.sync()?;
        self.folder.rename(UNFINISHED, &name)?;
        self.folder.sync()?;
        Ok(file)
    }
}

/// Gives the segments among files, in rising order.
pub(super) fn segments(files: Vec<(String, u64)>) -> Vec<Segment> {
    let segment = |(name, bytes): (String, u64)| {
        segment_number(&name).map(|number| Segment { number, bytes })
    };
    files.into_iter().filter_map(segment).collect()
}

impl Storage for SimulatedStorage {
    fn copies(&self) -> u16 {
        1
    }

    fn segments(&mut self) -> io::Result<Vec<Segment>> {
        let found = segments(self.folder.lengths()?);
        for segment in &found {
            let file = self.folder.open(&segment_name(segment.number))?;
            file.sync()?;
            file.drop_cached()?;
        }
        self.folder.sync()?;
        Ok(found)
    }

    fn read(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        self.folder.open(&segment_name(place.segment))?.read_at(place.offset, into)
    }

    fn activate(&mut self, segment: Segment, next_bytes: u64) -> io::Result<()> {
        let file = self.prepare(segment)?;
        self.active = Some((segment.number, file));
        let number = segment.number.saturating_add(1);
        let further = match self.prepare(Segment { number, bytes: next_bytes }) {
            Ok(_) => FURTHER_SEGMENTS,
            // It is made when it is needed, if there is room then.
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                self.folder.remove(UNFINISHED)?;
                FURTHER_SEGMENTS.saturating_add(1)
            }
            Err(error) => return Err(error),
        };
        self.reserve_bytes.store(next_bytes.saturating_mul(further), Ordering::Release);
        Ok(())
    }

    fn append(&mut self, place: Place, batch: &[u8]) -> io::Result<()> {
        let file = self.active(place.segment)?;
        file.write_at(place.offset, batch)?;
        file.sync()
    }

    fn mend(&mut self, place: Place, bytes: &[u8]) -> io::Result<()> {
        let file = self.folder.open(&segment_name(place.segment))?;
        file.write_at(place.offset, bytes)?;
        file.sync()
    }

    fn replace(&mut self, segment: Segment, contents: &mut Contents<'_>) -> io::Result<()> {
        let mut bytes = vec![0; usize::try_from(segment.bytes).map_err(io::Error::other)?];
        contents(0, &mut bytes)?;
        let file = self.folder.create(UNFINISHED)?;
        file.write_at(0, &bytes)?;
        file.sync()?;
        self.folder.rename(UNFINISHED, &segment_name(segment.number))?;
        self.folder.sync()
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        self.folder.remove(&segment_name(number))?;
        self.folder.sync()
    }

    fn readers(&self) -> Readers {
        let folder = self.folder.clone();
        Readers::new(move || Reader(folder.clone()))
    }

    fn shortage(&self) -> Shortage {
        let (folder, reserve_bytes) = (self.folder.clone(), Arc::clone(&self.reserve_bytes));
        Shortage::when(move || {
            let reserve_bytes = reserve_bytes.load(Ordering::Acquire);
            folder.free_bytes().is_some_and(|free| free < reserve_bytes)
        })
    }
}

/// The segments as they are, beside their owner: for it nothing is synced.
#[derive(Debug)]
struct Reader(SimulatedFolder);

impl Source for Reader {
    fn list(&mut self) -> io::Result<Vec<Segment>> {
        Ok(segments(self.0.lengths()?))
    }

    fn fill(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        self.0.open(&segment_name(place.segment))?.read_at(place.offset, into)
    }
}
