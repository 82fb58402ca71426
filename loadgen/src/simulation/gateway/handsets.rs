//! What handsets ask: to be asked and told from now on, to approve, to call off.

use kessai_engine::terms::collation::{Proof, Signature};
use kessai_engine::terms::ids::PaymentId;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{Claim, Collated, Freshness, Lsn, Opening, PaymentView, Way};

use super::effects::Effect;
use super::{Around, Gateway};
use crate::simulation::judge::{Prover, Violation};
use crate::simulation::message::{Address, Answer, Standpoint, Tell};

impl Gateway {
    /// A handset is there: it is told what it has missed, and asked what waits for it.
    pub(super) fn attach(
        &mut self,
        from: Address,
        phone: usize,
        seen: u64,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        self.attached.insert(phone, from.line);
        let owner = around.cast.phone(phone);
        let owed = self.node.engine.owed(&owner.customer_id, &owner.device, seen);
        let owed = owed.map_err(|reason| Violation::new(format!("not attached: {reason:?}")))?;
        let judge = self.judged(around);
        judge.attached(owner.customer, &owed)?;
        let basis = judge.basis_of_customer(owner.customer);
        let attached = Tell::Attached { latest: owed.latest };
        self.after(owed.after, basis, Effect::Tell(from, attached), around)?;
        let mut notices = owed.notices;
        for (_, payment) in owed.archived {
            let found = self.answered_archived(&payment, owner.customer, Reason::Busy, around)?;
            notices.extend(found.map(|found| found.view));
        }
        for view in notices {
            let (to, after) = (Address { request: 0, ..from }, view.after.max(owed.after));
            let tell = Tell::Payment(Standpoint::from(&view));
            let basis = around.judge.basis(&view.payment);
            self.after(after, basis, Effect::Tell(to, tell), around)?;
        }
        for payment in owed.prompts {
            self.after(owed.after, basis, Effect::AskPhone(payment, phone), around)?;
        }
        Ok(())
    }

    /// A proof is collated; the answer tells what came of it.
    pub(super) fn prove(
        &mut self,
        from: Address,
        phone: usize,
        answer: &Answer,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let Some(slot) = self.slot() else {
            return self.tell(from, Tell::Refused(Reason::Busy), Lsn::NONE, around);
        };
        let owner = around.cast.phone(phone);
        let claim = Claim {
            payment: answer.payment,
            customer: owner.customer_id,
            device: owner.device,
            channel: owner.channel(from.line),
            server_nonce: answer.server_nonce,
            handset_nonce: answer.handset_nonce,
            proof: Proof(answer.proof),
            way: answer.tag.map_or(Way::Own, |tag| Way::Hub { tag: Signature(tag) }),
            answered_at_ms: self.now_ms,
            shown_at_ms: None,
        };
        let next = Self::nonce(around);
        let found = self.node.engine.collate(&claim, next, self.now_ms, slot);
        if let Err(refusal) = &found
            && self.node.engine.is_archived(&answer.payment)
        {
            return self.answer_archived(from, (answer.payment, phone), *refusal, around);
        }
        let (cast, by) = (around.cast, Prover { phone, line: from.line });
        self.judged(around).proved(by, (answer, next), cast, &found)?;
        let payment = answer.payment;
        match found {
            Err(reason) => self.refuse_phone(from, owner.customer, reason, around),
            Ok(
                Collated::Approved { view, .. }
                | Collated::Declined { view, .. }
                | Collated::Ended { view, freshness: Freshness::First },
            ) => {
                self.answer_phone(from, &view, around)?;
                self.changed(view, Some(phone), around)
            }
            Ok(Collated::Ended { view, freshness: Freshness::Repeat }) => {
                self.answer_phone(from, &view, around)
            }
            Ok(Collated::Mismatched { view, nonce, tries_left, .. }) => {
                let tell = Tell::TryAgain { payment, nonce, tries_left };
                let basis = around.judge.basis(&payment);
                self.after(view.after, basis, Effect::Tell(from, tell), around)
            }
            Ok(Collated::Stale { nonce }) => {
                let tell = Tell::Stale { payment, nonce };
                let (after, basis) = self.latest_of(owner.customer, around);
                self.after(after, basis, Effect::Tell(from, tell), around)
            }
        }
    }

    /// The customer calls a payment off.
    pub(super) fn refuse(
        &mut self,
        from: Address,
        phone: usize,
        payment: PaymentId,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let Some(slot) = self.slot() else {
            return self.tell(from, Tell::Refused(Reason::Busy), Lsn::NONE, around);
        };
        let owner = around.cast.phone(phone);
        let (id, now_ms) = (owner.customer_id, self.now_ms);
        let found = self.node.engine.cancel_by_customer(payment, id, now_ms, slot);
        let found = match found {
            Err(refusal) if self.has_left(&payment, refusal) => {
                self.answered_archived(&payment, owner.customer, refusal, around)?
            }
            found => found,
        };
        if matches!(found, Err(Reason::Busy)) {
            return self.tell(from, Tell::Refused(Reason::Busy), Lsn::NONE, around);
        }
        self.judged(around).refused(&payment, owner.customer, &found)?;
        match found {
            Err(reason) => self.refuse_phone(from, owner.customer, reason, around),
            Ok(Opening { view, freshness, .. }) => {
                self.answer_phone(from, &view, around)?;
                match freshness {
                    Freshness::First => self.changed(view, Some(phone), around),
                    Freshness::Repeat => Ok(()),
                }
            }
        }
    }

    /// Tells a handset how a payment ended that has left the memory.
    fn answer_archived(
        &mut self,
        from: Address,
        (payment, phone): (PaymentId, usize),
        refusal: Reason,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let customer = around.cast.phone(phone).customer;
        let found = self.answered_archived(&payment, customer, refusal, around)?;
        if matches!(found, Err(Reason::Busy)) {
            return self.tell(from, Tell::Refused(Reason::Busy), Lsn::NONE, around);
        }
        self.judged(around).proved_late(&payment, customer, &found)?;
        match found {
            Ok(Opening { view, .. }) => self.answer_phone(from, &view, around),
            Err(reason) => self.refuse_phone(from, customer, reason, around),
        }
    }

    fn answer_phone(
        &mut self,
        from: Address,
        view: &PaymentView,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let tell = Tell::Payment(Standpoint::from(view));
        let basis = around.judge.basis(&view.payment);
        self.after(view.after, basis, Effect::Tell(from, tell), around)
    }

    /// A refusal can tell how the customer stands: a crash must not give back a guess.
    fn refuse_phone(
        &mut self,
        from: Address,
        customer: usize,
        reason: Reason,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let (after, basis) = self.latest_of(customer, around);
        self.after(after, basis, Effect::Tell(from, Tell::Refused(reason)), around)
    }

    /// The last record that changed a customer, as the engine and as the judge have it.
    fn latest_of(&self, customer: usize, around: &Around<'_>) -> (Lsn, Lsn) {
        let id = around.cast.customers.get(customer);
        let found = id.and_then(|id| self.node.engine.customer(id));
        let after = found.map_or(Lsn::NONE, |found| found.after);
        (after, around.judge.basis_of_customer(customer))
    }
}
