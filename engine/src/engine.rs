//! Routes each command to its shard, locks it, and lets the rules work. It holds no rule itself.
//!
//! One command takes one shard lock, never two, and holds no guard of an index meanwhile. What may
//! wait or grow is done before: indices are consulted, counted places taken, digests computed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use foldhash::fast::FixedState;
use kessai_terms::collation::{ChannelBinding, ServerNonce};
use kessai_terms::ids::{CustomerId, DeviceId, PaymentId, TerminalId};
use kessai_terms::reason::Reason;

use crate::command::{Claim, Collated, Keyring, Opening, Owed, PromptView, ReverseCause};
use crate::offer::{Offer, Portion};
use crate::payment::{PaymentView, Prompt};
use crate::permit::Gauge;
use crate::record::{RequestDigest, Unit};
use crate::register::{KeyPin, Peer, Register};
use crate::rules::Rules;
use crate::shard::{Env, Shard};
use crate::slot::Slot;
use crate::sync::{Locked, Published, SharedMap};

mod admin;
mod admission;
mod books;
mod devices;
mod ids;
mod layout;
mod listing;
mod loading;
mod memory;
mod refunds;
mod registry;
mod replay;
mod transfers;

pub use admin::AdminError;
pub use books::{Books, CurrencyBooks};
pub use layout::{Layout, MAX_SHARDS};
pub use listing::Tallies;

/// The authorisation engine: customers, payments and tallies in memory, under one lock a shard.
#[derive(Debug)]
pub struct Engine {
    rules: Rules,
    layout: Layout,
    keyring: Keyring,
    shards: Box<[Locked<Shard>]>,
    register: Published<Register>,
    register_clerk: Locked<registry::Clerk>,
    /// Leads from a used id to the shard that knows the payment or refund.
    ids: SharedMap<PaymentId, ids::Use>,
    id_count: AtomicUsize,
    peers: SharedMap<KeyPin, Peer>,
    open: Gauge,
    latest_ms: AtomicU64,
    /// The floor that is told; every shard decides by a copy of its own.
    floor_ms: AtomicU64,
    mover: Locked<memory::Mover>,
    /// The last record that was recovered, as a number of the journal; the greatest number as long as
    /// it is not known.
    recovered: AtomicU64,
    /// Whether a snapshot is being made, and how many were begun.
    is_cutting: AtomicBool,
    cuts: AtomicU32,
}

impl Engine {
    /// Makes an empty engine; `map_seed` keeps its hash maps from being aimed at, and may differ
    /// from start to start.
    #[must_use]
    pub fn new(rules: Rules, layout: Layout, keyring: Keyring, map_seed: u64) -> Self {
        let units = u64::from(layout.shards());
        let shards = (1..=layout.shards())
            .map(|unit| Locked::new(Shard::new(Unit(unit), units, map_seed)))
            .collect();
        let hasher = FixedState::with_seed(map_seed);
        Self {
            rules,
            layout,
            keyring,
            shards,
            register: Published::new(Register::default()),
            register_clerk: Locked::new(registry::Clerk::default()),
            ids: SharedMap::with_hasher(hasher.clone()),
            id_count: AtomicUsize::new(0),
            peers: SharedMap::with_hasher(hasher),
            open: Gauge::default(),
            latest_ms: AtomicU64::new(0),
            floor_ms: AtomicU64::new(0),
            mover: Locked::new(memory::Mover::default()),
            recovered: AtomicU64::new(0),
            is_cutting: AtomicBool::new(false),
            cuts: AtomicU32::new(0),
        }
    }

    /// The numbers that this engine decides by.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Reads the register as it stands.
    #[must_use]
    pub fn register(&self) -> Arc<Register> {
        self.register.read()
    }

    /// Finds whom a key speaks for.
    #[must_use]
    pub fn peer(&self, pin: &KeyPin) -> Option<Peer> {
        self.peers.get(pin).map(|peer| *peer)
    }

    /// Counts the payments that are pending.
    #[must_use]
    pub fn open_payments(&self) -> u32 {
        self.open.count()
    }

