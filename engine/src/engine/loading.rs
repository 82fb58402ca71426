//! Start from a snapshot: all rows, then the indices and counts that follow from them.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use kessai_terms::ids::TerminalId;

use super::Engine;
use super::ids::Use;
use super::registry::Repinned;
use crate::calendar::BusinessDate;
use crate::meter::{DAYS_COUNTED, Meter};
use crate::payment::Permits;
use crate::record::{Terms, Unit};
use crate::register::{Peer, RegisterChange};
use crate::shard::Corrupt;
use crate::snapshot::{Chunk, CustomerRow, KeptPayment, LoadError, Part, RegisterHead, Snapshot};
use crate::state::PaymentState;

impl Engine {
    /// Begins a snapshot of all journalled state; nothing while another is being made.
    ///
    /// Commands go on meanwhile. Payments leave memory only in shards that are not being copied.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot<'_>> {
        if self.is_cutting.swap(true, Ordering::AcqRel) {
            return None;
        }
        // No row has the number 0: it stands for "never copied".
        let number = self.cuts.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        Some(Snapshot::new(self, number))
    }

    pub(crate) fn snapshot_is_over(&self) {
        self.is_cutting.store(false, Ordering::Release);
    }

    /// Takes in one chunk of a snapshot, into an engine that has replayed nothing: all chunks in the
    /// order in which they were made. Records that the snapshot has are then passed over by
    /// [`Engine::replay`].
    ///
    /// The order of units counts: a TLS key that went from one unit to another while the snapshot was
    /// made is found with the later one.
    ///
    /// # Errors
    /// [`LoadError`]: the engine is then of no use.
    pub fn load(&self, chunk: &[u8]) -> Result<(), LoadError> {
        self.note_recovery();
        let Chunk { unit, part, .. } = Chunk::decode(chunk)?;
        if unit == Unit::REGISTER {
            return self.load_register(part);
        }
        if unit.0 > self.layout.shards() {
            return Err(LoadError::Misplaced(unit));
        }
        match part {
            Part::Head(head) => {
                self.note_time(head.at_ms);
                self.floor_ms.fetch_max(head.floor_ms, Ordering::AcqRel);
                self.shard(unit).with(|shard| shard.load_head(*head))
            }
            Part::Customers(rows) => self.load_customers(unit, rows),
            Part::Days(rows) => self.shard(unit).with(|shard| shard.load_days(rows)),
            Part::Payments(rows) => self.load_payments(unit, &rows),
            Part::End => self.shard(unit).with(|shard| shard.finish_load()),
            Part::Register(_) | Part::Changes(_) => Err(LoadError::Misplaced(unit)),
        }
    }

    fn load_customers(&self, unit: Unit, rows: Vec<CustomerRow>) -> Result<(), LoadError> {
        for row in &rows {
            if self.layout.unit(row.customer.as_str().as_bytes()) != unit {
                return Err(LoadError::Misplaced(unit));
            }
            for own in &row.devices {
                self.peers.insert(own.pin, Peer::Handset(row.customer, own.device));
            }
        }
        self.shard(unit).with(|shard| shard.load_customers(rows, &self.keyring))
    }

    fn load_payments(&self, unit: Unit, rows: &[KeptPayment]) -> Result<(), LoadError> {
        for KeptPayment { row, .. } in rows {
            let refunds = row.refunds.iter().map(|made| (made.refund, Use::Refund(unit)));
            let mut used = refunds.chain([(row.payment, Use::Payment(unit))]);
            if let Some((id, _)) = used.find(|(id, used)| !self.enter(*id, *used)) {
                return Err(Corrupt::Payment(id).into());
            }
        }
        self.shard(unit).with(|shard| shard.load_payments(rows))
    }

    fn load_register(&self, part: Part) -> Result<(), LoadError> {
        match part {
            Part::Register(RegisterHead { sequence, at_ms, changes }) => {
                self.note_time(at_ms);
                self.register_clerk.with(|clerk| clerk.load(sequence, at_ms, changes))
            }
            Part::Changes(changes) => {
                self.register_clerk.with(|clerk| clerk.expect_changes(changes.len()))?;
                Ok(changes.iter().try_for_each(|change| self.replay_change(change))?)
            }
            Part::End => {
                self.register_clerk.with(|clerk| clerk.finish_load())?;
                self.finish_load()
            }
            Part::Head(_) | Part::Customers(_) | Part::Days(_) | Part::Payments(_) => {
                Err(LoadError::Misplaced(Unit::REGISTER))
            }
        }
    }

    /// Checks that every shard is whole, and counts again what is counted outside of them.
    fn finish_load(&self) -> Result<(), LoadError> {
        let floor_ms = self.memory_floor_ms();
        for unit in self.units() {
            let is_whole = self.shard(unit).with(|shard| {
                shard.raise_floor(floor_ms);
                shard.is_loaded()
            });
            if !is_whole {
                return Err(LoadError::Incomplete(unit));
            }
        }
        self.count_again();
        Ok(())
    }

    /// Counts what terminals have taken, day by day: a day's counts end when the next one begins.
    fn count_again(&self) {
        let mut pending = Vec::new();
        let mut dates = BTreeSet::new();
        for unit in self.units() {
            self.shard(unit).with(|shard| {
                dates.extend(shard.ledger.days.dates());
                let open =
                    shard.payments.values().filter(|p| p.view.state == PaymentState::Pending);
                pending.extend(open.map(|p| (p.opened_on, unit, p.view.payment, p.view.terms)));
            });
        }
        pending.sort_unstable_by_key(|(on, _, payment, _)| (*on, *payment));
        let counted: Vec<_> = dates.iter().rev().take(DAYS_COUNTED).copied().collect();
        dates.extend(pending.iter().map(|(on, ..)| *on));
        let mut pending = pending.into_iter().peekable();
        for date in dates {
            if counted.contains(&date) {
                self.count_approvals(date);
            }
            while let Some((on, unit, payment, terms)) = pending.next_if(|(on, ..)| *on == date) {
                let permits = terms.and_then(|terms| self.permits_again(&terms, on));
                self.shard(unit).with(|shard| shard.admit(payment, permits));
            }
        }
    }

    fn count_approvals(&self, on: BusinessDate) {
        for unit in self.units() {
            let approved: Vec<_> = self.shard(unit).with(|shard| {
                let of_day = shard.ledger.days.on(on).filter(|sums| sums.approvals > 0);
                of_day.map(|sums| (sums.terminal, sums.approvals, sums.approved)).collect()
            });
            for (terminal, count, price) in approved {
                let price = u64::try_from(price.minor()).unwrap_or(u64::MAX);
                self.meter(&terminal).count_again(on, count, price);
            }
        }
    }

    fn meter(&self, terminal: &TerminalId) -> Meter {
        let register = self.register.read();
        let place = register.place(terminal);
        place.map_or_else(Meter::default, |place| place.meter.clone())
    }

    /// What was admitted stays admitted, whatever the limits are now.
    pub(super) fn permits_again(&self, terms: &Terms, opened_on: BusinessDate) -> Option<Permits> {
        let mut own = self.meter(&terms.terminal).open(u32::MAX)?;
        own.take(opened_on, terms.charge.price(), &crate::policy::Limits::default())?;
        Some(Permits::new(own, self.open.take(u32::MAX)?))
    }

    /// Makes a change of the register so. Nobody reads the register before recovery is over, so that
    /// it need not be copied whole for each of its many changes.
    pub(super) fn replay_change(&self, change: &RegisterChange) -> Result<(), Corrupt> {
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
