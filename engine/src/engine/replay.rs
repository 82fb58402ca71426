//! Recovery: what the journal holds is made so again, by the same code that made it so.

use kessai_terms::ids::PaymentId;

use super::Engine;
use super::admin::Repinned;
use crate::payment::Permits;
use crate::permit::Gauge;
use crate::record::{Entry, Opened, Record, Unit};
use crate::register::Peer;
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
        if let Some(payment) = opened_by(&entry.record)
            && self.enter(payment, entry.unit) != entry.unit
        {
            return Err(Corrupt::Payment(payment));
        }
        let revoked_pin = self.shard(entry.unit).with(|shard| {
            let revoked_pin = if let Record::DeviceRevoked(revoked) = &entry.record {
                shard.pin(&revoked.customer, &revoked.device)
            } else {
                None
            };
            shard.apply(entry, &self.keyring)?;
            if let Record::Opened(opened) = &entry.record {
                shard.admit(opened.terms.payment, self.permits_again(opened));
            }
            Ok::<_, Corrupt>(revoked_pin)
        })?;
        if let Record::DeviceAdded(added) = &entry.record {
            self.peers.insert(added.pin, Peer::Handset(added.customer, added.device));
        }
        if let Some(pin) = revoked_pin {
            self.peers.remove(&pin);
        }
        Ok(())
    }

    /// What was admitted stays admitted, whatever the limits are now.
    fn permits_again(&self, opened: &Opened) -> Option<Permits> {
        let register = self.register.read();
        let place = register.place(&opened.terms.terminal);
        let own = place.map_or_else(Gauge::default, |place| place.pending.clone());
        Some(Permits::new(own.take(u32::MAX)?, self.open.take(u32::MAX)?))
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
            self.repin(change);
        }
        Ok(())
    }
}

/// The payment that a record brings into being.
fn opened_by(record: &Record) -> Option<PaymentId> {
    match record {
        Record::Opened(opened) => Some(opened.terms.payment),
        Record::Declined(declined) => Some(declined.terms.payment),
        Record::Overtaken(overtaken) => Some(overtaken.payment),
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
        | Record::Reversed(_) => None,
    }
}
