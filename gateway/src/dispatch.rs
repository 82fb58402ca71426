//! The one place that talks to the engine, and performs what was decided: journal, then prompt or
//! answer.
//!
//! It takes owned values and never sees a socket, so that the process facing the Internet can be
//! split off later. Every method runs to its end without waiting; what has to wait for the journal
//! is left with [`Deliveries`].
//!
//! ```text
//!  a session's request                              a tick
//!   open  ask  attach  prove  refuse                expire
//!     |    |     |       |      |                     |
//!     '----'-----'---+---'------'---------------------'
//!                    |  one command of the engine, one place in the journal
//!                    v
//!   an effect, and the record that it depends on  -->  Deliveries
//!                                                          |  once that is durable
//!        .------------+---------------+--------------------+-----------.
//!        v            v               v                    v           v
//!     Answer    Ask, AskDevice     Changed               Tell        Push
//!    (a Reply)  every handset,  the terminals that    one handset,   to the
//!               or one, gets    wait, and the         what it has    handset's
//!               a prompt        other handsets        missed         connection
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::{DashMap, Entry};
use kessai_engine::terms::collation::{ChannelBinding, ServerNonce};
use kessai_engine::terms::{PaymentId, Reason, TerminalId};
use kessai_engine::{
    Claim, Collated, Engine, Freshness, Lsn, Opening, PaymentState, PaymentView, Slot,
};
use kessai_journal::Journal;
use kessai_wire::{
    Answer, CloseCode, Handset, ProofResult, Prove, Purchase, SignedNotice, Verdict,
};

use crate::clock::Clock;
use crate::deliveries::Deliveries;
use crate::entropy::{Entropy, draw};
use crate::notify::Notifier;
use crate::reply::Reply;
use crate::session::Way;
use crate::waiting::Waiting;
use crate::{offer, told};

mod effects;
#[cfg(test)]
mod tests;

use effects::Effect;

/// Payments that expire before others get their turn.
const EXPIRE_AT_ONCE: usize = 64;

/// Talks to the engine for all connections.
pub(crate) struct Dispatch {
    engine: Arc<Engine>,
    journal: Journal,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    prompt_ms: u64,
    /// Calls customers whose handset is not there.
    notifier: Arc<dyn Notifier>,
    draining: AtomicBool,
    /// Handsets that can be asked and told now, each over the newest way that it attached by.
    attached: DashMap<Handset, Way>,
    /// Terminals that wait for the end of a payment.
    waiting: Waiting,
    deliveries: Deliveries<Effect>,
}

/// What a terminal asks about a payment that exists, or that must not come into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Status,
    Cancel,
    Delivered,
    Reverse,
}

impl Dispatch {
    pub(crate) fn new(
        engine: Arc<Engine>,
        journal: Journal,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        prompt_ms: u64,
        notifier: Arc<dyn Notifier>,
    ) -> Self {
        let deliveries = Deliveries::new(journal.clone());
        Self {
            engine,
            journal,
            clock,
            entropy,
            prompt_ms,
            notifier,
            draining: AtomicBool::new(false),
            attached: DashMap::new(),
            waiting: Waiting::default(),
            deliveries,
        }
    }

