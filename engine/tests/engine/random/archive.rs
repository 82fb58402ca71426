//! What has left the memory: asked for as a gateway does, and compared with the model.

use std::sync::Arc;

use kessai_engine::terms::PaymentId;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    ArchivedPayment, Claim, Collated, Lsn, Offer, Opening, PaymentState, PaymentView, Portion,
    Record, Refund, Refunding, ReverseCause,
};

use super::{Command, Pair, TILLS, stands};
use crate::kit::{Person, World, loaded, payment_made, terminal};

impl Pair {
    pub(super) fn id(&self, serial: u16) -> PaymentId {
        payment_made(serial, self.model.made_ms(serial))
    }

    /// What the archive knows of an id that memory refused for `reason`, if only it can know it.
    fn archived(&self, reason: Reason, id: &PaymentId) -> Option<ArchivedPayment> {
        let reasons = [Reason::PaymentUnknown, Reason::PaymentIdTooOld, Reason::ProofRefused];
        let left = reasons.contains(&reason) && self.world.engine.is_archived(id);
        if left { self.fold(id) } else { None }
    }

    pub(super) fn fold(&self, id: &PaymentId) -> Option<ArchivedPayment> {
        ArchivedPayment::fold(*id, self.world.recorder.entries()).unwrap()
    }

    /// The archived payment that gave a refund.
    fn of_refund(&self, refund: &PaymentId) -> Option<ArchivedPayment> {
        let entries = self.world.recorder.entries();
        let made = entries.iter().find(|entry| entry.record.refund() == Some(*refund))?;
        let payment = made.record.payments().next()?;
        self.fold(&payment)
    }

    /// Whether only the archive knows an id as a refund's.
    fn is_archived_refund(&self, id: &PaymentId) -> bool {
        self.world.engine.is_archived(id) && self.of_refund(id).is_some()
    }

    pub(super) fn open(&self, offer: &Offer) -> Result<Opening, Reason> {
        let terms = &offer.terms;
        self.world.open(offer).or_else(|reason| match self.archived(reason, &terms.payment) {
            Some(known) => known.answer_open(&terms.terminal, &terms.request),
            None if self.is_archived_refund(&terms.payment) => Err(Reason::PaymentIdReused),
            None => Err(reason),
        })
    }

    pub(super) fn prove_to(&self, claim: &Claim, next: u64) -> Result<Collated, Reason> {
        self.world.collate(claim, next).or_else(|reason| {
            let known = self.archived(reason, &claim.payment);
            let known = known.filter(|known| known.view().customer == Some(claim.customer));
            let device = self.world.engine.device(&claim.customer, &claim.device);
            let known = known.filter(|_| device.is_some()).ok_or(reason)?;
            let Opening { view, freshness, .. } = known.repeat();
            Ok(Collated::Ended { view, freshness })
        })
    }

    pub(super) fn cancel_by_customer(
        &self,
        offer: &Offer,
        whom: &Person,
    ) -> Result<Opening, Reason> {
        self.world.cancel_by_customer(offer, whom).or_else(|reason| {
            let known = self.archived(reason, &offer.terms.payment);
            let own = known.filter(|known| known.view().customer == Some(whom.customer));
            own.map(|known| known.repeat()).ok_or(reason)
        })
    }

    /// What is asked of a terminal's own payment; one that was approved comes back for it.
    fn at_terminal(
        &self,
        id: PaymentId,
        till: usize,
        command: impl Fn(&World) -> Result<Opening, Reason>,
        otherwise: impl FnOnce(&ArchivedPayment) -> Result<Opening, Reason>,
    ) -> Result<Opening, Reason> {
        command(&self.world).or_else(|reason| {
            let known = self.archived(reason, &id);
            let own = known.filter(|known| known.view().terminal == terminal(TILLS[till]));
            let known = own.ok_or(reason)?;
            if !known.view().state.is_approved() {
                return otherwise(&known);
            }
            self.recall(&known);
            command(&self.world)
        })
    }

