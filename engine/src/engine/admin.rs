//! What the processor does: enters merchants, customers and handsets, and raises balances.

use kessai_terms::ids::{CustomerId, DeviceId, TerminalId};
use kessai_terms::money::Amount;

use super::Engine;
use crate::customer::CustomerView;
use crate::record::{Credited, CustomerAdded, DeviceAdded, DeviceRevoked, Entry, Record, Unit};
use crate::register::{KeyPin, Peer, Register, RegisterChange, RegisterError, Terminal};
use crate::shard::Corrupt;
use crate::slot::{Lsn, Slot};
use crate::sync::SharedEntry::{Occupied, Vacant};

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
    /// The balance would leave the range of an amount.
    #[error("the balance of customer {0} would become too large")]
    BalanceTooLarge(CustomerId),
    /// The shard has no room for another customer.
    #[error("no room for another customer")]
    Full,
}

/// Keeps the register's own sequence.
#[derive(Debug, Default)]
pub(super) struct Clerk {
    sequence: u64,
    at_ms: u64,
}

impl Clerk {
    /// Takes note of a replayed entry.
    pub(super) fn follow(&mut self, entry: &Entry) -> Result<(), Corrupt> {
        let expected = self.sequence.saturating_add(1);
        if entry.sequence != expected {
            return Err(Corrupt::Gap { unit: entry.unit, expected, found: entry.sequence });
        }
        (self.sequence, self.at_ms) = (expected, entry.at_ms);
        Ok(())
    }
}

/// A terminal's keys before and after a change of the register.
pub(super) struct Repinned {
    terminal: TerminalId,
    old: Option<KeyPin>,
    new: Option<KeyPin>,
}

impl Repinned {
    /// What `change` does to a terminal's key, `register` being as it was before.
    pub(super) fn by(change: &RegisterChange, register: &Register) -> Option<Self> {
        match change {
            RegisterChange::Terminal(terminal) => Some(Self {
                terminal: terminal.id,
                old: register.place(&terminal.id).and_then(|place| place.terminal.pin),
                new: terminal.pin,
            }),
            RegisterChange::Merchant(_) | RegisterChange::Store(_) => None,
        }
    }
}

impl Engine {
    /// Enters changes of the register, all or none, and publishes them together.
    ///
    /// # Errors
    /// [`RegisterError`] of the first change that cannot be; then nothing has changed.
    pub fn enter_register<S: Slot>(
        &self,
        changes: Vec<(RegisterChange, S)>,
        now_ms: u64,
    ) -> Result<Lsn, RegisterError> {
        self.register_clerk.with(|clerk| {
            let mut draft = self.register.read().as_ref().clone();
            let mut claimed = Vec::new();
            let mut repinned = Vec::new();
            let checked = changes.iter().try_for_each(|(change, _)| {
                claimed.extend(self.claim_key(change)?);
                repinned.extend(Repinned::by(change, &draft));
                draft.apply(change)
            });
            if let Err(error) = checked {
                for pin in claimed {
                    self.peers.remove(&pin);
                }
                return Err(error);
            }
            for change in &repinned {
                self.repin(change);
            }
            clerk.at_ms = clerk.at_ms.max(now_ms);
            for (change, slot) in changes {
                clerk.sequence = clerk.sequence.saturating_add(1);
                draft.after = slot.push(Entry {
                    unit: Unit::REGISTER,
                    sequence: clerk.sequence,
                    at_ms: clerk.at_ms,
                    business_date: self.rules.calendar.date(clerk.at_ms),
                    record: Record::Registered(change),
                });
            }
            let after = draft.after;
            self.register.replace(draft);
            Ok(after)
        })
    }

    /// Takes a terminal's key before anything else is done, so that no other peer can have it;
    /// gives it if it was free until now.
    fn claim_key(&self, change: &RegisterChange) -> Result<Option<KeyPin>, RegisterError> {
        let RegisterChange::Terminal(Terminal { id, pin: Some(pin), .. }) = change else {
            return Ok(None);
        };
        match self.peers.entry(*pin) {
            Vacant(free) => {
                free.insert(Peer::Terminal(*id));
                Ok(Some(*pin))
            }
            Occupied(taken) if *taken.get() == Peer::Terminal(*id) => Ok(None),
            Occupied(_) => Err(RegisterError::KeyTaken(*id)),
        }
    }

    /// Lets a terminal's new key in and its old one out.
    pub(super) fn repin(&self, change: &Repinned) {
        if let Some(pin) = change.old {
            self.peers.remove(&pin);
        }
        if let Some(pin) = change.new {
            self.peers.insert(pin, Peer::Terminal(change.terminal));
        }
    }

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

    /// Enrols a handset for a customer who is there.
    ///
    /// # Errors
    /// [`AdminError::SealBroken`], [`AdminError::KeyTaken`], [`AdminError::CustomerMissing`],
    /// [`AdminError::DeviceExists`].
    pub fn add_device<S: Slot>(
        &self,
        added: DeviceAdded,
        now_ms: u64,
        slot: S,
    ) -> Result<Lsn, AdminError> {
        let (customer, device, pin) = (added.customer, added.device, added.pin);
        let sealed = self.keyring.key(added.row.key_id).and_then(|key| added.open(key));
        if sealed.is_none() {
            return Err(AdminError::SealBroken(device));
        }
        // The key is taken first and given back on refusal: two enrolments cannot share it.
        match self.peers.entry(pin) {
            Vacant(free) => drop(free.insert(Peer::Handset(customer, device))),
            Occupied(taken) if *taken.get() == Peer::Handset(customer, device) => {
                return Err(AdminError::DeviceExists(device));
            }
            Occupied(_) => return Err(AdminError::KeyTaken(device)),
        }
        let result = self.of_customer(&customer).with(|shard| {
            let seat = shard.customers.seat(&customer);
            let seat = seat.ok_or(AdminError::CustomerMissing(customer))?;
            if shard.customers.holder(seat).device(&device).is_some() {
                return Err(AdminError::DeviceExists(device));
            }
            Ok(shard.commit(Record::DeviceAdded(Box::new(added)), self.env(now_ms), slot))
        });
        if result.is_err() {
            self.peers.remove(&pin);
        }
        result
    }

    /// Takes a handset out of use.
    ///
    /// # Errors
    /// [`AdminError::CustomerMissing`], [`AdminError::DeviceMissing`].
    pub fn revoke_device<S: Slot>(
        &self,
        customer: CustomerId,
        device: DeviceId,
        now_ms: u64,
        slot: S,
    ) -> Result<Lsn, AdminError> {
        let (after, pin) = self.of_customer(&customer).with(|shard| {
            let seat = shard.customers.seat(&customer);
            let seat = seat.ok_or(AdminError::CustomerMissing(customer))?;
            let live = shard.customers.holder(seat).device(&device);
            let pin = live.ok_or(AdminError::DeviceMissing(customer, device))?.pin;
            let record = Record::DeviceRevoked(DeviceRevoked { customer, device });
            Ok((shard.commit(record, self.env(now_ms), slot), pin))
        })?;
        self.peers.remove(&pin);
        Ok(after)
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
