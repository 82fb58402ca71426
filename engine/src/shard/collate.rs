//! The rules of the encrypted check: whom to ask, what a proof must answer, what it leads to.

use std::sync::Arc;

use kessai_terms::collation::{
    AuthMessage, ContentDigest, DeviceKey, DeviceKeys, Outcome, Proof, ServerNonce, Signature,
};
use kessai_terms::ids::{ApprovalNumber, DeviceId, PaymentId, Reference};
use kessai_terms::reason::Reason;

use super::{Env, Shard};
use crate::command::{Claim, Collated, Freshness, Opening, PromptView, Way};
use crate::customer::Seat;
use crate::device::Device;
use crate::offer::Capture;
use crate::payment::{PaymentView, Pending, Prompt};
use crate::policy::Standing;
use crate::record::{Approved, Mismatched, Record, Trail, Verdict};
use crate::rules::Rules;
use crate::slot::Slot;
use crate::state::{Event, PaymentState};

impl Shard {
    /// S25-S26: lets `device` answer for `payment` over `channel` with `nonce`, once.
    pub(crate) fn prompt(
        &mut self,
        payment: PaymentId,
        prompt: Prompt,
        rules: &Rules,
    ) -> Option<PromptView> {
        let prompted_at_ms = self.clamped(prompt.prompted_at_ms);
        let found = self.payments.get_mut(&payment)?;
        let seat = found.payer?;
        let pending = found.pending.as_mut()?;
        self.customers.holder(seat).device(&prompt.device)?;
        pending.ask(Prompt { prompted_at_ms, ..prompt });
        let confirmation = found.confirmation.clone();
        let expires_at_ms = found.view.deadline_ms;
        // The tries left tell of wrong proofs for other payments too.
        let after = found.view.after.max(self.customers.account(seat).after);
        let tries_left = self.tries_left(payment, seat, rules);
        Some(PromptView { confirmation, tries_left, expires_at_ms, after })
    }

    /// S29-S33: collates a proof, and on a match turns the hold into the debit in the same step.
    ///
    /// What a hub may have made up changes nothing: neither a count nor the open prompt.
    ///
    /// # Source
    /// kessai/collation/v1, rules 1 to 4 and "behind a carrier hub".
    pub(crate) fn collate<S: Slot>(
        &mut self,
        claim: &Claim,
        next: ServerNonce,
        env: Env<'_>,
        slot: S,
    ) -> Result<Collated, Reason> {
        let Some((seat, device)) = self.claimed(claim) else {
            // Whoever guesses at ids learns nothing from the time that we take.
            let auth = claim.auth(ContentDigest([0; 32]));
            let nobody = DeviceKeys::dummy();
            std::hint::black_box(nobody.stored.verify(&auth, &claim.proof));
            std::hint::black_box(claim.way.vouches(&nobody.device, &auth, &claim.proof));
            return Err(Reason::ProofRefused);
        };
        let now_ms = self.clamped(env.now_ms);
        let view = &self.existing(claim.payment).view;
        let Some(terms) = view.terms.filter(|_| view.state == PaymentState::Pending) else {
            return Ok(Collated::Ended { view: view.clone(), freshness: Freshness::Repeat });
        };
        if view.deadline_ms <= now_ms {
            let view = self.expire(claim.payment, env, slot);
            return Ok(Collated::Ended { view, freshness: Freshness::First });
        }
        if self.customers.account(seat).wrong_in_row >= env.rules.tries_in_row {
            return Err(Reason::TriesExhausted);
        }
        let pending = self.existing(claim.payment).pending.as_ref();
        let trail = pending.and_then(|pending| pending.awaits(claim)).map(|at| claim.trail(at));
        let (keys, auth) = (&device.keys.0, claim.auth(terms.content));
        if let Some(trail) = trail
            && keys.stored.verify(&auth, &claim.proof)
        {
            if self.customers.account(seat).standing == Standing::Frozen {
                let reason = Reason::CustomerFrozen;
                let Opening { view, freshness, .. } =
                    self.end(claim.payment, Event::Decline, reason, env, slot);
                return Ok(Collated::Ended { view, freshness });
            }
            let signature = keys.server.sign_outcome(&auth, Outcome::Approved);
            let view = self.approve(claim, trail, env, slot);
            return Ok(Collated::Approved { view, signature });
        }
        if !claim.way.vouches(&keys.device, &auth, &claim.proof) {
            return Err(Reason::ProofRefused);
        }
        let Some(trail) = trail else { return Ok(self.ask_again(claim, next, now_ms)) };
        let signature = keys.server.sign_outcome(&auth, Outcome::Refused);
        Ok(self.mismatch(claim, seat, (signature, trail), next, env, slot))
    }

    /// The payer's seat and live handset, if the payment is theirs.
    fn claimed(&self, claim: &Claim) -> Option<(Seat, Arc<Device>)> {
        let seat = self.payments.get(&claim.payment)?.payer?;
        let holder = self.customers.holder(seat);
        if holder.id != claim.customer {
            return None;
        }
        holder.device(&claim.device).map(|device| (seat, Arc::clone(device)))
    }

