//! The one place that talks to the engine, and performs what was decided: journal, then prompt or
//! answer.
//!
//! It takes owned values and never sees a socket, so that the process facing the Internet can be
//! split off later. Every method runs to its end without waiting; what has to wait for the journal
//! is left with [`Deliveries`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use kessai_engine::terms::collation::{ChannelBinding, ServerNonce, Signature};
use kessai_engine::terms::{CustomerId, DeviceId, PaymentId, Reason, TerminalId};
use kessai_engine::{
    Claim, Collated, Engine, Freshness, Lsn, Opening, PaymentState, PaymentView, Slot,
};
use kessai_journal::Journal;
use kessai_wire::{
    Answer, CloseCode, Handset, Prompt, ProofResult, Prove, Purchase, Push, Refusal, SignedNotice,
    Verdict,
};

use crate::clock::Clock;
use crate::deliveries::Deliveries;
use crate::entropy::{Entropy, draw};
use crate::outgoing::{Outgoing, Reply};
use crate::waiting::Waiting;
use crate::{offer, told};

/// How long to advise a peer to wait after a refusal for want of room.
const PAUSE_MS: u32 = 1_000;

/// Talks to the engine for all connections.
pub(crate) struct Dispatch {
    engine: Arc<Engine>,
    journal: Journal,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    prompt_ms: u64,
    draining: AtomicBool,
    /// Handsets that can be asked and told now.
    attached: DashMap<DeviceId, Attachment>,
    /// Terminals that wait for the end of a payment.
    waiting: Waiting,
    deliveries: Deliveries<Effect>,
}

/// A handset's way in: the newest connection that it attached over.
#[derive(Debug, Clone)]
struct Attachment {
    handset: Handset,
    connection: u64,
    channel: ChannelBinding,
    pushes: Outgoing,
}

