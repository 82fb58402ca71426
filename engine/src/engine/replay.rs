//! Recovery: what the journal holds is made so again, by the same code that made it so.

use kessai_terms::ids::{CustomerId, DeviceId, PaymentId};

use super::Engine;
use super::ids::Use;
use crate::record::{Entry, Record, Unit};
use crate::register::{KeyPin, Peer};
use crate::shard::Corrupt;

impl Engine {
    /// Makes one journalled entry so. Entries come in the order of the journal, before any command,
    /// those passed over that a snapshot has already; [`Engine::recovered_upto`] comes behind the last.
    ///
    /// # Errors
    /// [`Corrupt`] if the entry cannot follow those before it: the engine is then of no use.
    pub fn replay(&self, entry: &Entry) -> Result<(), Corrupt> {
        self.note_recovery();
        self.note_time(entry.at_ms);
        if entry.unit == Unit::REGISTER {
            return self.replay_register(entry);
        }
        if entry.unit.0 > self.layout.shards() {
            return Err(Corrupt::Misplaced(entry.unit));
        }
        if self.shard(entry.unit).with(|shard| shard.has(entry)) {
            return Ok(());
        }
        if let Record::CustomerAdded(added) = &entry.record
            && self.layout.unit(added.customer.as_str().as_bytes()) != entry.unit
        {
            return Err(Corrupt::Misplaced(entry.unit));
        }
        if let Some((id, used)) = used_by(&entry.record, entry.unit) {
            self.enter_again(id, used)?;
        }
        if let Record::Recalled(row) = &entry.record {
            for made in &row.refunds {
                self.enter_again(made.refund, Use::Refund(entry.unit))?;
            }
        }
        let handset = handset_of(&entry.record);
        let old_pin = self.shard(entry.unit).with(|shard| {
            let old_pin = handset.and_then(|(of, device, _)| shard.pin(&of, &device));
            shard.apply(entry, &self.keyring)?;
            if let Record::Opened(opened) = &entry.record {
                let permits = self.permits_again(&opened.terms, entry.business_date);
                shard.admit(opened.terms.payment, permits);
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

    fn enter_again(&self, id: PaymentId, used: Use) -> Result<(), Corrupt> {
        if self.enter(id, used) { Ok(()) } else { Err(Corrupt::Payment(id)) }
    }

    fn replay_register(&self, entry: &Entry) -> Result<(), Corrupt> {
        let Record::Registered(change) = &entry.record else {
            return Err(Corrupt::Misplaced(entry.unit));
        };
        if self.register_clerk.with(|clerk| clerk.has(entry)) {
            return Ok(());
        }
        self.register_clerk.with(|clerk| clerk.follow(entry))?;
        self.replay_change(change)
    }
}

/// The id that a record uses up, and for what.
fn used_by(record: &Record, unit: Unit) -> Option<(PaymentId, Use)> {
    match record {
        Record::Opened(opened) => Some((opened.terms.payment, Use::Payment(unit))),
        Record::Declined(declined) => Some((declined.terms.payment, Use::Payment(unit))),
        Record::Overtaken(overtaken) => Some((overtaken.payment, Use::Payment(unit))),
        Record::Refunded(refunded) => Some((refunded.refund, Use::Refund(unit))),
        Record::Recalled(row) => Some((row.payment, Use::Payment(unit))),
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
        | Record::Recalled(_)
        | Record::PolicySet(_) => None,
    }
}
