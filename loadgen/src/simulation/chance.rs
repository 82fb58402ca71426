//! Where everything that a simulated run does by chance comes from: a stream for each purpose, so
//! that a change of one leaves the others as they were.

use std::ops::RangeInclusive;

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use crate::seeds::{Purpose, stream};

/// What a stream decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Which faults a seed has, and how much of each.
    Plan,
    /// When the machine stops, and what its disks do.
    Machine,
    /// What becomes of messages.
    Bus,
    /// The gateway's nonces and seeds.
    Gateway,
    /// What the processor does.
    Processor,
    /// What a till and its clerk do.
    Till(usize),
    /// What a handset and its owner do.
    Phone(usize),
}

impl Of {
    fn number(self) -> u64 {
        let (kind, number) = match self {
            Self::Plan => (0, 0),
            Self::Machine => (1, 0),
            Self::Bus => (2, 0),
            Self::Gateway => (3, 0),
            Self::Processor => (4, 0),
            Self::Till(number) => (5, number),
            Self::Phone(number) => (6, number),
        };
        (kind << 32) | u64::try_from(number).unwrap_or(u64::MAX >> 32)
    }
}

/// One stream of chance.
#[derive(Debug)]
pub(super) struct Chance(ChaCha8Rng);

impl Chance {
    pub(super) fn new(seed: u64, of: Of) -> Self {
        Self(stream(seed, Purpose::Simulation, of.number()))
    }

    /// Draws a number of the range.
    pub(super) fn between(&mut self, range: RangeInclusive<u64>) -> u64 {
        self.0.random_range(range)
    }

    /// Draws a place among `count`, which is above 0.
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// Says yes so many times of a hundred.
    pub(super) fn per_cent(&mut self, per_cent: u64) -> bool {
        self.0.random_range(0..100) < per_cent
    }

    /// Says yes every second time.
    pub(super) fn coin(&mut self) -> bool {
        self.per_cent(50)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}
