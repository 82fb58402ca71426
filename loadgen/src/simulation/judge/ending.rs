//! What must come of everything that happens to a payment once it is open, but for proofs.

use kessai_engine::terms::ids::PaymentId;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{Freshness, PaymentState};

use super::Predicted;
use super::books::{Books, Payment, Refund};
use crate::simulation::cast::Cast;

impl Books {
    /// Brings a payment to its next state, which its customer is owed a notice of.
    pub(super) fn end(&mut self, id: &PaymentId, state: PaymentState, reason: Reason) {
        let Some(asked) = self.payment(id).and_then(|payment| payment.asked) else { return };
        let (mut notice, day) = (0, self.day());
        let still_waits = state == PaymentState::Authorised;
        self.alter(asked.customer, |customer| {
            customer.notices += 1;
            notice = customer.notices;
            customer.waiting.retain(|other| still_waits || other != id);
        });
        self.change(id, |payment| {
            (payment.state, payment.reason, payment.notice) = (state, Some(reason), notice);
            payment.day = day;
            payment.prompts.clear();
        });
    }

    /// Takes `price` of what is held, and gives the merchant that.
    pub(super) fn capture(&mut self, id: &PaymentId, price: u64, cast: &Cast) {
        let Some(Payment { till, asked: Some(asked), .. }) = self.payment(id).cloned() else {
            return;
        };
        self.end(id, PaymentState::Captured, Reason::Approved);
        self.change(id, |payment| payment.captured = price);
        self.alter(asked.customer, |customer| {
            customer.balance = customer.balance.saturating_sub(price);
        });
        self.owe(cast.till(till).merchant_no, |owed| owed.saturating_add(price));
    }

    /// Gives the customer back `price` of what the merchant was owed.
    fn give_back(&mut self, id: &PaymentId, price: u64, cast: &Cast) {
        let Some(Payment { till, asked: Some(asked), .. }) = self.payment(id).cloned() else {
            return;
        };
        self.alter(asked.customer, |customer| {
            customer.balance = customer.balance.saturating_add(price);
        });
        self.owe(cast.till(till).merchant_no, |owed| owed.saturating_sub(price));
    }

    /// The payments whose time is over.
    pub(super) fn due(&self) -> Vec<PaymentId> {
        let waits = |payment: &Payment| {
            matches!(payment.state, PaymentState::Pending | PaymentState::Authorised)
                && payment.deadline_ms <= self.now_ms
        };
        self.payments().filter(|(_, payment)| waits(payment)).map(|(id, _)| *id).collect()
    }

    pub(super) fn expire(&mut self, id: &PaymentId) -> Predicted {
        let payment = self.payment(id).ok_or(Reason::PaymentUnknown)?;
        if payment.deadline_ms > self.now_ms {
            return self.told(id, Freshness::Repeat);
        }
        let unseen = payment.prompts.is_empty();
        match payment.state {
            PaymentState::Authorised => {
                self.end(id, PaymentState::Reversed, Reason::NotDispensed);
            }
            PaymentState::Pending if unseen => {
                self.end(id, PaymentState::Expired, Reason::ExpiredUnseen);
            }
            PaymentState::Pending => {
                self.end(id, PaymentState::Expired, Reason::ExpiredUnanswered);
            }
            PaymentState::Captured
            | PaymentState::Reversed
            | PaymentState::Refunded
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => return self.told(id, Freshness::Repeat),
        }
        self.told(id, Freshness::First)
    }

    pub(super) fn cancel(&mut self, id: &PaymentId, till: usize) -> Predicted {
        if self.refund(id).is_some() {
            return Err(Reason::PaymentUnknown);
        }
        let reason = Reason::CancelledByTerminal;
        match self.payment(id) {
            None => {
                self.check_time(id)?;
                self.check_floor(id).map_err(|_too_old| Reason::PaymentUnknown)?;
                let mut payment = self.blank(till);
                (payment.state, payment.reason) = (PaymentState::Cancelled, Some(reason));
                self.enter(*id, payment);
            }
            Some(payment) if payment.till != till => return Err(Reason::PaymentUnknown),
            Some(payment) if payment.state == PaymentState::Pending => {
                self.end(id, PaymentState::Cancelled, reason);
            }
            Some(_) => return self.told(id, Freshness::Repeat),
        }
        self.told(id, Freshness::First)
    }

