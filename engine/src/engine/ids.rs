//! The one index of used ids: payments and refunds share them, and none is used twice.
//!
//! No guard of it is held while a shard is locked, so that what it says may be a moment ahead of the
//! shards: an id is entered before its shard knows it.

use std::sync::atomic::Ordering;

use kessai_terms::ids::{PaymentId, TerminalId};
use kessai_terms::reason::Reason;

use super::Engine;
use crate::command::Opening;
use crate::record::Unit;
use crate::sync::SharedEntry::{Occupied, Vacant};

/// What an id is used for, and the shard that knows it, or will in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A payment: opened, declined or called off.
    Payment(Unit),
    /// A refund.
    Refund(Unit),
}

impl Engine {
    pub(super) fn used(&self, id: &PaymentId) -> Option<Use> {
        self.ids.get(id).map(|used| *used)
    }

    /// The shard that knows a payment.
    pub(super) fn unit_of(&self, payment: &PaymentId) -> Option<Unit> {
        match self.used(payment)? {
            Use::Payment(unit) => Some(unit),
            Use::Refund(_) => None,
        }
    }

    /// Says that an id is used so from now on; false if it is used otherwise.
    ///
    /// Two opens of the same payment may both come through: whichever finds the other in the shard
    /// answers alike.
    pub(super) fn enter(&self, id: PaymentId, wanted: Use) -> bool {
        let entered = *self.ids.entry(id).or_insert_with(|| {
            self.id_count.fetch_add(1, Ordering::Relaxed);
            wanted
        });
        entered == wanted
    }

    /// Takes a free id for a refund in `unit`. Whoever takes it is the only one to use it, and
    /// gives it back if nothing comes of the refund.
    pub(super) fn claim(&self, refund: PaymentId, unit: Unit) -> bool {
        match self.ids.entry(refund) {
            Vacant(free) => {
                free.insert(Use::Refund(unit));
                self.id_count.fetch_add(1, Ordering::Relaxed);
                true
            }
            Occupied(_) => false,
        }
    }

    /// Passes an answer on. Where nothing came of a cancel because its id was too old, the index
    /// need not lead to it.
    pub(super) fn overtaken_or_forgotten(
        &self,
        answer: Result<Opening, Reason>,
        payment: &PaymentId,
        unit: Unit,
    ) -> Result<Opening, Reason> {
        if matches!(answer, Err(Reason::PaymentUnknown)) && self.check_floor(payment).is_err() {
            self.forget(payment, unit);
        }
        answer
    }

    /// Takes an id out of the index that nothing was recorded under, or whose payment has left.
    pub(super) fn disclaim(&self, id: &PaymentId) {
        if self.ids.remove(id).is_some() {
            self.id_count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The shard of a payment that `terminal` calls off; one not opened yet is known from now on,
    /// and counts against the memory like any other.
    pub(super) fn overtake(
        &self,
        payment: PaymentId,
        terminal: &TerminalId,
        now_ms: u64,
    ) -> Result<Unit, Reason> {
        if let Some(used) = self.used(&payment) {
            return overtaken(used);
        }
        self.check_floor(&payment).map_err(|_too_old| Reason::PaymentUnknown)?;
        self.register.read().place(terminal).ok_or(Reason::TerminalUnknown)?;
        self.check_room()?;
        self.check_id_time(&payment, now_ms)?;
        let unit = self.layout.unit(payment.as_bytes());
        if self.enter(payment, Use::Payment(unit)) {
            return Ok(unit);
        }
        self.used(&payment).ok_or(Reason::Busy).and_then(overtaken)
    }
}

/// A refund's id names no payment that could be called off.
const fn overtaken(used: Use) -> Result<Unit, Reason> {
    match used {
        Use::Payment(unit) => Ok(unit),
        Use::Refund(_) => Err(Reason::PaymentUnknown),
    }
}
