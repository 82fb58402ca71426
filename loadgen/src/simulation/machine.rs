//! The machine that the gateway runs on: its disks, what goes wrong with them, and how it starts.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use kessai_engine::{Engine, Entry, Keyring, Layout, Lsn};
use kessai_journal::{
    ArchiveError, ChainKey, Fault as DiskFault, Journal, JournalOptions, OnFailure, OpenError,
    Place, SimulatedDisk, Storage,
};

use super::cast::sealing_key;
use super::chance::{Chance, Of};
use super::faults::{Fault, Faults};
use super::gateway::Node;
use super::rules::rules;
use super::shelf::{Shelf, flip_snapshot, load, snapshot_files, snapshots};
use super::witness::{Log, Watch, Watched};

/// Few shards and short segments, so that their borders are met often.
const SHARDS: u16 = 4;
const SEGMENT_BYTES: u64 = 64 << 10;
const QUEUE_BYTES: usize = 48 << 10;
const RECORD_BYTES: usize = 4 << 10;
const CHAIN_KEY: [u8; 32] = [0x5c; 32];

/// A bit that was changed, to be changed back where nothing else helps.
#[derive(Debug, Clone, Copy)]
struct Flip {
    disk: usize,
    place: Place,
    bit: u8,
}

/// How a start went.
#[derive(Debug)]
pub(super) enum Start {
    /// The journal was recovered; it ends with this record.
    Up(Box<Node>, Lsn),
    /// The machine stopped again meanwhile.
    Crashed,
    /// What is on the disks cannot be used.
    Refused {
        /// Whether it is said what is damaged.
        names_place: bool,
        problem: String,
    },
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up(_, last) => write!(f, "up, with {} records", last.0),
            Self::Crashed => f.write_str("crashed"),
            Self::Refused { problem, .. } => write!(f, "refused: {problem}"),
        }
    }
}

/// An entry that recovery brings back and that was never queued there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotAsQueued(String);

/// A machine with one disk or two.
#[derive(Debug)]
pub(super) struct Machine {
    disks: Vec<SimulatedDisk>,
    /// Has the snapshots and the archive.
    shelf: SimulatedDisk,
    chance: Chance,
    log: Rc<Log>,
    /// The disk that is damaged, of which there is one at a time.
    damaged: Option<usize>,
    /// How often it may have lied since.
    lies: usize,
    flips: Vec<Flip>,
    /// Whether one of the two snapshots may be damaged: then the other is not.
    has_flipped_snapshot: bool,
}

