//! What records make of one payment's row: the same in a shard and in an archive.
//!
//! It moves no money and knows no customer: `shard/apply` does what else a step brings.

use bytes::Bytes;
use kessai_terms::ids::{CustomerId, PaymentId, TerminalId};
use kessai_terms::money::Amount;
use kessai_terms::reason::Reason;

use super::{Payment, PaymentView, Pending};
use crate::planted::{self, Bug};
use crate::record::{
    Approved, Declined, Entry, Opened, Overtaken, Record, Refunded, Terms, Verdict,
};
use crate::refund::RefundView;
use crate::shard::Corrupt;
use crate::slot::Lsn;
use crate::state::{Event, PaymentState};

impl Payment {
    /// The payment that `opened` opens.
    pub(crate) fn opened(opened: &Opened, entry: &Entry) -> Self {
        let mut made = Self::asked_for(&opened.terms, Some(opened.customer), entry);
        made.view.deadline_ms = opened.expires_at_ms;
        made.confirmation = opened.confirmation.clone();
        made.pending = Some(Pending { wrong: 0, prompts: Vec::new(), permits: None });
        made
    }

    /// The payment that `declined` declines.
    pub(crate) fn declined(declined: &Declined, entry: &Entry) -> Self {
        let mut made = Self::asked_for(&declined.terms, declined.payer(), entry);
        (made.view.state, made.view.reason) = (PaymentState::Declined, Some(declined.reason));
        made
    }

    /// The payment that will not be opened.
    pub(crate) fn overtaken(overtaken: &Overtaken, entry: &Entry) -> Self {
        let mut made = Self::blank(overtaken.payment, overtaken.terminal, entry);
        let reason = Reason::CancelledByTerminal;
        (made.view.state, made.view.reason) = (PaymentState::Cancelled, Some(reason));
        made
    }

    fn asked_for(terms: &Terms, customer: Option<CustomerId>, entry: &Entry) -> Self {
        let mut made = Self::blank(terms.payment, terms.terminal, entry);
        (made.view.terms, made.view.customer) = (Some(*terms), customer);
        made
    }

    fn blank(payment: PaymentId, terminal: TerminalId, entry: &Entry) -> Self {
        let view = PaymentView {
            payment,
            terminal,
            terms: None,
            customer: None,
            state: PaymentState::Pending,
            reason: None,
            captured: Amount::ZERO,
            captured_price: Amount::ZERO,
            refunded: Amount::ZERO,
            refunded_price: Amount::ZERO,
            refunds: 0,
            approval: None,
            reference: None,
            notice: 0,
            opened_at_ms: entry.at_ms,
            changed_at_ms: entry.at_ms,
            deadline_ms: entry.at_ms,
            business_date: entry.business_date,
            after: Lsn::NONE,
        };
        Self {
            view,
            payer: None,
            opened_on: entry.business_date,
            confirmation: Bytes::new(),
            refunds: Vec::new(),
            pending: None,
            touched_ms: entry.at_ms,
            cut: 0,
        }
    }

    /// Goes on as a record after its first says; tells the state that it left, if it left one.
    ///
    /// # Errors
    /// [`Corrupt`] if that cannot happen to it.
    pub(crate) fn follow(&mut self, entry: &Entry) -> Result<Option<PaymentState>, Corrupt> {
        self.touched_ms = entry.at_ms;
        let left = match &entry.record {
            // Another payment of the same customer has taken its place.
            Record::Opened(_) => self.step(Event::Cancel, Reason::PreEmpted, entry)?,
            Record::Mismatched(mismatched) => match mismatched.verdict {
                Verdict::TryAgain => {
                    let pending = self.pending.as_mut().ok_or(Corrupt::Payment(self.view.payment));
                    let pending = pending?;
                    pending.wrong = pending.wrong.saturating_add(1);
                    return Ok(None);
                }
                Verdict::Decline => self.step(Event::Decline, Reason::TriesExceeded, entry)?,
            },
            Record::Approved(approved) => self.approve(approved, entry)?,
            Record::Ended(ended) => self.step(ended.event, ended.reason, entry)?,
            Record::Captured(captured) => self.capture((captured.amount, captured.price), entry)?,
            Record::Reversed(reversed) => self.step(Event::Reverse, reversed.reason, entry)?,
            Record::Refunded(refunded) => self.refund(refunded, entry)?,
            // It is here already: it only stays longer.
            Record::Recalled(row) => return self.meet(row).map(|()| None),
            Record::Declined(_)
            | Record::Overtaken(_)
            | Record::Registered(_)
            | Record::CustomerAdded(_)
            | Record::Credited(_)
            | Record::Debited(_)
            | Record::DeviceAdded(_)
            | Record::DeviceRevoked(_)
            | Record::Rekeyed(_)
            | Record::Unblocked(_)
            | Record::ProfileSet(_)
            | Record::ProfileErased(_)
            | Record::PolicySet(_) => return Err(Corrupt::Payment(self.view.payment)),
        };
        Ok(Some(left))
    }

