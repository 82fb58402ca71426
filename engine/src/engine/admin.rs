//! What the processor does with customers: enters them, and raises their balances.

use kessai_terms::ids::{CustomerId, DeviceId};
use kessai_terms::money::Amount;

use super::Engine;
use crate::customer::CustomerView;
use crate::record::{Credited, CustomerAdded, Record};
use crate::slot::{Lsn, Slot};

/// Why an administrative command is refused; nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// The customer is there already.
    #[error("customer {0} is already registered")]
    CustomerExists(CustomerId),
    /// There is no such customer.
    #[error("customer {0} is not registered")]
    CustomerMissing(CustomerId),
    /// The handset is there already.
    #[error("device {0} is already enrolled")]
    DeviceExists(DeviceId),
    /// The customer has no such handset.
    #[error("customer {0} has no device {1}")]
    DeviceMissing(CustomerId, DeviceId),
    /// The TLS key already speaks for somebody.
    #[error("the key of device {0} is already enrolled for another peer")]
    KeyTaken(DeviceId),
    /// The keys do not open under the sealing key that they name.
    #[error("the keys of device {0} do not open under the sealing key that they name")]
    SealBroken(DeviceId),
    /// The new keys of the handset are not those that follow the ones it has.
    #[error("the next keys of device {device} must be sealed as version {expected}")]
    VersionNotNext {
        /// The handset.
        device: DeviceId,
        /// The version that its next row must have.
        expected: u32,
    },
    /// The balance would leave the range of an amount.
    #[error("the balance of customer {0} would become too large")]
    BalanceTooLarge(CustomerId),
    /// The shard has no room for another customer.
    #[error("no room for another customer")]
    Full,
}

impl Engine {
    /// Enters a customer with an opening balance.
    ///
    /// # Errors
    /// [`AdminError::CustomerExists`].
    pub fn add_customer<S: Slot>(
        &self,
        added: CustomerAdded,
        now_ms: u64,
        slot: S,
    ) -> Result<Lsn, AdminError> {
        let customer = added.customer;
        self.of_customer(&customer).with(|shard| {
            if shard.customers.seat(&customer).is_some() {
                return Err(AdminError::CustomerExists(customer));
            }
            if shard.customers.is_full() {
                return Err(AdminError::Full);
            }
            Ok(shard.commit(Record::CustomerAdded(added), self.env(now_ms), slot))
        })
    }

    /// Raises a customer's balance.
    ///
    /// # Errors
    /// [`AdminError::CustomerMissing`], [`AdminError::BalanceTooLarge`].
    pub fn credit<S: Slot>(
        &self,
        customer: CustomerId,
        amount: Amount,
        now_ms: u64,
        slot: S,
    ) -> Result<Lsn, AdminError> {
        self.of_customer(&customer).with(|shard| {
            let seat = shard.customers.seat(&customer);
            let seat = seat.ok_or(AdminError::CustomerMissing(customer))?;
            let balance = shard.customers.account(seat).balance;
            if balance.checked_add(amount).is_err() {
                return Err(AdminError::BalanceTooLarge(customer));
            }
            let record = Record::Credited(Credited { customer, amount });
            Ok(shard.commit(record, self.env(now_ms), slot))
        })
    }

    /// Lets a blocked customer try again.
    ///
    /// # Errors
    /// [`AdminError::CustomerMissing`].
    pub fn unblock<S: Slot>(
        &self,
        customer: CustomerId,
        now_ms: u64,
        slot: S,
    ) -> Result<Lsn, AdminError> {
        self.of_customer(&customer).with(|shard| {
            if shard.customers.seat(&customer).is_none() {
                return Err(AdminError::CustomerMissing(customer));
            }
            Ok(shard.commit(Record::Unblocked(customer), self.env(now_ms), slot))
        })
    }

    /// Reads a customer as the processor sees them.
    #[must_use]
    pub fn customer(&self, customer: &CustomerId) -> Option<CustomerView> {
        self.of_customer(customer)
            .with(|shard| shard.customers.seat(customer).map(|seat| shard.customers.view(seat)))
    }
}
