//! What must come of an open: who is asked to pay, and who is not.

use std::collections::BTreeMap;

use kessai_engine::terms::ids::PaymentId;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{Freshness, PaymentState, Standing};

use super::Predicted;
use super::books::{Books, Payment};
use crate::simulation::message::Purchase;
use crate::simulation::rules::{ID_TOLERANCE_MS, OPEN_PER_CUSTOMER, PROMPT_MS, TRIES_IN_ROW};

impl Books {
    pub(super) fn open(&mut self, till: usize, asked: &Purchase) -> Predicted {
        let id = asked.payment;
        if let Some(known) = self.payment(&id) {
            let alike = known.till == till && known.asked.is_none_or(|other| other == *asked);
            return if alike {
                self.told(&id, Freshness::Repeat)
            } else {
                Err(Reason::PaymentIdReused)
            };
        }
        if self.refund(&id).is_some() {
            return Err(Reason::PaymentIdReused);
        }
        self.check_time(&id)?;
        self.check_floor(&id)?;
        let displaced = self.displaced_by(asked);
        match self.obstacle(asked, &displaced) {
            Some(reason) => self.decline(till, asked, reason),
            None => {
                for (other, _) in displaced {
                    self.end(&other, PaymentState::Cancelled, Reason::PreEmpted);
                }
                let deadline_ms = self.now_ms.saturating_add(PROMPT_MS);
                self.enter(id, Payment { asked: Some(*asked), deadline_ms, ..self.blank(till) });
                self.alter(asked.customer, |customer| customer.waiting.push(id));
            }
        }
        self.told(&id, Freshness::First)
    }

    /// Ids may be ahead of our clock by so much.
    pub(super) fn check_time(&self, id: &PaymentId) -> Result<(), Reason> {
        if id.unix_ms() > self.now_ms.saturating_add(ID_TOLERANCE_MS) {
            Err(Reason::PaymentIdFromFuture)
        } else {
            Ok(())
        }
    }

    /// An id that nobody has used and that is too old will never be used.
    pub(super) fn check_floor(&self, id: &PaymentId) -> Result<(), Reason> {
        if id.unix_ms() < self.floor_ms { Err(Reason::PaymentIdTooOld) } else { Ok(()) }
    }

    pub(super) fn told(&self, id: &PaymentId, freshness: Freshness) -> Predicted {
        self.stand(id, freshness).ok_or(Reason::PaymentUnknown)
    }

    /// A payment that has just begun.
    pub(super) fn blank(&self, till: usize) -> Payment {
        Payment {
            till,
            asked: None,
            state: PaymentState::Pending,
            reason: None,
            wrong: 0,
            prompts: BTreeMap::new(),
            captured: 0,
            refunded: 0,
            deadline_ms: self.now_ms,
            day: self.day(),
            notice: 0,
            after: self.at,
        }
    }

    fn decline(&mut self, till: usize, asked: &Purchase, reason: Reason) {
        let mut payment = Payment { asked: Some(*asked), ..self.blank(till) };
        (payment.state, payment.reason) = (PaymentState::Declined, Some(reason));
        if let Some(customer) = self.customer(asked.customer) {
            payment.notice = customer.notices.saturating_add(1);
            self.alter(asked.customer, |customer| customer.notices += 1);
        }
        self.enter(asked.payment, payment);
    }

    fn obstacle(&self, asked: &Purchase, displaced: &[(PaymentId, Purchase)]) -> Option<Reason> {
        let Some(customer) = self.customer(asked.customer) else {
            return Some(Reason::CustomerUnknown);
        };
        let given_back: u64 = displaced.iter().map(|(_, other)| other.price).sum();
        let left_open = self.pending(asked.customer).len().saturating_sub(displaced.len());
        let held = self.held(asked.customer).saturating_sub(given_back);
        let obstacles = [
            (customer.standing == Standing::Frozen, Reason::CustomerFrozen),
            (customer.wrong_in_row >= TRIES_IN_ROW, Reason::TriesExhausted),
            (left_open >= usize::from(OPEN_PER_CUSTOMER), Reason::PromptOpen),
            (customer.balance.saturating_sub(held) < asked.price, Reason::InsufficientFunds),
        ];
        obstacles.into_iter().find(|(applies, _)| *applies).map(|(_, reason)| reason)
    }
}