    pub(crate) const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) const fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// S21-S24: opens a payment. The answer comes at its end, or at once if there is nothing to
    /// wait for; a repeat joins the wait.
    pub(crate) fn open(&self, terminal: TerminalId, purchase: Purchase, reply: Reply) {
        if self.draining.load(Ordering::Acquire) {
            return reply.refuse(Reason::ShuttingDown);
        }
        let now_ms = self.clock.now_ms();
        let payment = purchase.payment;
        let rules = self.engine.rules();
        let register = self.engine.register();
        let offer = register
            .place(&terminal)
            .ok_or(Reason::TerminalUnknown)
            .and_then(|place| offer::build(place, purchase, rules, self.prompt_ms, now_ms));
        let (offer, slot) = match offer.and_then(|offer| Ok((offer, self.slot()?))) {
            Ok(admitted) => admitted,
            Err(reason) => return reply.refuse(reason),
        };
        let customer = offer.customer;
        // The wait begins before the command: the end cannot slip through between the two.
        let (waiter, crowded_out) = self.waiting.begin(&offer.terms, reply);
        if let Some(reply) = crowded_out {
            reply.refuse(Reason::TooManyRequests);
        }
        match self.engine.open(offer, now_ms, slot) {
            Err(reason) => {
                if let Some(reply) = self.waiting.give_up(payment, waiter) {
                    self.refuse_terminal(payment, terminal, reason, reply);
                }
            }
            Ok(Opening { view, freshness }) => match (view.state, freshness) {
                (PaymentState::Pending, Freshness::First) => {
                    self.after(view.after, Effect::Ask(payment, customer));
                }
                (PaymentState::Pending, Freshness::Repeat) => {}
                (_, Freshness::First) => self.changed(view, None),
                (_, Freshness::Repeat) => self.answer_waiters(&view),
            },
        }
    }

    /// A terminal asks how a payment stands, or wants it cancelled, captured or reversed.
    pub(crate) fn ask(&self, terminal: TerminalId, payment: PaymentId, ask: Ask, reply: Reply) {
        let now_ms = self.clock.now_ms();
        let engine = &self.engine;
        let result = match ask {
            Ask::Status => engine
                .status(payment, terminal)
                .map(|view| Opening { view, freshness: Freshness::Repeat }),
            Ask::Cancel => self
                .slot()
                .and_then(|slot| engine.cancel_by_terminal(payment, terminal, now_ms, slot)),
            Ask::Delivered => {
                self.slot().and_then(|slot| engine.deliver(payment, terminal, now_ms, slot))
            }
            Ask::Reverse => {
                self.slot().and_then(|slot| engine.reverse(payment, terminal, now_ms, slot))
            }
        };
        match result {
            Err(reason) => self.refuse_terminal(payment, terminal, reason, reply),
            Ok(Opening { view, freshness }) => {
                let answer = Answer::Payment(told::terminal(&view));
                self.after(view.after, Effect::Answer(reply, answer));
                if freshness == Freshness::First {
                    self.changed(view, None);
                }
            }
        }
    }

    /// A handset is there: from now on it is asked and told over this way, beginning with what it
    /// has missed since notice number `seen`.
    pub(crate) fn attach(&self, handset: Handset, way: Way, seen: u64, reply: Reply) {
        let connection = way.connection;
        // Attached first, then asked what is owed: what comes between the two is told twice rather
        // than never.
        let before = self.attached.insert(handset, way);
        if let Some(before) = before.filter(|way| way.connection != connection && way.is_own()) {
            before.pushes.close(CloseCode::Superseded);
        }
        self.tell_owed(handset, connection, seen, reply);
    }

    /// A handset attaches as it did before on this connection of a hub, or the hub repeats what it
    /// heard then: the two look alike, so it does not take over from where the handset went since.
    pub(crate) fn attach_again(&self, handset: Handset, way: Way, seen: u64, reply: Reply) {
        let connection = way.connection;
        let is_elsewhere = match self.attached.entry(handset) {
            Entry::Occupied(there) if there.get().connection != connection => true,
            entry => {
                entry.insert(way);
                false
            }
        };
        if is_elsewhere {
            return reply.refuse(Reason::Busy);
        }
        self.tell_owed(handset, connection, seen, reply);
    }

    /// Answers a handset that has attached, and sends after it what it has missed.
    fn tell_owed(&self, handset: Handset, connection: u64, seen: u64, reply: Reply) {
        match self.engine.owed(&handset.customer, &handset.device, seen) {
            Err(reason) => {
                self.detach(&handset, connection);
                reply.refuse(reason);
            }
            Ok(owed) => {
                let answer = Answer::Attached { latest: owed.latest };
                self.after(owed.after, Effect::Answer(reply, answer));
                for view in owed.notices {
                    let after = view.after.max(owed.after);
                    self.after(after, Effect::Tell(Box::new(view), handset));
                }
                for payment in owed.prompts {
                    self.after(owed.after, Effect::AskDevice(payment, handset));
                }
            }
        }
    }

    /// A connection is gone: its handset cannot be reached over it any more.
    pub(crate) fn detach(&self, handset: &Handset, connection: u64) {
        self.attached.remove_if(handset, |_, way| way.connection == connection);
    }

    /// A hub's connection is gone, and with it all handsets that attached through it.
    pub(crate) fn detach_all(&self, connection: u64) {
        self.attached.retain(|_, way| way.connection != connection);
    }

    /// Says whether the newest genuine attachment of a handset is over this connection.
    pub(crate) fn is_attached(&self, handset: &Handset, connection: u64) -> bool {
        self.way(handset).is_some_and(|way| way.connection == connection)
    }

    /// The way to a handset. One through a hub ends with the keys that it was opened with: there is
    /// no connection to close for it alone.
    fn way(&self, handset: &Handset) -> Option<Way> {
        // Copied first, so that nothing is held while the engine is asked.
        let way = self.attached.get(handset).map(|way| way.clone())?;
        let Some(guest) = &way.guest else { return Some(way) };
        let live = self.engine.device(&handset.customer, &handset.device)?;
        Arc::ptr_eq(guest, &live).then_some(way)
    }

    /// S29-S33: a handset's proof is collated; the answer tells what came of it.
    pub(crate) fn prove(
        &self,
        handset: Handset,
        channel: ChannelBinding,
        prove: Prove,
        reply: Reply,
    ) {
        let slot = match self.slot() {
            Ok(slot) => slot,
            Err(reason) => return reply.refuse(reason),
        };
        let claim = Claim {
            payment: prove.payment,
            customer: handset.customer,
            device: handset.device,
            channel,
            server_nonce: prove.server_nonce,
            handset_nonce: prove.handset_nonce,
            proof: prove.proof,
            way: match prove.hub_tag {
                None => kessai_engine::Way::Own,
                Some(tag) => kessai_engine::Way::Hub { tag },
            },
        };
        let next = self.nonce();
        match self.engine.collate(&claim, next, self.clock.now_ms(), slot) {
            Err(reason) => self.refuse_handset(handset, reason, reply),
            Ok(collated) => self.collated(handset, collated, claim.payment, reply),
        }
    }

    fn collated(&self, handset: Handset, collated: Collated, payment: PaymentId, reply: Reply) {
        let result = |verdict| Answer::ProofResult(ProofResult { payment, verdict });
        match collated {
            Collated::Approved { view, signature } => {
                self.ended_by_proof(handset, view, reply, |notice| {
                    result(Verdict::Approved { signature, notice })
                });
            }
            Collated::Declined { view, signature } => {
                self.ended_by_proof(handset, view, reply, |notice| {
                    result(Verdict::Declined { signature, notice })
                });
            }
            Collated::Mismatched { view, signature, nonce, tries_left } => {
                let tries_left = u32::from(tries_left);
                let verdict = Verdict::TryAgain { signature, tries_left, server_nonce: nonce };
                self.after(view.after, Effect::Answer(reply, result(verdict)));
            }
            Collated::Stale { nonce } => {
                // It tells that the payment is pending, though it changed nothing.
                let answer = result(Verdict::Stale { server_nonce: nonce });
                self.after(self.latest_of(handset), Effect::Answer(reply, answer));
            }
            Collated::Ended { view, freshness: Freshness::First } => {
                self.ended_by_proof(handset, view, reply, Answer::Notice);
            }
            Collated::Ended { view, freshness: Freshness::Repeat } => {
                self.answer_with_notice(handset, &view, reply, Answer::Notice);
            }
        }
    }

    /// Answers the handset that ended a payment, and tells everybody else.
    fn ended_by_proof(
        &self,
        handset: Handset,
        view: PaymentView,
        reply: Reply,
        answer: impl FnOnce(SignedNotice) -> Answer,
    ) {
        self.answer_with_notice(handset, &view, reply, answer);
        self.changed(view, Some(handset));
    }

    fn answer_with_notice(
        &self,
        handset: Handset,
        view: &PaymentView,
        reply: Reply,
        answer: impl FnOnce(SignedNotice) -> Answer,
    ) {
        match self.signed(handset, view) {
            Some((notice, after)) => self.after(after, Effect::Answer(reply, answer(notice))),
            None => self.refuse_handset(handset, Reason::PaymentUnknown, reply),
        }
    }

    /// S28 yes: the customer calls the payment off.
    pub(crate) fn refuse(&self, handset: Handset, payment: PaymentId, reply: Reply) {
        // A key that was taken out of use is heard until its connection is closed, a moment later.
        if self.engine.device(&handset.customer, &handset.device).is_none() {
            return reply.refuse(Reason::IdentityNotOfKey);
        }
        let slot = match self.slot() {
            Ok(slot) => slot,
            Err(reason) => return reply.refuse(reason),
        };
        let now_ms = self.clock.now_ms();
        match self.engine.cancel_by_customer(payment, handset.customer, now_ms, slot) {
            Err(reason) => self.refuse_handset(handset, reason, reply),
            Ok(Opening { view, freshness: Freshness::First }) => {
                self.ended_by_proof(handset, view, reply, Answer::Notice);
            }
            Ok(Opening { view, freshness: Freshness::Repeat }) => {
                self.answer_with_notice(handset, &view, reply, Answer::Notice);
            }
        }
    }

    /// Ends every payment whose time is over. Where the journal has no room it leaves the rest for
    /// the next time, and it lets others have their turn.
    pub(crate) async fn expire(&self) {
        let now_ms = self.clock.now_ms();
        let mut ended = 0_usize;
        for unit in self.engine.units() {
            while let Some(view) = self.engine.expire_due(unit, now_ms, || self.journal.reserve()) {
                self.changed(view, None);
                ended = ended.saturating_add(1);
                if ended.is_multiple_of(EXPIRE_AT_ONCE) {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Refuses new payments from now on; open ones may still end.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Says whether everything that was decided has been told.
    pub(crate) fn is_settled(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// Refuses what a terminal asks. A refusal can tell how the terminal's own payment stands, so
    /// it waits for it.
    fn refuse_terminal(
        &self,
        payment: PaymentId,
        terminal: TerminalId,
        reason: Reason,
        reply: Reply,
    ) {
        let known = self.engine.status(payment, terminal);
        let refusal = reply.refusal(reason);
        self.after(known.map_or(Lsn::NONE, |view| view.after), Effect::Answer(reply, refusal));
    }

    /// Refuses what a handset asks. A refusal can tell how the customer stands, so it waits for
    /// the customer's latest record: a crash must not give back a guess whose end was told.
    fn refuse_handset(&self, handset: Handset, reason: Reason, reply: Reply) {
        let refusal = reply.refusal(reason);
        self.after(self.latest_of(handset), Effect::Answer(reply, refusal));
    }

    /// The last record that changed a handset's customer.
    fn latest_of(&self, handset: Handset) -> Lsn {
        self.engine.customer(&handset.customer).map_or(Lsn::NONE, |customer| customer.after)
    }

    fn slot(&self) -> Result<impl Slot + use<>, Reason> {
        self.journal.reserve().ok_or(Reason::Busy)
    }

    fn nonce(&self) -> ServerNonce {
        ServerNonce(self.draw())
    }

    /// Draws bytes that nobody can foresee.
    pub(crate) fn draw(&self) -> [u8; 32] {
        draw(self.entropy.as_ref())
    }
}
