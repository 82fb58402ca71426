//! What tills ask: to open a payment, and what becomes of it.

use bytes::Bytes;
use kessai_engine::terms::Currency;
use kessai_engine::terms::collation::content_digest;
use kessai_engine::terms::ids::{PaymentId, TerminalId};
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    ArchivedPayment, Charge, Freshness, Lsn, Offer, Opening, PaymentState, PaymentView, Portion,
    Refund, Refunding, RequestDigest, ReverseCause, Terms,
};

use super::effects::Effect;
use super::{Around, Gateway, yen};
use crate::simulation::cast::{Cast, customer_id};
use crate::simulation::judge::Violation;
use crate::simulation::message::{Address, Ask, Purchase, RefundTold, Standpoint, Tell};
use crate::simulation::rules::PROMPT_MS;

impl Gateway {
    /// Opens a payment. The answer comes at its end, or at once if there is nothing to wait for;
    /// a repeat joins the wait.
    pub(super) fn open(
        &mut self,
        from: Address,
        till: usize,
        purchase: Purchase,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let payment = purchase.payment;
        let offer = offer(around.cast, till, &purchase, self.now_ms);
        let (request, terminal) = (offer.terms.request, offer.terms.terminal);
        let opened = match self.node.engine.known(&payment, &terminal, &request) {
            Some(known) => known,
            None => match self.slot() {
                Some(slot) => self.node.engine.open(offer, self.now_ms, slot),
                None => return self.refuse_till(from, &payment, Reason::Busy, around),
            },
        };
        let opened = match opened {
            Err(refusal) if self.has_left(&payment, refusal) => {
                self.open_archived(&payment, &terminal, &request)?
            }
            opened => opened,
        };
        if matches!(opened, Err(Reason::Busy)) {
            return self.refuse_till(from, &payment, Reason::Busy, around);
        }
        self.judged(around).opened(till, &purchase, &opened)?;
        let Opening { view, freshness, displaced } = match opened {
            Ok(opening) => opening,
            Err(reason) => return self.refuse_till(from, &payment, reason, around),
        };
        for view in displaced {
            self.changed(view, None, around)?;
        }
        let waiting = self.waiting.entry(payment).or_default();
        waiting.retain(|other| other.party != from.party);
        waiting.push(from);
        match (view.state, freshness) {
            (PaymentState::Pending, Freshness::First) => {
                let basis = around.judge.basis(&payment);
                let ask = Effect::Ask(payment, purchase.customer);
                self.after(view.after, basis, ask, around)
            }
            (PaymentState::Pending, Freshness::Repeat) => Ok(()),
            (_, Freshness::First) => self.changed(view, None, around),
            (_, Freshness::Repeat) => {
                let basis = around.judge.basis(&payment);
                self.answer_waiters(&view, basis, around)
            }
        }
    }

    /// What a till asks about a payment that is there, or must not come into being.
    pub(super) fn ask(
        &mut self,
        from: Address,
        till: usize,
        ask: &Ask,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        if let Ask::Refund { refund, payment, price } = ask {
            let (terminal, price) = (around.cast.till(till).id, yen(*price));
            let wish = Refund { refund: *refund, payment: *payment, terminal, price };
            return self.give_refund(from, till, &wish, around);
        }
        let payment = match ask {
            Ask::Cancel(id) | Ask::Status(id) | Ask::Delivered(id, _) | Ask::Reverse(id) => *id,
            Ask::Open(_)
            | Ask::Refund { .. }
            | Ask::Attach { .. }
            | Ask::Prove(_)
            | Ask::Refuse(_)
            | Ask::Transfer { .. }
            | Ask::Unblock(_)
            | Ask::SetStanding(..) => {
                return Err(Violation::new("a till asks what only others may"));
            }
        };
        let terminal = around.cast.till(till).id;
        let found = match self.asked(terminal, ask) {
            Err(refusal) if self.has_left(&payment, refusal) => {
                let own = self.own_archived(&payment, &terminal, refusal)?;
                own.and_then(|own| self.asked_archived(&own, terminal, ask))
            }
            found => found,
        };
        if matches!(found, Err(Reason::Busy)) {
            return self.tell(from, Tell::Refused(Reason::Busy), Lsn::NONE, around);
        }
        let cast = around.cast;
        let judge = self.judged(around);
        match ask {
            Ask::Cancel(_) => judge.cancelled(&payment, till, &found)?,
            Ask::Delivered(_, part) => judge.delivered(&payment, (till, *part), cast, &found)?,
            Ask::Reverse(_) => judge.reversed(&payment, till, cast, &found)?,
            _ => judge.asked(&payment, till, &found)?,
        }
        self.answer_till(from, &payment, found, around)
    }

