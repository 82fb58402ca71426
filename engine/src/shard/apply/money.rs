//! How the records about payments move money: holds, balances, what the customer spends on a day,
//! and what the merchant is owed.

use kessai_terms::ids::PaymentId;
use kessai_terms::money::Amount;
use kessai_terms::reason::Reason;

use super::{Corrupt, Touched};
use crate::ledger::{Flow, Movement};
use crate::planted::{self, Bug};
use crate::record::{Entry, Refunded};
use crate::refund::RefundView;
use crate::shard::Shard;
use crate::state::Event;

impl Shard {
    /// Turns the hold into a debit of `amount`, and the rest of it back into spendable balance.
    pub(super) fn capture(
        &mut self,
        payment: PaymentId,
        (amount, price): (Amount, Amount),
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let touched = self.change(payment, Event::Capture, Reason::Approved, entry)?;
        let seat = self.payer(payment)?;
        let found = self.payment(payment)?;
        let (view, opened_on) = (&mut found.view, found.opened_on);
        let terms = view.terms.ok_or(Corrupt::Payment(payment))?;
        let authorised = terms.charge.amount;
        let rest = authorised.checked_sub(amount)?;
        terms.charge.price().checked_sub(price)?;
        if terms.charge.foreign.is_none() && price != amount {
            return Err(Corrupt::Payment(payment));
        }
        (view.captured, view.captured_price) = (amount, price);
        let (flow, terminal) = (Flow::Capture, view.terminal);
        let account = self.customers.account_mut(seat);
        account.release(authorised)?;
        account.balance = account.balance.checked_sub(amount)?;
        self.customers.holder_mut(seat).spending.give_back(opened_on, 0, rest)?;
        let on = entry.business_date;
        self.ledger.settle(&Movement { terms: &terms, flow, amount, price, terminal, on })?;
        Ok(touched)
    }

    /// Gives back a part of what was captured, or all.
    pub(super) fn refund_payment(
        &mut self,
        refunded: &Refunded,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let Refunded { payment, refund, terminal, amount, price, reference } = *refunded;
        let touched = self.change(payment, Event::Refund, Reason::Approved, entry)?;
        let seat = self.payer(payment)?;
        let view = &mut self.payment(payment)?.view;
        let terms = view.terms.ok_or(Corrupt::Payment(payment))?;
        view.refunded = view.refunded.checked_add(amount)?;
        view.refunded_price = view.refunded_price.checked_add(price)?;
        if !planted::is(Bug::RefundAboveCapture) {
            view.captured.checked_sub(view.refunded)?;
            view.captured_price.checked_sub(view.refunded_price)?;
        }
        view.refunds = view.refunds.saturating_add(1);
        let account = self.customers.account_mut(seat);
        account.balance = account.balance.checked_add(amount)?;
        let (flow, on) = (Flow::Refund, entry.business_date);
        self.ledger.settle(&Movement { terms: &terms, flow, amount, price, terminal, on })?;
        let refunded_at_ms = entry.at_ms;
        let made = RefundView {
            refund,
            payment,
            terminal,
            amount,
            price,
            reference,
            refunded_at_ms,
            business_date: on,
        };
        match self.refunds.insert(refund, made) {
            None => Ok(touched),
            Some(_) => Err(Corrupt::Payment(refund)),
        }
    }

    /// Gives the hold of a payment back that nothing will be taken of.
    pub(super) fn release_all(&mut self, payment: PaymentId) -> Result<(), Corrupt> {
        let seat = self.payer(payment)?;
        let found = self.payment(payment)?;
        let (held, opened_on) = (found.view.authorised(), found.opened_on);
        self.customers.account_mut(seat).release(held)?;
        Ok(self.customers.holder_mut(seat).spending.give_back(opened_on, 1, held)?)
    }

    /// Gives back all that was captured of a payment, as if it had never been.
    pub(super) fn give_all_back(
        &mut self,
        payment: PaymentId,
        entry: &Entry,
    ) -> Result<(), Corrupt> {
        let seat = self.payer(payment)?;
        let found = self.payment(payment)?;
        let (view, opened_on) = (&found.view, found.opened_on);
        let terms = view.terms.ok_or(Corrupt::Payment(payment))?;
        let (amount, price, terminal) = (view.captured, view.captured_price, view.terminal);
        let account = self.customers.account_mut(seat);
        account.balance = account.balance.checked_add(amount)?;
        self.customers.holder_mut(seat).spending.give_back(opened_on, 1, amount)?;
        let (flow, on) = (Flow::Reversal, entry.business_date);
        Ok(self.ledger.settle(&Movement { terms: &terms, flow, amount, price, terminal, on })?)
    }
}
