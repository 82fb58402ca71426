//! The rules: what a command does to one shard.
//!
//! Plain data and `&mut self` methods. It knows no lock and no other shard, reads no clock and
//! draws no randomness; every change of what is journalled goes through one [`Record`] and
//! [`Shard::apply`], which recovery calls too.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use foldhash::fast::FixedState;
use kessai_terms::ids::{CustomerId, DeviceId, PaymentId, TerminalId};
use kessai_terms::reason::Reason;

use crate::calendar::BusinessDate;
use crate::command::{Freshness, Keyring, Opening};
use crate::customer::Customers;
use crate::ledger::Ledger;
use crate::payment::{Payment, PaymentView, Permits};
use crate::record::{Entry, Record, Unit};
use crate::register::KeyPin;
use crate::rules::Rules;
use crate::slot::{Lsn, Slot};
use crate::state::PaymentState;
use crate::sync::SeededMap;

mod apply;
mod collate;
mod cut;
mod delivery;
mod ending;
mod load;
mod memory;
mod opening;
mod owed;
mod refunds;

pub use apply::Corrupt;
use cut::Cut;
use load::Loading;
pub(crate) use memory::Departed;
pub(crate) use opening::Admitted;

/// One part of the state, whole in itself.
#[derive(Debug)]
pub(crate) struct Shard {
    unit: Unit,
    /// How many units there are, so that references never meet.
    units: u64,
    sequence: u64,
    at_ms: u64,
    pub(crate) customers: Customers,
    pub(crate) payments: SeededMap<PaymentId, Payment>,
    /// Leads from a refund's id, which no payment shares, to its payment. Derived from `payments`.
    refunds: SeededMap<PaymentId, PaymentId>,
    /// When pending payments expire and authorised ones are reversed. Derived from `payments`.
    deadlines: BTreeSet<(u64, PaymentId)>,
    /// All payments in the order in which they were opened, those of the same millisecond by their
    /// ids. Derived from `payments`.
    timeline: VecDeque<(u64, PaymentId)>,
    pub(crate) ledger: Ledger,
    /// Ids below it open nothing new: their payments may have left the memory. Only rises.
    pub(crate) floor_ms: u64,
    /// What is still proved of the payments that have left.
    pub(crate) departed: Departed,
    /// The copy of this shard that is being made, if one is.
    cut: Option<Box<Cut>>,
    /// How far a snapshot has filled it.
    loading: Loading,
    /// The last record of its own that this process queued.
    pub(crate) after: Lsn,
}

/// What a command brings besides itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Env<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) keyring: &'a Keyring,
    pub(crate) now_ms: u64,
}

impl Shard {
    pub(crate) fn new(unit: Unit, units: u64, seed: u64) -> Self {
        Self {
            unit,
            units,
            sequence: 0,
            at_ms: 0,
            customers: Customers::new(seed),
            payments: SeededMap::with_hasher(FixedState::with_seed(seed)),
            refunds: SeededMap::with_hasher(FixedState::with_seed(seed)),
            deadlines: BTreeSet::new(),
            timeline: VecDeque::new(),
            ledger: Ledger::new(seed),
            floor_ms: 0,
            departed: Departed::default(),
            cut: None,
            loading: Loading::default(),
            after: Lsn::NONE,
        }
    }

    /// Says how far the shard's own journal has come.
    pub(crate) const fn place(&self) -> (Unit, u64) {
        (self.unit, self.sequence)
    }

    /// The TLS key of a live handset.
    pub(crate) fn pin(&self, customer: &CustomerId, device: &DeviceId) -> Option<KeyPin> {
        let seat = self.customers.seat(customer)?;
        self.customers.holder(seat).device(device).map(|live| live.pin)
    }

    /// Counts a payment that recovery has opened again.
    pub(crate) fn admit(&mut self, payment: PaymentId, permits: Option<Permits>) {
        if let Some(pending) = self.payments.get_mut(&payment).and_then(|p| p.pending.as_mut()) {
            pending.permits = permits;
        }
    }

