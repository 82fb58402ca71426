//! What handsets ask: to be asked and told from now on, to approve, to call off, to show a code.

use std::sync::Arc;

use dashmap::Entry;
use kessai_engine::terms::collation::ChannelBinding;
use kessai_engine::terms::{PaymentId, Reason};
use kessai_engine::{Claim, Collated, Freshness, Lsn, Opening, Owed, PaymentView};
use kessai_wire::limits::MAX_RECENT;
use kessai_wire::{
    Answer, CloseCode, Handset, PresentedCode, ProofResult, Prove, SignedNotice, Verdict,
};

use super::Dispatch;
use super::archived::Question;
use super::effects::Effect;
use crate::entropy::draw;
use crate::reply::Reply;
use crate::session::Way;

impl Dispatch {
    /// A handset is there: from now on it is asked and told over this way, beginning with what it
    /// has missed since notice number `seen`.
    pub(crate) fn attach(&self, handset: Handset, way: Way, seen: u64, reply: Reply) {
        let connection = way.connection;
        // Attached first, then asked what is owed: what comes between the two is told twice rather
        // than never.
        let before = self.attached.insert(handset, way);
        if let Some(before) = before.filter(|way| way.connection != connection && way.is_own()) {
            before.pushes.close(CloseCode::Superseded);
        }
        self.tell_owed(handset, connection, seen, reply);
    }

    /// A handset attaches as it did before on this connection of a hub, or the hub repeats what it
    /// heard then: the two look alike, so it does not take over from where the handset went since.
    pub(crate) fn attach_again(&self, handset: Handset, way: Way, seen: u64, reply: Reply) {
        let connection = way.connection;
        let is_elsewhere = match self.attached.entry(handset) {
            Entry::Occupied(there) if there.get().connection != connection => true,
            entry => {
                entry.insert(way);
                false
            }
        };
        if is_elsewhere {
            return reply.refuse(Reason::Busy);
        }
        self.tell_owed(handset, connection, seen, reply);
    }

    /// Answers a handset that has attached, and sends after it what it has missed.
    fn tell_owed(&self, handset: Handset, connection: u64, seen: u64, reply: Reply) {
        match self.engine.owed(&handset.customer, &handset.device, seen) {
            Err(reason) => {
                self.detach(&handset, connection);
                reply.refuse(reason);
            }
            Ok(owed) if owed.archived.is_empty() => self.owe(handset, owed, reply),
            Ok(owed) => {
                let owed = Box::new(owed);
                self.look_up(Question::Attach { handset, connection, owed, reply });
            }
        }
    }

    /// Answers a handset that has attached: what it has missed comes after the answer, in order.
    pub(super) fn owe(&self, handset: Handset, owed: Owed, reply: Reply) {
        let answer = Answer::Attached { latest: owed.latest };
        self.after(owed.after, Effect::Answer(reply, answer));
        for view in owed.notices {
            let after = view.after.max(owed.after);
            self.after(after, Effect::Tell(Box::new(view), handset));
        }
        for payment in owed.prompts {
            self.after(owed.after, Effect::AskDevice(payment, handset));
        }
    }

    /// A connection is gone: its handset cannot be reached over it any more.
    pub(crate) fn detach(&self, handset: &Handset, connection: u64) {
        self.attached.remove_if(handset, |_, way| way.connection == connection);
    }

    /// A hub's connection is gone, and with it all handsets that attached through it.
    pub(crate) fn detach_all(&self, connection: u64) {
        self.attached.retain(|_, way| way.connection != connection);
    }

    /// Says whether the newest genuine attachment of a handset is over this connection.
    pub(crate) fn is_attached(&self, handset: &Handset, connection: u64) -> bool {
        self.way(handset).is_some_and(|way| way.connection == connection)
    }

