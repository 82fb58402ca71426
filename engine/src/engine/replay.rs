//! Recovery: what the journal holds is made so again, by the same code that made it so.

use kessai_terms::ids::{CustomerId, DeviceId, PaymentId};

use super::Engine;
use super::ids::Use;
use super::registry::Repinned;
use crate::meter::Meter;
use crate::payment::Permits;
use crate::policy::Limits;
use crate::record::{Entry, Opened, Record, Unit};
use crate::register::{KeyPin, Peer};
use crate::shard::Corrupt;

impl Engine {
    /// Makes one journalled entry so. Entries come in the order of the journal, before any command.
    ///
    /// # Errors
    /// [`Corrupt`] if the entry cannot follow those before it: the engine is then of no use.
    pub fn replay(&self, entry: &Entry) -> Result<(), Corrupt> {
        self.note_time(entry.at_ms);
        if entry.unit == Unit::REGISTER {
            return self.replay_register(entry);
        }
        if entry.unit.0 > self.layout.shards() {
            return Err(Corrupt::Misplaced(entry.unit));
        }
        if let Record::CustomerAdded(added) = &entry.record
            && self.layout.unit(added.customer.as_str().as_bytes()) != entry.unit
        {
            return Err(Corrupt::Misplaced(entry.unit));
        }
        if let Some((id, used)) = used_by(&entry.record, entry.unit)
            && !self.enter(id, used)
        {
            return Err(Corrupt::Payment(id));
        }
        let handset = handset_of(&entry.record);
        let old_pin = self.shard(entry.unit).with(|shard| {
            let old_pin = handset.and_then(|(of, device, _)| shard.pin(&of, &device));
            shard.apply(entry, &self.keyring)?;
            if let Record::Opened(opened) = &entry.record {
                shard.admit(opened.terms.payment, self.permits_again(opened, entry));
            }
            Ok::<_, Corrupt>(old_pin)
        })?;
        if let Some((customer, device, new_pin)) = handset {
            let peer = Peer::Handset(customer, device);
            if let Some(pin) = old_pin {
                self.release_key(&pin, peer);
            }
            if let Some(pin) = new_pin {
                self.peers.insert(pin, peer);
            }
        }
        Ok(())
    }

    /// What was admitted stays admitted, whatever the limits are now.
    fn permits_again(&self, opened: &Opened, entry: &Entry) -> Option<Permits> {
        let register = self.register.read();
        let place = register.place(&opened.terms.terminal);
        let meter = place.map_or_else(Meter::default, |place| place.meter.clone());
        let mut own = meter.open(u32::MAX)?;
        own.take(entry.business_date, opened.terms.charge.price(), &Limits::default())?;
        Some(Permits::new(own, self.open.take(u32::MAX)?))
    }

    fn replay_register(&self, entry: &Entry) -> Result<(), Corrupt> {
        let Record::Registered(change) = &entry.record else {
            return Err(Corrupt::Misplaced(entry.unit));
        };
        self.register_clerk.with(|clerk| clerk.follow(entry))?;
        // Nobody reads the register before recovery is over, so that it need not be copied whole
        // for each of its many records.
        let mut register = self.register.take();
        let repinned = Repinned::by(change, &register);
        register.apply(change)?;
        self.register.replace(register);
        if let Some(change) = &repinned {
            self.apply_repin(change);
        }
        Ok(())
    }
}

/// The id that a record uses up, and for what.
fn used_by(record: &Record, unit: Unit) -> Option<(PaymentId, Use)> {
    match record {
        Record::Opened(opened) => Some((opened.terms.payment, Use::Payment(unit))),
        Record::Declined(declined) => Some((declined.terms.payment, Use::Payment(unit))),
        Record::Overtaken(overtaken) => Some((overtaken.payment, Use::Payment(unit))),
        Record::Refunded(refunded) => Some((refunded.refund, Use::Refund(unit))),
        Record::Registered(_)
        | Record::CustomerAdded(_)
        | Record::Credited(_)
        | Record::DeviceAdded(_)
        | Record::DeviceRevoked(_)
        | Record::Unblocked(_)
        | Record::Mismatched(_)
        | Record::Approved(_)
        | Record::Ended(_)
        | Record::Captured(_)
        | Record::Reversed(_)
        | Record::Rekeyed(_)
        | Record::Debited(_)
        | Record::ProfileSet(_)
        | Record::ProfileErased(_)
        | Record::PolicySet(_) => None,
    }
}

/// The handset whose TLS key a record changes, with the key that it has from then on.
fn handset_of(record: &Record) -> Option<(CustomerId, DeviceId, Option<KeyPin>)> {
    match record {
        Record::DeviceAdded(added) => Some((added.customer, added.device, Some(added.pin))),
        Record::Rekeyed(rekeyed) => Some((rekeyed.customer, rekeyed.device, Some(rekeyed.pin))),
        Record::DeviceRevoked(revoked) => Some((revoked.customer, revoked.device, None)),
        Record::Registered(_)
        | Record::CustomerAdded(_)
        | Record::Credited(_)
        | Record::Unblocked(_)
        | Record::Opened(_)
        | Record::Declined(_)
        | Record::Overtaken(_)
        | Record::Mismatched(_)
        | Record::Approved(_)
        | Record::Ended(_)
        | Record::Captured(_)
        | Record::Reversed(_)
        | Record::Debited(_)
        | Record::ProfileSet(_)
        | Record::ProfileErased(_)
        | Record::Refunded(_)
        | Record::PolicySet(_) => None,
    }
}
