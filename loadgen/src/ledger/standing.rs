//! How a payment stood, one after the other: each step of it is owed to its customer.

use kessai_engine::PaymentState;
use kessai_engine::terms::{Amount, Reason};

use super::{Done, Order, Record};
use crate::exchange;

/// How a payment stood at one time, in the store's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: PaymentState,
    /// Why; none where only the gateway can say it.
    pub reason: Option<Reason>,
    /// What had been captured.
    pub captured: Amount,
    /// What had gone back of that by refunds.
    pub refunded: Amount,
}

impl Standing {
    /// Computes what it comes to for the customer, in yen: what was captured, and what went back of
    /// that. Nothing if it leaves the range of an amount.
    #[must_use]
    pub fn charged(&self, order: &Order) -> Option<(Amount, Amount)> {
        let captured = if self.captured == order.total {
            order.charge
        } else {
            exchange::charge(self.captured.of(order.currency))?
        };
        let refunded = if self.refunded.is_zero() {
            Amount::ZERO
        } else {
            exchange::given_back(captured, self.refunded, self.captured)?
        };
        Some((captured, refunded))
    }
}

impl Record {
    /// Works out how the payment came to stand, one after the other, from what its tills did and
    /// were answered. Sums are the till's own, not those it was told.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        let Some(first) = self.terminal.first() else { return Vec::new() };
        let approved = match self.order.kind {
            kessai_engine::TerminalKind::PointOfSale => {
                approved(PaymentState::Captured, self.order.total)
            }
            kessai_engine::TerminalKind::Vending => {
                approved(PaymentState::Authorised, Amount::ZERO)
            }
        };
        match first.state {
            // A till that lost the answer learns of it only that it was taken back.
            PaymentState::Reversed => {
                let reason = Some(Reason::ReversedOnRequest);
                let reversed = Standing { state: PaymentState::Reversed, reason, ..approved };
                vec![approved, reversed]
            }
            PaymentState::Captured | PaymentState::Authorised | PaymentState::Refunded => {
                self.followed(approved)
            }
            state => {
                let (captured, refunded) = (Amount::ZERO, Amount::ZERO);
                vec![Standing { state, reason: None, captured, refunded }]
            }
        }
    }

    /// What followed on an approval that its till heard of.
    fn followed(&self, approved: Standing) -> Vec<Standing> {
        let mut standings = vec![approved];
        let mut last = approved;
        for attempt in &self.attempts {
            let Some(told) = attempt.told() else { continue };
            last = match attempt.deed {
                Done::Dispensed(price) if told.state != PaymentState::Reversed => {
                    Standing { state: PaymentState::Captured, captured: price, ..last }
                }
                Done::Dispensed(_) | Done::Jammed => taken_back(last),
                Done::Refunded(_, price) => {
                    let refunded = last.refunded.checked_add(price).unwrap_or(last.refunded);
                    Standing { state: PaymentState::Refunded, refunded, ..last }
                }
            };
            standings.push(last);
        }
        // What no machine reported is taken back when its time is over.
        if last.state == PaymentState::Authorised {
            standings.push(taken_back(last));
        }
        standings
    }
}

const fn approved(state: PaymentState, captured: Amount) -> Standing {
    Standing { state, reason: Some(Reason::Approved), captured, refunded: Amount::ZERO }
}

const fn taken_back(last: Standing) -> Standing {
    Standing { state: PaymentState::Reversed, reason: Some(Reason::NotDispensed), ..last }
}
