//! A payment's row in the form in which it is kept: to it and back, and what tells two apart.

use super::{Payment, PaymentView, Pending};
use crate::digest::digest_of;
use crate::record::{PaymentRow, RefundRow};
use crate::refund::RefundView;
use crate::shard::Corrupt;
use crate::slot::Lsn;
use crate::state::PaymentState;
use kessai_terms::money::Amount;

impl Payment {
    /// The row as it is kept.
    pub(crate) fn row(&self) -> PaymentRow {
        let view = &self.view;
        PaymentRow {
            payment: view.payment,
            terminal: view.terminal,
            terms: view.terms,
            customer: view.customer,
            state: view.state,
            reason: view.reason,
            captured: view.captured,
            captured_price: view.captured_price,
            refunds: self.refunds.iter().map(RefundRow::from).collect(),
            approval: view.approval,
            reference: view.reference,
            opened_at_ms: view.opened_at_ms,
            changed_at_ms: view.changed_at_ms,
            deadline_ms: view.deadline_ms,
            opened_on: self.opened_on,
            business_date: view.business_date,
            confirmation: self.confirmation.clone(),
        }
    }

    /// The payment that a kept row is of; nobody's until its payer is found.
    ///
    /// # Errors
    /// [`Corrupt::Money`] if more was given back than was captured.
    pub(crate) fn of_row(row: &PaymentRow) -> Result<Self, Corrupt> {
        let view = PaymentView {
            payment: row.payment,
            terminal: row.terminal,
            terms: row.terms,
            customer: row.customer,
            state: row.state,
            reason: row.reason,
            captured: row.captured,
            captured_price: row.captured_price,
            refunded: Amount::ZERO,
            refunded_price: Amount::ZERO,
            refunds: 0,
            approval: row.approval,
            reference: row.reference,
            notice: 0,
            opened_at_ms: row.opened_at_ms,
            changed_at_ms: row.changed_at_ms,
            deadline_ms: row.deadline_ms,
            business_date: row.business_date,
            after: Lsn::NONE,
        };
        let is_pending = row.state == PaymentState::Pending;
        let pending = Pending { wrong: 0, prompts: Vec::new(), permits: None };
        let mut made = Self {
            view,
            payer: None,
            opened_on: row.opened_on,
            confirmation: row.confirmation.clone(),
            refunds: Vec::with_capacity(row.refunds.len()),
            pending: is_pending.then_some(pending),
            touched_ms: row.changed_at_ms,
            cut: 0,
        };
        for refund in &row.refunds {
            made.add_refund(refund.of(row))?;
        }
        Ok(made)
    }

    /// Checks that a row says of the payment what is known of it here.
    ///
    /// # Errors
    /// [`Corrupt::Payment`] if it does not.
    pub(super) fn meet(&self, row: &PaymentRow) -> Result<(), Corrupt> {
        if self.row() == *row { Ok(()) } else { Err(Corrupt::Payment(self.view.payment)) }
    }

    /// Digests the row and its refunds, which are added up.
    ///
    /// The number of its latest notice is left out: an archive cannot tell it, and the customer's
    /// own row has those that still count.
    pub(crate) fn digest(&self) -> u128 {
        let view = PaymentView { after: Lsn::NONE, notice: 0, ..self.view.clone() };
        let wrong = self.pending.as_ref().map(|pending| pending.wrong);
        let own = digest_of(&(view, self.opened_on, &self.confirmation, wrong));
        self.refunds.iter().map(digest_of).fold(own, u128::wrapping_add)
    }
}

impl From<&RefundView> for RefundRow {
    fn from(view: &RefundView) -> Self {
        let RefundView {
            refund,
            payment: _,
            terminal,
            amount,
            price,
            reference,
            refunded_at_ms,
            business_date,
        } = *view;
        Self { refund, terminal, amount, price, reference, refunded_at_ms, business_date }
    }
}

impl RefundRow {
    const fn of(&self, row: &PaymentRow) -> RefundView {
        RefundView {
            refund: self.refund,
            payment: row.payment,
            terminal: self.terminal,
            amount: self.amount,
            price: self.price,
            reference: self.reference,
            refunded_at_ms: self.refunded_at_ms,
            business_date: self.business_date,
        }
    }
}
