//! What is asked about payments that have left the memory: answered from the archive, or brought
//! back first if a command may change them.
//!
//! The engine is always asked first. What it does not know any more, and what only the archive can
//! tell, is decided by one rule: an id below the memory's floor opens nothing new, so that nothing
//! the archive says can be overtaken.

use kessai_engine::terms::{PaymentId, Reason, TerminalId};
use kessai_engine::{
    ArchivedPayment, Opening, Owed, PaymentState, PaymentView, Refund, Refunding, RequestDigest,
};
use kessai_journal::Archive;
use kessai_wire::{Answer, Handset};
use tokio_util::sync::CancellationToken;

use super::effects::Effect;
use super::{Ask, Dispatch};
use crate::node::shelf::{LookupError, find};
use crate::reply::Reply;

/// What is asked, by whom, and what the engine made of it.
#[derive(Debug)]
pub(super) enum Question {
    /// A terminal opens a payment, again as it seems.
    Open { terminal: TerminalId, payment: PaymentId, request: RequestDigest, reply: Reply },
    /// A terminal asks about a payment of its own.
    Ask { terminal: TerminalId, payment: PaymentId, ask: Ask, refusal: Reason, reply: Reply },
    /// A merchant gives money back.
    Refund { wish: Refund, refusal: Reason, reply: Reply },
    /// A handset answers a payment that has ended long ago.
    Answer { handset: Handset, payment: PaymentId, refusal: Reason, reply: Reply },
    /// A handset has come back.
    Attach { handset: Handset, connection: u64, owed: Box<Owed>, reply: Reply },
    /// A handset wants the latest notices.
    Recent { handset: Handset, owed: Box<Owed>, reply: Reply },
}

/// What the archive holds of the payments that a question is about.
type Found = Result<Vec<ArchivedPayment>, LookupError>;

impl Question {
    /// Reads all that it is about. Blocks.
    fn find(&self, archive: &Archive) -> Found {
        let ids: Vec<PaymentId> = match self {
            Self::Open { payment, .. }
            | Self::Ask { payment, .. }
            | Self::Answer { payment, .. } => {
                vec![*payment]
            }
            Self::Refund { wish, .. } => {
                // Its own id may be that of a payment, too: then it is used.
                let holder = archive.payment_of_refund(&wish.refund)?;
                vec![holder.unwrap_or(wish.refund), wish.payment]
            }
            Self::Attach { owed, .. } | Self::Recent { owed, .. } => {
                owed.archived.iter().map(|(_, payment)| *payment).collect()
            }
        };
        let mut found = Vec::new();
        for payment in ids {
            found.extend(find(archive, payment)?);
        }
        Ok(found)
    }
}

impl Dispatch {
    /// Says whether only the archive can tell of an id for which the engine gave this refusal.
    pub(super) fn has_left(&self, id: &PaymentId, refusal: Reason) -> bool {
        matches!(refusal, Reason::PaymentUnknown | Reason::PaymentIdTooOld) && self.is_old(id)
    }

    /// Says whether an id may be of a payment that has left the memory, or is just leaving it.
    pub(super) fn is_old(&self, id: &PaymentId) -> bool {
        id.unix_ms() < self.engine.memory_floor_ms()
    }

    /// Has a question answered from the archive, once it is its turn.
    pub(super) fn look_up(&self, question: Question) {
        if let Some(question) = self.lookups.ask(question) {
            self.turn_away(question, Reason::Busy);
        }
    }