    pub(super) fn cancel_by_customer(&mut self, id: &PaymentId, customer: usize) -> Predicted {
        let own = |payment: &&Payment| payment.asked.is_some_and(|own| own.customer == customer);
        let payment = self.payment(id).filter(own).ok_or(Reason::PaymentUnknown)?;
        if payment.state != PaymentState::Pending {
            return self.told(id, Freshness::Repeat);
        }
        self.end(id, PaymentState::Cancelled, Reason::CancelledByCustomer);
        self.told(id, Freshness::First)
    }

    pub(super) fn status(&self, id: &PaymentId, till: usize) -> Predicted {
        self.own(id, till)?;
        self.told(id, Freshness::Repeat)
    }

    fn own(&self, id: &PaymentId, till: usize) -> Result<&Payment, Reason> {
        self.payment(id).filter(|own| own.till == till).ok_or(Reason::PaymentUnknown)
    }

    /// Goods for `price` were handed out; none for all.
    pub(super) fn deliver(
        &mut self,
        id: &PaymentId,
        till: usize,
        price: Option<u64>,
        cast: &Cast,
    ) -> Predicted {
        let payment = self.own(id, till)?;
        let asked = payment.asked.ok_or(Reason::StateForbids)?;
        let price = price.unwrap_or(asked.price);
        if price > asked.price {
            return Err(Reason::AmountInvalid);
        }
        match payment.state {
            PaymentState::Authorised if price == 0 => {
                self.end(id, PaymentState::Reversed, Reason::NotDispensed);
            }
            PaymentState::Authorised => self.capture(id, price, cast),
            PaymentState::Captured | PaymentState::Refunded if payment.captured == price => {
                return self.told(id, Freshness::Repeat);
            }
            PaymentState::Reversed
                if price == 0 && payment.reason == Some(Reason::NotDispensed) =>
            {
                return self.told(id, Freshness::Repeat);
            }
            PaymentState::Pending
            | PaymentState::Captured
            | PaymentState::Reversed
            | PaymentState::Refunded
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => return Err(Reason::StateForbids),
        }
        self.told(id, Freshness::First)
    }

    pub(super) fn reverse(&mut self, id: &PaymentId, till: usize, cast: &Cast) -> Predicted {
        let Ok(payment) = self.own(id, till) else { return self.cancel(id, till) };
        let (day, captured) = (payment.day, payment.captured);
        match payment.state {
            PaymentState::Pending => return self.cancel(id, till),
            PaymentState::Captured if day != self.day() => return Err(Reason::StateForbids),
            PaymentState::Refunded => return Err(Reason::StateForbids),
            PaymentState::Captured => {
                self.give_back(id, captured, cast);
                self.end(id, PaymentState::Reversed, Reason::ReversedOnRequest);
            }
            PaymentState::Authorised => {
                self.end(id, PaymentState::Reversed, Reason::ReversedOnRequest);
            }
            PaymentState::Reversed
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => return self.told(id, Freshness::Repeat),
        }
        self.told(id, Freshness::First)
    }

    pub(super) fn give_refund(
        &mut self,
        refund: &PaymentId,
        (id, till): (&PaymentId, usize),
        price: u64,
        cast: &Cast,
    ) -> Predicted {
        let wish = Refund { payment: *id, till, price };
        if let Some(made) = self.refund(refund) {
            let alike = *made == wish;
            return if alike {
                self.told(id, Freshness::Repeat)
            } else {
                Err(Reason::PaymentIdReused)
            };
        }
        if self.payment(refund).is_some() {
            return Err(Reason::PaymentIdReused);
        }
        self.check_time(refund)?;
        self.check_floor(refund)?;
        let merchant = |till: usize| cast.till(till).merchant_no;
        let own = |payment: &&Payment| {
            payment.asked.is_some() && merchant(payment.till) == merchant(till)
        };
        let payment = self.payment(id).filter(own).ok_or(Reason::PaymentUnknown)?;
        if !matches!(payment.state, PaymentState::Captured | PaymentState::Refunded) {
            return Err(Reason::StateForbids);
        }
        if payment.refunded.saturating_add(price) > payment.captured {
            return Err(Reason::AmountAboveCapture);
        }
        self.enter_refund(*refund, wish);
        self.give_back(id, price, cast);
        self.end(id, PaymentState::Refunded, Reason::Approved);
        self.change(id, |payment| payment.refunded = payment.refunded.saturating_add(price));
        self.told(id, Freshness::First)
    }
}
