//! How the records about payments change a shard: the row goes on by itself, here follows what that
//! brings for its payer and for the shard.

use kessai_terms::ids::PaymentId;
use kessai_terms::reason::Reason;

use super::money::move_money;
use super::{Corrupt, Touched};
use crate::customer::{Holder, Seat};
use crate::offer::NamedBy;
use crate::payment::{Payment, PaymentView};
use crate::planted::{self, Bug};
use crate::record::{Declined, Entry, Opened, Overtaken, PaymentRow, Record, Refunded};
use crate::shard::Shard;
use crate::state::PaymentState;

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
            self.go_on(*displaced, entry)?;
        }
        let (account, holder) = self.customers.both_mut(seat);
        account.hold(amount)?;
        holder.open.push(payment);
        holder.spending.count(entry.business_date, amount)?;
        count_ask(holder, opened.terms.named_by, entry);
        self.deadlines.insert((opened.expires_at_ms, payment));
        self.insert(Payment::opened(opened, entry), Some(seat))
    }

    /// Enters a payment that is over as it opens; its payer, if there is one, is owed a notice.
    pub(super) fn add_declined(
        &mut self,
        declined: &Declined,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let mut payment = Payment::declined(declined, entry);
        let seat = declined.payer().map(|payer| self.seated(&payer)).transpose()?;
        if let Some(seat) = seat {
            let holder = self.customers.holder_mut(seat);
            // Being muted is no burden of its own, else it would never end.
            if declined.reason != Reason::Muted {
                count_ask(holder, declined.terms.named_by, entry);
            }
            note_in_vain(holder, &payment.view);
            payment.view.notice = holder.owe(declined.terms.payment);
        }
        self.insert(payment, seat)
    }

    pub(super) fn add_overtaken(
        &mut self,
        overtaken: &Overtaken,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        self.insert(Payment::overtaken(overtaken, entry), None)
    }

    /// Takes a payment back into memory that had left it; one that is here stays longer.
    pub(super) fn take_back(
        &mut self,
        row: &PaymentRow,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        if self.payments.contains_key(&row.payment) {
            return self.go_on(row.payment, entry);
        }
        let mut payment = Payment::of_row(row)?;
        let customer = row.customer.ok_or(Corrupt::Payment(row.payment))?;
        let seat = self.seated(&customer)?;
        payment.touched_ms = entry.at_ms;
        payment.view.notice = self.customers.holder(seat).latest_notice(&row.payment);
        self.departed.give_back(&payment)?;
        self.insert(payment, Some(seat))
    }

    /// Puts a payment where it is found again by its id, by those of its refunds, and by time.
    pub(in crate::shard) fn insert(
        &mut self,
        payment: Payment,
        payer: Option<Seat>,
    ) -> Result<Touched, Corrupt> {
        let id = payment.view.payment;
        self.note_opened((payment.view.opened_at_ms, id));
        for made in &payment.refunds {
            if self.refunds.insert(made.refund, id).is_some() {
                return Err(Corrupt::Payment(made.refund));
            }
        }
        let cut = self.cut.as_ref().map_or(payment.cut, |cut| cut.number());
        match self.payments.insert(id, Payment { payer, cut, ..payment }) {
            Some(_) if !planted::is(Bug::NoIdempotency) => Err(Corrupt::Payment(id)),
            None | Some(_) => Ok(Touched { seat: payer, payment: Some(id) }),
        }
    }

    pub(super) fn refund_payment(
        &mut self,
        refunded: &Refunded,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let touched = self.go_on(refunded.payment, entry)?;
        match self.refunds.insert(refunded.refund, refunded.payment) {
            None => Ok(touched),
            Some(_) => Err(Corrupt::Payment(refunded.refund)),
        }
    }

    /// Lets a payment go on as its record says: its row, its deadline, what its customer is owed,
    /// and the money that goes with the step.
    pub(super) fn go_on(&mut self, payment: PaymentId, entry: &Entry) -> Result<Touched, Corrupt> {
        let found = self.payments.get_mut(&payment).ok_or(Corrupt::Payment(payment))?;
        let seat = found.payer.ok_or(Corrupt::Payment(payment))?;
        let touched = Touched { seat: Some(seat), payment: Some(payment) };
        let (account, holder) = self.customers.both_mut(seat);
        if matches!(entry.record, Record::Mismatched(_)) {
            account.wrong_in_row = account.wrong_in_row.saturating_add(1);
        } else if matches!(entry.record, Record::Approved(_)) {
            account.wrong_in_row = 0;
        }
        let deadline_ms = found.view.deadline_ms;
        let Some(left) = found.follow(entry)? else {
            let forgets = planted::is(Bug::TryForgottenByCrash);
            return Ok(if forgets { Touched::default() } else { touched });
        };
        self.deadlines.remove(&(deadline_ms, payment));
        if found.view.state == PaymentState::Authorised {
            self.deadlines.insert((found.view.deadline_ms, payment));
        }
        holder.open.retain(|open| *open != payment);
        found.view.notice = holder.owe(payment);
        note_in_vain(holder, &found.view);
        move_money(found, left, (account, &mut holder.spending), &mut self.ledger, entry)?;
        Ok(touched)
    }
}

/// Counts how often a customer is asked who was named by the plain id.
fn count_ask(holder: &mut Holder, named_by: NamedBy, entry: &Entry) {
    match named_by {
        NamedBy::Id => holder.asks.count(entry.at_ms),
        NamedBy::Code => {}
    }
}

/// Notes a payment that was asked for by plain id and has just ended in vain.
fn note_in_vain(holder: &mut Holder, view: &PaymentView) {
    let by_id = view.terms.as_ref().is_some_and(|terms| terms.named_by == NamedBy::Id);
    if by_id && view.reason.is_some_and(is_in_vain) {
        holder.dossier_mut().note_in_vain(view.changed_at_ms);
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