    /// The way to a handset. One through a hub ends with the keys that it was opened with: there is
    /// no connection to close for it alone.
    pub(super) fn way(&self, handset: &Handset) -> Option<Way> {
        // Copied first, so that nothing is held while the engine is asked.
        let way = self.attached.get(handset).map(|way| way.clone())?;
        let Some(guest) = &way.guest else { return Some(way) };
        let live = self.engine.device(&handset.customer, &handset.device)?;
        Arc::ptr_eq(guest, &live).then_some(way)
    }

    /// S29-S33: a handset's proof is collated; the answer tells what came of it.
    pub(crate) fn prove(
        &self,
        handset: Handset,
        channel: ChannelBinding,
        prove: Prove,
        reply: Reply,
    ) {
        let slot = match self.slot() {
            Ok(slot) => slot,
            Err(reason) => return reply.refuse(reason),
        };
        let now_ms = self.clock.now_ms();
        let claim = Claim {
            payment: prove.payment,
            customer: handset.customer,
            device: handset.device,
            channel,
            server_nonce: prove.server_nonce,
            handset_nonce: prove.handset_nonce,
            proof: prove.proof,
            way: match prove.hub_tag {
                None => kessai_engine::Way::Own,
                Some(tag) => kessai_engine::Way::Hub { tag },
            },
            answered_at_ms: now_ms,
            // By the handset's own clock, for the evidence only: nothing hangs on it.
            shown_at_ms: prove.shown_ago_ms.map(|ago_ms| now_ms.saturating_sub(ago_ms.into())),
        };
        let next = self.nonce();
        match self.engine.collate(&claim, next, now_ms, slot) {
            // An answer that comes so late still learns how the payment ended.
            Err(refusal) if self.is_old(&claim.payment) => {
                let payment = claim.payment;
                self.look_up(Question::Answer { handset, payment, refusal, reply });
            }
            Err(reason) => self.refuse_handset(handset, reason, reply),
            Ok(collated) => self.collated(handset, collated, claim.payment, reply),
        }
    }

    fn collated(&self, handset: Handset, collated: Collated, payment: PaymentId, reply: Reply) {
        let result = |verdict| Answer::ProofResult(ProofResult { payment, verdict });
        match collated {
            Collated::Approved { view, signature } => {
                self.ended_by_proof(handset, view, reply, |notice| {
                    result(Verdict::Approved { signature, notice })
                });
            }
            Collated::Declined { view, signature } => {
                self.ended_by_proof(handset, view, reply, |notice| {
                    result(Verdict::Declined { signature, notice })
                });
            }
            Collated::Mismatched { view, signature, nonce, tries_left } => {
                let tries_left = u32::from(tries_left);
                let verdict = Verdict::TryAgain { signature, tries_left, server_nonce: nonce };
                self.after(view.after, Effect::Answer(reply, result(verdict)));
            }
            Collated::Stale { nonce } => {
                // It tells that the payment is pending, though it changed nothing.
                let answer = result(Verdict::Stale { server_nonce: nonce });
                self.after(self.latest_of(handset), Effect::Answer(reply, answer));
            }
            Collated::Ended { view, freshness: Freshness::First } => {
                self.ended_by_proof(handset, view, reply, Answer::Notice);
            }
            Collated::Ended { view, freshness: Freshness::Repeat } => {
                self.answer_with_notice(handset, &view, reply, Answer::Notice);
            }
        }
    }

    /// Answers the handset that ended a payment, and tells everybody else.
    fn ended_by_proof(
        &self,
        handset: Handset,
        view: PaymentView,
        reply: Reply,
        answer: impl FnOnce(SignedNotice) -> Answer,
    ) {
        self.answer_with_notice(handset, &view, reply, answer);
        self.changed(view, Some(handset));
    }

    pub(super) fn answer_with_notice(
        &self,
        handset: Handset,
        view: &PaymentView,
        reply: Reply,
        answer: impl FnOnce(SignedNotice) -> Answer,
    ) {
        match self.signed(handset, view) {
            Some((notice, after)) => self.after(after, Effect::Answer(reply, answer(notice))),
            None => self.refuse_handset(handset, Reason::PaymentUnknown, reply),
        }
    }

