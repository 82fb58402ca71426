//! A small gateway between the actors and the real engine and journal. It does what the real one's
//! `dispatch` does and nothing else: reserve, command, hold the answer until it is durable, tell.
//!
//! It lives until its process is killed; what it holds in memory dies with it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use kessai_engine::terms::Amount;
use kessai_engine::terms::collation::ServerNonce;
use kessai_engine::terms::ids::PaymentId;
use kessai_engine::{Engine, Lsn, PaymentView};
use kessai_journal::{Journal, Stepped, SteppedWriter};

use super::cast::Cast;
use super::chance::Chance;
use super::judge::{Judge, Violation};
use super::message::{Address, Ask, Asked, Party, Tell, Told};
use super::rules::MEMORY_MS;
use super::shelf::Shelf;
use super::witness::{Log, Watch, Watched, WitnessedSlot};

mod archived;
mod effects;
mod handsets;
mod processor;
mod terminals;

use effects::Effect;

/// How many payments leave the memory at a time.
const MOST_EVICTED: usize = 64;

/// What everybody else brings to a command.
pub(super) struct Around<'a> {
    pub(super) cast: &'a Cast,
    pub(super) judge: &'a mut Judge,
    pub(super) chance: &'a mut Chance,
}

/// An engine with its journal.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) engine: Arc<Engine>,
    pub(super) journal: Journal,
    pub(super) writer: SteppedWriter<Watched>,
    pub(super) watch: Arc<Watch>,
    pub(super) log: Rc<Log>,
    pub(super) shelf: Shelf,
}

/// A running gateway.
#[derive(Debug)]
pub(super) struct Gateway {
    node: Node,
    /// What is added to virtual time to get the gateway's.
    clock_ms: u64,
    now_ms: u64,
    held: BinaryHeap<Held>,
    count: u64,
    /// Handsets that can be reached, each over the connection that it attached by last.
    attached: BTreeMap<usize, u64>,
    /// Tills that wait for the end of a payment, each by its latest request.
    waiting: BTreeMap<PaymentId, Vec<Address>>,
    /// What leaves now.
    outgoing: Vec<Told>,
}

/// An effect, the record that the engine says it depends on, and the one that the judge says.
#[derive(Debug)]
struct Held {
    after: Lsn,
    count: u64,
    basis: Lsn,
    effect: Effect,
}

/// What became of a step of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// There was nothing to do, or it was done.
    Well,
    /// More is gathered until then.
    Later(Duration),
    /// The journal failed, and with it the process.
    Failed,
}

impl Gateway {
    /// Begins service: the clock is never behind the latest record.
    pub(super) fn new(node: Node, virtual_ms: u64, wall_ms: u64) -> Self {
        let start_ms = wall_ms.max(node.engine.latest_ms());
        Self {
            node,
            clock_ms: start_ms.saturating_sub(virtual_ms),
            now_ms: start_ms,
            held: BinaryHeap::new(),
            count: 0,
            attached: BTreeMap::new(),
            waiting: BTreeMap::new(),
            outgoing: Vec::new(),
        }
    }

    pub(super) const fn engine(&self) -> &Arc<Engine> {
        &self.node.engine
    }

    pub(super) const fn journal(&self) -> &Journal {
        &self.node.journal
    }

    pub(super) const fn shelf(&self) -> &Shelf {
        &self.node.shelf
    }

    /// The archive follows the journal, and what ended long ago leaves the memory: says how many
    /// payments did.
    pub(super) fn keep(&mut self) -> usize {
        let archived = self.node.shelf.follow();
        let floor_ms = self.now_ms.saturating_sub(MEMORY_MS);
        self.node.engine.evict(floor_ms, archived, MOST_EVICTED)
    }

    /// Gives up what neither a start nor the archive needs any more.
    pub(super) fn trim(&self, snapshots: Lsn) {
        self.node.journal.trim(snapshots.min(self.node.shelf.upto()));
    }

    pub(super) const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Time goes on.
    pub(super) const fn tick(&mut self, virtual_ms: u64) {
        self.now_ms = self.clock_ms.saturating_add(virtual_ms);
    }

    /// Says whether there is anything for the writer to do.
    pub(super) fn has_work(&self) -> bool {
        self.node.journal.latest() > self.node.journal.durable()
    }

    /// Whether all that was decided is durable and told.
    pub(super) fn is_settled(&self) -> bool {
        !self.has_work() && self.held.is_empty()
    }

