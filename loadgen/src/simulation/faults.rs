//! Which faults a seed has. Each class is there with probability one half, so that every
//! combination is met; how much of it there is, is drawn as well.
//!
//! The ranges are those that TigerBeetle's VOPR draws from, where it has the fault.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::Serialize;

use super::chance::{Chance, Of};

/// A kind of misfortune.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A message does not arrive.
    MessageLost,
    /// A message arrives more than once.
    MessageRepeated,
    /// A message takes long, so that others overtake it.
    MessageDelayed,
    /// A connection breaks with all that is under way on it.
    LineBroken,
    /// The process is killed between two writes.
    Killed,
    /// The machine stops in the middle of a write or sync: of what was not synced, any sectors are
    /// there.
    PowerLost,
    /// The machine stops while the journal is recovered.
    CrashedInRecovery,
    /// A write or sync fails.
    IoError,
    /// The disk is full.
    DiskFull,
    /// The disk takes up to a second for a batch.
    DiskSlow,
    /// A bit changes that was durable.
    BitFlipped,
    /// The disk says that it has written, and has not.
    WriteLost,
    /// The disk writes elsewhere.
    WriteMisdirected,
    /// A clock is set.
    ClockJumped,
    /// A customer types another password.
    PasswordWrong,
    /// A customer answers when the time is over.
    AnsweredLate,
    /// A terminal calls off or takes back what the customer is about to approve.
    CancelRaced,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::MessageLost,
        Self::MessageRepeated,
        Self::MessageDelayed,
        Self::LineBroken,
        Self::Killed,
        Self::PowerLost,
        Self::CrashedInRecovery,
        Self::IoError,
        Self::DiskFull,
        Self::DiskSlow,
        Self::BitFlipped,
        Self::WriteLost,
        Self::WriteMisdirected,
        Self::ClockJumped,
        Self::PasswordWrong,
        Self::AnsweredLate,
        Self::CancelRaced,
    ];

    /// How often it may happen where it happens at all, in per cent of its chances: of messages,
    /// of decisions, of the machine's bad moments.
    const fn range(self) -> RangeInclusive<u64> {
        match self {
            Self::MessageLost => 1..=30,
            Self::MessageRepeated => 1..=50,
            Self::MessageDelayed => 1..=30,
            Self::LineBroken => 1..=10,
            Self::DiskSlow => 1..=20,
            Self::CrashedInRecovery => 10..=60,
            Self::BitFlipped | Self::WriteLost | Self::WriteMisdirected => 5..=50,
            Self::Killed | Self::PowerLost | Self::IoError | Self::DiskFull => 10..=100,
            Self::ClockJumped => 5..=30,
            Self::PasswordWrong => 5..=50,
            Self::AnsweredLate | Self::CancelRaced => 5..=40,
        }
    }
}

/// How many faults of each kind there were.
pub(super) type FaultCounts = BTreeMap<Fault, u64>;

/// The faults of one seed: how likely each is, and how many there were.
#[derive(Debug)]
pub(super) struct Faults {
    per_cent: BTreeMap<Fault, u64>,
    counts: FaultCounts,
    healed: bool,
}

impl Faults {
    /// Draws the faults of a seed.
    pub(super) fn draw(seed: u64) -> Self {
        let mut chance = Chance::new(seed, Of::Plan);
        let mut per_cent = BTreeMap::new();
        for fault in Fault::ALL {
            let often = chance.between(fault.range());
            if chance.coin() {
                per_cent.insert(fault, often);
            }
        }
        Self { per_cent, counts: FaultCounts::new(), healed: false }
    }

    /// No faults at all.
    pub(super) const fn none() -> Self {
        Self { per_cent: BTreeMap::new(), counts: FaultCounts::new(), healed: true }
    }

    /// Whether `fault` can happen at all.
    pub(super) fn has(&self, fault: Fault) -> bool {
        !self.healed && self.per_cent.contains_key(&fault)
    }

    /// Decides whether `fault` happens now, and counts it.
    pub(super) fn strikes(&mut self, fault: Fault, chance: &mut Chance) -> bool {
        let per_cent = self.per_cent.get(&fault).copied().unwrap_or(0);
        // Drawn in any case, so that the streams do not depend on what is healed.
        let struck = chance.per_cent(per_cent) && !self.healed;
        if struck {
            self.count(fault);
        }
        struck
    }

    /// Counts a fault that was decided elsewhere.
    pub(super) fn count(&mut self, fault: Fault) {
        let count = self.counts.entry(fault).or_default();
        *count = count.saturating_add(1);
    }

    /// From now on nothing goes wrong any more.
    pub(super) const fn heal(&mut self) {
        self.healed = true;
    }

    pub(super) fn into_counts(self) -> FaultCounts {
        self.counts
    }
}
