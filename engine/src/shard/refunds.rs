//! Refunds: money given back after capture, never more than was taken.

use kessai_terms::ids::{MerchantId, PaymentId};
use kessai_terms::money::Amount;
use kessai_terms::reason::Reason;

use super::{Env, Shard};
use crate::command::Freshness;
use crate::payment::PaymentView;
use crate::planted::{self, Bug};
use crate::record::{Record, Refunded};
use crate::refund::{Refund, RefundView, Refunding};
use crate::slot::Slot;
use crate::state::PaymentState;

impl Shard {
    /// Answers a refund whose id is used already by a refund: alike, or not at all if it asks
    /// something else.
    pub(crate) fn refunded(&self, asked: &Refund) -> Option<Result<Refunding, Reason>> {
        let made = self.refund_made(&asked.refund)?;
        Some(if made.answers(asked) {
            Ok(self.refunding(*made, Freshness::Repeat))
        } else {
            Err(Reason::PaymentIdReused)
        })
    }

    fn refund_made(&self, refund: &PaymentId) -> Option<&RefundView> {
        let payment = self.payments.get(self.refunds.get(refund)?)?;
        payment.refunds.iter().find(|made| made.refund == *refund)
    }

    /// A terminal of the merchant who was paid gives back a part of the price, or all of it.
    ///
    /// A frozen customer gets money back like any other.
    pub(crate) fn refund<S: Slot>(
        &mut self,
        asked: Refund,
        merchant: MerchantId,
        env: Env<'_>,
        slot: S,
    ) -> Result<Refunding, Reason> {
        let Refund { refund, payment, terminal, price } = asked;
        self.check_floor(&refund)?;
        let view = self.payments.get(&payment).map(|payment| &payment.view);
        let own = |view: &&PaymentView| view.terms.is_some_and(|terms| terms.merchant == merchant);
        let view = view.filter(own).ok_or(Reason::PaymentUnknown)?;
        if price.is_zero() {
            return Err(Reason::AmountInvalid);
        }
        match view.state {
            PaymentState::Captured | PaymentState::Refunded => {}
            PaymentState::Pending
            | PaymentState::Authorised
            | PaymentState::Reversed
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => return Err(Reason::StateForbids),
        }
        let amount = next_share(view, price)?;
        self.check_room_for(view, amount)?;
        let (reference, _) = self.numbers();
        let refunded = Refunded { payment, refund, terminal, amount, price, reference };
        self.commit(Record::Refunded(Box::new(refunded)), env, slot);
        #[expect(clippy::expect_used, reason = "the record has just put it there")]
        let made = *self.refund_made(&refund).expect("the refund is there");
        Ok(self.refunding(made, Freshness::First))
    }

    /// All refunds of a payment, the earliest first.
    pub(crate) fn refunds_of(&self, payment: &PaymentId) -> Vec<RefundView> {
        self.payments.get(payment).map(|payment| payment.refunds.clone()).unwrap_or_default()
    }

    fn refunding(&self, refund: RefundView, freshness: Freshness) -> Refunding {
        let view = self.existing(refund.payment).view.clone();
        Refunding { view, refund, freshness }
    }
}

/// What the customer gets back for `price` more of the price.
///
/// The share of all that is given back is rounded, not that of each refund, so that the last one
/// returns exactly what is left.
fn next_share(view: &PaymentView, price: Amount) -> Result<Amount, Reason> {
    let back = view.refunded_price.checked_add(price).ok();
    let above = planted::is(Bug::RefundAboveCapture);
    let back = back.filter(|back| *back <= view.captured_price || above);
    let back = back.ok_or(Reason::AmountAboveCapture)?;
    let share = view.captured.share(back, view.captured_price);
    let more = share.and_then(|share| share.checked_sub(view.refunded));
    more.map_err(|_no_amount| Reason::AmountAboveCapture)
}
