//! A disk in memory that crashes, tears and fails on demand, the same way for the same seed.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::format::SECTOR_BYTES;
use crate::storage::{Place, Segment, Storage};
use crate::sync::lock;

/// What goes wrong with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The machine stops before the operation is durable: of what it wrote, each sector reached
    /// the disk or did not. Nothing works until [`SimulatedDisk::restart`].
    Crash,
    /// The operation fails with an input/output error, after an equally unknown part of it.
    Error,
}

/// A disk in memory, shared between the test and the journal on it.
#[derive(Debug, Clone)]
pub struct SimulatedDisk(Arc<Mutex<Disk>>);

#[derive(Debug)]
struct Disk {
    segments: BTreeMap<u64, Vec<u8>>,
    random: u64,
    /// Operations that change the disk, so far.
    operations: u64,
    /// What goes wrong, and with which operation.
    planned: Option<(u64, Fault)>,
    unreadable: Option<Place>,
    crashed: bool,
    /// Rises at each restart: what was opened before is dead.
    life: u64,
}

impl SimulatedDisk {
    /// Makes an empty disk; `seed` decides what a crash leaves.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Disk {
            segments: BTreeMap::new(),
            random: seed,
            operations: 0,
            planned: None,
            unreadable: None,
            crashed: false,
            life: 0,
        })))
    }

    /// Gives access to the disk until it is restarted.
    #[must_use]
    pub fn storage(&self) -> SimulatedStorage {
        let life = self.disk().life;
        SimulatedStorage { disk: self.clone(), life, active: None }
    }

    /// Has `fault` happen to the operation numbered `operation`, counted from 0.
    pub fn plan(&self, operation: u64, fault: Fault) {
        self.disk().planned = Some((operation, fault));
    }

    /// How many operations that change the disk have begun.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.disk().operations
    }

    /// Tells whether the planned fault has happened.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let disk = self.disk();
        disk.planned.is_some_and(|(operation, _)| operation < disk.operations)
    }

    /// Has every read that covers `place` fail from now on.
    pub fn make_unreadable(&self, place: Place) {
        self.disk().unreadable = Some(place);
    }

    /// Starts the machine again, with what is on the disk and no fault planned.
    pub fn restart(&self) {
        let mut disk = self.disk();
        disk.planned = None;
        disk.crashed = false;
        disk.life += 1;
    }

    /// Lists the segments in rising order.
    #[must_use]
    pub fn segments(&self) -> Vec<Segment> {
        self.disk().segments()
    }

    /// Copies a segment; empty if there is none.
    #[must_use]
    pub fn contents(&self, segment: u64) -> Vec<u8> {
        self.disk().segments.get(&segment).cloned().unwrap_or_default()
    }

    /// Puts a segment on the disk, in place of what was there.
    pub fn replace(&self, segment: u64, contents: Vec<u8>) {
        self.disk().segments.insert(segment, contents);
    }

    /// Takes a segment off the disk.
    pub fn lose(&self, segment: u64) {
        self.disk().segments.remove(&segment);
    }

    /// Changes one bit at `place`.
    pub fn flip(&self, place: Place, bit: u8) {
        let mut disk = self.disk();
        let byte = disk
            .segments
            .get_mut(&place.segment)
            .and_then(|contents| contents.get_mut(usize::try_from(place.offset).ok()?));
        if let Some(byte) = byte {
            *byte ^= 1 << (bit % 8);
        }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        lock(&self.0)
    }
}

impl Disk {
    fn segments(&self) -> Vec<Segment> {
        let length = |(number, contents): (&u64, &Vec<u8>)| Segment {
            number: *number,
            bytes: crate::format::wide(contents.len()),
        };
        self.segments.iter().map(length).collect()
    }

    /// Counts an operation and says what goes wrong with it.
    fn begin(&mut self) -> Option<Fault> {
        let number = self.operations;
        self.operations += 1;
        let fault = self.planned.and_then(|(planned, fault)| (planned == number).then_some(fault));
        self.crashed |= fault == Some(Fault::Crash);
        fault
    }