    pub(super) fn cancel_by_terminal(&self, offer: &Offer, till: usize) -> Result<Opening, Reason> {
        let command = |world: &World| world.cancel_by_terminal(offer, TILLS[till]);
        self.at_terminal(offer.terms.payment, till, command, |known| Ok(known.repeat()))
    }

    pub(super) fn reverse(
        &self,
        serial: u16,
        till: usize,
        cause: ReverseCause,
    ) -> Result<Opening, Reason> {
        let (id, at) = (self.id(serial), terminal(TILLS[till]));
        let command =
            |world: &World| world.engine.reverse(id, at, cause, world.now_ms, world.slot());
        self.at_terminal(id, till, command, |known| Ok(known.repeat()))
    }

    pub(super) fn deliver_to(
        &self,
        serial: u16,
        till: usize,
        portion: Portion,
        price: u64,
    ) -> Result<Opening, Reason> {
        let (id, at) = (self.id(serial), terminal(TILLS[till]));
        let command =
            |world: &World| world.engine.deliver(id, at, portion, world.now_ms, world.slot());
        self.at_terminal(id, till, command, |known| {
            let full = known.view().terms.map_or(u64::MAX, |terms| terms.charge.price().minor());
            Err(if price > full { Reason::AmountInvalid } else { Reason::StateForbids })
        })
    }

    pub(super) fn refund_to(&self, asked: Refund) -> Result<Refunding, Reason> {
        let command = || self.world.engine.refund(asked, self.world.now_ms, self.world.slot());
        command().or_else(|reason| match reason {
            Reason::PaymentIdTooOld if self.world.engine.is_archived(&asked.refund) => {
                match (self.of_refund(&asked.refund), self.fold(&asked.refund)) {
                    (Some(known), _) => known.answer_refund(&asked),
                    (None, Some(_)) => Err(Reason::PaymentIdReused),
                    (None, None) => Err(reason),
                }
            }
            Reason::PaymentUnknown => {
                let place = self.world.engine.register();
                let merchant = place.place(&asked.terminal).unwrap().merchant.id;
                let known = self.archived(reason, &asked.payment);
                let is_own = |known: &ArchivedPayment| {
                    known.view().terms.is_some_and(|terms| terms.merchant == merchant)
                };
                let known = known.filter(is_own).ok_or(reason)?;
                if !known.view().state.is_approved() {
                    return Err(Reason::StateForbids);
                }
                self.recall(&known);
                command()
            }
            _ => Err(reason),
        })
    }

    /// What comes back is what the archive says, and neither sums nor hash tell the difference.
    fn recall(&self, known: &ArchivedPayment) {
        let (world, id) = (&self.world, known.view().payment);
        let before = world.engine.books().unwrap();
        let (after, records) =
            world.recorded(|world| world.engine.recall(known, world.now_ms, world.slot()).unwrap());
        assert!(matches!(&records[..], [Record::Recalled(row)] if row.payment == id));
        let view = world.engine.payment(&id).unwrap();
        let expected = PaymentView { after, notice: view.notice, ..known.view().clone() };
        assert_eq!(view, expected);
        assert_eq!(world.engine.refunds_of(&id), known.refunds());
        assert_eq!(world.engine.books().unwrap(), before);
        assert!(!world.engine.is_archived(&id));
        let again = world.traceless(|world| world.engine.recall(known, world.now_ms, world.slot()));
        assert_eq!(again, Ok(after));
    }

