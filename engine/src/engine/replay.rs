//! Recovery: what the journal holds is made so again, by the same code that made it so.

use super::Engine;
use crate::payment::Permits;
use crate::permit::Gauge;
use crate::record::{Entry, Opened, Record, Unit};
use crate::register::{Peer, RegisterChange};
use crate::shard::Corrupt;
use kessai_terms::ids::PaymentId;

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
        if let Some(payment) = opened_by(&entry.record)
            && self.enter(payment, entry.unit) != entry.unit
        {
            return Err(Corrupt::Payment(payment));
        }
        self.shard(entry.unit).with(|shard| {
            shard.apply(entry, &self.keyring)?;
            if let Record::Opened(opened) = &entry.record {
                shard.admit(opened.terms.payment, self.permits_again(opened));
            }
            Ok::<_, Corrupt>(())
        })?;
        match &entry.record {
            Record::DeviceAdded(added) => {
                self.peers.insert(added.pin, Peer::Handset(added.customer, added.device));
            }
            Record::DeviceRevoked(revoked) => self.forget_handset(revoked.customer, revoked.device),
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
            | Record::Reversed(_) => {}
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
        let mut draft = self.register.read().as_ref().clone();
        self.register_clerk.with(|clerk| clerk.follow(entry))?;
        let old = match change {
            RegisterChange::Terminal(terminal) => draft.place(&terminal.id).cloned(),
            RegisterChange::Merchant(_) | RegisterChange::Store(_) => None,
        };
        draft.apply(change)?;
        self.register.replace(draft);
        self.pin_terminal(change, old.as_ref());
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
