//! Refunds on their way to a shard: an id of their own, and a terminal of the right merchant.

use kessai_terms::ids::MerchantId;
use kessai_terms::reason::Reason;

use super::Engine;
use super::admission::check_terminal;
use super::ids::Use;
use crate::refund::{Refund, Refunding};
use crate::slot::Slot;

impl Engine {
    /// Gives back a part of what was captured, or all; a repeat is answered alike.
    ///
    /// # Errors
    /// A refusal, which leaves no trace: [`Reason::PaymentIdReused`] if the refund's id was used
    /// for anything else; [`Reason::TerminalUnknown`], [`Reason::Busy`],
    /// [`Reason::PaymentIdFromFuture`], [`Reason::TerminalFrozen`], [`Reason::PaymentIdTooOld`] if
    /// the refund's id may have been used by one that has left the memory;
    /// [`Reason::PaymentUnknown`] if the terminal's merchant has no such payment in memory, [`Reason::AmountInvalid`] for nothing,
    /// [`Reason::StateForbids`] if it was not captured, [`Reason::AmountAboveCapture`] if it would
    /// come to more than that, [`Reason::AmountOverflow`] if the customer's balance has no room.
    pub fn refund<S: Slot>(
        &self,
        refund: Refund,
        now_ms: u64,
        slot: S,
    ) -> Result<Refunding, Reason> {
        if let Some(answer) = self.refunded(&refund) {
            return answer;
        }
        self.check_floor(&refund.refund)?;
        let merchant = self.admit_refund(&refund, now_ms)?;
        let unit = self.unit_of(&refund.payment).ok_or(Reason::PaymentUnknown)?;
        if !self.claim(refund.refund, unit) {
            return self.refunded(&refund).unwrap_or(Err(Reason::Busy));
        }
        let env = self.env(now_ms);
        let made = self.shard(unit).with(|shard| shard.refund(refund, merchant, env, slot));
        if made.is_err() {
            self.disclaim(&refund.refund);
        }
        made
    }

    /// Answers a refund whose id is used already.
    fn refunded(&self, refund: &Refund) -> Option<Result<Refunding, Reason>> {
        match self.used(&refund.refund)? {
            Use::Refund(unit) => {
                // Another thread may have claimed the id and not come to the shard yet.
                let known = self.shard(unit).with(|shard| shard.refunded(refund));
                Some(known.unwrap_or(Err(Reason::Busy)))
            }
            Use::Payment(_) => Some(Err(Reason::PaymentIdReused)),
        }
    }

    /// Finds the merchant whom a refund speaks for. A suspended store may give money back.
    fn admit_refund(&self, refund: &Refund, now_ms: u64) -> Result<MerchantId, Reason> {
        let register = self.register.read();
        let place = register.place(&refund.terminal).ok_or(Reason::TerminalUnknown)?;
        self.check_room()?;
        self.check_id_time(&refund.refund, now_ms)?;
        check_terminal(place.terminal.standing)?;
        Ok(place.merchant.id)
    }
}
