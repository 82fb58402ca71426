//! The engine's only way out: a place in the journal's queue, reserved before the lock.

use crate::record::Entry;

/// The place of a record in the journal, counted from 1 in the order in which records were queued.
///
/// `Lsn::NONE` stands for "depends on nothing that still has to become durable".
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Lsn(pub u64);

impl Lsn {
    /// Precedes every record: whatever depends on it may be told at once.
    pub const NONE: Self = Self(0);
}

/// One reserved place in the journal's queue.
///
/// It is taken before a shard is locked, so that under the lock [`Slot::push`] can neither block
/// nor fail. Dropping a slot that was not used gives its place back.
pub trait Slot {
    /// Queues `entry` behind everything queued before, and says where it will stand.
    ///
    /// The caller holds the lock of `entry.unit`, so that the order in the queue is the order of
    /// [`Entry::sequence`] within each unit.
    fn push(self, entry: Entry) -> Lsn;
}