    /// The time of the latest record that was replayed, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn latest_ms(&self) -> u64 {
        self.latest_ms.load(Ordering::Relaxed)
    }

    /// Holds the price of an offer, or declines it; answers a repeat with what is stored.
    ///
    /// An unknown customer is declined on record like any other, so that neither time nor a second
    /// try under the same id tells a shop who exists. A payment by presentment code calls off those
    /// of the same customer that wait by plain id.
    ///
    /// # Errors
    /// A refusal, which leaves no trace: [`Reason::PaymentIdReused`], or
    /// [`Reason::PaymentIdTooOld`] of an id that the archive may know; else the first that applies of
    /// [`Reason::TerminalUnknown`], [`Reason::StoreSuspended`], [`Reason::Busy`],
    /// [`Reason::TooManyRequests`], [`Reason::TooManyPending`], [`Reason::PaymentIdFromFuture`],
    /// [`Reason::TerminalFrozen`], [`Reason::TerminalLimit`], [`Reason::CodesOnly`].
    ///
    /// # Source
    /// JP 2001-249969, steps S21 to S24.
    pub fn open<S: Slot>(&self, offer: Offer, now_ms: u64, slot: S) -> Result<Opening, Reason> {
        let terms = &offer.terms;
        if let Some(answer) = self.known(&terms.payment, &terms.terminal, &terms.request) {
            return answer;
        }
        self.check_floor(&terms.payment)?;
        let admitted = self.admit(terms, now_ms)?;
        let home = self.layout.unit(offer.customer.as_str().as_bytes());
        if self.enter(terms.payment, ids::Use::Payment(home)) {
            let payment = terms.payment;
            let env = self.env(now_ms);
            let answer = self.shard(home).with(|shard| shard.open(offer, admitted, env, slot));
            if matches!(answer, Err(Reason::PaymentIdTooOld)) {
                self.forget(&payment, home);
            }
            return answer;
        }
        // A cancel, or an open for another customer, took the id a moment ago. It may not have come
        // to its shard yet; to open there would be to look for the customer in the wrong place.
        let known = self.known(&terms.payment, &terms.terminal, &terms.request);
        known.unwrap_or(Err(Reason::Busy))
    }

    /// Answers an open whose id is used already, before its customer is looked for: the code that
    /// named them may be gone.
    #[must_use]
    pub fn known(
        &self,
        payment: &PaymentId,
        terminal: &TerminalId,
        request: &RequestDigest,
    ) -> Option<Result<Opening, Reason>> {
        match self.used(payment)? {
            ids::Use::Payment(unit) => {
                self.shard(unit).with(|shard| shard.known(payment, terminal, request))
            }
            ids::Use::Refund(_) => Some(Err(Reason::PaymentIdReused)),
        }
    }

    /// Lets one handset answer for a payment, over one connection, with one nonce.
    ///
    /// Gives nothing if there is nothing to ask that handset any more. Nothing is journalled:
    /// nonces die with the process, and a handset that comes back is asked with a new one.
    ///
    /// # Source
    /// JP 2001-249969, steps S25 and S26; kessai/collation/v1, rule 4.
    pub fn prompt(
        &self,
        payment: PaymentId,
        device: DeviceId,
        channel: ChannelBinding,
        nonce: ServerNonce,
        now_ms: u64,
    ) -> Option<PromptView> {
        let unit = self.unit_of(&payment)?;
        let prompt = Prompt { device, channel, nonce, prompted_at_ms: now_ms };
        self.shard(unit).with(|shard| shard.prompt(payment, prompt, &self.rules))
    }

    /// Collates a proof; on a match the customer is debited in the same step.
    ///
    /// # Errors
    /// [`Reason::ProofRefused`] for a payment, customer or handset that do not belong together and
    /// for what a hub may have made up, and [`Reason::TriesExhausted`] for a blocked customer;
    /// neither leaves a trace.
    ///
    /// # Source
    /// JP 2001-249969, steps S29 to S33; kessai/collation/v1.
    pub fn collate<S: Slot>(
        &self,
        claim: &Claim,
        next: ServerNonce,
        now_ms: u64,
        slot: S,
    ) -> Result<Collated, Reason> {
        // An id that nobody opened costs the same work as one that somebody did.
        let unit = self
            .unit_of(&claim.payment)
            .unwrap_or_else(|| self.layout.unit(claim.payment.as_bytes()));
        self.shard(unit).with(|shard| shard.collate(claim, next, self.env(now_ms), slot))
    }

    /// Calls a payment off for its customer, unless it has ended: then tells how.
    ///
    /// # Errors
    /// [`Reason::PaymentUnknown`] if the customer has no such payment.
    ///
    /// # Source
    /// JP 2001-249969, steps S28 and S34.
    pub fn cancel_by_customer<S: Slot>(
        &self,
        payment: PaymentId,
        customer: CustomerId,
        now_ms: u64,
        slot: S,
    ) -> Result<Opening, Reason> {
        let unit = self.unit_of(&payment).ok_or(Reason::PaymentUnknown)?;
        let env = self.env(now_ms);
        self.shard(unit).with(|shard| shard.cancel_by_customer(payment, customer, env, slot))
    }

    /// Calls a payment off for its terminal, unless it has ended: then tells how.
    ///
    /// One that has not opened yet will find itself cancelled.
    ///
    /// # Errors
    /// [`Reason::PaymentUnknown`] if it is another terminal's, or not in memory and too old to be
    /// opened; for an id that nobody opened, those of [`Engine::open`] that concern terminal, room
    /// and id.
    pub fn cancel_by_terminal<S: Slot>(
        &self,
        payment: PaymentId,
        terminal: TerminalId,
        now_ms: u64,
        slot: S,
    ) -> Result<Opening, Reason> {
        let unit = self.overtake(payment, &terminal, now_ms)?;
        let env = self.env(now_ms);
        let answer =
            self.shard(unit).with(|shard| shard.cancel_by_terminal(payment, terminal, env, slot));
        self.overtaken_or_forgotten(answer, &payment, unit)
    }

    /// Captures an authorised payment, or the part of it that the machine has dispensed; a part of
    /// nothing takes it back.
    ///
    /// A report that comes late but before the reversal counts: the customer has the goods. The
    /// same report again is answered alike.
    ///
    /// # Errors
    /// [`Reason::PaymentUnknown`] if the terminal has no such payment, [`Reason::AmountInvalid`] if
    /// the part is no part of the price, [`Reason::StateForbids`] if the payment does not wait for
    /// delivery, or something else was reported.
    ///
    /// # Source
    /// JP 2001-249969, claim 3.
    pub fn deliver<S: Slot>(
        &self,
        payment: PaymentId,
        terminal: TerminalId,
        portion: Portion,
        now_ms: u64,
        slot: S,
    ) -> Result<Opening, Reason> {
        let unit = self.unit_of(&payment).ok_or(Reason::PaymentUnknown)?;
        let env = self.env(now_ms);
        self.shard(unit).with(|shard| shard.deliver(payment, terminal, portion, env, slot))
    }

    /// Reads the exact bytes that the customer is shown, to price a delivery in part by: as long
    /// as a report may come, or come again.
    ///
    /// # Errors
    /// [`Reason::PaymentUnknown`] if the terminal has no such payment, [`Reason::StateForbids`] if
    /// no report is awaited any more.
    pub fn confirmation(&self, payment: PaymentId, terminal: TerminalId) -> Result<Bytes, Reason> {
        let unit = self.unit_of(&payment).ok_or(Reason::PaymentUnknown)?;
        self.shard(unit).with(|shard| shard.confirmation(payment, terminal))
    }

    /// Takes a payment back whole for its terminal; one not yet approved is cancelled.
    ///
    /// # Errors
    /// [`Reason::PaymentUnknown`] if it is another terminal's, or not in memory and too old to be
    /// opened; [`Reason::StateForbids`] after the cut-off or a refund, [`Reason::AmountOverflow`] if the customer's balance has no room for
    /// it; for an id that nobody opened, those of [`Engine::open`] that concern terminal, room and
    /// id.
    pub fn reverse<S: Slot>(
        &self,
        payment: PaymentId,
        terminal: TerminalId,
        cause: ReverseCause,
        now_ms: u64,
        slot: S,
    ) -> Result<Opening, Reason> {
        let unit = self.overtake(payment, &terminal, now_ms)?;
        let env = self.env(now_ms);
        let answer =
            self.shard(unit).with(|shard| shard.reverse(payment, terminal, cause, env, slot));
        self.overtaken_or_forgotten(answer, &payment, unit)
    }

    /// Tells a terminal where its own payment stands.
    ///
    /// # Errors
    /// [`Reason::PaymentUnknown`] if it has no such payment.
    pub fn status(&self, payment: PaymentId, terminal: TerminalId) -> Result<PaymentView, Reason> {
        let unit = self.unit_of(&payment).ok_or(Reason::PaymentUnknown)?;
        self.shard(unit).with(|shard| shard.of_terminal(payment, terminal).cloned())
    }

    /// Ends one payment of `unit` whose time is over; call again until nothing is due.
    pub fn expire_due<S: Slot>(
        &self,
        unit: Unit,
        now_ms: u64,
        reserve: impl FnOnce() -> Option<S>,
    ) -> Option<PaymentView> {
        self.shard(unit).with(|shard| shard.due(now_ms)).and_then(|_| reserve()).and_then(|slot| {
            self.shard(unit).with(|shard| {
                let due = shard.due(now_ms)?;
                Some(shard.expire(due, self.env(now_ms), slot))
            })
        })
    }

    /// Goes through all shards' units, for [`Engine::expire_due`].
    pub fn units(&self) -> impl Iterator<Item = Unit> + use<> {
        (1..=self.layout.shards()).map(Unit)
    }

    /// Gathers what a handset that comes back has missed since notice number `seen`.
    ///
    /// # Errors
    /// [`Reason::IdentityNotOfKey`] if the customer has no such live handset.
    pub fn owed(
        &self,
        customer: &CustomerId,
        device: &DeviceId,
        seen: u64,
    ) -> Result<Owed, Reason> {
        self.of_customer(customer).with(|shard| shard.owed(customer, device, seen))
    }

    fn of_customer(&self, customer: &CustomerId) -> &Locked<Shard> {
        self.shard(self.layout.unit(customer.as_str().as_bytes()))
    }

    #[expect(clippy::expect_used, reason = "units come from the layout or were checked by replay")]
    pub(crate) fn shard(&self, unit: Unit) -> &Locked<Shard> {
        let place = usize::from(unit.0).wrapping_sub(1);
        self.shards.get(place).expect("the layout has this unit")
    }

    pub(crate) const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    const fn env(&self, now_ms: u64) -> Env<'_> {
        Env { rules: &self.rules, keyring: &self.keyring, now_ms }
    }

    fn note_time(&self, at_ms: u64) {
        self.latest_ms.fetch_max(at_ms, Ordering::Relaxed);
    }
}
