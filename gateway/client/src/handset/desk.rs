//! Holds what lies before the customer: open questions, and which ends have been told.
//!
//! It opens no connection and makes no proof. Nothing that comes from the gateway gets past it
//! without having been verified.

mod state;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kessai_terms::PaymentId;
use kessai_terms::collation::{
    AuthMessage, ChannelBinding, DeviceKey, Proof, ServerKey, ServerNonce, Signature,
    content_digest,
};
use kessai_wire::{Confirmation, Handset as HandsetId, Notice, Prompt, SignedNotice};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::error::{CallError, ConnectError, Distrust};
use crate::handset::answering::Answering;
use crate::handset::desk::state::{Open, State};
use crate::handset::event::{Event, Events, Question, events};
use crate::handset::seen::Seen;
use crate::line::{Generation, Overflow};

/// Says whose connection the handset speaks over.
pub(super) enum Way {
    /// Its own.
    Own,
    /// A carrier hub's: the key shows that it is the handset that speaks.
    Hub(DeviceKey),
}

/// Is what calls and line share.
pub(super) struct Desk {
    id: HandsetId,
    key: ServerKey,
    way: Way,
    state: Mutex<State>,
    changed: Notify,
}

/// Names the connection that stands.
#[derive(Clone, Copy)]
pub(super) struct Connection {
    pub(super) generation: Generation,
    /// What is bound to it: through a hub, to this handset as well.
    pub(super) channel: ChannelBinding,
}

/// Is what a proof is made over.
#[derive(Clone, Copy)]
pub(super) struct Basis {
    pub(super) generation: Generation,
    pub(super) channel: ChannelBinding,
    pub(super) nonce: ServerNonce,
    pub(super) tries_left: u32,
}

/// Says what can be done about a question now.
pub(super) enum Step {
    /// A proof can be made.
    Prove(Basis),
    /// The payment has ended.
    Ended(Box<Notice>),
    /// There will be no connection any more.
    Over,
}

impl Desk {
    pub(super) fn new(id: HandsetId, key: ServerKey, way: Way, seen: u64) -> (Self, Events) {
        let (sender, receiver) = events();
        let state = State {
            events: Some(sender),
            connection: None,
            open: BTreeMap::new(),
            ended: VecDeque::new(),
            seen: Seen::new(seen),
            untrusted: 0,
        };
        (Self { id, key, way, state: Mutex::new(state), changed: Notify::new() }, receiver)
    }

    pub(super) const fn id(&self) -> HandsetId {
        self.id
    }

    pub(super) const fn key(&self) -> &ServerKey {
        &self.key
    }

    pub(super) const fn way(&self) -> &Way {
        &self.way
    }

    /// Vouches for a proof, if it goes through a hub.
    pub(super) fn vouch(&self, auth: &AuthMessage, proof: &Proof) -> Option<Signature> {
        match &self.way {
            Way::Own => None,
            Way::Hub(key) => Some(key.vouch(auth, proof)),
        }
    }

    pub(super) fn seen(&self) -> u64 {
        self.state().seen.up_to()
    }

    pub(super) fn untrusted(&self) -> u64 {
        self.state().untrusted
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to answer a question, unless that is under way.
    pub(super) fn answer(self: &Arc<Self>, question: &Question) -> Result<Answering, CallError> {
        let payment = question.payment();
        let mut state = self.state();
        let open = state.open.get_mut(&payment).ok_or(CallError::NotOpen)?;
        if open.digest != question.digest {
            return Err(CallError::NotOpen);
        }
        if open.being_answered {
            return Err(CallError::BeingAnswered);
        }
        open.being_answered = true;
        Ok(Answering::new(Arc::clone(self), question))
    }

    /// Takes note that nobody answers the question any more.
    pub(super) fn answered(&self, payment: PaymentId) {
        let mut state = self.state();
        if let Some(open) = state.open.get_mut(&payment) {
            open.being_answered = false;
            if open.end.is_some() {
                state.close(payment);
            }
        }
    }

    /// Waits until something can be done about a question that is being answered.
    pub(super) async fn step(&self, payment: PaymentId) -> Step {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Before looking, so that no change in between is missed.
            changed.as_mut().enable();
            let step = self.state().step(payment);
            if let Some(step) = step {
                return step;
            }
            changed.await;
        }
    }

