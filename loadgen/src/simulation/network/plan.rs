//! What goes wrong in a seed, and when: each kind with probability one half, so that every
//! combination is met.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::cast::MACHINES;
use super::phone::Mind;
use super::till::Manner;
use crate::simulation::chance::{Chance, Of};

/// Until when things go wrong. Everybody is enrolled before the first can.
pub(super) const FAULTY: Duration = Duration::from_secs(40);

/// When the first thing can go wrong.
const CALM_MS: u64 = 1_000;

/// How many datagrams do not arrive, or arrive twice, in per cent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) lost_per_cent: u64,
    pub(super) repeated_per_cent: u64,
}

/// How the gateway comes to its end, to be started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stop {
    /// By the operator: what was decided is told first.
    Asked,
    /// Like that; what was written is with the system.
    Killed,
    /// With the machine: what was not synced may be there or not.
    PowerLost,
    /// With the machine, in the middle of a write or sync: so many operations of the disk later.
    PowerLostIn(u64),
}

/// Something that happens at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    /// The gateway ends.
    Stop(Stop),
    /// Nothing gets through between this machine and the gateway.
    Part(usize),
    /// Everything does again.
    Join(usize),
}

/// What goes wrong in a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) loss: Loss,
    /// The longest that a datagram takes.
    pub(super) latency: Duration,
    /// How long the disk takes for a batch, in milliseconds.
    pub(super) batch_ms: RangeInclusive<u64>,
    /// Whether the disk fails while the journal is recovered, sometimes.
    pub(super) crash_in_recovery_per_cent: u64,
    /// How far the machine's clock may be ahead after a start.
    pub(super) clock_ahead_ms: u64,
    /// Whether handsets and tills come to have other addresses, and how often.
    pub(super) moves_every: Option<Duration>,
    /// What happens when, in the order of its time.
    pub(super) mishaps: Vec<(Duration, Mishap)>,
    /// How every purchase goes, if that is not left to chance.
    pub(super) manner: Option<Manner>,
    /// What every customer does, if that is not left to chance.
    pub(super) mind: Option<Mind>,
}

impl Plan {
    /// Draws the plan of a seed.
    pub(super) fn draw(seed: u64) -> Self {
        let chance = &mut Chance::new(seed, Of::Plan);
        let lost_per_cent = sometimes(chance, 1..=20).unwrap_or(0);
        let repeated_per_cent = sometimes(chance, 1..=20).unwrap_or(0);
        let latency = Duration::from_millis(sometimes(chance, 40..=250).unwrap_or(20));
        let slowest_ms = sometimes(chance, 20..=400).unwrap_or(4);
        let crash_in_recovery_per_cent = sometimes(chance, 10..=60).unwrap_or(0);
        let clock_ahead_ms = sometimes(chance, 1..=30_000).unwrap_or(0);
        let moves_every = sometimes(chance, 1_500..=8_000).map(Duration::from_millis);
        let mut mishaps = Vec::new();
        for _ in 0..sometimes(chance, 1..=5).unwrap_or(0) {
            let from = instant(chance);
            let until = from + Duration::from_millis(chance.between(200..=15_000));
            let machine = chance.below(MACHINES);
            mishaps.extend([(from, Mishap::Part(machine)), (until, Mishap::Join(machine))]);
        }
        for _ in 0..sometimes(chance, 1..=6).unwrap_or(0) {
            let stop = match chance.below(5) {
                0 => Stop::Asked,
                1 => Stop::Killed,
                2 => Stop::PowerLost,
                _ => Stop::PowerLostIn(chance.between(0..=6)),
            };
            mishaps.push((instant(chance), Mishap::Stop(stop)));
        }
        mishaps.sort_by_key(|(at, _)| *at);
        Self {
            loss: Loss { lost_per_cent, repeated_per_cent },
            latency,
            batch_ms: 1..=slowest_ms,
            crash_in_recovery_per_cent,
            clock_ahead_ms,
            moves_every,
            mishaps,
            manner: None,
            mind: None,
        }
    }

    /// Nothing goes wrong: what a case adds is all.
    #[cfg(test)]
    pub(super) fn calm() -> Self {
        Self {
            loss: Loss::default(),
            latency: Duration::from_millis(20),
            batch_ms: 1..=4,
            crash_in_recovery_per_cent: 0,
            clock_ahead_ms: 0,
            moves_every: None,
            mishaps: Vec::new(),
            manner: None,
            mind: None,
        }
    }
}

/// Draws a number of the range every second time. It is drawn in any case, so that one kind of
/// mishap does not change the others.
fn sometimes(chance: &mut Chance, range: RangeInclusive<u64>) -> Option<u64> {
    let drawn = chance.between(range);
    chance.coin().then_some(drawn)
}

fn instant(chance: &mut Chance) -> Duration {
    let faulty_ms = u64::try_from(FAULTY.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(chance.between(CALM_MS..=faulty_ms))
}
