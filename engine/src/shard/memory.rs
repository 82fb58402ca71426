//! What leaves the memory, what stays, and what is still proved of what has left.
//!
//! The floor is the rule: an id below it opens nothing new, so that a payment may go which only the
//! archive remembers. It is compared with ids, never with our clock's times: a terminal's clock may be
//! ahead of ours, and an id is refused or kept by its own time alone.

use std::collections::BTreeMap;

use kessai_terms::ids::PaymentId;
use kessai_terms::reason::Reason;
use serde::{Deserialize, Serialize};

use super::{Corrupt, Shard};
use crate::archived::ArchivedPayment;
use crate::payment::Payment;
use crate::planted::{self, Bug};
use crate::slot::Lsn;
use crate::state::PaymentState;

/// How many payments are looked at while the shard is locked: a few tens of microseconds.
const LOOKED_AT: usize = 64;

/// What is proved of the payments that have left: with what is here it adds up to what there would
/// be if none had left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Departed {
    /// The sum of the digests of their rows.
    pub(crate) digest: u128,
    /// How many stood in each state.
    pub(crate) states: BTreeMap<PaymentState, u64>,
}

impl Departed {
    fn take(&mut self, payment: &Payment) {
        self.digest = self.digest.wrapping_add(payment.digest());
        let count = self.states.entry(payment.view.state).or_default();
        *count = count.saturating_add(1);
    }

    /// Lets a payment come back.
    ///
    /// # Errors
    /// [`Corrupt::Payment`] if none has left that stands so.
    pub(super) fn give_back(&mut self, payment: &Payment) -> Result<(), Corrupt> {
        let none = Corrupt::Payment(payment.view.payment);
        let Some(count) = self.states.get_mut(&payment.view.state) else { return Err(none) };
        *count = count.checked_sub(1).ok_or(none)?;
        self.digest = self.digest.wrapping_sub(payment.digest());
        Ok(())
    }
}

/// What one look at a shard brought.
#[derive(Debug, Default)]
pub(crate) struct Evicted {
    /// How many payments have left.
    pub(crate) payments: usize,
    /// Their ids and those of their refunds.
    pub(crate) ids: Vec<PaymentId>,
    /// Where in the timeline to go on; none if the rest stays for now.
    pub(crate) next: Option<usize>,
}

impl Shard {
    /// Refuses an id that is not known here and is too old to be new.
    pub(super) fn check_floor(&self, id: &PaymentId) -> Result<(), Reason> {
        if id.unix_ms() < self.floor_ms { Err(Reason::PaymentIdTooOld) } else { Ok(()) }
    }

    /// Raises the floor; it never falls.
    pub(crate) fn raise_floor(&mut self, floor_ms: u64) {
        self.floor_ms = self.floor_ms.max(floor_ms);
    }

    /// Drops payments that nothing keeps here, looking at a few from `place` of the timeline on, and
    /// at most `limit`.
    ///
    /// A shard that is being copied drops none: the copy goes along the same timeline.
    pub(crate) fn evict(&mut self, archived: Lsn, place: usize, limit: usize) -> Evicted {
        let mut evicted = Evicted::default();
        if self.cut.is_some() {
            return evicted;
        }
        let floor_ms = self.floor_ms;
        let old = self.timeline.partition_point(|(at_ms, _)| *at_ms < floor_ms);
        let end = place.saturating_add(limit.min(LOOKED_AT)).min(old);
        let mut kept = Vec::new();
        let mut looked_at = place;
        while looked_at < end {
            let Some(&(at_ms, id)) = self.timeline.get(looked_at) else { break };
            let Some(payment) = self.payments.get(&id) else { break };
            if payment.view.after > archived {
                // What the archive has not synced yet is followed by more of the kind.
                break;
            }
            if payment.may_leave(floor_ms) {
                self.drop_payment(id, &mut evicted);
            } else {
                kept.push((at_ms, id));
            }
            looked_at = looked_at.saturating_add(1);
        }
        self.timeline.drain(place..looked_at.max(place));
        let next = place.saturating_add(kept.len());
        for entry in kept.into_iter().rev() {
            self.timeline.insert(place, entry);
        }
        evicted.next = (looked_at == end && end < old).then_some(next);
        evicted
    }

    /// Refuses to take back what cannot have left.
    pub(crate) fn check_recall(&self, archived: &ArchivedPayment) -> Result<(), Reason> {
        let view = archived.view();
        let is_here = view.customer.is_some_and(|payer| self.customers.seat(&payer).is_some());
        let has_left = self.departed.states.get(&view.state).is_some_and(|count| *count > 0);
        let mut refunds = archived.refunds().iter();
        let is_whole = refunds.all(|made| !self.refunds.contains_key(&made.refund));
        if is_here && has_left && is_whole { Ok(()) } else { Err(Reason::PaymentUnknown) }
    }

    fn drop_payment(&mut self, id: PaymentId, evicted: &mut Evicted) {
        let Some(payment) = self.payments.remove(&id) else { return };
        self.departed.take(&payment);
        evicted.payments = evicted.payments.saturating_add(1);
        evicted.ids.push(id);
        for made in &payment.refunds {
            self.refunds.remove(&made.refund);
            evicted.ids.push(made.refund);
        }
    }
}

impl Payment {
    /// Says whether nothing keeps it in memory once the archive has it: it has ended, a while ago,
    /// and none of the ids that it used could be taken for new.
    fn may_leave(&self, floor_ms: u64) -> bool {
        let waits = matches!(self.view.state, PaymentState::Pending | PaymentState::Authorised);
        let off = planted::is(Bug::FloorOffByTolerance);
        let refunds = self.refunds.iter().map(|made| made.refund.unix_ms());
        let mut ids = std::iter::once(self.view.payment.unix_ms()).chain(refunds);
        !waits && self.touched_ms < floor_ms && ids.all(|id_ms| id_ms < floor_ms || off)
    }
}
