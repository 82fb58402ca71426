//! The bytes of one file: as the running machine reads them, and as they are on the disk.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::format::SECTOR_BYTES;
use crate::storage::simulated::faults::Plan;

type Sector = [u8; SECTOR_BYTES];

/// A file. Whatever is written is read at once, but only what was synced is on the disk for sure.
#[derive(Debug, Default)]
pub(super) struct Contents {
    seen: Vec<u8>,
    /// Its length on the disk.
    disk_bytes: usize,
    /// What the disk holds of sectors written since the last sync.
    unsynced: BTreeMap<usize, Sector>,
    /// The same of sectors whose sync failed: they read as written, count as clean, and are not
    /// on the disk.
    unknown: BTreeMap<usize, Sector>,
}

/// Which sectors of a write take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    /// Any of them, as the seed will have it.
    Torn,
}

impl Contents {
    /// Makes a file that is on the disk as it is.
    pub(super) const fn on_disk(bytes: Vec<u8>) -> Self {
        let disk_bytes = bytes.len();
        Self { seen: bytes, disk_bytes, unsynced: BTreeMap::new(), unknown: BTreeMap::new() }
    }

    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    /// Writes at `offset`, lengthening the file if need be.
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8], extent: Extent, plan: &mut Plan) {
        let share = plan.share();
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = SECTOR_BYTES - at % SECTOR_BYTES;
            let (piece, behind) = rest.split_at(room.min(rest.len()));
            if extent == Extent::Whole || plan.keeps(share) {
                self.write_within(at, piece, plan);
            }
            at = at.saturating_add(piece.len());
            rest = behind;
        }
    }

    /// Writes within one sector.
    fn write_within(&mut self, at: usize, piece: &[u8], plan: &mut Plan) {
        let end = at.saturating_add(piece.len());
        if self.seen.len() < end {
            self.set_len(end);
        }
        let sector = at / SECTOR_BYTES;
        let now = self.sector(sector);
        let unknown = self.unknown.remove(&sector);
        let on_disk = self.unsynced.entry(sector).or_insert(unknown.unwrap_or(now));
        // What stood there may have been written to the disk meanwhile, without being asked.
        if plan.below(4) == 0 {
            *on_disk = now;
        }
        if let Some(target) = self.seen.get_mut(at..end) {
            target.copy_from_slice(piece);
        }
    }

    /// Cuts the file, or lengthens it with zeros.
    pub(super) fn set_len(&mut self, bytes: usize) {
        if self.seen.is_empty() {
            // Made at once, not filled: a segment is long, and most of it is never touched.
            self.seen = vec![0; bytes];
            return;
        }
        let first_cut = bytes / SECTOR_BYTES;
        for sector in first_cut..self.seen.len().div_ceil(SECTOR_BYTES) {
            let now = self.sector(sector);
            let unknown = self.unknown.remove(&sector);
            self.unsynced.entry(sector).or_insert(unknown.unwrap_or(now));
        }
        self.seen.resize(bytes, 0);
    }

    /// Takes all to the disk.
    pub(super) fn sync(&mut self) {
        self.unsynced.clear();
        self.disk_bytes = self.seen.len();
    }

    /// Takes some to the disk, and gives the rest up without a sign.
    pub(super) fn sync_in_vain(&mut self, plan: &mut Plan) {
        let share = plan.share();
        for (sector, on_disk) in std::mem::take(&mut self.unsynced) {
            if !plan.keeps(share) {
                self.unknown.insert(sector, on_disk);
            }
        }
    }

    /// Forgets what only memory has: from now on it reads as it is on the disk.
    pub(super) fn drop_cached(&mut self) {
        for (sector, on_disk) in std::mem::take(&mut self.unknown) {
            self.restore(sector, &on_disk);
        }
    }

    /// Leaves what is on the disk: all that was synced, and any part of what was not.
    pub(super) fn crash(&mut self, plan: &mut Plan) {
        let (seen_bytes, disk_bytes) = (self.seen.len(), self.disk_bytes);
        let bytes = match plan.below(3) {
            0 => seen_bytes,
            1 => disk_bytes,
            _ => between(seen_bytes, disk_bytes, plan),
        };
        self.seen.resize(seen_bytes.max(disk_bytes), 0);
        let share = plan.share();
        for (sector, on_disk) in std::mem::take(&mut self.unsynced) {
            let is_cut = sector.saturating_mul(SECTOR_BYTES) >= seen_bytes;
            if is_cut || !plan.keeps(share) {
                self.restore(sector, &on_disk);
            }
        }
        for (sector, on_disk) in std::mem::take(&mut self.unknown) {
            self.restore(sector, &on_disk);
        }
        self.seen.resize(bytes, 0);
        self.disk_bytes = bytes;
    }

    /// Changes one bit, in memory and on the disk.
    pub(super) fn flip(&mut self, at: usize, bit: u8) {
        let mask = 1 << (bit % 8);
        if let Some(byte) = self.seen.get_mut(at) {
            *byte ^= mask;
        }
        let sector = at / SECTOR_BYTES;
        let copies = [self.unsynced.get_mut(&sector), self.unknown.get_mut(&sector)];
        for on_disk in copies.into_iter().flatten() {
            if let Some(byte) = on_disk.get_mut(at % SECTOR_BYTES) {
                *byte ^= mask;
            }
        }
    }

    fn range(&self, sector: usize) -> Range<usize> {
        let start = sector.saturating_mul(SECTOR_BYTES);
        start.min(self.seen.len())..start.saturating_add(SECTOR_BYTES).min(self.seen.len())
    }

    /// Gives a sector as it is read, with zeros behind the end of the file.
    fn sector(&self, sector: usize) -> Sector {
        let mut copy = [0; SECTOR_BYTES];
        let bytes = self.seen.get(self.range(sector)).unwrap_or_default();
        copy.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        copy
    }

    fn restore(&mut self, sector: usize, on_disk: &Sector) {
        let range = self.range(sector);
        let target = self.seen.get_mut(range).unwrap_or_default();
        target.iter_mut().zip(on_disk).for_each(|(to, from)| *to = *from);
    }
}

/// Draws a length between two, in whole sectors.
fn between(one: usize, other: usize, plan: &mut Plan) -> usize {
    let (low, high) = (one.min(other), one.max(other));
    let sectors = crate::format::wide((high - low) / SECTOR_BYTES);
    let more = usize::try_from(plan.below(sectors.saturating_add(1))).unwrap_or(0);
    low.saturating_add(more.saturating_mul(SECTOR_BYTES))
}
