//! How the records about customers and their handsets change a shard.

use std::sync::Arc;

use kessai_terms::ids::CustomerId;
use kessai_terms::money::Amount;
use kessai_terms::profile::SealedProfile;
use kessai_terms::text::TransferReference;

use super::{Corrupt, Touched};
use crate::command::Keyring;
use crate::customer::{Account, Seat};
use crate::device::Device;
use crate::dossier::{Direction, Known};
use crate::policy::CustomerPolicy;
use crate::record::{
    Credited, CustomerAdded, Debited, DeviceAdded, DeviceRevoked, Entry, PolicySet, Rekeyed,
};
use crate::shard::Shard;

impl Shard {
    pub(super) fn add_customer(&mut self, added: &CustomerAdded) -> Result<Touched, Corrupt> {
        if self.customers.seat(&added.customer).is_some() {
            return Err(Corrupt::Customer);
        }
        self.ledger.fund(added.currency, added.balance)?;
        let account = Account::new(added.currency, added.balance);
        self.customers.add(added.customer, account).map(Touched::customer).ok_or(Corrupt::Customer)
    }

    pub(super) fn raise_balance(
        &mut self,
        credited: &Credited,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let Credited { customer, amount, reference } = credited;
        let seat = self.seated(customer)?;
        let account = self.customers.account_mut(seat);
        account.balance = account.balance.checked_add(*amount)?;
        self.ledger.fund(account.currency, *amount)?;
        self.note_transfer(seat, reference, (Direction::Credit, *amount), entry)
    }

    /// Lowers a balance: what open payments wait for cannot be taken.
    pub(super) fn lower_balance(
        &mut self,
        debited: &Debited,
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let Debited { customer, amount, reference } = debited;
        let seat = self.seated(customer)?;
        let account = self.customers.account_mut(seat);
        account.available()?.checked_sub(*amount)?;
        account.balance = account.balance.checked_sub(*amount)?;
        self.ledger.pay_out(account.currency, *amount)?;
        self.note_transfer(seat, reference, (Direction::Debit, *amount), entry)
    }

    fn note_transfer(
        &mut self,
        seat: Seat,
        reference: &TransferReference,
        what: (Direction, Amount),
        entry: &Entry,
    ) -> Result<Touched, Corrupt> {
        let dossier = self.customers.holder_mut(seat).dossier_mut();
        if dossier.transfer(reference, what, entry.business_date) != Known::No {
            return Err(Corrupt::Transfer);
        }
        dossier.note_transfer(reference, what, entry.business_date);
        Ok(Touched::customer(seat))
    }

    pub(super) fn unblock(&mut self, customer: &CustomerId) -> Result<Touched, Corrupt> {
        let seat = self.seated(customer)?;
        self.customers.account_mut(seat).wrong_in_row = 0;
        self.customers.holder_mut(seat).unmute();
        Ok(Touched::customer(seat))
    }

    pub(super) fn replace_policy(&mut self, set: &PolicySet) -> Result<Touched, Corrupt> {
        let CustomerPolicy { standing, named_by, limits } = set.policy;
        let seat = self.seated(&set.customer)?;
        let account = self.customers.account_mut(seat);
        (account.standing, account.named_by) = (standing, named_by);
        self.customers.holder_mut(seat).dossier_mut().limits = limits;
        Ok(Touched::customer(seat))
    }

    pub(super) fn replace_profile(
        &mut self,
        customer: &CustomerId,
        profile: Option<&SealedProfile>,
    ) -> Result<Touched, Corrupt> {
        let seat = self.seated(customer)?;
        self.customers.holder_mut(seat).dossier_mut().profile = profile.cloned();
        Ok(Touched::customer(seat))
    }

    pub(super) fn add_device(
        &mut self,
        added: &DeviceAdded,
        keyring: &Keyring,
    ) -> Result<Touched, Corrupt> {
        let seat = self.seated(&added.customer)?;
        let (whose, connects) = ((added.customer, added.device), (added.pin, added.salt));
        let device = Device::open(&added.row, whose, connects, keyring)?;
        let holder = self.customers.holder_mut(seat);
        if holder.device(&added.device).is_some() {
            return Err(Corrupt::Device);
        }
        holder.devices.push(Arc::new(device));
        Ok(Touched::customer(seat))
    }

    /// Gives a handset other keys; it keeps its place, and is asked anew what it was asked.
    pub(super) fn rekey_device(
        &mut self,
        rekeyed: &Rekeyed,
        keyring: &Keyring,
    ) -> Result<Touched, Corrupt> {
        let seat = self.seated(&rekeyed.customer)?;
        let (whose, connects) = ((rekeyed.customer, rekeyed.device), (rekeyed.pin, rekeyed.salt));
        let device = Device::open(&rekeyed.row, whose, connects, keyring)?;
        let holder = self.customers.holder_mut(seat);
        let live = holder.devices.iter_mut().find(|device| device.id == rekeyed.device);
        let live = live.ok_or(Corrupt::Device)?;
        if live.version.checked_add(1) != Some(rekeyed.row.version) {
            return Err(Corrupt::Device);
        }
        *live = Arc::new(device);
        for payment in &holder.open {
            if let Some(pending) = self.payments.get_mut(payment).and_then(|p| p.pending.as_mut()) {
                pending.withdraw(&rekeyed.device);
            }
        }
        Ok(Touched::customer(seat))
    }

    pub(super) fn revoke_device(&mut self, revoked: &DeviceRevoked) -> Result<Touched, Corrupt> {
        let seat = self.seated(&revoked.customer)?;
        let devices = &mut self.customers.holder_mut(seat).devices;
        let place = devices.iter().position(|device| device.id == revoked.device);
        devices.remove(place.ok_or(Corrupt::Device)?);
        Ok(Touched::customer(seat))
    }
}