    /// S28 yes: the customer calls the payment off.
    pub(crate) fn refuse(&self, handset: Handset, payment: PaymentId, reply: Reply) {
        // A key that was taken out of use is heard until its connection is closed, a moment later.
        if self.engine.device(&handset.customer, &handset.device).is_none() {
            return reply.refuse(Reason::IdentityNotOfKey);
        }
        let slot = match self.slot() {
            Ok(slot) => slot,
            Err(reason) => return reply.refuse(reason),
        };
        let now_ms = self.clock.now_ms();
        match self.engine.cancel_by_customer(payment, handset.customer, now_ms, slot) {
            Err(refusal) if self.has_left(&payment, refusal) => {
                self.look_up(Question::Answer { handset, payment, refusal, reply });
            }
            Err(reason) => self.refuse_handset(handset, reason, reply),
            Ok(Opening { view, freshness: Freshness::First, .. }) => {
                self.ended_by_proof(handset, view, reply, Answer::Notice);
            }
            Ok(Opening { view, freshness: Freshness::Repeat, .. }) => {
                self.answer_with_notice(handset, &view, reply, Answer::Notice);
            }
        }
    }

    /// S66: a handset wants a code that stands for its customer at a till.
    pub(crate) fn present_code(&self, handset: Handset, channel: &ChannelBinding, reply: Reply) {
        let now_ms = self.clock.now_ms();
        let Some(device) = self.engine.device(&handset.customer, &handset.device) else {
            return reply.refuse(Reason::IdentityNotOfKey);
        };
        if !self.code_budget.take(handset, now_ms) {
            return reply.refuse(Reason::TooManyRequests);
        }
        match self.presentments.issue(handset, now_ms, || draw(self.entropy.as_ref())) {
            Err(reason) => reply.refuse(reason),
            Ok((code, expires_at_ms)) => {
                let signature = device.sign_code(channel, &code, expires_at_ms);
                reply.answer(Answer::Code(PresentedCode::new(code, expires_at_ms, signature)));
            }
        }
    }

    /// A handset wants the latest notices of its customer's payments, the newest first.
    pub(crate) fn recent(&self, handset: Handset, reply: Reply) {
        match self.engine.owed(&handset.customer, &handset.device, 0) {
            Err(reason) => reply.refuse(reason),
            Ok(owed) if owed.archived.is_empty() => self.tell_recent(handset, &owed, reply),
            Ok(owed) => {
                self.look_up(Question::Recent { handset, owed: Box::new(owed), reply });
            }
        }
    }

    /// Answers with the latest notices of those that can still be told.
    pub(super) fn tell_recent(&self, handset: Handset, owed: &Owed, reply: Reply) {
        let signed = owed.notices.iter().rev().take(MAX_RECENT);
        let signed = signed.filter_map(|view| self.signed(handset, view));
        let (notices, lsns): (Vec<_>, Vec<_>) = signed.unzip();
        let after = lsns.into_iter().fold(owed.after, Lsn::max);
        self.after(after, Effect::Answer(reply, Answer::Recent(notices)));
    }

    /// Refuses what a handset asks. A refusal can tell how the customer stands, so it waits for
    /// the customer's latest record: a crash must not give back a guess whose end was told.
    pub(super) fn refuse_handset(&self, handset: Handset, reason: Reason, reply: Reply) {
        let refusal = reply.refusal(reason);
        self.after(self.latest_of(handset), Effect::Answer(reply, refusal));
    }

    /// The last record that changed a handset's customer.
    fn latest_of(&self, handset: Handset) -> Lsn {
        self.engine.customer(&handset.customer).map_or(Lsn::NONE, |customer| customer.after)
    }
}
