//! Which shard holds what.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::record::Unit;

/// How the state is laid out: fixed when a data directory is made, for customers never move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    shards: u16,
    seed: [u8; 16],
}

/// The most shards that an engine can have.
pub const MAX_SHARDS: u16 = 4096;

impl Layout {
    /// Lays the state out over `shards`, by a hash seeded with `seed`.
    ///
    /// Gives nothing unless `shards` is a power of two up to [`MAX_SHARDS`].
    #[must_use]
    pub const fn new(shards: u16, seed: [u8; 16]) -> Option<Self> {
        if shards.is_power_of_two() && shards <= MAX_SHARDS {
            Some(Self { shards, seed })
        } else {
            None
        }
    }

    /// Says how many shards there are.
    #[must_use]
    pub const fn shards(&self) -> u16 {
        self.shards
    }

    /// Finds the shard of whatever has this name.
    pub(super) fn unit(&self, name: &[u8]) -> Unit {
        let mut hasher = SipHasher13::new_with_key(&self.seed);
        hasher.write(name);
        let mask = u64::from(self.shards).saturating_sub(1);
        let place = u16::try_from(hasher.finish() & mask).unwrap_or(0);
        Unit(place.saturating_add(1))
    }
}
