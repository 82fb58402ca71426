//! What must come of a proof, and of what the processor does to a customer.

use kessai_engine::terms::collation::ServerNonce;
use kessai_engine::terms::ids::PaymentId;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{Capture, Freshness, PaymentState, Standing};

use super::Predicted;
use super::books::{Books, Stand};
use crate::simulation::cast::Cast;
use crate::simulation::message::{Answer, Password};
use crate::simulation::rules::{DELIVERY_MS, TRIES_IN_ROW, TRIES_PER_PAYMENT};

/// What comes of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulation) enum Proved {
    /// The payment stands so now, by this proof or before.
    Stands(Stand),
    /// Another may be tried, so many times.
    TryAgain(u8),
    /// The prompt was not open.
    Stale,
}

/// Who proves, and over which connection.
#[derive(Debug, Clone, Copy)]
pub(in crate::simulation) struct Prover {
    pub(in crate::simulation) phone: usize,
    pub(in crate::simulation) line: u64,
}

impl Books {
    /// What comes of a proof; `next` becomes the prompt where one more is asked for.
    pub(super) fn prove(
        &mut self,
        by: Prover,
        answer: &Answer,
        next: ServerNonce,
        cast: &Cast,
    ) -> Result<Proved, Reason> {
        let (id, who) = (answer.payment, cast.phone(by.phone).customer);
        let payment = self.payment(&id).ok_or(Reason::ProofRefused)?;
        let own = payment.asked.filter(|asked| asked.customer == who);
        let asked = own.ok_or(Reason::ProofRefused)?;
        if payment.state != PaymentState::Pending {
            return self.told(&id, Freshness::Repeat).map(Proved::Stands);
        }
        if payment.deadline_ms <= self.now_ms {
            return self.expire(&id).map(Proved::Stands);
        }
        let is_open = payment.prompts.get(&by.phone) == Some(&(answer.server_nonce, by.line));
        let customer = self.customer(who).ok_or(Reason::ProofRefused)?;
        if customer.wrong_in_row >= TRIES_IN_ROW {
            return Err(Reason::TriesExhausted);
        }
        let is_frozen = customer.standing == Standing::Frozen;
        match (answer.password, is_open, asked.capture) {
            (_, false, _) => {
                self.prompt(&id, by.phone, (next, by.line));
                return Ok(Proved::Stale);
            }
            (Password::Wrong, true, _) => return self.mismatch(by, answer, next, who),
            (Password::Right, true, _) if is_frozen => {
                self.end(&id, PaymentState::Declined, Reason::CustomerFrozen);
            }
            (Password::Right, true, Capture::AtApproval) => {
                self.alter(who, |customer| customer.wrong_in_row = 0);
                self.capture(&id, asked.price, cast);
            }
            (Password::Right, true, Capture::OnDelivery) => {
                self.alter(who, |customer| customer.wrong_in_row = 0);
                self.end(&id, PaymentState::Authorised, Reason::Approved);
                let deadline_ms = self.now_ms.saturating_add(DELIVERY_MS);
                self.change(&id, |payment| payment.deadline_ms = deadline_ms);
            }
        }
        self.told(&id, Freshness::First).map(Proved::Stands)
    }

    /// What comes of a proof for a payment that has ended.
    pub(super) fn answered_late(&self, id: &PaymentId, who: usize) -> Predicted {
        let own = self.payment(id).and_then(|payment| payment.asked);
        own.filter(|asked| asked.customer == who).ok_or(Reason::ProofRefused)?;
        self.told(id, Freshness::Repeat)
    }

    fn mismatch(
        &mut self,
        by: Prover,
        answer: &Answer,
        next: ServerNonce,
        who: usize,
    ) -> Result<Proved, Reason> {
        let id = answer.payment;
        let is_last = self.tries_left(&answer.payment, who) <= 1;
        self.alter(who, |customer| customer.wrong_in_row += 1);
        if is_last {
            self.end(&id, PaymentState::Declined, Reason::TriesExceeded);
            return self.told(&id, Freshness::First).map(Proved::Stands);
        }
        self.change(&id, |payment| payment.wrong += 1);
        self.prompt(&id, by.phone, (next, by.line));
        Ok(Proved::TryAgain(self.tries_left(&id, who)))
    }

    /// How many wrong proofs are still borne, by the payment and its customer.
    fn tries_left(&self, id: &PaymentId, who: usize) -> u8 {
        let wrong = self.payment(id).map_or(u8::MAX, |payment| payment.wrong);
        let in_row = self.customer(who).map_or(u8::MAX, |customer| customer.wrong_in_row);
        TRIES_PER_PAYMENT.saturating_sub(wrong).min(TRIES_IN_ROW.saturating_sub(in_row))
    }

    /// Whether money is moved (`Some(First)`), was moved before, or is not.
    pub(super) fn transfer(
        &mut self,
        who: usize,
        reference: u64,
        amount: i64,
    ) -> Option<Freshness> {
        let held = self.held(who);
        let customer = self.customer(who)?;
        if let Some(before) = customer.transfers.get(&reference) {
            return (*before == amount).then_some(Freshness::Repeat);
        }
        customer.balance.saturating_sub(held).checked_add_signed(amount)?;
        self.alter(who, |customer| {
            customer.transfers.insert(reference, amount);
            customer.balance = customer.balance.saturating_add_signed(amount);
        });
        self.fund(amount);
        Some(Freshness::First)
    }

    pub(super) fn unblock(&mut self, who: usize) {
        self.alter(who, |customer| customer.wrong_in_row = 0);
    }

    pub(super) fn set_standing(&mut self, who: usize, standing: Standing) {
        self.alter(who, |customer| customer.standing = standing);
    }
}
