//! How the records about payments change a shard, all but their money.

use bytes::Bytes;
use kessai_terms::ids::{PaymentId, TerminalId};
use kessai_terms::money::Amount;
use kessai_terms::reason::Reason;

use super::{Corrupt, Touched};
use crate::customer::Seat;
use crate::offer::NamedBy;
use crate::payment::{Payment, PaymentView, Pending};
use crate::planted::{self, Bug};
use crate::record::{Approved, Declined, Entry, Mismatched, Opened, Overtaken, Terms, Verdict};
use crate::shard::Shard;
use crate::slot::Lsn;
use crate::state::{Event, PaymentState};

impl Shard {
    pub(super) fn add_opened(
        &mut self,
        opened: &Opened,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let (payment, amount) = (opened.terms.payment, opened.terms.charge.amount);
        let seat = self.seated(&opened.customer)?;
        for displaced in &opened.displaced {
            if self.payer(*displaced)? != seat {
                return Err(Corrupt::Payment(*displaced));
            }
            self.change(*displaced, Event::Cancel, Reason::PreEmpted, entry)?;
        }
        let state = (PaymentState::Pending, None);
        let touched = self.add_payment(&opened.terms, Some(seat), state, entry)?;
        self.customers.account_mut(seat).hold(amount)?;
        let holder = self.customers.holder_mut(seat);
        holder.open.push(payment);
        holder.spending.count(entry.business_date, amount)?;
        self.deadlines.insert((opened.expires_at_ms, payment));
        let added = self.payment(payment)?;
        added.view.deadline_ms = opened.expires_at_ms;
        added.confirmation = opened.confirmation.clone();
        added.pending = Some(Pending { wrong: 0, prompts: Vec::new(), permits: None });
        Ok(touched)
    }

    pub(super) fn add_declined(
        &mut self,
        declined: &Declined,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let seat = self.customers.seat(&declined.customer);
        let state = (PaymentState::Declined, Some(declined.reason));
        self.add_payment(&declined.terms, seat, state, entry)
    }

    /// Enters a payment that was asked for; one that is already over is owed a notice.
    fn add_payment(
        &mut self,
        terms: &Terms,
        payer: Option<Seat>,
        (state, reason): (PaymentState, Option<Reason>),
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let mut view = blank(terms.payment, terms.terminal, entry);
        view.terms = Some(*terms);
        (view.state, view.reason) = (state, reason);
        if let Some(seat) = payer {
            let holder = self.customers.holder_mut(seat);
            view.customer = Some(holder.id);
            // Being muted is no burden of its own, else it would never end.
            if terms.named_by == NamedBy::Id && reason != Some(Reason::Muted) {
                holder.asks.count(entry.at_ms);
            }
            if terms.named_by == NamedBy::Id && reason.is_some_and(is_in_vain) {
                holder.dossier_mut().note_in_vain(entry.at_ms);
            }
            if state != PaymentState::Pending {
                view.notice = holder.owe(terms.payment);
            }
        }
        self.insert(view, payer)
    }

    pub(super) fn add_overtaken(
        &mut self,
        overtaken: &Overtaken,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let mut view = blank(overtaken.payment, overtaken.terminal, entry);
        (view.state, view.reason) = (PaymentState::Cancelled, Some(Reason::CancelledByTerminal));
        self.insert(view, None)
    }

    fn insert(&mut self, view: PaymentView, payer: Option<Seat>) -> Result<Touched, Corrupt> {
        let (id, opened_on) = (view.payment, view.business_date);
        self.timeline.push((view.opened_at_ms, id));
        let (confirmation, pending) = (Bytes::new(), None);
        let payment = Payment { view, payer, opened_on, confirmation, pending };
        match self.payments.insert(id, payment) {
            Some(_) if !planted::is(Bug::NoIdempotency) => Err(Corrupt::Payment(id)),
            None | Some(_) => Ok(Touched { seat: payer, payment: Some(id) }),
        }
    }

