//! What goes wrong with which operation, and what an interruption leaves: all drawn from one seed.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

/// What goes wrong with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The machine stops within the operation. Of all that was not synced, each sector and each
    /// change of a name reached the disk or did not. Nothing works until
    /// [`SimulatedDisk::restart`](crate::SimulatedDisk::restart).
    Crash,
    /// The operation fails with an input/output error, after an unknown part of it. A file whose
    /// sync failed still reads as written, though part of it is not on the disk and no later sync
    /// puts it there: that is what Linux does.
    Error,
    /// There is no room for what the operation would write or create.
    Full,
    /// The disk says that it has written, and has not.
    Lost,
    /// The disk writes in another place, and says nothing of it.
    Misdirected,
    /// The operation succeeds, but takes long: see [`Work::slow`].
    Slow,
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Crash => Self::other("the simulated machine has crashed"),
            Fault::Full => Self::new(ErrorKind::StorageFull, "the simulated disk is full"),
            Fault::Error | Fault::Lost | Fault::Misdirected | Fault::Slow => {
                Self::other("simulated input/output error")
            }
        }
    }
}

/// What a disk was asked to do so far, so that its user can charge time for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Bytes in these writes.
    pub written_bytes: u64,
    /// Syncs of files and of directories.
    pub syncs: u64,
    /// Operations that took long.
    pub slow: u64,
}

/// What kind of operation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Writes so many bytes.
    Write(usize),
    /// Makes a file or lengthens it.
    Allocate,
    /// Makes bytes or names durable.
    Sync,
    /// Renames, removes or cuts.
    Change,
}

/// What an operation is told of the fault that it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Luck {
    /// It succeeds.
    Good,
    /// It fails, perhaps after part of it.
    Bad(Fault),
    /// It is lost, or strays, and nobody is told.
    Lost,
    Misdirected,
}

/// Counts operations and spoils some of them.
#[derive(Debug)]
pub(super) struct Plan {
    random: u64,
    /// Operations that change the disk, so far.
    pub(super) operations: u64,
    pub(super) work: Work,
    planned: BTreeMap<u64, Fault>,
    /// Faults that happened since the machine was started.
    pub(super) happened: u64,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: seed,
            operations: 0,
            work: Work::default(),
            planned: BTreeMap::new(),
            happened: 0,
        }
    }

    pub(super) fn add(&mut self, operation: u64, fault: Fault) {
        self.planned.insert(operation, fault);
    }

    /// Forgets what was planned and what happened.
    pub(super) fn clear(&mut self) {
        self.planned.clear();
        self.happened = 0;
    }

    /// Counts an operation and says how it goes: a fault strikes the first operation from the
    /// planned one on that it can strike.
    pub(super) fn begin(&mut self, kind: Kind) -> Luck {
        let number = self.operations;
        self.operations += 1;
        match kind {
            Kind::Write(bytes) => {
                self.work.writes += 1;
                self.work.written_bytes += crate::format::wide(bytes);
            }
            Kind::Sync => self.work.syncs += 1,
            Kind::Allocate | Kind::Change => {}
        }
        let mut due = self.planned.range(..=number);
        let due = due.find(|(_, fault)| fault.strikes(kind)).map(|(at, fault)| (*at, *fault));
        let Some((at, fault)) = due else {
            return Luck::Good;
        };
        self.planned.remove(&at);
        self.happened += 1;
        match fault {
            Fault::Crash | Fault::Error | Fault::Full => Luck::Bad(fault),
            Fault::Lost => Luck::Lost,
            Fault::Misdirected => Luck::Misdirected,
            Fault::Slow => {
                self.work.slow += 1;
                Luck::Good
            }
        }
    }

    /// Draws a number below `bound`, which is not zero.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound.max(1)
    }

    /// Draws how much an interruption leaves of what was under way: nothing, everything, or
    /// anything between.
    pub(super) fn share(&mut self) -> Share {
        Share(self.below(5))
    }

    /// Draws whether one part is among what is left.
    pub(super) fn keeps(&mut self, share: Share) -> bool {
        share.0 == 4 || self.below(4) < share.0
    }

    /// Draws the next number of the seed's row (SplitMix64).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// How many of four parts an interruption leaves, on average.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share(u64);

impl Fault {
    const fn strikes(self, kind: Kind) -> bool {
        match self {
            Self::Crash | Self::Error | Self::Slow => true,
            Self::Full => matches!(kind, Kind::Write(_) | Kind::Allocate),
            Self::Lost | Self::Misdirected => matches!(kind, Kind::Write(_)),
        }
    }
}