    pub(super) fn evict(&mut self, keep_ms: u64, lag: usize, limit: usize) {
        let engine = &self.world.engine;
        let before = (engine.state_hash(), engine.books().unwrap());
        let (in_memory, open) = (engine.ids_in_memory(), engine.open_payments());
        let archived = Lsn((self.world.recorder.count().saturating_sub(lag)) as u64);
        let floor_ms = self.model.now_ms - keep_ms;
        let gone = engine.evict(floor_ms, archived, limit);
        assert!(gone <= limit);
        assert!(engine.ids_in_memory() + gone <= in_memory);
        self.model.floor_ms = self.model.floor_ms.max(floor_ms);
        assert_eq!(engine.memory_floor_ms(), self.model.floor_ms);
        assert_eq!((engine.state_hash(), engine.books().unwrap()), before);
        assert_eq!(engine.open_payments(), open);
        if lag == 0 && limit == usize::MAX && !self.is_copied {
            for view in engine.payments_between(0, u64::MAX, None, usize::MAX) {
                self.assert_kept(&view);
            }
        }
    }

    /// Something keeps the payment in memory.
    fn assert_kept(&self, view: &PaymentView) {
        let (floor_ms, id) = (self.model.floor_ms, view.payment);
        let refunds = self.world.engine.refunds_of(&id);
        let mut ids = refunds.iter().map(|made| made.refund).chain([id]);
        let waits = matches!(view.state, PaymentState::Pending | PaymentState::Authorised);
        let is_young = ids.any(|id| id.unix_ms() >= floor_ms);
        let is_touched = self.touched_ms(&id) >= floor_ms;
        assert!(waits || is_young || is_touched, "it should have left: {view:?}");
    }

    /// When a record last said something of a payment.
    fn touched_ms(&self, id: &PaymentId) -> u64 {
        let entries = self.world.recorder.entries();
        let mut own =
            entries.iter().rev().filter(|e| e.record.payments().any(|named| named == *id));
        own.next().unwrap().at_ms
    }

    /// A snapshot is made while commands come, and an engine starts from it and the journal behind it.
    pub(super) fn restart(&mut self, during: &[Command]) {
        let old = Arc::clone(&self.world.engine);
        let begun = self.world.recorder.count();
        let mut snapshot = old.snapshot().unwrap();
        assert!(old.snapshot().is_none(), "one at a time");
        self.is_copied = true;
        let mut during = during.iter();
        let (mut chunks, mut chunk) = (Vec::new(), Vec::new());
        while snapshot.next_chunk(&mut chunk) {
            chunks.push(std::mem::take(&mut chunk));
            if let Some(command) = during.next() {
                self.run(command);
            }
        }
        assert_eq!(chunk, [0; 0]);
        drop(snapshot);
        self.is_copied = false;
        for command in during {
            self.run(command);
        }
        let entries = self.world.recorder.entries();
        let engine = loaded(&chunks, &entries[begun..], *old.rules());
        assert_eq!(engine.state_hash(), old.state_hash());
        assert_eq!(engine.books().unwrap(), old.books().unwrap());
        assert_eq!(engine.open_payments(), old.open_payments());
        assert_eq!(engine.latest_ms(), entries.last().unwrap().at_ms);
        assert!(engine.memory_floor_ms() <= old.memory_floor_ms());
        engine.recovered_upto(Lsn(entries.len() as u64));
        self.world.engine = engine.into();
        self.model.restart();
        self.model.floor_ms = self.world.engine.memory_floor_ms();
    }

    /// Every payment that has left is in the archive as the model has it.
    pub(super) fn compare_archived(&self) {
        for (serial, payment) in &self.model.payments {
            let id = self.id(*serial);
            let folded = self.fold(&id).unwrap();
            assert_eq!(stands(folded.view()), (payment.state, payment.reason));
            let view = folded.view();
            assert_eq!((view.captured.minor(), view.captured_price.minor()), payment.captured);
            assert_eq!((view.refunded.minor(), view.refunded_price.minor()), payment.refunded);
            let in_memory = self.world.engine.payment(&id);
            assert_eq!(in_memory.is_none(), self.world.engine.is_archived(&id));
            if let Some(here) = in_memory {
                let (after, notice) = (Lsn::NONE, 0);
                assert_eq!(*view, PaymentView { after, notice, ..here });
                assert_eq!(folded.refunds(), self.world.engine.refunds_of(&id));
            }
        }
    }
}
