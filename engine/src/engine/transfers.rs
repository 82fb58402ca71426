//! What the processor does with balances: credits and debits, each once by its reference.

use kessai_terms::ids::CustomerId;
use kessai_terms::money::Amount;
use kessai_terms::text::TransferReference;

use super::{AdminError, Engine};
use crate::calendar::BusinessDate;
use crate::command::{Freshness, Transferred};
use crate::customer::{Account, Holder};
use crate::dossier::{Direction, Known};
use crate::record::{Credited, Debited, Record};
use crate::slot::Slot;

/// A credit or debit before it is made.
struct Transfer<'a> {
    customer: CustomerId,
    reference: &'a TransferReference,
    direction: Direction,
    amount: Amount,
}

impl Engine {
    /// Raises a customer's balance, once for each reference.
    ///
    /// # Errors
    /// [`AdminError::CustomerMissing`], [`AdminError::ReferenceReused`],
    /// [`AdminError::BalanceTooLarge`].
    pub fn credit<S: Slot>(
        &self,
        credited: Credited,
        now_ms: u64,
        slot: S,
    ) -> Result<Transferred, AdminError> {
        let Credited { customer, amount, reference } = credited.clone();
        let direction = Direction::Credit;
        let transfer = Transfer { customer, reference: &reference, direction, amount };
        self.transfer(&transfer, now_ms, slot, |account| {
            match account.balance.checked_add(amount) {
                Ok(_) => Ok(Record::Credited(credited)),
                Err(_) => Err(AdminError::BalanceTooLarge(customer)),
            }
        })
    }

    /// Lowers a customer's balance, as far as nothing waits for it, once for each reference.
    ///
    /// # Errors
    /// [`AdminError::CustomerMissing`], [`AdminError::ReferenceReused`],
    /// [`AdminError::BalanceTooSmall`].
    pub fn debit<S: Slot>(
        &self,
        debited: Debited,
        now_ms: u64,
        slot: S,
    ) -> Result<Transferred, AdminError> {
        let Debited { customer, amount, reference } = debited.clone();
        let direction = Direction::Debit;
        let transfer = Transfer { customer, reference: &reference, direction, amount };
        self.transfer(&transfer, now_ms, slot, |account| {
            match account.available().and_then(|available| available.checked_sub(amount)) {
                Ok(_) => Ok(Record::Debited(debited)),
                Err(_) => Err(AdminError::BalanceTooSmall(customer)),
            }
        })
    }

    /// Answers a repeat alike; otherwise makes the record that `decide` finds.
    fn transfer<S: Slot>(
        &self,
        transfer: &Transfer<'_>,
        now_ms: u64,
        slot: S,
        decide: impl FnOnce(&Account) -> Result<Record, AdminError>,
    ) -> Result<Transferred, AdminError> {
        let customer = transfer.customer;
        let env = self.env(now_ms);
        self.of_customer(&customer).with(|shard| {
            let seat = shard.customers.seat(&customer);
            let seat = seat.ok_or(AdminError::CustomerMissing(customer))?;
            let account = shard.customers.account(seat);
            match transfer.known(shard.customers.holder(seat), shard.today(env)) {
                Known::No => {}
                // The customer's latest record is no earlier than the one that is answered for.
                Known::Alike => {
                    return Ok(Transferred { after: account.after, freshness: Freshness::Repeat });
                }
                Known::Otherwise => return Err(AdminError::ReferenceReused(customer)),
            }
            let record = decide(account)?;
            let after = shard.commit(record, env, slot);
            Ok(Transferred { after, freshness: Freshness::First })
        })
    }
}

impl Transfer<'_> {
    fn known(&self, holder: &Holder, day: BusinessDate) -> Known {
        holder.dossier().map_or(Known::No, |dossier| {
            dossier.transfer(self.reference, (self.direction, self.amount), day)
        })
    }
}