    /// Lets `event` happen: state, reason, day; what only an open payment needs is dropped.
    fn step(
        &mut self,
        event: Event,
        reason: Reason,
        entry: &Entry,
    ) -> Result<PaymentState, Corrupt> {
        let view = &mut self.view;
        let (payment, state) = (view.payment, view.state);
        let to = state.after(event).ok_or(Corrupt::Event { payment, state, event })?;
        (view.state, view.reason) = (to, Some(reason));
        (view.changed_at_ms, view.business_date) = (entry.at_ms, entry.business_date);
        let permits = self.pending.take().and_then(|pending| pending.permits);
        if let Some(permits) = permits.filter(|_| to.is_approved()) {
            permits.keep();
        }
        if !self.view.awaits_report() {
            self.confirmation = Bytes::new();
        }
        Ok(state)
    }

    fn approve(&mut self, approved: &Approved, entry: &Entry) -> Result<PaymentState, Corrupt> {
        self.view.approval = Some(approved.approval);
        self.view.reference = Some(approved.reference);
        match approved.deliver_by_ms {
            None => {
                let charge = self.terms()?.charge;
                self.capture((charge.amount, charge.price()), entry)
            }
            Some(deliver_by_ms) => {
                let left = self.step(Event::Authorise, Reason::Approved, entry)?;
                self.view.deadline_ms = deliver_by_ms;
                Ok(left)
            }
        }
    }

    /// Takes `amount` of what was authorised, which costs `price`.
    fn capture(
        &mut self,
        (amount, price): (Amount, Amount),
        entry: &Entry,
    ) -> Result<PaymentState, Corrupt> {
        let left = self.step(Event::Capture, Reason::Approved, entry)?;
        let charge = &self.terms()?.charge;
        charge.amount.checked_sub(amount)?;
        charge.price().checked_sub(price)?;
        if charge.foreign.is_none() && price != amount {
            return Err(Corrupt::Payment(self.view.payment));
        }
        (self.view.captured, self.view.captured_price) = (amount, price);
        Ok(left)
    }

    /// Notes a part of what was captured as given back, or all.
    fn refund(&mut self, refunded: &Refunded, entry: &Entry) -> Result<PaymentState, Corrupt> {
        let left = self.step(Event::Refund, Reason::Approved, entry)?;
        let Refunded { payment, refund, terminal, amount, price, reference } = *refunded;
        self.add_refund(RefundView {
            refund,
            payment,
            terminal,
            amount,
            price,
            reference,
            refunded_at_ms: entry.at_ms,
            business_date: entry.business_date,
        })?;
        Ok(left)
    }

    /// Adds a refund to the sums, which stay within what was captured.
    pub(super) fn add_refund(&mut self, made: RefundView) -> Result<(), Corrupt> {
        let view = &mut self.view;
        view.refunded = view.refunded.checked_add(made.amount)?;
        view.refunded_price = view.refunded_price.checked_add(made.price)?;
        if !planted::is(Bug::RefundAboveCapture) {
            view.captured.checked_sub(view.refunded)?;
            view.captured_price.checked_sub(view.refunded_price)?;
        }
        view.refunds = view.refunds.saturating_add(1);
        self.refunds.push(made);
        Ok(())
    }

    fn terms(&self) -> Result<&Terms, Corrupt> {
        self.view.terms.as_ref().ok_or(Corrupt::Payment(self.view.payment))
    }
}
