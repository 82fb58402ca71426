//! What the processor does with handsets: enrols them, changes their keys, takes them out of use.

use std::sync::Arc;

use kessai_terms::collation::SealedRow;
use kessai_terms::ids::{CustomerId, DeviceId};

use super::Engine;
use super::admin::AdminError;
use crate::command::{KeyChange, Retirement};
use crate::device::Device;
use crate::record::{DeviceAdded, DeviceRevoked, Record, Rekeyed};
use crate::register::Peer;
use crate::slot::{Lsn, Slot};
use crate::sync::SharedEntry::{Occupied, Vacant};

impl Engine {
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
        self.check_seal(&added.row, customer, device)?;
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

    /// Replaces the keys of a live handset: its owner has a new password, or it a new TLS key.
    ///
    /// Prompts that it has not answered are answered for by the new keys only, and asked anew.
    ///
    /// # Errors
    /// [`AdminError::SealBroken`], [`AdminError::KeyTaken`], [`AdminError::CustomerMissing`],
    /// [`AdminError::DeviceMissing`], [`AdminError::VersionNotNext`].
    pub fn rekey_device<S: Slot>(
        &self,
        rekeyed: Rekeyed,
        now_ms: u64,
        slot: S,
    ) -> Result<KeyChange, AdminError> {
        let (customer, device, pin) = (rekeyed.customer, rekeyed.device, rekeyed.pin);
        self.check_seal(&rekeyed.row, customer, device)?;
        let peer = Peer::Handset(customer, device);
        let is_new = match self.peers.entry(pin) {
            Vacant(free) => {
                free.insert(peer);
                true
            }
            Occupied(taken) if *taken.get() == peer => false,
            Occupied(_) => return Err(AdminError::KeyTaken(device)),
        };
        let result = self.of_customer(&customer).with(|shard| {
            let seat = shard.customers.seat(&customer);
            let seat = seat.ok_or(AdminError::CustomerMissing(customer))?;
            let live = shard.customers.holder(seat).device(&device);
            let live = live.ok_or(AdminError::DeviceMissing(customer, device))?;
            let (old, expected) = (live.pin, live.version.saturating_add(1));
            if rekeyed.row.version != expected {
                return Err(AdminError::VersionNotNext { device, expected });
            }
            // Taken, but not by the keys that are in force: another change is under way with it.
            if !is_new && old != pin {
                return Err(AdminError::KeyTaken(device));
            }
            let record = Record::Rekeyed(Box::new(rekeyed));
            Ok((shard.commit(record, self.env(now_ms), slot), old))
        });
        match result {
            Ok((after, old)) if old == pin => Ok(KeyChange { after, retired: Vec::new() }),
            Ok((after, old)) => {
                self.release_key(&old, peer);
                Ok(KeyChange { after, retired: vec![old] })
            }
            Err(error) => {
                if is_new {
                    self.peers.remove(&pin);
                }
                Err(error)
            }
        }
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
    ) -> Result<KeyChange, AdminError> {
        let (after, pin) = self.of_customer(&customer).with(|shard| {
            let seat = shard.customers.seat(&customer);
            let seat = seat.ok_or(AdminError::CustomerMissing(customer))?;
            let live = shard.customers.holder(seat).device(&device);
            let pin = live.ok_or(AdminError::DeviceMissing(customer, device))?.pin;
            let record = Record::DeviceRevoked(DeviceRevoked { customer, device });
            Ok((shard.commit(record, self.env(now_ms), slot), pin))
        })?;
        self.release_key(&pin, Peer::Handset(customer, device));
        Ok(KeyChange { after, retired: vec![pin] })
    }

    /// Takes every handset out of use that is enrolled now, after a suspected theft of keys.
    ///
    /// Each takes a place in the journal's queue; when there is none, it stops and says how many
    /// are left. Handsets that are enrolled while it works stay.
    pub fn retire_all_devices<S: Slot>(
        &self,
        now_ms: u64,
        mut reserve: impl FnMut() -> Option<S>,
    ) -> Retirement {
        let mut retirement = Retirement::default();
        for shard in &self.shards {
            let live = shard.with(|shard| shard.customers.live_devices());
            for (customer, device) in live {
                let slot = if retirement.left == 0 { reserve() } else { None };
                let Some(slot) = slot else {
                    retirement.left = retirement.left.saturating_add(1);
                    continue;
                };
                // One that is not there any more was taken out of use by somebody else.
                if let Ok(revoked) = self.revoke_device(customer, device, now_ms, slot) {
                    retirement.change.after = retirement.change.after.max(revoked.after);
                    retirement.change.retired.extend(revoked.retired);
                }
            }
        }
        retirement
    }

    /// Finds a customer's live handsets: whom to ask and whom to tell.
    #[must_use]
    pub fn devices(&self, customer: &CustomerId) -> Vec<Arc<Device>> {
        self.of_customer(customer).with(|shard| {
            let seat = shard.customers.seat(customer);
            seat.map(|seat| shard.customers.holder(seat).devices.clone()).unwrap_or_default()
        })
    }

    /// Finds one live handset.
    #[must_use]
    pub fn device(&self, customer: &CustomerId, device: &DeviceId) -> Option<Arc<Device>> {
        self.of_customer(customer).with(|shard| {
            let seat = shard.customers.seat(customer)?;
            shard.customers.holder(seat).device(device).cloned()
        })
    }

    fn check_seal(
        &self,
        row: &SealedRow,
        customer: CustomerId,
        device: DeviceId,
    ) -> Result<(), AdminError> {
        match self.keyring.open(row, &customer, &device) {
            Some(_) => Ok(()),
            None => Err(AdminError::SealBroken(device)),
        }
    }
}