impl Machine {
    /// Builds a machine, with a mirror in every second seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed, Of::Machine);
        let count = if chance.coin() { 2 } else { 1 };
        let disks = (0..count).map(|_| SimulatedDisk::new(chance.number())).collect();
        let shelf = SimulatedDisk::new(chance.number());
        Self {
            disks,
            shelf,
            chance,
            log: Rc::default(),
            damaged: None,
            lies: 0,
            flips: Vec::new(),
            has_flipped_snapshot: false,
        }
    }

    pub(super) const fn chance(&mut self) -> &mut Chance {
        &mut self.chance
    }

    pub(super) const fn log(&self) -> &Rc<Log> {
        &self.log
    }

    /// Whether one damaged disk may cost nothing.
    pub(super) const fn is_mirrored(&self) -> bool {
        self.disks.len() > 1
    }

    /// Whether a disk has been damaged since the machine was last up and well.
    pub(super) const fn is_damaged(&self) -> bool {
        self.damaged.is_some()
    }

    /// Something goes wrong with one of the next operations of a disk.
    pub(super) fn spoil(&mut self, fault: Fault) {
        let (disk, fault) = match fault {
            Fault::PowerLost | Fault::CrashedInRecovery => (self.any_disk(), DiskFault::Crash),
            Fault::IoError => (self.any_disk(), DiskFault::Error),
            Fault::DiskFull => (self.any_disk(), DiskFault::Full),
            Fault::WriteLost => (self.lying_disk(), DiskFault::Lost),
            Fault::WriteMisdirected => (self.lying_disk(), DiskFault::Misdirected),
            Fault::MessageLost
            | Fault::MessageRepeated
            | Fault::MessageDelayed
            | Fault::LineBroken
            | Fault::Killed
            | Fault::DiskSlow
            | Fault::BitFlipped
            | Fault::ClockJumped
            | Fault::PasswordWrong
            | Fault::AnsweredLate
            | Fault::CancelRaced => return,
        };
        let ahead = self.chance.between(0..=5);
        let disk = self.disks.get(disk).unwrap_or(&self.shelf);
        disk.plan(disk.operations().saturating_add(ahead), fault);
    }

    /// Changes a bit of what the journal has written.
    fn flip(&mut self) {
        let disk = self.damaged_disk();
        let Some(chosen) = self.disks.get(disk) else { return };
        let segments = chosen.segments();
        if segments.is_empty() {
            return;
        }
        let Some(segment) = segments.get(self.chance.below(segments.len())) else { return };
        // Mostly where something stands.
        let contents = chosen.contents(segment.number);
        let used = contents.iter().rposition(|byte| *byte != 0).unwrap_or(0);
        let end = if self.chance.per_cent(90) { used } else { contents.len().saturating_sub(1) };
        let offset = self.chance.between(0..=u64::try_from(end).unwrap_or(0));
        let bit = u8::try_from(self.chance.between(0..=7)).unwrap_or(0);
        let place = Place { segment: segment.number, offset };
        chosen.flip(place, bit);
        self.flips.push(Flip { disk, place, bit });
    }

    /// Changes a bit of a snapshot: there is another, and the journal reaches back to that.
    fn flip_snapshot(&mut self) {
        let files = snapshot_files(&self.shelf);
        if self.has_flipped_snapshot || files.is_empty() {
            return;
        }
        let Some((name, bytes)) = files.get(self.chance.below(files.len())) else { return };
        let offset = self.chance.between(0..=bytes.saturating_sub(1));
        let bit = u8::try_from(self.chance.between(0..=7)).unwrap_or(0);
        flip_snapshot(&self.shelf, name, offset, bit);
        self.has_flipped_snapshot = true;
    }

    /// A snapshot was made: two good ones are there, or will be.
    pub(super) const fn note_snapshot(&mut self) {
        self.has_flipped_snapshot = false;
    }

    /// Whether the machine has stopped, though nobody was told.
    pub(super) fn has_stopped(&self) -> bool {
        self.shelf.storage().segments().is_err()
    }

    /// One of the disks: the last is the one beside the journal.
    fn any_disk(&mut self) -> usize {
        self.chance.below(self.disks.len().saturating_add(1))
    }

    /// How often a disk may have lied since the machine was last up and well.
    pub(super) const fn lies(&self) -> usize {
        self.lies
    }

    /// The disk that lies: the one that is damaged already, if one is.
    fn lying_disk(&mut self) -> usize {
        self.lies = self.lies.saturating_add(1);
        self.damaged_disk()
    }

    /// The disk to be damaged: the one that is already, if one is.
    fn damaged_disk(&mut self) -> usize {
        match self.damaged {
            Some(disk) => disk,
            None => {
                let disk = self.chance.below(self.disks.len());
                *self.damaged.insert(disk)
            }
        }
    }

    /// Starts the machine and recovers what its disks hold.
    pub(super) fn start(&mut self, faults: &mut Faults) -> Start {
        for disk in self.disks.iter().chain([&self.shelf]) {
            disk.restart();
        }
        if faults.strikes(Fault::BitFlipped, &mut self.chance) {
            if self.chance.per_cent(20) { self.flip_snapshot() } else { self.flip() }
        }
        if faults.strikes(Fault::CrashedInRecovery, &mut self.chance) {
            self.spoil(Fault::CrashedInRecovery);
        }
        self.open()
    }

    /// Puts the disks right again, as far as that can be done: from a copy, as it were.
    pub(super) fn put_right(&mut self) -> bool {
        let can_be = !self.flips.is_empty();
        for Flip { disk, place, bit } in self.flips.drain(..).rev() {
            if let Some(disk) = self.disks.get(disk) {
                disk.flip(place, bit);
            }
        }
        can_be
    }

    /// Recovers: the newest snapshot, then the journal behind it, then the archive.
    fn open(&mut self) -> Start {
        let (engine, key) = (new_engine(self.chance.number()), ChainKey(CHAIN_KEY));
        let snapshots = snapshots(&self.shelf, &key);
        let loaded = match load(&snapshots, &engine) {
            Ok(loaded) => loaded,
            Err(problem) => return self.failed(problem),
        };
        let watch = Arc::<Watch>::default();
        let mut storages = self.disks.iter().map(SimulatedDisk::storage);
        let Some(first) = storages.next() else { return Start::Crashed };
        let storage = Watched::new(first, storages.next(), &watch);
        let replay_from = Lsn(loaded.replay_after.0.saturating_add(1));
        let options = JournalOptions { replay_from, ..options() };
        let log = &self.log;
        let replay = |lsn: Lsn, entry: Entry| {
            if !log.is(lsn, &entry) {
                return Err(NotAsQueued(format!("record {} is not what was queued", lsn.0)));
            }
            engine.replay(&entry).map_err(|corrupt| NotAsQueued(corrupt.to_string()))
        };
        let opened = Journal::open_stepped(storage, &options, key.clone(), replay);
        let (journal, writer, recovered) = match opened {
            Ok(opened) => opened,
            Err(_) if self.has_crashed() => return Start::Crashed,
            Err(error) => {
                let names_place = matches!(
                    error,
                    OpenError::Corrupt(_) | OpenError::WrongKey(_) | OpenError::Missing { .. }
                );
                return Start::Refused { names_place, problem: error.to_string() };
            }
        };
        watch.look_at(&journal);
        let last = Lsn(recovered.records.end.0.saturating_sub(1));
        engine.recovered_upto(last);
        if loaded.reaches > last {
            let problem = format!("a snapshot reaches record {}", loaded.reaches.0);
            return Start::Refused { names_place: true, problem };
        }
        let shelf = match Shelf::open(&self.shelf, snapshots, &journal, &key) {
            Ok(shelf) => shelf,
            Err(ArchiveError::Ahead { archived, .. }) => {
                let problem = format!("the archive reaches record {}", archived.0);
                return Start::Refused { names_place: true, problem };
            }
            Err(error) => return self.failed(error.to_string()),
        };
        (self.damaged, self.lies, self.flips) = (None, 0, Vec::new());
        let (engine, log) = (Arc::new(engine), Rc::clone(&self.log));
        Start::Up(Box::new(Node { engine, journal, writer, watch, log, shelf }), last)
    }

    /// Why there was no start, if not by a crash.
    fn failed(&self, problem: String) -> Start {
        if self.has_crashed() {
            return Start::Crashed;
        }
        Start::Refused { names_place: false, problem }
    }

    fn has_crashed(&self) -> bool {
        self.disks.iter().chain([&self.shelf]).any(SimulatedDisk::has_failed)
    }
}

/// An empty engine.
pub(super) fn new_engine(map_seed: u64) -> Engine {
    let layout = Layout::new(SHARDS, [7; 16]).expect("a power of two");
    Engine::new(rules(), layout, Keyring::new(vec![sealing_key()]), map_seed)
}

fn options() -> JournalOptions {
    JournalOptions {
        segment_bytes: SEGMENT_BYTES,
        queue_records: 256,
        queue_bytes: QUEUE_BYTES,
        record_bytes: RECORD_BYTES,
        gather: Duration::from_millis(1),
        gather_after: 8,
        on_failure: OnFailure::call(|_| {}),
        ..JournalOptions::default()
    }
}