    /// The proof was made for a prompt that is no longer open: nothing is counted, a new one is.
    fn ask_again(&mut self, claim: &Claim, next: ServerNonce, now_ms: u64) -> Collated {
        if let Some(pending) = &mut self.existing_mut(claim.payment).pending {
            pending.ask(claim.prompt(next, now_ms));
        }
        Collated::Stale { nonce: next }
    }

    fn approve<S: Slot>(
        &mut self,
        claim: &Claim,
        trail: Trail,
        env: Env<'_>,
        slot: S,
    ) -> PaymentView {
        let deliver_by_ms = match self.existing(claim.payment).view.terms.map(|t| t.capture) {
            Some(Capture::OnDelivery) => {
                Some(self.clamped(env.now_ms).saturating_add(env.rules.delivery_ms))
            }
            Some(Capture::AtApproval) | None => None,
        };
        let (reference, approval) = self.numbers();
        let record = Record::Approved(Box::new(Approved {
            payment: claim.payment,
            device: claim.device,
            channel: claim.channel,
            server_nonce: claim.server_nonce,
            handset_nonce: claim.handset_nonce,
            approval,
            reference,
            deliver_by_ms,
            trail,
        }));
        self.commit(record, env, slot);
        self.existing(claim.payment).view.clone()
    }

    fn mismatch<S: Slot>(
        &mut self,
        claim: &Claim,
        seat: Seat,
        (signature, trail): (Signature, Trail),
        next: ServerNonce,
        env: Env<'_>,
        slot: S,
    ) -> Collated {
        let verdict = if self.tries_left(claim.payment, seat, env.rules) > 1 {
            Verdict::TryAgain
        } else {
            Verdict::Decline
        };
        let (payment, device) = (claim.payment, claim.device);
        let mismatched = Mismatched { payment, device, verdict, trail };
        self.commit(Record::Mismatched(mismatched), env, slot);
        let now_ms = self.clamped(env.now_ms);
        let tries_left = self.tries_left(payment, seat, env.rules);
        let found = self.existing_mut(payment);
        match &mut found.pending {
            Some(pending) => {
                pending.ask(claim.prompt(next, now_ms));
                let view = found.view.clone();
                Collated::Mismatched { view, signature, nonce: next, tries_left }
            }
            None => Collated::Declined { view: found.view.clone(), signature },
        }
    }

    /// How many wrong proofs a pending payment still bears, itself or for its customer's sake.
    pub(crate) fn tries_left(&self, payment: PaymentId, seat: Seat, rules: &Rules) -> u8 {
        let wrong = self.existing(payment).pending.as_ref().map_or(u8::MAX, |p| p.wrong);
        let in_row = self.customers.account(seat).wrong_in_row;
        rules.tries_per_payment.saturating_sub(wrong).min(rules.tries_in_row.saturating_sub(in_row))
    }

    /// A reference that no other payment or refund has, and an approval number that looks unrelated.
    pub(super) fn numbers(&self) -> (Reference, ApprovalNumber) {
        // An odd factor of 64 bits, near 2^64 divided by the golden ratio, spreads neighbours.
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        let place = u64::from(self.unit.0).wrapping_sub(1);
        let serial = self.sequence.wrapping_mul(self.units).wrapping_add(place);
        let spread = serial.wrapping_mul(SPREAD) >> 32;
        (Reference::wrapping(serial), ApprovalNumber::wrapping(spread))
    }
}

impl Pending {
    /// Takes back the prompt of a handset, so that it is asked anew.
    pub(super) fn withdraw(&mut self, device: &DeviceId) {
        self.prompts.retain(|prompt| prompt.device != *device);
    }

    /// Lets `prompt` be answered instead of any earlier one of the same handset.
    fn ask(&mut self, prompt: Prompt) {
        self.prompts.retain(|other| other.device != prompt.device);
        self.prompts.push(prompt);
    }

    /// When the prompt was made that `claim` answers, if it is still open on the claim's connection.
    fn awaits(&self, claim: &Claim) -> Option<u64> {
        let mut prompts = self.prompts.iter();
        let prompt = prompts.find(|prompt| {
            prompt.device == claim.device
                && prompt.nonce == claim.server_nonce
                && prompt.channel == claim.channel
        });
        prompt.map(|prompt| prompt.prompted_at_ms)
    }
}

impl Claim {
    fn auth(&self, content: ContentDigest) -> AuthMessage {
        AuthMessage::new(content, self.channel, self.server_nonce, self.handset_nonce)
    }

    const fn prompt(&self, nonce: ServerNonce, prompted_at_ms: u64) -> Prompt {
        Prompt { device: self.device, channel: self.channel, nonce, prompted_at_ms }
    }

    const fn trail(&self, prompted_at_ms: u64) -> Trail {
        let Self { shown_at_ms, answered_at_ms, .. } = *self;
        Trail { prompted_at_ms, shown_at_ms, answered_at_ms }
    }
}

impl Way {
    /// Says whether the answer comes from the handset that has `key`, right or wrong.
    fn vouches(&self, key: &DeviceKey, auth: &AuthMessage, proof: &Proof) -> bool {
        match self {
            Self::Own => true,
            Self::Hub { tag } => key.verify_vouch(auth, proof, tag),
        }
    }
}
