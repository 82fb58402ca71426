//! Handsets that were enrolled elsewhere: with the keys that check their proofs.

use kessai_engine::terms::collation::{
    DeviceKey, DeviceKeys, Salt, SealedRow, ServerKey, StoredKey,
};
use kessai_engine::terms::{CustomerId, DeviceId};
use kessai_engine::{AdminError, DeviceAdded, KeyPin, Peer, Rekeyed};

use super::clerk::Clerk;
use super::kind::{Existing, Kind, already_there};
use super::register::KEY_TAKEN;
use super::report::Halt;
use crate::admin::Office;
use crate::admin::table::{Column, Row, bytes, key_pin};
use crate::entropy::draw;

static COLUMNS: [Column; 7] = [
    Column::required("customer"),
    Column::required("device"),
    Column::required("key_pin"),
    Column::required("salt"),
    Column::required("stored_key"),
    Column::required("server_key"),
    Column::required("device_key"),
];

pub(super) struct Handsets;

/// What an enrolment brings.
pub(super) struct Entry {
    customer: CustomerId,
    device: DeviceId,
    pin: KeyPin,
    salt: Salt,
    keys: DeviceKeys,
}

impl Entry {
    /// Seals the keys as the `version`-th of this handset.
    fn sealed(&self, version: u32, office: &Office) -> SealedRow {
        let nonce = draw(office.entropy.as_ref());
        office.sealing.seal(&self.keys, &self.customer, &self.device, version, nonce)
    }
}

impl Kind for Handsets {
    type Entry = Entry;
    type Id = (CustomerId, DeviceId);

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn id_column(&self) -> &'static str {
        "device"
    }

    fn parse(&self, row: &Row) -> Result<Entry, String> {
        Ok(Entry {
            customer: row.required("customer", CustomerId::new)?,
            device: row.required("device", str::parse::<DeviceId>)?,
            pin: row.required("key_pin", key_pin)?,
            salt: Salt(row.required("salt", bytes)?),
            keys: DeviceKeys {
                stored: StoredKey::from_bytes(row.required("stored_key", bytes)?),
                server: ServerKey::from_bytes(row.required("server_key", bytes)?),
                device: DeviceKey::from_bytes(row.required("device_key", bytes)?),
            },
        })
    }

    fn id(&self, entry: &Entry) -> Self::Id {
        (entry.customer, entry.device)
    }

    fn pin(&self, entry: &Entry) -> Option<KeyPin> {
        Some(entry.pin)
    }

    fn check(
        &mut self,
        entry: &Entry,
        existing: Existing,
        office: &Office,
    ) -> Result<Result<(), String>, Halt> {
        let Entry { customer, device, pin, .. } = entry;
        let Some(view) = office.engine.customer(customer) else {
            return Ok(Err(CUSTOMER_MISSING.to_owned()));
        };
        if existing == Existing::Refused && view.devices.contains(device) {
            return Ok(Err(already_there(self.id_column())));
        }
        let holder = office.engine.peer(pin);
        let is_own = holder.is_none_or(|holder| holder == Peer::Handset(*customer, *device));
        Ok(if is_own { Ok(()) } else { Err(KEY_TAKEN.to_owned()) })
    }

    fn enter(&mut self, line: u64, entry: Entry, clerk: &mut Clerk<'_>) -> Result<(), Halt> {
        let Entry { customer, device, pin, salt, .. } = entry;
        let row = entry.sealed(1, clerk.office);
        let added = DeviceAdded { customer, device, pin, salt, row };
        let done =
            match clerk.perform(|engine, now_ms, slot| engine.add_device(added, now_ms, slot))? {
                Ok(()) => {
                    clerk.report.entered();
                    return Ok(());
                }
                Err(AdminError::DeviceExists(_)) if clerk.existing == Existing::Updated => {
                    rekey(&entry, clerk)?
                }
                Err(error) => Err(error),
            };
        match done {
            Ok(()) => {
                clerk.report.updated();
                Ok(())
            }
            Err(error) => clerk.report.bad(line, words(&error)),
        }
    }
}

/// Gives a handset that is there its next keys.
fn rekey(entry: &Entry, clerk: &mut Clerk<'_>) -> Result<Result<(), AdminError>, Halt> {
    let Entry { customer, device, pin, salt, .. } = *entry;
    let Some(live) = clerk.office.engine.device(&customer, &device) else {
        return Ok(Err(AdminError::DeviceMissing(customer, device)));
    };
    let row = entry.sealed(live.version.saturating_add(1), clerk.office);
    let rekeyed = Rekeyed { customer, device, pin, salt, row };
    clerk.perform(|engine, now_ms, slot| {
        engine.rekey_device(rekeyed, now_ms, slot).map(|change| change.after)
    })
}

const CUSTOMER_MISSING: &str = "customer: not registered";

/// Says what is wrong without the ids that the engine's own words have.
fn words(error: &AdminError) -> String {
    match error {
        AdminError::CustomerMissing(_) => CUSTOMER_MISSING.to_owned(),
        AdminError::DeviceExists(_) => already_there("device"),
        AdminError::KeyTaken(_) => KEY_TAKEN.to_owned(),
        AdminError::CustomerExists(_)
        | AdminError::DeviceMissing(..)
        | AdminError::SealBroken(_)
        | AdminError::VersionNotNext { .. }
        | AdminError::BalanceTooLarge(_)
        | AdminError::BalanceTooSmall(_)
        | AdminError::ProfileMissing(_)
        | AdminError::ReferenceReused(_)
        | AdminError::Full => "device: changed by somebody else meanwhile".to_owned(),
    }
}
