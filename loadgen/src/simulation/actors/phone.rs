//! A handset with its owner, who approves, mistypes, calls off, does not look, or looks too late.

use std::collections::BTreeMap;

use kessai_engine::PaymentState;
use kessai_engine::terms::collation::{ContentDigest, HandsetNonce, ServerNonce};
use kessai_engine::terms::ids::PaymentId;
use kessai_engine::terms::reason::Reason;

use super::{Ending, Scene};
use crate::simulation::cast;
use crate::simulation::chance::{Chance, Of};
use crate::simulation::faults::Fault;
use crate::simulation::message::{Ask, Password, Tell};
use crate::simulation::rules::PROMPT_MS;

/// How long a handset waits for an answer before it attaches again, to hear what it has missed.
const PATIENCE_MS: u64 = 1_500;

/// What the owner makes of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mind {
    Approves,
    CallsOff,
    DoesNotLook,
}

/// A payment that the handset was asked about.
#[derive(Debug, Clone, Copy)]
struct Question {
    content: ContentDigest,
    nonce: ServerNonce,
    mind: Mind,
    act_ms: u64,
    /// Whether an answer is under way.
    answered: bool,
}

/// A handset.
#[derive(Debug)]
pub(in crate::simulation) struct Phone {
    chance: Chance,
    questions: BTreeMap<PaymentId, Question>,
    /// The latest notice that it has seen.
    seen: u64,
    /// When it attaches; none once it is attached.
    attach_ms: Option<u64>,
    requests: u64,
}

impl Phone {
    pub(in crate::simulation) fn new(seed: u64, number: usize) -> Self {
        let mut chance = Chance::new(seed, Of::Phone(number));
        let attach_ms = Some(chance.between(0..=300));
        Self { chance, questions: BTreeMap::new(), seen: 0, attach_ms, requests: 0 }
    }

    /// When it wants to act next.
    pub(in crate::simulation) fn next_ms(&self) -> Option<u64> {
        let looked_at = self.questions.values().filter(|q| q.mind != Mind::DoesNotLook);
        looked_at.map(|question| question.act_ms).chain(self.attach_ms).min()
    }

    /// Its connection broke, and it has another.
    pub(in crate::simulation) fn reconnected(&mut self, scene: &mut Scene<'_>) {
        self.attach_ms = Some(scene.now_ms);
    }

    /// Forgets questions about payments that are no more: they may be opened anew, with another
    /// content.
    pub(in crate::simulation) fn forget(&mut self, gone: impl Fn(&PaymentId) -> bool) {
        self.questions.retain(|payment, _| !gone(payment));
    }

    /// Does what it has a mind to.
    pub(in crate::simulation) fn act(&mut self, own: &cast::Phone, scene: &mut Scene<'_>) {
        if self.attach_ms.is_some_and(|at_ms| at_ms <= scene.now_ms) {
            self.attach(scene);
        }
        let due = |question: &Question| {
            question.act_ms <= scene.now_ms && question.mind != Mind::DoesNotLook
        };
        let due: Vec<_> =
            self.questions.iter().filter(|(_, q)| due(q)).map(|(id, _)| *id).collect();
        for payment in due {
            self.answer(payment, own, scene);
        }
    }

    /// Hears what it is told.
    pub(in crate::simulation) fn hear(&mut self, request: u64, tell: &Tell, scene: &mut Scene<'_>) {
        match tell {
            Tell::Attached { .. } => self.attach_ms = None,
            Tell::Prompt { payment, content, nonce, .. } => {
                self.be_asked(*payment, *content, *nonce, scene);
            }
            Tell::TryAgain { payment, nonce, .. } => {
                let in_ms = self.chance.between(100..=2_000);
                self.ask_anew(payment, *nonce, in_ms, scene);
            }
            Tell::Stale { payment, nonce } => self.ask_anew(payment, *nonce, 0, scene),
            Tell::Payment(stands) | Tell::Refunded(stands, _) => {
                self.seen = self.seen.max(stands.notice);
                if stands.state != PaymentState::Pending {
                    self.questions.remove(&stands.payment);
                }
            }
            // What cannot be answered any more is not asked any more.
            Tell::Refused(Reason::Busy | Reason::StorageLow) | Tell::Done => {}
            Tell::Refused(_) => {
                if let Some(payment) = self.answered_by(request) {
                    self.questions.remove(&payment);
                }
            }
        }
    }

    /// The question that the owner answered last: a refusal names none.
    fn answered_by(&self, request: u64) -> Option<PaymentId> {
        if request != self.requests {
            return None;
        }
        self.questions.iter().find(|(_, question)| question.answered).map(|(id, _)| *id)
    }

    fn attach(&mut self, scene: &mut Scene<'_>) {
        let seen = self.seen;
        self.ask(Ask::Attach { seen }, scene);
        self.attach_ms = Some(scene.now_ms.saturating_add(PATIENCE_MS));
    }

    fn ask(&mut self, ask: Ask, scene: &mut Scene<'_>) {
        self.requests = self.requests.saturating_add(1);
        scene.asks.push((self.requests, ask));
    }

    fn be_asked(
        &mut self,
        payment: PaymentId,
        content: ContentDigest,
        nonce: ServerNonce,
        scene: &mut Scene<'_>,
    ) {
        if let Some(known) = self.questions.get_mut(&payment) {
            known.nonce = nonce;
            if known.answered {
                // The answer was lost, or what came of it: the same once more.
                (known.answered, known.act_ms) = (false, scene.now_ms);
            }
            return;
        }
        let mut in_ms = self.chance.between(50..=3_000);
        if scene.faults.strikes(Fault::AnsweredLate, &mut self.chance) {
            in_ms = self.chance.between(PROMPT_MS.saturating_sub(300)..=PROMPT_MS + 1_500);
        }
        let mind = match (scene.ending, self.chance.between(0..=19)) {
            (Ending::Now, _) | (Ending::NotYet, 0..=15) => Mind::Approves,
            (Ending::NotYet, 16..=17) => Mind::CallsOff,
            (Ending::NotYet, _) => Mind::DoesNotLook,
        };
        let act_ms = scene.now_ms.saturating_add(in_ms);
        let question = Question { content, nonce, mind, act_ms, answered: false };
        self.questions.insert(payment, question);
    }

    fn ask_anew(&mut self, payment: &PaymentId, nonce: ServerNonce, in_ms: u64, scene: &Scene<'_>) {
        if let Some(question) = self.questions.get_mut(payment) {
            question.nonce = nonce;
            question.answered = false;
            question.act_ms = scene.now_ms.saturating_add(in_ms);
        }
    }

    fn answer(&mut self, payment: PaymentId, own: &cast::Phone, scene: &mut Scene<'_>) {
        let Some(question) = self.questions.get_mut(&payment) else { return };
        question.act_ms = scene.now_ms.saturating_add(PATIENCE_MS);
        if question.answered {
            // Nothing came of it: the connection may be dead.
            return self.attach(scene);
        }
        question.answered = true;
        let Question { content, nonce, mind, .. } = *question;
        match mind {
            Mind::DoesNotLook => {}
            Mind::CallsOff => self.ask(Ask::Refuse(payment), scene),
            Mind::Approves => {
                let mistyped = scene.faults.strikes(Fault::PasswordWrong, &mut self.chance);
                let password = if mistyped { Password::Wrong } else { Password::Right };
                let handset_nonce = HandsetNonce(self.chance.bytes());
                let prompt = (content, nonce, scene.line);
                let answer = own.answer(payment, prompt, password, handset_nonce);
                self.ask(Ask::Prove(answer), scene);
            }
        }
    }
}
