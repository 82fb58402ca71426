//! Opening: who may be asked to pay, and how much; what a presentment code displaces.

use kessai_terms::ids::{PaymentId, TerminalId};
use kessai_terms::money::{Amount, AmountError};
use kessai_terms::reason::Reason;

use super::{Env, Shard};
use crate::command::{Freshness, Opening};
use crate::customer::{Account, Holder};
use crate::offer::{NamedBy, Offer};
use crate::payment::{PaymentView, Permits};
use crate::planted::{self, Bug};
use crate::policy::{Limits, Naming, Spending, Standing};
use crate::record::{Declined, Opened, Record, RequestDigest};
use crate::slot::{Lsn, Slot};

/// What a new payment brings from before the lock.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) permits: Permits,
    /// The limits of customers who have none of their own.
    pub(crate) defaults: Limits,
}

/// What is free for a payment: what others hold and have spent is not, unless it displaces them.
#[derive(Debug)]
struct Room {
    available: Result<Amount, AmountError>,
    spent: Spending,
    displaced: Vec<PaymentId>,
}

impl Shard {
    /// Answers an open whose id is used already: alike, or not at all if it asks something else.
    pub(crate) fn known(
        &self,
        payment: &PaymentId,
        terminal: &TerminalId,
        request: &RequestDigest,
    ) -> Option<Result<Opening, Reason>> {
        if planted::is(Bug::NoIdempotency) {
            return None;
        }
        Some(self.payments.get(payment)?.view.answer_open(terminal, request))
    }

    /// The patent's S21-S24: a repeat is answered alike; a new payment holds its price or is declined.
    pub(crate) fn open<S: Slot>(
        &mut self,
        offer: Offer,
        admitted: Admitted,
        env: Env<'_>,
        slot: S,
    ) -> Result<Opening, Reason> {
        let (id, terms) = (offer.terms.payment, &offer.terms);
        if let Some(answer) = self.known(&id, &terms.terminal, &terms.request) {
            return answer;
        }
        self.check_floor(&id)?;
        let (record, displaced) = match self.make_room(&offer, admitted.defaults, env) {
            Err(reason) => {
                let Offer { terms, customer, .. } = offer;
                (Record::Declined(Box::new(Declined { terms, customer, reason })), Vec::new())
            }
            Ok(displaced) => {
                let opened = Opened {
                    terms: offer.terms,
                    customer: offer.customer,
                    received_at_ms: offer.received_at_ms,
                    expires_at_ms: offer.expires_at_ms,
                    displaced: displaced.clone(),
                    confirmation: offer.confirmation,
                };
                (Record::Opened(Box::new(opened)), displaced)
            }
        };
        let after = self.commit(record, env, slot);
        let displaced = displaced.into_iter().map(|other| self.displaced(other, after)).collect();
        let payment = self.existing_mut(id);
        match &mut payment.pending {
            Some(pending) => pending.permits = Some(admitted.permits),
            None => admitted.permits.decline(env.now_ms),
        }
        Ok(Opening { view: payment.view.clone(), freshness: Freshness::First, displaced })
    }

    /// The payments that make room for an offer, or why it is declined: whoever is unknown, what
    /// cannot be priced, then the first reason that applies in the order of their numbers.
    fn make_room(
        &self,
        offer: &Offer,
        defaults: Limits,
        env: Env<'_>,
    ) -> Result<Vec<PaymentId>, Reason> {
        let terms = &offer.terms;
        let seat = self.customers.seat(&offer.customer).ok_or(Reason::CustomerUnknown)?;
        let (account, holder) = (self.customers.account(seat), self.customers.holder(seat));
        if let Some(reason) = offer.unpriced {
            return Err(reason);
        }
        if account.currency != terms.charge.currency {
            return Err(Reason::CurrencyNotAccepted);
        }
        self.check_payer(account, holder, terms.named_by, env)?;
        let room = self.room(account, holder, terms.named_by, env);
        let left_open = holder.open.len().saturating_sub(room.displaced.len());
        if left_open >= usize::from(env.rules.open_per_customer) {
            return Err(Reason::PromptOpen);
        }
        let amount = terms.charge.amount;
        if let Some(reason) = holder.limits().or(defaults).broken_by(amount, room.spent) {
            return Err(reason);
        }
        match room.available {
            Ok(available) if available >= amount => Ok(room.displaced),
            Ok(_) | Err(_) => Err(Reason::InsufficientFunds),
        }
    }

    /// Whether the customer may be asked at all, named as they are.
    fn check_payer(
        &self,
        account: &Account,
        holder: &Holder,
        named_by: NamedBy,
        env: Env<'_>,
    ) -> Result<(), Reason> {
        match (account.named_by, named_by) {
            (Naming::CodeOnly, NamedBy::Id) => return Err(Reason::CodeRequired),
            (Naming::CodeOnly, NamedBy::Code) | (Naming::IdOrCode, _) => {}
        }
        match account.standing {
            Standing::Frozen => return Err(Reason::CustomerFrozen),
            Standing::Active => {}
        }
        if account.wrong_in_row >= env.rules.tries_in_row {
            return Err(Reason::TriesExhausted);
        }
        match named_by {
            // Nobody can push prompts by plain id, or watch a balance, faster than this.
            NamedBy::Id if self.is_muted(holder, env) => return Err(Reason::Muted),
            // Whoever shows a code wants to be asked.
            NamedBy::Id | NamedBy::Code => {}
        }
        if holder.devices.is_empty() { Err(Reason::NoDevice) } else { Ok(()) }
    }

    fn is_muted(&self, holder: &Holder, env: Env<'_>) -> bool {
        let now_ms = self.clamped(env.now_ms);
        holder.asks.count_at(now_ms) >= env.rules.asks_per_minute
            || holder.dossier().is_some_and(|dossier| dossier.is_muted(now_ms, env.rules))
    }

    /// What a payment named so may use. One by code takes the place of all that wait by plain id.
    fn room(&self, account: &Account, holder: &Holder, named_by: NamedBy, env: Env<'_>) -> Room {
        let spent = holder.spending.on(self.today(env));
        let mut room = Room { available: account.available(), spent, displaced: Vec::new() };
        match named_by {
            NamedBy::Id => {}
            NamedBy::Code => {
                for payment in &holder.open {
                    self.displace(*payment, &mut room);
                }
            }
        }
        room
    }

    fn displace(&self, payment: PaymentId, room: &mut Room) {
        let waiting = self.existing(payment);
        let terms = waiting.view.terms.as_ref();
        let Some(terms) = terms.filter(|terms| terms.named_by == NamedBy::Id) else {
            return;
        };
        let amount = terms.charge.amount;
        room.available = room.available.and_then(|available| available.checked_add(amount));
        if room.spent.give_back(waiting.opened_on, 1, amount).is_ok() {
            room.displaced.push(payment);
        }
    }

    /// Tells where a payment stands that another has displaced by the record at `after`.
    fn displaced(&mut self, payment: PaymentId, after: Lsn) -> PaymentView {
        let view = &mut self.existing_mut(payment).view;
        view.after = after;
        view.clone()
    }
}