    /// What the engine says of a payment in memory.
    fn asked(&self, terminal: TerminalId, ask: &Ask) -> Result<Opening, Reason> {
        let (engine, now_ms) = (&self.node.engine, self.now_ms);
        let slot = self.slot().ok_or(Reason::Busy)?;
        match ask {
            Ask::Cancel(payment) => engine.cancel_by_terminal(*payment, terminal, now_ms, slot),
            Ask::Status(payment) => {
                let view = engine.status(*payment, terminal)?;
                Ok(Opening { view, freshness: Freshness::Repeat, displaced: Vec::new() })
            }
            Ask::Delivered(payment, part) => {
                let portion = part.map_or(Portion::All, |price| Portion::Part {
                    amount: yen(price),
                    price: yen(price),
                });
                engine.deliver(*payment, terminal, portion, now_ms, slot)
            }
            Ask::Reverse(payment) => {
                let cause = ReverseCause::OnRequest;
                engine.reverse(*payment, terminal, cause, now_ms, slot)
            }
            Ask::Open(_)
            | Ask::Refund { .. }
            | Ask::Attach { .. }
            | Ask::Prove(_)
            | Ask::Refuse(_)
            | Ask::Transfer { .. }
            | Ask::Unblock(_)
            | Ask::SetStanding(..) => Err(Reason::RoleNotPermitted),
        }
    }

    /// What it would have said of one that has left: that comes back only if it may still change.
    fn asked_archived(
        &self,
        own: &ArchivedPayment,
        terminal: TerminalId,
        ask: &Ask,
    ) -> Result<Opening, Reason> {
        match ask {
            Ask::Status(_) | Ask::Cancel(_) => Ok(own.repeat()),
            Ask::Reverse(_) if Self::is_over(own) => Ok(own.repeat()),
            // Nobody paid, or was to pay: there is nothing to deliver.
            Ask::Delivered(..) if own.view().customer.is_none() => Err(Reason::StateForbids),
            _ => {
                self.recall(own)?;
                self.asked(terminal, ask)
            }
        }
    }

    fn answer_till(
        &mut self,
        from: Address,
        payment: &PaymentId,
        found: Result<Opening, Reason>,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        match found {
            Err(reason) => self.refuse_till(from, payment, reason, around),
            Ok(Opening { view, freshness, .. }) => {
                let tell = Tell::Payment(Standpoint::from(&view));
                self.tell_done(from, payment, tell, (view, freshness), around)
            }
        }
    }

    /// Tells what was done for a till, once it is durable, and the others what has changed.
    fn tell_done(
        &mut self,
        from: Address,
        payment: &PaymentId,
        tell: Tell,
        (view, freshness): (PaymentView, Freshness),
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let basis = around.judge.basis(payment);
        self.after(view.after, basis, Effect::Tell(from, tell), around)?;
        match freshness {
            Freshness::First => self.changed(view, None, around),
            Freshness::Repeat => Ok(()),
        }
    }

    fn give_refund(
        &mut self,
        from: Address,
        till: usize,
        wish: &Refund,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let Some(slot) = self.slot() else {
            return self.tell(from, Tell::Refused(Reason::Busy), Lsn::NONE, around);
        };
        let found = match self.node.engine.refund(*wish, self.now_ms, slot) {
            Err(refusal)
                if self.has_left(&wish.refund, refusal)
                    || self.has_left(&wish.payment, refusal) =>
            {
                self.refund_archived(wish, refusal, around)?
            }
            found => found,
        };
        if matches!(found, Err(Reason::Busy)) {
            return self.tell(from, Tell::Refused(Reason::Busy), Lsn::NONE, around);
        }
        let stands = found.as_ref().map_err(|reason| *reason).map(|made| Opening {
            view: made.view.clone(),
            freshness: made.freshness,
            displaced: Vec::new(),
        });
        let (cast, price) = (around.cast, wish.price.minor());
        let of = (&wish.payment, till);
        self.judged(around).refunded(&wish.refund, of, price, cast, &stands)?;
        match found {
            // It can tell of another till's refund, or of what an id was used for.
            Err(reason) => {
                let (after, basis) = (self.node.journal.latest(), self.node.log.latest());
                self.after(after, basis, Effect::Tell(from, Tell::Refused(reason)), around)
            }
            Ok(Refunding { view, refund, freshness }) => {
                let told = Tell::Refunded(Standpoint::from(&view), RefundTold::from(&refund));
                self.tell_done(from, &wish.payment, told, (view, freshness), around)
            }
        }
    }

    /// Refuses what a till asks. A refusal can tell how its own payment stands, so it waits for it.
    fn refuse_till(
        &mut self,
        from: Address,
        payment: &PaymentId,
        reason: Reason,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let latest = self.node.journal.latest();
        let basis = around.judge.basis(payment);
        self.after(latest, basis, Effect::Tell(from, Tell::Refused(reason)), around)
    }
}

/// What is put before the customer.
fn offer(cast: &Cast, till: usize, purchase: &Purchase, now_ms: u64) -> Offer {
    let Purchase { payment, customer, named_by, capture, price } = *purchase;
    let (till, customer) = (cast.till(till), customer_id(customer));
    let text = format!("{payment} {} {customer} {price} {named_by:?} {capture:?}", till.id);
    let confirmation = Bytes::from(text.into_bytes());
    let content = content_digest(&confirmation);
    let charge = Charge { amount: yen(price), currency: Currency::JPY, foreign: None };
    Offer {
        terms: Terms {
            payment,
            terminal: till.id,
            store: till.store,
            merchant: till.merchant,
            named_by,
            charge,
            capture,
            request: RequestDigest(content.0),
            content,
        },
        customer,
        received_at_ms: now_ms,
        expires_at_ms: now_ms.saturating_add(PROMPT_MS),
        unpriced: None,
        confirmation,
    }
}