    /// Writes whole or, after a fault, an unknown set of sectors.
    fn write(&mut self, place: Place, bytes: &[u8], fault: Option<Fault>) -> io::Result<()> {
        // After a fault: nothing, everything, or anything between.
        let kept_of_four = if fault.is_some() { self.draw() % 5 } else { 4 };
        let start = usize::try_from(place.offset).map_err(io::Error::other)?;
        for (index, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
            let at = start.saturating_add(index.saturating_mul(SECTOR_BYTES));
            let keep = kept_of_four == 4 || self.draw() % 4 < kept_of_four;
            let target = self
                .segments
                .get_mut(&place.segment)
                .and_then(|contents| contents.get_mut(at..at.saturating_add(sector.len())))
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            if keep {
                target.copy_from_slice(sector);
            }
        }
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// Draws the next number of the seed's row (SplitMix64).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        Self::other(match fault {
            Fault::Crash => "the simulated machine has crashed",
            Fault::Error => "simulated input/output error",
        })
    }
}

/// Access to a [`SimulatedDisk`] until the machine stops.
#[derive(Debug)]
pub struct SimulatedStorage {
    disk: SimulatedDisk,
    life: u64,
    active: Option<u64>,
}

impl SimulatedStorage {
    fn disk(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.disk.disk();
        if disk.crashed || disk.life != self.life { Err(Fault::Crash.into()) } else { Ok(disk) }
    }

    fn write(&self, place: Place, bytes: &[u8]) -> io::Result<()> {
        if self.active != Some(place.segment) {
            return Err(io::Error::other("the segment is not the active one"));
        }
        let mut disk = self.disk()?;
        let fault = disk.begin();
        disk.write(place, bytes, fault)
    }
}

impl Storage for SimulatedStorage {
    fn segments(&mut self) -> io::Result<Vec<Segment>> {
        Ok(self.disk()?.segments())
    }

    fn read(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        let disk = self.disk()?;
        let contents = disk.segments.get(&place.segment).ok_or(io::ErrorKind::NotFound)?;
        let start = usize::try_from(place.offset).map_err(io::Error::other)?;
        let range = start..start.saturating_add(into.len());
        if disk.unreadable.is_some_and(|bad| {
            bad.segment == place.segment
                && usize::try_from(bad.offset).is_ok_and(|offset| range.contains(&offset))
        }) {
            return Err(Fault::Error.into());
        }
        into.copy_from_slice(contents.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn activate(&mut self, segment: Segment, next_bytes: u64) -> io::Result<()> {
        let mut disk = self.disk()?;
        let next = Segment { number: segment.number.saturating_add(1), bytes: next_bytes };
        for made in [segment, next] {
            let bytes = usize::try_from(made.bytes).map_err(io::Error::other)?;
            match disk.segments.get(&made.number) {
                Some(contents) if contents.len() == bytes => {}
                Some(_) => return Err(io::ErrorKind::InvalidData.into()),
                // A segment is there whole or not at all, as a renamed file is.
                None => {
                    let fault = disk.begin();
                    if fault.is_none() || disk.draw().is_multiple_of(2) {
                        disk.segments.insert(made.number, vec![0; bytes]);
                    }
                    if let Some(fault) = fault {
                        return Err(fault.into());
                    }
                }
            }
        }
        drop(disk);
        self.active = Some(segment.number);
        Ok(())
    }

    fn append(&mut self, place: Place, batch: &[u8]) -> io::Result<()> {
        self.write(place, batch)
    }

    fn erase(&mut self, place: Place, bytes: u64) -> io::Result<()> {
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        self.write(place, &vec![0; bytes])
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        let mut disk = self.disk()?;
        let fault = disk.begin();
        if fault.is_none() || disk.draw().is_multiple_of(2) {
            disk.segments.remove(&number);
        }
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }
}