    /// Takes what leaves now.
    pub(super) fn take_outgoing(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.outgoing)
    }

    /// Takes up a request.
    pub(super) fn take(&mut self, asked: Asked, around: &mut Around<'_>) -> Result<(), Violation> {
        let Asked { from, ask } = asked;
        match (from.party, ask) {
            (Party::Till(till), Ask::Open(purchase)) => self.open(from, till, purchase, around),
            (Party::Till(till), ask) => self.ask(from, till, &ask, around),
            (Party::Phone(phone), Ask::Attach { seen }) => self.attach(from, phone, seen, around),
            (Party::Phone(phone), Ask::Prove(answer)) => self.prove(from, phone, &answer, around),
            (Party::Phone(phone), Ask::Refuse(payment)) => {
                self.refuse(from, phone, payment, around)
            }
            (Party::Processor, ask) => self.administer(from, &ask, around),
            (Party::Phone(_), _) => Err(Violation::new("a handset asks what only others may")),
        }
    }

    /// Ends every payment whose time is over.
    pub(super) fn expire(&mut self, around: &mut Around<'_>) -> Result<(), Violation> {
        for unit in self.node.engine.units() {
            loop {
                let slot = || self.slot();
                let ended = self.node.engine.expire_due(unit, self.now_ms, slot);
                let Some(view) = ended else { break };
                self.judged(around).expired(&view)?;
                self.changed(view, None, around)?;
            }
        }
        if self.slot().is_some() { self.judged(around).nothing_due() } else { Ok(()) }
    }

    /// Lets the journal's writer do what there is to do.
    pub(super) fn write(
        &mut self,
        virtual_ms: u64,
        around: &mut Around<'_>,
    ) -> Result<Written, Violation> {
        let (queued, appended) = (self.node.journal.latest(), self.node.watch.appended());
        let stepped = self.node.writer.step(Duration::from_millis(virtual_ms));
        // While the disk was at work, others told what they took for durable.
        self.tell_due(self.node.watch.seen(), around)?;
        if self.node.watch.appended() > appended {
            around.judge.note_synced(queued);
        }
        match stepped {
            Stepped::Ended => Ok(Written::Failed),
            Stepped::Gathering(until) => Ok(Written::Later(until)),
            Stepped::Idle | Stepped::Worked(_) => {
                self.tell_due(self.node.journal.durable(), around)?;
                Ok(Written::Well)
            }
        }
    }

    fn slot(&self) -> Option<WitnessedSlot> {
        let slot = self.node.journal.reserve()?;
        Some(WitnessedSlot::new(slot, &self.node.log))
    }

    /// The judge, told of the time and the record that it judges at.
    fn judged<'j>(&self, around: &'j mut Around<'_>) -> &'j mut Judge {
        let floor_ms = self.node.engine.memory_floor_ms();
        around.judge.at(self.now_ms, floor_ms, self.node.log.latest());
        around.judge
    }

    fn nonce(around: &mut Around<'_>) -> ServerNonce {
        ServerNonce(around.chance.bytes())
    }

    /// Performs `effect` once `after` is durable: now, if it is already.
    fn after(
        &mut self,
        after: Lsn,
        basis: Lsn,
        effect: Effect,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        if after <= self.node.journal.durable() {
            return self.perform(effect, basis, around);
        }
        self.count = self.count.saturating_add(1);
        self.held.push(Held { after, count: self.count, basis, effect });
        Ok(())
    }

    /// Performs all that waits for records up to `durable`.
    fn tell_due(&mut self, durable: Lsn, around: &mut Around<'_>) -> Result<(), Violation> {
        while self.held.peek().is_some_and(|held| held.after <= durable) {
            if let Some(Held { basis, effect, .. }) = self.held.pop() {
                self.perform(effect, basis, around)?;
            }
        }
        Ok(())
    }

    /// Lets a message go.
    fn tell(
        &mut self,
        to: Address,
        tell: Tell,
        basis: Lsn,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        around.judge.note_told(&tell, basis)?;
        self.outgoing.push(Told { to, tell });
        Ok(())
    }

    /// Tells everybody but `told` where a payment has come to stand.
    fn changed(
        &mut self,
        view: PaymentView,
        told: Option<usize>,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let (after, basis) = (view.after, around.judge.basis(&view.payment));
        self.after(after, basis, Effect::Changed(Box::new(view), told), around)
    }
}

impl Ord for Held {
    /// The earliest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.after, other.count).cmp(&(self.after, self.count))
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Held {}

/// Yen, of numbers that actors draw: all of them are amounts.
fn yen(minor: u64) -> Amount {
    Amount::new(minor).unwrap_or(Amount::MAX)
}