    pub(super) fn count_mismatch(
        &mut self,
        mismatched: &Mismatched,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let payment = mismatched.payment;
        let seat = self.payer(payment)?;
        let account = self.customers.account_mut(seat);
        account.wrong_in_row = account.wrong_in_row.saturating_add(1);
        match mismatched.verdict {
            Verdict::TryAgain => {
                let pending = self.payment(payment)?.pending.as_mut();
                let pending = pending.ok_or(Corrupt::Payment(payment))?;
                pending.wrong = pending.wrong.saturating_add(1);
                if planted::is(Bug::TryForgottenByCrash) {
                    return Ok(Touched::default());
                }
                Ok(Touched { seat: Some(seat), payment: Some(payment) })
            }
            Verdict::Decline => self.change(payment, Event::Decline, Reason::TriesExceeded, entry),
        }
    }

    pub(super) fn approve_payment(
        &mut self,
        approved: &Approved,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let seat = self.payer(approved.payment)?;
        self.customers.account_mut(seat).wrong_in_row = 0;
        let view = &mut self.payment(approved.payment)?.view;
        view.approval = Some(approved.approval);
        view.reference = Some(approved.reference);
        let charge = view.terms.ok_or(Corrupt::Payment(approved.payment))?.charge;
        match approved.deliver_by_ms {
            None => self.capture(approved.payment, (charge.amount, charge.price()), entry),
            Some(deliver_by_ms) => {
                let event = Event::Authorise;
                // The hold stays: `change` releases it only where a payment ends.
                let touched = self.change(approved.payment, event, Reason::Approved, entry)?;
                self.payment(approved.payment)?.view.deadline_ms = deliver_by_ms;
                self.deadlines.insert((deliver_by_ms, approved.payment));
                Ok(touched)
            }
        }
    }

    /// Lets `event` happen: state, deadline, what the customer is owed, and where nothing comes of
    /// the payment any more, its money.
    pub(super) fn change(
        &mut self,
        payment: PaymentId,
        event: Event,
        reason: Reason,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let seat = self.payer(payment)?;
        let found = self.payments.get_mut(&payment).ok_or(Corrupt::Payment(payment))?;
        let view = &mut found.view;
        let state = view.state;
        let to = state.after(event).ok_or(Corrupt::Event { payment, state, event })?;
        let named_by = view.terms.ok_or(Corrupt::Payment(payment))?.named_by;
        self.deadlines.remove(&(view.deadline_ms, payment));
        (view.state, view.reason) = (to, Some(reason));
        (view.changed_at_ms, view.business_date) = (entry.at_ms, entry.business_date);
        let permits = found.pending.take().and_then(|pending| pending.permits);
        if let Some(permits) = permits.filter(|_| to.is_approved()) {
            permits.keep();
        }
        if !view.awaits_report() {
            found.confirmation = Bytes::new();
        }
        let holder = self.customers.holder_mut(seat);
        holder.open.retain(|open| *open != payment);
        view.notice = holder.owe(payment);
        if named_by == NamedBy::Id && is_in_vain(reason) {
            holder.dossier_mut().note_in_vain(entry.at_ms);
        }
        match to {
            PaymentState::Reversed if state == PaymentState::Captured => {
                self.give_all_back(payment, entry)?;
            }
            PaymentState::Expired if planted::is(Bug::HoldForgottenOnExpiry) => {}
            PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired
            | PaymentState::Reversed => self.release_all(payment)?,
            // `capture` and `refund_payment` say how much.
            PaymentState::Authorised | PaymentState::Captured | PaymentState::Refunded => {}
            PaymentState::Pending => return Err(Corrupt::Event { payment, state, event }),
        }
        Ok(Touched { seat: Some(seat), payment: Some(payment) })
    }
}

/// Says whether a payment with this end was asked for in vain: several of them within a short time,
/// and the customer is left in peace.
///
/// One that its own terminal calls off counts too: else a terminal could push prompts without end.
/// So does one that was declined for its amount: else it could find a balance by bisection.
const fn is_in_vain(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ExpiredUnseen
            | Reason::ExpiredUnanswered
            | Reason::CancelledByCustomer
            | Reason::CancelledByTerminal
            | Reason::TriesExceeded
            | Reason::PaymentLimit
            | Reason::DayLimit
            | Reason::CountLimit
            | Reason::InsufficientFunds
    )
}

fn blank(payment: PaymentId, terminal: TerminalId, entry: &Entry) -> PaymentView {
    PaymentView {
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
    }
}