    /// Waits for a connection to stand; there is none if there will be none any more.
    pub(super) async fn standing(&self) -> Option<Connection> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Before looking, so that no change in between is missed.
            changed.as_mut().enable();
            let (connection, is_over) = {
                let state = self.state();
                (state.connection, state.events.is_none())
            };
            if connection.is_some() || is_over {
                return connection;
            }
            changed.await;
        }
    }

    /// Takes the nonce for the next proof, if the connection it came on still stands.
    pub(super) fn renew(
        &self,
        payment: PaymentId,
        generation: Generation,
        nonce: ServerNonce,
        tries_left: Option<u32>,
    ) {
        let mut state = self.state();
        if let Some(open) = state.open.get_mut(&payment)
            && open.nonce.is_some_and(|(current, _)| current == generation)
        {
            open.nonce = Some((generation, nonce));
            open.tries_left = tries_left.unwrap_or(open.tries_left);
        }
    }

    /// Verifies a notice that must be about one payment, and tells it.
    pub(super) fn end_of(
        &self,
        payment: PaymentId,
        signed: &SignedNotice,
    ) -> Result<Notice, Distrust> {
        match self.verify(Some(payment), signed) {
            Ok(notice) => {
                // Told or not: if the events are not read, it comes again on the next connection.
                drop(self.tell(&notice));
                Ok(notice)
            }
            Err(distrust) => Err(self.doubt(distrust)),
        }
    }

    /// Verifies a list of payments, the latest first, which tells nothing new.
    pub(super) fn recent(&self, listed: &[SignedNotice]) -> Result<Vec<Notice>, Distrust> {
        let mut notices: Vec<Notice> = Vec::with_capacity(listed.len());
        for signed in listed {
            let notice = self.verify(None, signed)?;
            let falls = notices.last().is_none_or(|before| notice.number < before.number);
            if !falls || notices.iter().any(|before| before.payment == notice.payment) {
                return Err(Distrust::Disordered);
            }
            notices.push(notice);
        }
        Ok(notices)
    }

    /// Verifies the signature, and that the notice is about what was shown and what was asked.
    fn verify(&self, asked: Option<PaymentId>, signed: &SignedNotice) -> Result<Notice, Distrust> {
        let notice = signed.verify(&self.key)?;
        let shown = self.state().open.get(&notice.payment).map(|open| open.digest);
        if shown.is_some_and(|digest| digest != signed.content_digest) {
            return Err(Distrust::Altered(notice.payment));
        }
        if asked.is_some_and(|payment| payment != notice.payment) {
            return Err(Distrust::Contradiction);
        }
        Ok(notice)
    }

    fn tell(&self, notice: &Notice) -> Result<(), Overflow> {
        let mut state = self.state();
        let number = notice.number.get();
        if !state.seen.contains(number) {
            state.emit(Event::Told(Box::new(notice.clone())))?;
            state.seen.insert(number);
        }
        match state.open.get_mut(&notice.payment) {
            Some(open) if open.being_answered => open.end = Some(notice.clone()),
            Some(_) | None => state.close(notice.payment),
        }
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }

    /// Takes note of something that is not believed, and hands it on to whoever asked for it.
    pub(super) fn doubt(&self, distrust: Distrust) -> Distrust {
        // If the events are not read, it is counted all the same.
        drop(self.distrust(distrust.clone()));
        distrust
    }

    pub(super) fn distrust(&self, distrust: Distrust) -> Result<(), Overflow> {
        let mut state = self.state();
        state.untrusted = state.untrusted.saturating_add(1);
        state.emit(Event::Untrusted(distrust))
    }

    /// Takes note of a connection, and tells which notice is the last one seen.
    pub(super) fn connected(&self, generation: Generation, channel: ChannelBinding) -> u64 {
        let mut state = self.state();
        state.connection = Some(Connection { generation, channel });
        // If the events are full, the first push shows it.
        drop(state.emit(Event::Connected));
        let seen = state.seen.up_to();
        drop(state);
        self.changed.notify_waiters();
        seen
    }

    pub(super) fn lost(&self, why: &ConnectError) {
        let mut state = self.state();
        state.connection = None;
        // If the events are full, this one is not missed: the line is lost for that very reason.
        drop(state.emit(Event::Disconnected(why.clone())));
    }

    /// Takes note that there will be no connection any more.
    pub(super) fn over(&self) {
        self.state().events = None;
        self.changed.notify_waiters();
    }

    /// Takes a notice that no call waits for: it came unasked, or was `asked` for and came late.
    pub(super) fn notified(
        &self,
        asked: Option<PaymentId>,
        signed: &SignedNotice,
    ) -> Result<(), Overflow> {
        match self.verify(asked, signed) {
            Ok(notice) => self.tell(&notice),
            Err(distrust) => self.distrust(distrust),
        }
    }

    pub(super) fn prompted(&self, prompt: &Prompt) -> Result<(), Overflow> {
        let confirmation = match Confirmation::decode(&prompt.content) {
            Ok(confirmation) => confirmation,
            Err(error) => return self.distrust(error.into()),
        };
        if confirmation.customer != self.id.customer {
            return self.distrust(Distrust::NotForUs);
        }
        let payment = confirmation.payment;
        let digest = content_digest(&prompt.content);
        let mut state = self.state();
        let Some(generation) = state.connection.map(|connection| connection.generation) else {
            return Ok(());
        };
        let nonce = Some((generation, prompt.server_nonce));
        if let Some(open) = state.open.get_mut(&payment) {
            if open.digest != digest {
                drop(state);
                return self.distrust(Distrust::Altered(payment));
            }
            open.nonce = nonce;
            open.tries_left = prompt.tries_left;
        } else if !state.ended.contains(&payment) && state.has_room() {
            let left_ms = confirmation.expires_at_ms.saturating_sub(prompt.gateway_time_ms);
            let given_at = Instant::now();
            let answer_by = given_at + Duration::from_millis(left_ms).min(LONGEST);
            let tries_left = prompt.tries_left;
            let confirmation = Arc::new(confirmation);
            let question = Question { confirmation, digest, tries_left, answer_by, given_at };
            state.emit(Event::Asked(Box::new(question)))?;
            let (being_answered, end) = (false, None);
            let open = Open { digest, answer_by, tries_left, nonce, being_answered, end };
            state.open.insert(payment, open);
        }
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }
}

/// No question is open, and no code shown, longer, whatever the gateway's clocks say.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
