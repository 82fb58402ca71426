//! What is asked about payments that have left the memory: answered from the archive, or brought
//! back first if a command may change them. The engine is always asked first.

use kessai_engine::terms::ids::{PaymentId, TerminalId};
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    ArchivedPayment, Lsn, Opening, PaymentState, Refund, Refunding, RequestDigest,
};

use super::{Around, Gateway};
use crate::simulation::judge::Violation;
use crate::simulation::shelf::Unreadable;

/// What the archive says, or that it says nothing now.
type Answer<T> = Result<Option<T>, Violation>;

impl Gateway {
    /// Whether only the archive can tell of an id for which the engine gave this refusal.
    pub(super) fn has_left(&self, id: &PaymentId, refusal: Reason) -> bool {
        matches!(refusal, Reason::PaymentUnknown | Reason::PaymentIdTooOld)
            && self.node.engine.is_archived(id)
    }

    /// Finds a payment in the archive; nothing while that cannot be read.
    fn find(
        &self,
        payment: &PaymentId,
    ) -> Result<Result<Option<ArchivedPayment>, Reason>, Violation> {
        match self.node.shelf.find(payment) {
            Ok(found) => Ok(Ok(found)),
            Err(Unreadable::Failed) => Ok(Err(Reason::Busy)),
            Err(Unreadable::Wrong(violation)) => Err(violation),
        }
    }

    /// Answers an open whose id is old.
    pub(super) fn open_archived(
        &self,
        payment: &PaymentId,
        terminal: &TerminalId,
        request: &RequestDigest,
    ) -> Result<Result<Opening, Reason>, Violation> {
        if let Some(refusal) = self.used_by_refund(payment)? {
            return Ok(Err(refusal));
        }
        Ok(self.find(payment)?.and_then(|found| match found {
            Some(found) => found.answer_open(terminal, request),
            None => Err(Reason::PaymentIdTooOld),
        }))
    }

    /// Whether an old id is a refund's.
    fn used_by_refund(&self, id: &PaymentId) -> Answer<Reason> {
        match self.node.shelf.holder(id) {
            Ok(holder) => Ok(holder.map(|_| Reason::PaymentIdReused)),
            Err(Unreadable::Failed) => Ok(Some(Reason::Busy)),
            Err(Unreadable::Wrong(violation)) => Err(violation),
        }
    }

    /// Finds a terminal's own payment in the archive, or says why there is none to be told of.
    pub(super) fn own_archived(
        &self,
        payment: &PaymentId,
        terminal: &TerminalId,
        refusal: Reason,
    ) -> Result<Result<ArchivedPayment, Reason>, Violation> {
        let own = |found: &ArchivedPayment| found.view().terminal == *terminal;
        Ok(self.find(payment)?.and_then(|found| found.filter(own).ok_or(refusal)))
    }

    /// Whether nothing can happen to an archived payment any more.
    pub(super) const fn is_over(archived: &ArchivedPayment) -> bool {
        !matches!(archived.view().state, PaymentState::Captured | PaymentState::Refunded)
    }

    /// Brings a payment back into memory.
    pub(super) fn recall(&self, archived: &ArchivedPayment) -> Result<Lsn, Reason> {
        let slot = self.slot().ok_or(Reason::Busy)?;
        self.node.engine.recall(archived, self.now_ms, slot)
    }

    /// Finds a customer's own payment in the archive.
    pub(super) fn answered_archived(
        &self,
        payment: &PaymentId,
        customer: usize,
        refusal: Reason,
        around: &Around<'_>,
    ) -> Result<Result<Opening, Reason>, Violation> {
        let customer = around.cast.customers.get(customer).copied();
        let own = |found: &ArchivedPayment| found.view().customer == customer;
        let found = self.find(payment)?;
        Ok(found.and_then(|found| Ok(found.filter(own).ok_or(refusal)?.repeat())))
    }

    /// Gives back a payment that has left the memory, or answers a refund that has.
    pub(super) fn refund_archived(
        &self,
        wish: &Refund,
        refusal: Reason,
        around: &Around<'_>,
    ) -> Result<Result<Refunding, Reason>, Violation> {
        let holder = match self.node.shelf.holder(&wish.refund) {
            Ok(holder) => holder.unwrap_or(wish.refund),
            Err(Unreadable::Failed) => return Ok(Err(Reason::Busy)),
            Err(Unreadable::Wrong(violation)) => return Err(violation),
        };
        match self.find(&holder)? {
            Err(reason) => return Ok(Err(reason)),
            Ok(Some(holder)) => return Ok(holder.answer_refund(wish)),
            Ok(None) if refusal == Reason::PaymentIdTooOld => return Ok(Err(refusal)),
            Ok(None) => {}
        }
        let merchant = around.cast.tills.iter().find(|till| till.id == wish.terminal);
        let merchant = merchant.map(|till| till.merchant);
        // Somebody else's payment does not come back to be refused.
        let own = |found: &ArchivedPayment| {
            found.view().terms.is_some_and(|terms| Some(terms.merchant) == merchant)
        };
        let found = match self.find(&wish.payment)? {
            Err(reason) => return Ok(Err(reason)),
            Ok(found) => found.filter(own),
        };
        let Some(found) = found else { return Ok(Err(refusal)) };
        if let Err(reason) = self.recall(&found) {
            return Ok(Err(reason));
        }
        let Some(slot) = self.slot() else { return Ok(Err(Reason::Busy)) };
        Ok(self.node.engine.refund(*wish, self.now_ms, slot))
    }
}