/// What happens once the record that it depends on is durable.
#[derive(Debug)]
enum Effect {
    /// A request is answered.
    Answer(Reply, Answer),
    /// A payment's customer is asked, over every handset that is there.
    Ask(PaymentId, CustomerId),
    /// One handset is asked.
    AskDevice(PaymentId, DeviceId),
    /// A payment has come to stand elsewhere: everybody it concerns is told, but for the handset
    /// whose answer tells it.
    Changed(Box<PaymentView>, Option<DeviceId>),
    /// One handset is told what it has missed.
    Tell(Box<PaymentView>, DeviceId),
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
    ) -> Self {
        let deliveries = Deliveries::new(journal.clone());
        Self {
            engine,
            journal,
            clock,
            entropy,
            prompt_ms,
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
        let now_ms = self.clock.now_ms();
        let payment = purchase.payment;
        let rules = self.engine.rules();
        let register = self.engine.register();
        let offer = register
            .place(&terminal)
            .ok_or(Reason::TerminalUnknown)
            .and_then(|place| offer::build(place, purchase, rules, self.prompt_ms, now_ms));
        let (offer, slot) = match offer.and_then(|offer| Ok((offer, self.admit()?))) {
            Ok(admitted) => admitted,
            Err(reason) => return refuse_terminal(reply, reason),
        };
        let customer = offer.customer;
        // The wait begins before the command: the end cannot slip through between the two.
        let (waiter, crowded_out) = self.waiting.begin(&offer.terms, reply);
        if let Some(reply) = crowded_out {
            refuse_terminal(reply, Reason::TooManyRequests);
        }
        match self.engine.open(offer, now_ms, slot) {
            Err(reason) => {
                if let Some(reply) = self.waiting.give_up(payment, waiter) {
                    refuse_terminal(reply, reason);
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
            Err(reason) => refuse_terminal(reply, reason),
            Ok(Opening { view, freshness }) => {
                let answer = Answer::Payment(told::terminal(&view));
                self.after(view.after, Effect::Answer(reply, answer));
                if freshness == Freshness::First {
                    self.changed(view, None);
                }
            }
        }
    }

    /// A handset is there: from now on it is asked and told over this connection, beginning with
    /// what it has missed since notice number `seen`.
    pub(crate) fn attach(
        &self,
        handset: Handset,
        (connection, channel): (u64, ChannelBinding),
        pushes: &Outgoing,
        seen: u64,
        reply: Reply,
    ) {
        let attachment = Attachment { handset, connection, channel, pushes: pushes.clone() };
        // Attached first, then asked what is owed: what comes between the two is told twice rather
        // than never.
        let before = self.attached.insert(handset.device, attachment);
        if let Some(before) = before.filter(|before| before.connection != connection) {
            before.pushes.close(CloseCode::Superseded);
        }
        match self.engine.owed(&handset.customer, &handset.device, seen) {
            Err(reason) => refuse_handset(reply, reason),
            Ok(owed) => {
                let answer = Answer::Attached { latest: owed.latest };
                self.after(owed.after, Effect::Answer(reply, answer));
                for view in owed.notices {
                    let after = view.after.max(owed.after);
                    self.after(after, Effect::Tell(Box::new(view), handset.device));
                }
                for payment in owed.prompts {
                    self.after(owed.after, Effect::AskDevice(payment, handset.device));
                }
            }
        }
    }

    /// A connection is gone: its handset cannot be reached over it any more.
    pub(crate) fn detach(&self, device: DeviceId, connection: u64) {
        self.attached.remove_if(&device, |_, attachment| attachment.connection == connection);
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
            Err(reason) => return refuse_handset(reply, reason),
        };
        let claim = Claim {
            payment: prove.payment,
            customer: handset.customer,
            device: handset.device,
            channel,
            server_nonce: prove.server_nonce,
            handset_nonce: prove.handset_nonce,
            proof: prove.proof,
        };
        let next = self.nonce();
        match self.engine.collate(&claim, next, self.clock.now_ms(), slot) {
            Err(reason) => refuse_handset(reply, reason),
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
                reply.answer(result(Verdict::Stale { server_nonce: nonce }));
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
        self.changed(view, Some(handset.device));
    }

    fn answer_with_notice(
        &self,
        handset: Handset,
        view: &PaymentView,
        reply: Reply,
        answer: impl FnOnce(SignedNotice) -> Answer,
    ) {
        match self.signed(handset, view) {
            Some(notice) => self.after(view.after, Effect::Answer(reply, answer(notice))),
            None => refuse_handset(reply, Reason::PaymentUnknown),
        }
    }

    /// S28 yes: the customer calls the payment off.
    pub(crate) fn refuse(&self, handset: Handset, payment: PaymentId, reply: Reply) {
        let slot = match self.slot() {
            Ok(slot) => slot,
            Err(reason) => return refuse_handset(reply, reason),
        };
        let now_ms = self.clock.now_ms();
        match self.engine.cancel_by_customer(payment, handset.customer, now_ms, slot) {
            Err(reason) => refuse_handset(reply, reason),
            Ok(Opening { view, freshness: Freshness::First }) => {
                self.ended_by_proof(handset, view, reply, Answer::Notice);
            }
            Ok(Opening { view, freshness: Freshness::Repeat }) => {
                self.answer_with_notice(handset, &view, reply, Answer::Notice);
            }
        }
    }

    /// Ends every payment whose time is over.
    pub(crate) fn expire(&self) {
        let now_ms = self.clock.now_ms();
        for unit in self.engine.units() {
            while let Some(view) = self.engine.expire_due(unit, now_ms, || self.journal.reserve()) {
                self.changed(view, None);
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

    /// Performs effects as they become due, for ever.
    pub(crate) async fn deliver(&self) {
        loop {
            for effect in self.deliveries.due().await {
                self.perform(effect);
            }
        }
    }

    fn after(&self, after: Lsn, effect: Effect) {
        if let Some(due) = self.deliveries.hold(after, effect) {
            self.perform(due);
        }
    }

    fn changed(&self, view: PaymentView, told: Option<DeviceId>) {
        self.after(view.after, Effect::Changed(Box::new(view), told));
    }

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Answer(reply, answer) => reply.answer(answer),
            Effect::Ask(payment, customer) => {
                for device in self.engine.devices(&customer) {
                    self.ask_device(payment, device.id);
                }
            }
            Effect::AskDevice(payment, device) => self.ask_device(payment, device),
            Effect::Changed(view, told) => {
                self.answer_waiters(&view);
                let Some(customer) = view.customer else { return };
                for device in self.engine.devices(&customer) {
                    if Some(device.id) != told {
                        self.tell_device(&view, device.id);
                    }
                }
            }
            Effect::Tell(view, device) => self.tell_device(&view, device),
        }
    }

    /// S25-S26: asks over the handset's present connection, with a nonce made for it.
    fn ask_device(&self, payment: PaymentId, device: DeviceId) {
        let Some(to) = self.attachment(device) else { return };
        let nonce = self.nonce();
        let Some(prompt) = self.engine.prompt(payment, device, to.channel, nonce) else { return };
        to.pushes.push(Push::Prompt(
            to.handset,
            Prompt {
                content: prompt.confirmation,
                server_nonce: nonce,
                tries_left: u32::from(prompt.tries_left),
                gateway_time_ms: self.clock.now_ms(),
            },
        ));
    }

    fn tell_device(&self, view: &PaymentView, device: DeviceId) {
        let Some(to) = self.attachment(device) else { return };
        if let Some(notice) = self.signed(to.handset, view) {
            to.pushes.push(Push::Notice(to.handset, notice));
        }
    }

    /// Writes and signs the notice of a payment for one handset.
    fn signed(&self, handset: Handset, view: &PaymentView) -> Option<SignedNotice> {
        let notice = told::customer(view, &self.engine.register())?.encode();
        let content_digest = view.terms?.content;
        let devices = self.engine.devices(&handset.customer);
        let device = devices.iter().find(|device| device.id == handset.device)?;
        let signature: Signature = device.sign_notice(&content_digest, &notice);
        Some(SignedNotice { content_digest, notice, signature })
    }

    fn attachment(&self, device: DeviceId) -> Option<Attachment> {
        self.attached.get(&device).map(|attachment| attachment.clone())
    }

    fn admit(&self) -> Result<impl Slot + use<>, Reason> {
        if self.draining.load(Ordering::Acquire) {
            return Err(Reason::ShuttingDown);
        }
        self.slot()
    }

    fn slot(&self) -> Result<impl Slot + use<>, Reason> {
        self.journal.reserve().ok_or(Reason::Busy)
    }

    fn nonce(&self) -> ServerNonce {
        ServerNonce(draw(self.entropy.as_ref()))
    }

    fn answer_waiters(&self, view: &PaymentView) {
        let answer = told::terminal(view);
        for reply in self.waiting.end(view) {
            self.after(view.after, Effect::Answer(reply, Answer::Payment(answer)));
        }
    }
}

fn refuse_terminal(reply: Reply, reason: Reason) {
    reply.answer(Answer::Refusal(Refusal::to_terminal(reason, PAUSE_MS)));
}

fn refuse_handset(reply: Reply, reason: Reason) {
    reply.answer(Answer::Refusal(Refusal::to_handset(reason, PAUSE_MS)));
}