    /// Answers questions from the archive until `stop`; what is looked up then is looked up to its
    /// end.
    pub(crate) async fn answer_from_archive(&self, stop: &CancellationToken) {
        loop {
            let questions = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                questions = self.lookups.next() => questions,
            };
            let (shelf, read_at_ms) = (self.shelf.clone(), self.clock.now_ms());
            let look = move || {
                let look = |question: Question| {
                    let found = shelf.archive().and_then(|archive| question.find(&archive));
                    (question, found)
                };
                questions.into_iter().map(look).collect::<Vec<_>>()
            };
            match tokio::task::spawn_blocking(look).await {
                Ok(answers) => {
                    for (question, found) in answers {
                        self.answer(question, found, read_at_ms);
                    }
                }
                // Who asked is told by the end of the question itself.
                Err(error) => tracing::error!(%error, "a look into the archive failed"),
            }
        }
    }

    fn answer(&self, question: Question, found: Found, read_at_ms: u64) {
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "the archive gives no answer");
                return self.answer_without(question);
            }
        };
        // What was read long ago may have come back into memory and left again since.
        if self.clock.now_ms().saturating_sub(read_at_ms) > self.fresh_ms {
            return self.look_up(question);
        }
        match question {
            Question::Open { terminal, request, reply, .. } => {
                let opened = found.first().ok_or(Reason::PaymentIdTooOld);
                let opened = opened.and_then(|found| found.answer_open(&terminal, &request));
                self.tell(opened, reply);
            }
            Question::Ask { terminal, payment, ask, refusal, reply } => {
                let own = found.first().filter(|found| found.view().terminal == terminal);
                match own {
                    Some(own) => {
                        let asked = self.ask_again(own, terminal, payment, &ask);
                        self.asked_about(payment, terminal, asked, reply);
                    }
                    None => self.refuse_terminal(payment, terminal, refusal, reply),
                }
            }
            Question::Refund { wish, refusal, reply } => {
                let refunded = self.refund_again(&wish, &found).unwrap_or(Err(refusal));
                self.refunded(refunded, reply);
            }
            Question::Answer { handset, refusal, reply, .. } => {
                match found.first().and_then(|found| self.noticed(handset, found)) {
                    Some(view) => self.answer_with_notice(handset, &view, reply, Answer::Notice),
                    None => self.refuse_handset(handset, refusal, reply),
                }
            }
            Question::Attach { handset, owed, reply, .. } => {
                self.owe(handset, with(*owed, &found), reply);
            }
            Question::Recent { handset, owed, reply } => {
                self.tell_recent(handset, &with(*owed, &found), reply);
            }
        }
    }

    /// Answers what can be answered although the archive cannot be read: a handset is told what
    /// memory holds, for payments must go on.
    fn answer_without(&self, question: Question) {
        match question {
            Question::Attach { handset, owed, reply, .. } => {
                self.owe(handset, *owed, reply);
            }
            Question::Recent { handset, owed, reply } => self.tell_recent(handset, &owed, reply),
            question => self.turn_away(question, Reason::Busy),
        }
    }

    fn turn_away(&self, question: Question, reason: Reason) {
        match question {
            Question::Open { reply, .. }
            | Question::Ask { reply, .. }
            | Question::Refund { reply, .. }
            | Question::Answer { reply, .. }
            | Question::Recent { reply, .. } => reply.refuse(reason),
            Question::Attach { handset, connection, reply, .. } => {
                self.detach(&handset, connection);
                reply.refuse(reason);
            }
        }
    }

    fn tell(&self, opened: Result<Opening, Reason>, reply: Reply) {
        match opened {
            Err(reason) => reply.refuse(reason),
            Ok(Opening { view, .. }) => {
                let answer = Answer::Payment(self.told_terminal(&view));
                self.after(view.after, Effect::Answer(reply, answer));
            }
        }
    }

    /// What the engine would have said of the payment in memory. It comes back only if it might
    /// still change.
    fn ask_again(
        &self,
        own: &ArchivedPayment,
        terminal: TerminalId,
        payment: PaymentId,
        ask: &Ask,
    ) -> Result<Opening, Reason> {
        let is_over = match own.view().state {
            PaymentState::Captured | PaymentState::Refunded => false,
            PaymentState::Pending
            | PaymentState::Authorised
            | PaymentState::Reversed
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => true,
        };
        match ask {
            Ask::Status | Ask::Cancel => Ok(own.repeat()),
            Ask::Reverse(_) if is_over => Ok(own.repeat()),
            // Nobody paid, or was to pay: there is nothing to deliver.
            Ask::Delivered(_) if own.view().customer.is_none() => Err(Reason::StateForbids),
            Ask::Reverse(_) | Ask::Delivered(_) => {
                self.recall(own)?;
                self.asked(terminal, payment, ask)
            }
        }
    }

    /// A payment of the handset's customer with the number of its notice, as long as that can be
    /// told.
    fn noticed(&self, handset: Handset, found: &ArchivedPayment) -> Option<PaymentView> {
        let Handset { customer, device } = handset;
        let view = Some(found.view()).filter(|view| view.customer == Some(customer))?;
        let owed = self.engine.owed(&customer, &device, 0).ok()?;
        let (notice, _) = *owed.archived.iter().find(|(_, payment)| *payment == view.payment)?;
        Some(PaymentView { notice, ..view.clone() })
    }

    /// None if the archive has nothing to say.
    fn refund_again(
        &self,
        wish: &Refund,
        found: &[ArchivedPayment],
    ) -> Option<Result<Refunding, Reason>> {
        let uses = |found: &&ArchivedPayment| {
            let mut refunds = found.refunds().iter().map(|made| made.refund);
            found.view().payment == wish.refund || refunds.any(|refund| refund == wish.refund)
        };
        if let Some(holder) = found.iter().find(uses) {
            return Some(holder.answer_refund(wish));
        }
        let refunded = found.iter().find(|found| found.view().payment == wish.payment)?;
        let register = self.engine.register();
        let merchant = register.place(&wish.terminal).map(|place| place.merchant.id);
        // Somebody else's payment does not come back to be refused.
        let is_own = refunded.view().terms.is_some_and(|terms| Some(terms.merchant) == merchant);
        is_own.then(|| {
            self.recall(refunded)?;
            self.engine.refund(*wish, self.clock.now_ms(), self.slot()?)
        })
    }

    fn recall(&self, archived: &ArchivedPayment) -> Result<(), Reason> {
        let recalled = self.engine.recall(archived, self.clock.now_ms(), self.slot()?);
        recalled.map(|_after| ())
    }
}

/// Puts notices of archived payments among those that are owed, in the order of their numbers.
fn with(mut owed: Owed, found: &[ArchivedPayment]) -> Owed {
    for (number, payment) in std::mem::take(&mut owed.archived) {
        let view = found.iter().map(ArchivedPayment::view).find(|view| view.payment == payment);
        owed.notices.extend(view.map(|view| PaymentView { notice: number, ..view.clone() }));
    }
    owed.notices.sort_by_key(|view| view.notice);
    owed
}