    /// Tells a terminal where its own payment stands.
    pub(crate) fn of_terminal(
        &self,
        payment: PaymentId,
        terminal: TerminalId,
    ) -> Result<&PaymentView, Reason> {
        self.payments
            .get(&payment)
            .map(|payment| &payment.view)
            .filter(|view| view.terminal == terminal)
            .ok_or(Reason::PaymentUnknown)
    }

    /// The latest `limit` payments that were opened in `opened_ms` and stand in `state`, the latest
    /// first.
    pub(crate) fn latest(
        &self,
        opened_ms: Range<u64>,
        state: Option<PaymentState>,
        limit: usize,
    ) -> impl Iterator<Item = (u64, PaymentId)> {
        let within = self.within(opened_ms).rev();
        let stands = move |(_, payment): &&(u64, PaymentId)| {
            let found = self.payments.get(payment);
            found.is_some_and(|found| state.is_none_or(|state| found.view.state == state))
        };
        within.filter(stands).take(limit).copied()
    }

    /// All payments that were opened in `opened_ms`, the earliest first.
    pub(crate) fn opened(&self, opened_ms: Range<u64>) -> impl Iterator<Item = &PaymentView> {
        let within = self.within(opened_ms);
        within.filter_map(|(_, payment)| Some(&self.payments.get(payment)?.view))
    }

    /// The part of the timeline in which payments were opened in `opened_ms`.
    fn within(&self, opened_ms: Range<u64>) -> impl DoubleEndedIterator<Item = &(u64, PaymentId)> {
        let from = self.timeline.partition_point(|(at_ms, _)| *at_ms < opened_ms.start);
        let to = self.timeline.partition_point(|(at_ms, _)| *at_ms < opened_ms.end);
        self.timeline.range(from..to.max(from))
    }

    /// Takes note of when a payment was opened.
    fn note_opened(&mut self, opened: (u64, PaymentId)) {
        if self.timeline.back().is_none_or(|latest| *latest < opened) {
            self.timeline.push_back(opened);
        } else {
            let place = self.timeline.partition_point(|other| *other < opened);
            self.timeline.insert(place, opened);
        }
    }

    /// Tells where a command has just brought a payment.
    fn first(&self, payment: PaymentId) -> Opening {
        let view = self.existing(payment).view.clone();
        Opening { view, freshness: Freshness::First, displaced: Vec::new() }
    }

    /// Makes `record` so and queues it, in one step under the caller's lock.
    pub(crate) fn commit<S: Slot>(&mut self, record: Record, env: Env<'_>, slot: S) -> Lsn {
        let at_ms = self.clamped(env.now_ms);
        let entry = Entry {
            unit: self.unit,
            sequence: self.sequence.saturating_add(1),
            at_ms,
            business_date: env.rules.calendar.date(at_ms),
            record,
        };
        #[expect(
            clippy::panic,
            reason = "a record that cannot be applied must never be journalled"
        )]
        let touched = match self.apply(&entry, env.keyring) {
            Ok(touched) => touched,
            Err(corrupt) => panic!("decided what cannot be applied: {corrupt}"),
        };
        let after = slot.push(entry);
        self.remember(touched, after);
        self.after = after;
        after
    }

    /// Time never runs backwards within a shard.
    fn clamped(&self, now_ms: u64) -> u64 {
        now_ms.max(self.at_ms)
    }

    /// The business day that a record made now belongs to.
    pub(crate) fn today(&self, env: Env<'_>) -> BusinessDate {
        env.rules.calendar.date(self.clamped(env.now_ms))
    }

    #[expect(clippy::expect_used, reason = "callers have looked, or have just put it there")]
    fn existing(&self, payment: PaymentId) -> &Payment {
        self.payments.get(&payment).expect("the payment is there")
    }

    #[expect(clippy::expect_used, reason = "callers have looked, or have just put it there")]
    fn existing_mut(&mut self, payment: PaymentId) -> &mut Payment {
        self.payments.get_mut(&payment).expect("the payment is there")
    }
}
