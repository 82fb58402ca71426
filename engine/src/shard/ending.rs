//! Ends: called off, taken back, or out of time.

use kessai_terms::ids::{CustomerId, PaymentId, TerminalId};
use kessai_terms::money::Amount;
use kessai_terms::reason::Reason;

use super::{Env, Shard};
use crate::command::{Opening, ReverseCause};
use crate::payment::PaymentView;
use crate::record::{Ended, Overtaken, Record, Reversed};
use crate::slot::Slot;
use crate::state::{Event, PaymentState};

impl Shard {
    /// S28 yes, S34: the customer calls the payment off.
    pub(crate) fn cancel_by_customer<S: Slot>(
        &mut self,
        payment: PaymentId,
        customer: CustomerId,
        env: Env<'_>,
        slot: S,
    ) -> Result<Opening, Reason> {
        let view = self.payments.get(&payment).map(|payment| &payment.view);
        let view = view.filter(|view| view.customer == Some(customer));
        let view = view.ok_or(Reason::PaymentUnknown)?;
        if view.state != PaymentState::Pending {
            return Ok(Opening::repeat(view));
        }
        Ok(self.end(payment, Event::Cancel, Reason::CancelledByCustomer, env, slot))
    }

    /// The terminal calls the payment off: "cancelled" or "already ended", never "probably".
    ///
    /// One that overtakes its own open leaves a record that the open then meets.
    pub(crate) fn cancel_by_terminal<S: Slot>(
        &mut self,
        payment: PaymentId,
        terminal: TerminalId,
        env: Env<'_>,
        slot: S,
    ) -> Result<Opening, Reason> {
        let Some(found) = self.payments.get(&payment) else {
            self.check_floor(&payment).map_err(|_too_old| Reason::PaymentUnknown)?;
            self.commit(Record::Overtaken(Overtaken { payment, terminal }), env, slot);
            return Ok(self.first(payment));
        };
        if found.view.terminal != terminal {
            return Err(Reason::PaymentUnknown);
        }
        if found.view.state != PaymentState::Pending {
            return Ok(Opening::repeat(&found.view));
        }
        Ok(self.end(payment, Event::Cancel, Reason::CancelledByTerminal, env, slot))
    }

    /// The payment's own terminal takes it back whole: before the cut-off, nothing refunded.
    ///
    /// A pending payment is cancelled; a reversal that overtakes its open acts as a cancel.
    pub(crate) fn reverse<S: Slot>(
        &mut self,
        payment: PaymentId,
        terminal: TerminalId,
        cause: ReverseCause,
        env: Env<'_>,
        slot: S,
    ) -> Result<Opening, Reason> {
        let Ok(view) = self.of_terminal(payment, terminal) else {
            return self.cancel_by_terminal(payment, terminal, env, slot);
        };
        match view.state {
            PaymentState::Authorised | PaymentState::Captured => {
                if view.state == PaymentState::Captured && view.business_date != self.today(env) {
                    return Err(Reason::StateForbids);
                }
                self.check_room_for(view, view.captured)?;
                let reason = match cause {
                    ReverseCause::OnRequest => Reason::ReversedOnRequest,
                    ReverseCause::NotDispensed => Reason::NotDispensed,
                };
                self.commit(Record::Reversed(Reversed { payment, reason }), env, slot);
                Ok(self.first(payment))
            }
            PaymentState::Pending => self.cancel_by_terminal(payment, terminal, env, slot),
            PaymentState::Refunded => Err(Reason::StateForbids),
            PaymentState::Reversed
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => Ok(Opening::repeat(view)),
        }
    }

    /// The payer's balance may have been raised to the brim since money was taken from it.
    pub(super) fn check_room_for(&self, view: &PaymentView, back: Amount) -> Result<(), Reason> {
        let seat = view.customer.and_then(|customer| self.customers.seat(&customer));
        let seat = seat.ok_or(Reason::PaymentUnknown)?;
        match self.customers.account(seat).balance.checked_add(back) {
            Ok(_) => Ok(()),
            Err(_) => Err(Reason::AmountOverflow),
        }
    }

    /// The payment whose time is over first, if it is over.
    pub(crate) fn due(&self, now_ms: u64) -> Option<PaymentId> {
        self.deadlines.first().filter(|(at_ms, _)| *at_ms <= now_ms).map(|(_, payment)| *payment)
    }

    /// Ends a payment whose time is over: expires a pending one, reverses one not delivered.
    pub(crate) fn expire<S: Slot>(
        &mut self,
        payment: PaymentId,
        env: Env<'_>,
        slot: S,
    ) -> PaymentView {
        match &self.existing(payment).pending {
            None => {
                let reason = Reason::NotDispensed;
                self.commit(Record::Reversed(Reversed { payment, reason }), env, slot);
                self.existing(payment).view.clone()
            }
            // Prompts are not journalled: after a restart an expiry counts as unseen unless the
            // handset has come back meanwhile.
            Some(pending) => {
                let reason = if pending.prompts.is_empty() {
                    Reason::ExpiredUnseen
                } else {
                    Reason::ExpiredUnanswered
                };
                self.end(payment, Event::Expire, reason, env, slot).view
            }
        }
    }

    pub(super) fn end<S: Slot>(
        &mut self,
        payment: PaymentId,
        event: Event,
        reason: Reason,
        env: Env<'_>,
        slot: S,
    ) -> Opening {
        self.commit(Record::Ended(Ended { payment, event, reason }), env, slot);
        self.first(payment)
    }
}
