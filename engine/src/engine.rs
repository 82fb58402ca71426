//! Routes each command to its shard, locks it, and lets the rules work. It holds no rule itself.
//!
//! One command takes one shard lock, never two, and holds no guard of an index meanwhile. What may
//! wait or grow is done before: indices are consulted, counted places taken, digests computed.

use std::hash::Hasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use foldhash::fast::FixedState;
use kessai_terms::collation::{ChannelBinding, ServerNonce};
use kessai_terms::ids::{CustomerId, DeviceId, PaymentId, TerminalId};
use kessai_terms::reason::Reason;
use siphasher::sip::SipHasher13;

use crate::command::{Claim, Collated, Keyring, Opening, Owed, PromptView};
use crate::offer::Offer;
use crate::payment::{PaymentView, Permits, Prompt};
use crate::permit::Gauge;
use crate::record::{Terms, Unit};
use crate::register::{KeyPin, Peer, Register};
use crate::rules::Rules;
use crate::shard::{Env, Shard};
use crate::slot::Slot;
use crate::sync::{Locked, Published, SharedMap};

mod admin;
mod books;
mod devices;
mod listing;
mod registry;
mod replay;

pub use admin::AdminError;
pub use books::{Books, CurrencyBooks};
pub use listing::Tallies;

/// How the state is laid out: fixed when a data directory is made, for customers never move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    shards: u16,
    seed: [u8; 16],
}

/// The most shards that an engine can have.
pub const MAX_SHARDS: u16 = 4096;

impl Layout {
    /// Lays the state out over `shards`, by a hash seeded with `seed`.
    ///
    /// Gives nothing unless `shards` is a power of two up to [`MAX_SHARDS`].
    #[must_use]
    pub const fn new(shards: u16, seed: [u8; 16]) -> Option<Self> {
        if shards.is_power_of_two() && shards <= MAX_SHARDS {
            Some(Self { shards, seed })
        } else {
            None
        }
    }

    /// Says how many shards there are.
    #[must_use]
    pub const fn shards(&self) -> u16 {
        self.shards
    }

    /// Finds the shard of whatever has this name.
    fn unit(&self, name: &[u8]) -> Unit {
        let mut hasher = SipHasher13::new_with_key(&self.seed);
        hasher.write(name);
        let mask = u64::from(self.shards).saturating_sub(1);
        let place = u16::try_from(hasher.finish() & mask).unwrap_or(0);
        Unit(place.saturating_add(1))
    }
}

/// The authorisation engine: customers, payments and tallies in memory, under one lock a shard.
#[derive(Debug)]
pub struct Engine {
    rules: Rules,
    layout: Layout,
    keyring: Keyring,
    shards: Box<[Locked<Shard>]>,
    register: Published<Register>,
    register_clerk: Locked<registry::Clerk>,
    /// Leads from a payment id to the shard that knows it.
    payments: SharedMap<PaymentId, Unit>,
    payment_count: AtomicUsize,
    peers: SharedMap<KeyPin, Peer>,
    open: Gauge,
    latest_ms: AtomicU64,
}

