//! Admission: the refusals that need no customer, and the counted places that a payment takes,
//! before a shard is locked. What is refused here leaves no trace.

use std::sync::atomic::Ordering;

use kessai_terms::ids::PaymentId;
use kessai_terms::reason::Reason;

use super::Engine;
use crate::offer::NamedBy;
use crate::payment::Permits;
use crate::policy::Standing;
use crate::record::Terms;
use crate::register::LimitHolder;
use crate::rules::PlainIds;
use crate::shard::Admitted;

impl Engine {
    /// Takes the counted places of a new payment, or names the first reason against it in the order
    /// of their numbers.
    pub(super) fn admit(&self, terms: &Terms, now_ms: u64) -> Result<Admitted, Reason> {
        let register = self.register.read();
        let place = register.place(&terms.terminal).ok_or(Reason::TerminalUnknown)?;
        match place.store.standing {
            Standing::Active => {}
            Standing::Frozen => return Err(Reason::StoreSuspended),
        }
        self.check_room()?;
        let in_all = self.open.take(self.rules.open_in_all).ok_or(Reason::Busy)?;
        if place.meter.declined(now_ms) >= self.rules.declines_per_terminal_per_minute.into() {
            return Err(Reason::TooManyRequests);
        }
        let own = place.meter.open(self.rules.open_per_terminal);
        let mut own = own.ok_or(Reason::TooManyPending)?;
        self.check_id_time(&terms.payment, now_ms)?;
        check_terminal(place.terminal.standing)?;
        let (price, currency) = (terms.charge.price(), terms.charge.price_currency());
        let defaults = register.default_limits(LimitHolder::Terminal, currency);
        let limits = place.terminal.limits.or(defaults);
        let day = self.rules.calendar.date(now_ms);
        own.take(day, price, &limits).ok_or(Reason::TerminalLimit)?;
        match (self.rules.plain_ids, terms.named_by) {
            (PlainIds::Refused, NamedBy::Id) => return Err(Reason::CodesOnly),
            (PlainIds::Refused, NamedBy::Code) | (PlainIds::Allowed, _) => {}
        }
        let defaults = register.default_limits(LimitHolder::Customer, terms.charge.currency);
        Ok(Admitted { permits: Permits::new(own, in_all), defaults })
    }

    pub(super) fn check_room(&self) -> Result<(), Reason> {
        if self.id_count.load(Ordering::Relaxed) < self.rules.payments_in_memory {
            Ok(())
        } else {
            Err(Reason::Busy)
        }
    }

    /// Refuses an id that is too old to be new. The shard decides by its own copy of the floor; here
    /// most are stopped before they take a place in the index.
    pub(super) fn check_floor(&self, id: &PaymentId) -> Result<(), Reason> {
        if id.unix_ms() < self.memory_floor_ms() { Err(Reason::PaymentIdTooOld) } else { Ok(()) }
    }

    pub(super) fn check_id_time(&self, payment: &PaymentId, now_ms: u64) -> Result<(), Reason> {
        if payment.unix_ms() > now_ms.saturating_add(self.rules.id_tolerance_ms) {
            Err(Reason::PaymentIdFromFuture)
        } else {
            Ok(())
        }
    }
}

/// A frozen terminal may be a stolen one.
pub(super) const fn check_terminal(standing: Standing) -> Result<(), Reason> {
    match standing {
        Standing::Active => Ok(()),
        Standing::Frozen => Err(Reason::TerminalFrozen),
    }
}
