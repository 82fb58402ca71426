//! What the processor does with the register: enters merchants, stores and stations, and their keys.

use super::Engine;
use crate::command::KeyChange;
use crate::record::{Entry, Record, Unit};
use crate::register::{KeyPin, Peer, Register, RegisterChange, RegisterError, Station};
use crate::shard::Corrupt;
use crate::slot::Slot;
use crate::snapshot::{LoadError, RegisterHead};
use crate::sync::SharedEntry::{Occupied, Vacant};

/// Keeps the register's own sequence.
#[derive(Debug, Default)]
pub(super) struct Clerk {
    sequence: u64,
    at_ms: u64,
    /// Changes that a snapshot announced and that are still to come; none if it is loaded whole, or
    /// there was no snapshot.
    awaited: Option<usize>,
    /// The last record that a snapshot had.
    loaded: u64,
}

impl Clerk {
    /// Says whether the snapshot has the record of `entry` already.
    pub(super) const fn has(&self, entry: &Entry) -> bool {
        entry.sequence <= self.loaded
    }

    /// Takes the place at which a snapshot has the register, with so many changes.
    pub(super) fn load(
        &mut self,
        sequence: u64,
        at_ms: u64,
        changes: usize,
    ) -> Result<(), LoadError> {
        if self.sequence != 0 || self.awaited.is_some() {
            return Err(LoadError::Misplaced(Unit::REGISTER));
        }
        (self.sequence, self.at_ms, self.awaited) = (sequence, at_ms, Some(changes));
        self.loaded = sequence;
        Ok(())
    }

    /// Counts changes that have come.
    pub(super) fn expect_changes(&mut self, count: usize) -> Result<(), LoadError> {
        let left = self.awaited.and_then(|awaited| awaited.checked_sub(count));
        self.awaited = Some(left.ok_or(LoadError::Misplaced(Unit::REGISTER))?);
        Ok(())
    }

    /// Checks that all changes have come.
    pub(super) fn finish_load(&mut self) -> Result<(), LoadError> {
        match self.awaited.take() {
            Some(0) => Ok(()),
            Some(_) | None => Err(LoadError::Incomplete(Unit::REGISTER)),
        }
    }

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

/// A station's keys before and after a change of the register.
pub(super) struct Repinned {
    peer: Peer,
    old: Option<KeyPin>,
    new: Option<KeyPin>,
}

impl Repinned {
    /// What `change` does to a station's key, `register` being as it was before.
    pub(super) fn by(change: &RegisterChange, register: &Register) -> Option<Self> {
        let (station, peer, new) = change.station()?;
        Some(Self { peer, old: register.pin(&station), new })
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
    ) -> Result<KeyChange, RegisterError> {
        self.register_clerk.with(|clerk| self.enter_changes(clerk, changes, now_ms))
    }

    /// Enters one change that is made of the register as it stands, with nothing in between: so a key
    /// that was just taken out of use does not come back.
    ///
    /// # Errors
    /// What `amend` refuses, or the [`RegisterError`] of its change; then nothing has changed.
    pub fn amend_register<S: Slot, E: From<RegisterError>>(
        &self,
        amend: impl FnOnce(&Register) -> Result<RegisterChange, E>,
        now_ms: u64,
        slot: S,
    ) -> Result<KeyChange, E> {
        self.register_clerk.with(|clerk| {
            let change = amend(&self.register.read())?;
            Ok(self.enter_changes(clerk, vec![(change, slot)], now_ms)?)
        })
    }

    /// Gives a station another key, or with none takes it out of use until it is enrolled again.
    ///
    /// # Errors
    /// [`RegisterError::StationMissing`], [`RegisterError::KeyTaken`]; then nothing has changed.
    pub fn repin<S: Slot>(
        &self,
        station: Station,
        pin: Option<KeyPin>,
        now_ms: u64,
        slot: S,
    ) -> Result<KeyChange, RegisterError> {
        self.amend_register(|register| register.repinned(station, pin), now_ms, slot)
    }

    /// The register as a snapshot keeps it: its place, and changes that make it from nothing.
    pub(crate) fn register_to_keep(&self) -> (RegisterHead, Vec<RegisterChange>) {
        let (sequence, at_ms, register) =
            self.register_clerk.with(|clerk| (clerk.sequence, clerk.at_ms, self.register.read()));
        let changes: Vec<_> = register.changes().collect();
        (RegisterHead { sequence, at_ms, changes: changes.len() }, changes)
    }

    fn enter_changes<S: Slot>(
        &self,
        clerk: &mut Clerk,
        changes: Vec<(RegisterChange, S)>,
        now_ms: u64,
    ) -> Result<KeyChange, RegisterError> {
        let mut draft = self.register.read().as_ref().clone();
        let mut claimed = Vec::new();
        let mut repinned = Vec::new();
        let checked = changes.iter().try_for_each(|(change, _)| {
            draft.check(change)?;
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
        // Only now are old keys free for others, whose records then come after these.
        for change in &repinned {
            self.apply_repin(change);
        }
        let after = draft.after;
        self.register.replace(draft);
        Ok(KeyChange { after, retired: self.out_of_use(&repinned) })
    }

    /// The old keys that did not come back later in the same batch.
    fn out_of_use(&self, repinned: &[Repinned]) -> Vec<KeyPin> {
        let gone = repinned.iter().filter_map(|change| {
            let old = change.old.filter(|old| self.peer(old) != Some(change.peer))?;
            Some(old)
        });
        gone.collect()
    }

    /// Takes a station's key before anything else is done, so that no other peer can have it;
    /// gives it if it was free until now.
    fn claim_key(&self, change: &RegisterChange) -> Result<Option<KeyPin>, RegisterError> {
        let Some((station, peer, Some(pin))) = change.station() else {
            return Ok(None);
        };
        match self.peers.entry(pin) {
            Vacant(free) => {
                free.insert(peer);
                Ok(Some(pin))
            }
            Occupied(taken) if *taken.get() == peer => Ok(None),
            Occupied(_) => Err(RegisterError::KeyTaken(station)),
        }
    }

    /// Lets a station's new key in and its old one out.
    pub(super) fn apply_repin(&self, change: &Repinned) {
        if let Some(pin) = change.old {
            self.release_key(&pin, change.peer);
        }
        if let Some(pin) = change.new {
            self.peers.insert(pin, change.peer);
        }
    }

    /// Lets a key out, unless it has gone to another peer meanwhile.
    pub(super) fn release_key(&self, pin: &KeyPin, peer: Peer) {
        self.peers.remove_if(pin, |_, holder| *holder == peer);
    }
}