impl Engine {
    /// Makes an empty engine; `map_seed` keeps its hash maps from being aimed at, and may differ
    /// from start to start.
    #[must_use]
    pub fn new(rules: Rules, layout: Layout, keyring: Keyring, map_seed: u64) -> Self {
        let units = u64::from(layout.shards);
        let shards = (1..=layout.shards)
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
            payments: SharedMap::with_hasher(hasher.clone()),
            payment_count: AtomicUsize::new(0),
            peers: SharedMap::with_hasher(hasher),
            open: Gauge::default(),
            latest_ms: AtomicU64::new(0),
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
    /// try under the same id tells a shop who exists.
    ///
    /// # Errors
    /// A refusal, which leaves no trace: the first that applies of [`Reason::TerminalUnknown`],
    /// [`Reason::Busy`], [`Reason::TooManyPending`], [`Reason::PaymentIdFromFuture`],
    /// [`Reason::PaymentIdReused`].
    ///
    /// # Source
    /// JP 2001-249969, steps S21 to S24.
    pub fn open<S: Slot>(&self, offer: Offer, now_ms: u64, slot: S) -> Result<Opening, Reason> {
        let payment = offer.terms.payment;
        if let Some(answer) = self.repeated(&offer.terms) {
            return answer;
        }
        let permits = self.admit(&offer.terms.terminal)?;
        self.check_id_time(&payment, now_ms)?;
        let home = self.layout.unit(offer.customer.as_str().as_bytes());
        if self.enter(payment, home) == home {
            return self.shard(home).with(|s| s.open(offer, permits, self.env(now_ms), slot));
        }
        // A cancel, or an open for another customer, took the id a moment ago. It may not have come
        // to its shard yet; to open there would be to look for the customer in the wrong place.
        self.repeated(&offer.terms).unwrap_or(Err(Reason::Busy))
    }

    /// Answers an open whose id is used already.
    fn repeated(&self, terms: &Terms) -> Option<Result<Opening, Reason>> {
        let unit = self.unit_of(&terms.payment)?;
        self.shard(unit).with(|shard| shard.repeated(terms))
    }

    /// Takes the counted places of a new payment.
    fn admit(&self, terminal: &TerminalId) -> Result<Permits, Reason> {
        let register = self.register.read();
        let place = register.place(terminal).ok_or(Reason::TerminalUnknown)?;
        self.check_room()?;
        let in_all = self.open.take(self.rules.open_in_all).ok_or(Reason::Busy)?;
        let own = place.pending.take(self.rules.open_per_terminal).ok_or(Reason::TooManyPending)?;
        Ok(Permits::new(own, in_all))
    }

    fn check_room(&self) -> Result<(), Reason> {
        if self.payment_count.load(Ordering::Relaxed) < self.rules.payments_in_memory {
            Ok(())
        } else {
            Err(Reason::Busy)
        }
    }

    fn check_id_time(&self, payment: &PaymentId, now_ms: u64) -> Result<(), Reason> {
        if payment.unix_ms() > now_ms.saturating_add(self.rules.id_tolerance_ms) {
            Err(Reason::PaymentIdFromFuture)
        } else {
            Ok(())
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
    ) -> Option<PromptView> {
        let unit = self.unit_of(&payment)?;
        self.shard(unit)
            .with(|shard| shard.prompt(payment, Prompt { device, channel, nonce }, &self.rules))
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
    /// [`Reason::PaymentUnknown`] if it is another terminal's; for an id that nobody opened, those
    /// of [`Engine::open`] that concern terminal, room and id.
    pub fn cancel_by_terminal<S: Slot>(
        &self,
        payment: PaymentId,
        terminal: TerminalId,
        now_ms: u64,
        slot: S,
    ) -> Result<Opening, Reason> {
        let unit = self.overtake(payment, &terminal, now_ms)?;
        let env = self.env(now_ms);
        self.shard(unit).with(|shard| shard.cancel_by_terminal(payment, terminal, env, slot))
    }

    /// Captures an authorised payment: the machine has dispensed.
    ///
    /// A report that comes late but before the reversal counts: the customer has the goods.
    ///
    /// # Errors
    /// [`Reason::PaymentUnknown`] if the terminal has no such payment, [`Reason::StateForbids`] if
    /// it does not wait for delivery.
    ///
    /// # Source
    /// JP 2001-249969, claim 3.
    pub fn deliver<S: Slot>(
        &self,
        payment: PaymentId,
        terminal: TerminalId,
        now_ms: u64,
        slot: S,
    ) -> Result<Opening, Reason> {
        let unit = self.unit_of(&payment).ok_or(Reason::PaymentUnknown)?;
        let env = self.env(now_ms);
        self.shard(unit).with(|shard| shard.deliver(payment, terminal, env, slot))
    }

    /// Takes a payment back whole for its terminal; one not yet approved is cancelled.
    ///
    /// # Errors
    /// [`Reason::PaymentUnknown`] if it is another terminal's, [`Reason::StateForbids`] after the
    /// cut-off or a refund, [`Reason::AmountOverflow`] if the customer's balance has no room for
    /// it; for an id that nobody opened, those of [`Engine::open`] that concern terminal, room and
    /// id.
    pub fn reverse<S: Slot>(
        &self,
        payment: PaymentId,
        terminal: TerminalId,
        now_ms: u64,
        slot: S,
    ) -> Result<Opening, Reason> {
        let unit = self.overtake(payment, &terminal, now_ms)?;
        let env = self.env(now_ms);
        self.shard(unit).with(|shard| shard.reverse(payment, terminal, env, slot))
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
        (1..=self.layout.shards).map(Unit)
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

    /// The shard that knows the payment already, or the one where it is known from now on.
    fn enter(&self, payment: PaymentId, unit: Unit) -> Unit {
        *self.payments.entry(payment).or_insert_with(|| {
            self.payment_count.fetch_add(1, Ordering::Relaxed);
            unit
        })
    }

    /// The shard of a payment that `terminal` calls off; one not opened yet is known from now on,
    /// and counts against the memory like any other.
    fn overtake(
        &self,
        payment: PaymentId,
        terminal: &TerminalId,
        now_ms: u64,
    ) -> Result<Unit, Reason> {
        if let Some(unit) = self.unit_of(&payment) {
            return Ok(unit);
        }
        self.register.read().place(terminal).ok_or(Reason::TerminalUnknown)?;
        self.check_room()?;
        self.check_id_time(&payment, now_ms)?;
        Ok(self.enter(payment, self.layout.unit(payment.as_bytes())))
    }

    fn unit_of(&self, payment: &PaymentId) -> Option<Unit> {
        self.payments.get(payment).map(|unit| *unit)
    }

    fn of_customer(&self, customer: &CustomerId) -> &Locked<Shard> {
        self.shard(self.layout.unit(customer.as_str().as_bytes()))
    }

    #[expect(clippy::expect_used, reason = "units come from the layout or were checked by replay")]
    fn shard(&self, unit: Unit) -> &Locked<Shard> {
        let place = usize::from(unit.0).wrapping_sub(1);
        self.shards.get(place).expect("the layout has this unit")
    }

    const fn env(&self, now_ms: u64) -> Env<'_> {
        Env { rules: &self.rules, keyring: &self.keyring, now_ms }
    }

    fn note_time(&self, at_ms: u64) {
        self.latest_ms.fetch_max(at_ms, Ordering::Relaxed);
    }
}
