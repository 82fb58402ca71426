//! What is in memory and what is not: the floor, leaving, and coming back.

use std::sync::atomic::Ordering;

use kessai_terms::ids::PaymentId;
use kessai_terms::reason::Reason;

use super::Engine;
use super::ids::Use;
use crate::archived::ArchivedPayment;
use crate::record::{Record, Unit};
use crate::slot::{Lsn, Slot};

/// More than any archive holds: stands for the last record of a recovery whose end was not told.
const NOT_KNOWN: u64 = u64::MAX;

/// Moves payments out of memory and back, one mover at a time: an id that has just left the index
/// must not belong to a payment that has just come back.
///
/// Its lock is the only one under which a shard is locked, and no command waits for it while it
/// holds a shard.
#[derive(Debug, Default)]
pub(super) struct Mover {
    /// The shard whose turn it is to let payments go.
    turn: usize,
}

impl Engine {
    /// The id time below which memory is not complete: such an id opens nothing new.
    ///
    /// # Units
    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn memory_floor_ms(&self) -> u64 {
        self.floor_ms.load(Ordering::Acquire)
    }

    /// Counts the ids of payments and refunds in memory.
    #[must_use]
    pub fn ids_in_memory(&self) -> usize {
        self.id_count.load(Ordering::Relaxed)
    }

    /// Says whether only the archive can know an id: it is below the floor and not in memory.
    ///
    /// Ask it after a command was refused as [`Reason::PaymentUnknown`] or
    /// [`Reason::PaymentIdTooOld`], not before: a payment may leave in between.
    #[must_use]
    pub fn is_archived(&self, id: &PaymentId) -> bool {
        id.unix_ms() < self.memory_floor_ms() && !self.ids.contains_key(id)
    }

    /// Ends recovery, which went as far as `latest`: what was recovered depends on nothing that still
    /// has to become durable, but the archive may not have it yet.
    ///
    /// Until it is called nothing that was loaded or replayed leaves memory: entries do not tell their
    /// places in the journal, so that nobody else could say when the archive has them.
    pub fn recovered_upto(&self, latest: Lsn) {
        self.recovered.store(latest.0, Ordering::Release);
    }

    /// Begins recovery, or goes on with it.
    pub(super) fn note_recovery(&self) {
        self.recovered.store(NOT_KNOWN, Ordering::Release);
    }

    /// Raises the floor to `floor_ms` in every shard, then drops up to `limit` payments that nothing
    /// keeps in memory; tells how many went.
    ///
    /// A payment goes if it has ended, its id and those of its refunds are below the floor, no
    /// record has touched it since the floor's time, and the archive has synced all its records, the
    /// last of which is at most `archived`; none goes before the archive has all that was recovered,
    /// nor before it is known how much that is ([`Engine::recovered_upto`]). Shards take turns, so
    /// that a low limit reaches all of them. Nothing is journalled: neither state hash nor books
    /// change.
    ///
    /// The floor is a time of *ids*, which may be ahead of the clock by as much as the rules bear.
    pub fn evict(&self, floor_ms: u64, archived: Lsn, limit: usize) -> usize {
        self.mover.with(|mover| {
            self.raise_floor(floor_ms);
            if archived.0 < self.recovered.load(Ordering::Acquire) {
                return 0;
            }
            let mut gone = 0_usize;
            for _ in 0..self.shards.len() {
                let unit = Unit(u16::try_from(mover.turn).unwrap_or(0).saturating_add(1));
                gone = gone.saturating_add(self.evict_from(
                    unit,
                    archived,
                    limit.saturating_sub(gone),
                ));
                if gone >= limit {
                    break;
                }
                mover.turn =
                    mover.turn.saturating_add(1).checked_rem(self.shards.len()).unwrap_or(0);
            }
            gone
        })
    }

    /// Every shard has the floor before any payment leaves.
    pub(super) fn raise_floor(&self, floor_ms: u64) {
        if self.floor_ms.fetch_max(floor_ms, Ordering::AcqRel) < floor_ms {
            for shard in &self.shards {
                shard.with(|shard| shard.raise_floor(floor_ms));
            }
        }
    }

    fn evict_from(&self, unit: Unit, archived: Lsn, limit: usize) -> usize {
        let mut gone = 0_usize;
        let mut place = Some(0);
        while let Some(from) = place.filter(|_| gone < limit) {
            let left = limit.saturating_sub(gone);
            let evicted = self.shard(unit).with(|shard| shard.evict(archived, from, left));
            for id in &evicted.ids {
                self.disclaim(id);
            }
            gone = gone.saturating_add(evicted.payments);
            place = evicted.next;
        }
        gone
    }

    /// Brings an ended payment back into memory, whole, so that it can be given or taken back; it
    /// stays there as long as one that has just ended. One that is in memory is left as it is.
    ///
    /// # Errors
    /// [`Reason::StateForbids`] if it has not ended or nobody was to pay it,
    /// [`Reason::PaymentUnknown`] if it cannot have left this engine's memory, [`Reason::Busy`] if
    /// memory is full.
    pub fn recall<S: Slot>(
        &self,
        archived: &ArchivedPayment,
        now_ms: u64,
        slot: S,
    ) -> Result<Lsn, Reason> {
        let payment = archived.view().payment;
        let Some(customer) = archived.view().customer.filter(|_| archived.is_whole()) else {
            return Err(Reason::StateForbids);
        };
        let unit = self.layout.unit(customer.as_str().as_bytes());
        self.mover.with(|_| {
            self.check_room()?;
            let after = self.shard(unit).with(|shard| {
                if let Some(here) = shard.payments.get(&payment) {
                    return Ok::<_, Reason>(here.view.after);
                }
                shard.check_recall(archived)?;
                let record = Record::Recalled(Box::new(archived.row().clone()));
                Ok(shard.commit(record, self.env(now_ms), slot))
            })?;
            self.enter(payment, Use::Payment(unit));
            for made in archived.refunds() {
                self.enter(made.refund, Use::Refund(unit));
            }
            Ok(after)
        })
    }

    /// Takes back an id that was entered for a payment which its shard then refused as too old, unless
    /// the shard knows it after all.
    pub(super) fn forget(&self, payment: &PaymentId, unit: Unit) {
        self.mover.with(|_| {
            if !self.shard(unit).with(|shard| shard.payments.contains_key(payment)) {
                self.disclaim(payment);
            }
        });
    }
}
