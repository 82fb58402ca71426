//! Delivery: what a machine says that it handed out.

use bytes::Bytes;
use kessai_terms::ids::{PaymentId, TerminalId};
use kessai_terms::money::Amount;
use kessai_terms::reason::Reason;

use super::{Env, Shard};
use crate::command::Opening;
use crate::offer::{Charge, Portion};
use crate::payment::PaymentView;
use crate::record::{Captured, Record, Reversed};
use crate::slot::Slot;
use crate::state::PaymentState;

impl Shard {
    /// The machine has dispensed: what was authorised is captured, or a part of it, and the rest is
    /// released. A part of nothing takes the payment back.
    pub(crate) fn deliver<S: Slot>(
        &mut self,
        payment: PaymentId,
        terminal: TerminalId,
        portion: Portion,
        env: Env<'_>,
        slot: S,
    ) -> Result<Opening, Reason> {
        let view = self.of_terminal(payment, terminal)?;
        let charge = view.terms.map(|terms| terms.charge).ok_or(Reason::StateForbids)?;
        let (amount, price) = portion.of(&charge)?;
        match view.state {
            PaymentState::Authorised => {
                let record = if price.is_zero() {
                    Record::Reversed(Reversed { payment, reason: Reason::NotDispensed })
                } else {
                    Record::Captured(Captured { payment, amount, price })
                };
                self.commit(record, env, slot);
                Ok(self.first(payment))
            }
            PaymentState::Captured | PaymentState::Refunded | PaymentState::Reversed
                if was_delivered(view, price) =>
            {
                Ok(Opening::repeat(view))
            }
            PaymentState::Captured
            | PaymentState::Refunded
            | PaymentState::Reversed
            | PaymentState::Pending
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => Err(Reason::StateForbids),
        }
    }

    /// What the customer of a terminal's own payment is shown: to price a part of it by.
    pub(crate) fn confirmation(
        &self,
        payment: PaymentId,
        terminal: TerminalId,
    ) -> Result<Bytes, Reason> {
        self.of_terminal(payment, terminal)?;
        let kept = &self.existing(payment).confirmation;
        if kept.is_empty() { Err(Reason::StateForbids) } else { Ok(kept.clone()) }
    }
}

/// Says whether goods for exactly `price` have been reported before.
fn was_delivered(view: &PaymentView, price: Amount) -> bool {
    match view.state {
        PaymentState::Captured | PaymentState::Refunded => view.captured_price == price,
        PaymentState::Reversed => price.is_zero() && view.reason == Some(Reason::NotDispensed),
        PaymentState::Pending
        | PaymentState::Authorised
        | PaymentState::Declined
        | PaymentState::Cancelled
        | PaymentState::Expired => false,
    }
}

impl Portion {
    /// Amount and price of what was handed out, if they belong together.
    fn of(self, charge: &Charge) -> Result<(Amount, Amount), Reason> {
        match self {
            Self::All => Ok((charge.amount, charge.price())),
            Self::Part { amount, price } if charge.part(price)? == amount => Ok((amount, price)),
            Self::Part { .. } => Err(Reason::AmountInvalid),
        }
    }
}
