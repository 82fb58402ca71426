//! What the processor does with customers: enters them, says what they may do, keeps who they are.

use kessai_terms::ids::{CustomerId, DeviceId};
use kessai_terms::money::Currency;
use kessai_terms::profile::SealedProfile;

use super::Engine;
use crate::customer::{CustomerView, Seat};
use crate::record::{CustomerAdded, PolicySet, ProfileSet, Record};
use crate::shard::Shard;
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
    /// More is to be taken than can be spared: the rest of the balance is held or not there.
    #[error("the balance of customer {0} does not spare that much")]
    BalanceTooSmall(CustomerId),
    /// The reference was used for another credit or debit of the customer.
    #[error("the reference was used for another credit or debit of customer {0}")]
    ReferenceReused(CustomerId),
    /// Nothing is known of the customer that could be erased.
    #[error("customer {0} has no profile")]
    ProfileMissing(CustomerId),
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

    /// Changes what a customer may do: from now on, for payments that wait as well.
    ///
    /// # Errors
    /// [`AdminError::CustomerMissing`].
    pub fn set_policy<S: Slot>(
        &self,
        set: PolicySet,
        now_ms: u64,
        slot: S,
    ) -> Result<Lsn, AdminError> {
        let customer = set.customer;
        self.change_customer(customer, now_ms, slot, |_, _| Ok(Record::PolicySet(Box::new(set))))
    }

    /// Tells the currency of a customer's balance.
    #[must_use]
    pub fn currency_of(&self, customer: &CustomerId) -> Option<Currency> {
        self.of_customer(customer).with(|shard| {
            let seat = shard.customers.seat(customer)?;
            Some(shard.customers.account(seat).currency)
        })
    }

    /// Keeps what is known of a customer in place of what was known before.
    ///
    /// # Errors
    /// [`AdminError::CustomerMissing`].
    pub fn set_profile<S: Slot>(
        &self,
        set: ProfileSet,
        now_ms: u64,
        slot: S,
    ) -> Result<Lsn, AdminError> {
        let customer = set.customer;
        self.change_customer(customer, now_ms, slot, |_, _| Ok(Record::ProfileSet(Box::new(set))))
    }

    /// Drops what is known of a customer, with the sealed key that alone opens it.
    ///
    /// What was journalled before stays in the journal for as long as its segments are kept.
    ///
    /// # Errors
    /// [`AdminError::CustomerMissing`], [`AdminError::ProfileMissing`].
    pub fn erase_profile<S: Slot>(
        &self,
        customer: CustomerId,
        now_ms: u64,
        slot: S,
    ) -> Result<Lsn, AdminError> {
        self.change_customer(customer, now_ms, slot, |shard, seat| {
            match shard.customers.holder(seat).dossier().and_then(|own| own.profile.as_ref()) {
                Some(_) => Ok(Record::ProfileErased(customer)),
                None => Err(AdminError::ProfileMissing(customer)),
            }
        })
    }

    /// Reads what is known of a customer, sealed as it was set.
    #[must_use]
    pub fn profile(&self, customer: &CustomerId) -> Option<SealedProfile> {
        self.of_customer(customer).with(|shard| {
            let seat = shard.customers.seat(customer)?;
            shard.customers.holder(seat).dossier()?.profile.clone()
        })
    }

    /// Lets a blocked or muted customer try again.
    ///
    /// # Errors
    /// [`AdminError::CustomerMissing`].
    pub fn unblock<S: Slot>(
        &self,
        customer: CustomerId,
        now_ms: u64,
        slot: S,
    ) -> Result<Lsn, AdminError> {
        self.change_customer(customer, now_ms, slot, |_, _| Ok(Record::Unblocked(customer)))
    }

    /// Reads a customer as the processor sees them.
    #[must_use]
    pub fn customer(&self, customer: &CustomerId) -> Option<CustomerView> {
        self.of_customer(customer)
            .with(|shard| shard.customers.seat(customer).map(|seat| shard.customers.view(seat)))
    }

    /// Makes the record that `decide` finds for a customer who is there.
    fn change_customer<S: Slot>(
        &self,
        customer: CustomerId,
        now_ms: u64,
        slot: S,
        decide: impl FnOnce(&Shard, Seat) -> Result<Record, AdminError>,
    ) -> Result<Lsn, AdminError> {
        self.of_customer(&customer).with(|shard| {
            let seat = shard.customers.seat(&customer);
            let seat = seat.ok_or(AdminError::CustomerMissing(customer))?;
            let record = decide(shard, seat)?;
            Ok(shard.commit(record, self.env(now_ms), slot))
        })
    }
}
