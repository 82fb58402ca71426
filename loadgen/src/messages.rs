//! The ladder of messages of a payment: how often each was sent or heard, and what came of it.
//!
//! They are counted where terminals and handsets send and hear them. What the client sends again by
//! itself, on another connection, is one message here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kessai_client::CallError;
use serde::{Deserialize, Serialize};

/// A message of a payment, in the order in which they follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// A handset asks for a presentment code.
    PresentCode,
    /// A terminal asks for a payment; the answer is the receipt.
    Open,
    /// A handset is asked.
    Prompt,
    /// A handset answers with a proof; one that does not match is refused.
    Proof,
    /// A handset cancels.
    Refuse,
    /// A handset is told how a payment ended, other than in an answer.
    Notice,
    /// A terminal gives a payment up.
    Cancel,
    /// A terminal asks how a payment stands.
    Status,
    /// A machine reports what came out.
    Delivered,
    /// A terminal takes a payment back.
    Reverse,
    /// A terminal gives money back.
    Refund,
}

/// Who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sender {
    /// A terminal, to the gateway.
    Terminal,
    /// A handset, to the gateway.
    Handset,
    /// The gateway, to a handset.
    Gateway,
}

impl Message {
    /// Every message, from the first of a payment to the last.
    pub const ALL: [Self; 11] = [
        Self::PresentCode,
        Self::Open,
        Self::Prompt,
        Self::Proof,
        Self::Refuse,
        Self::Notice,
        Self::Cancel,
        Self::Status,
        Self::Delivered,
        Self::Reverse,
        Self::Refund,
    ];

    /// Says who sends it.
    #[must_use]
    pub const fn sender(self) -> Sender {
        match self {
            Self::PresentCode | Self::Proof | Self::Refuse => Sender::Handset,
            Self::Prompt | Self::Notice => Sender::Gateway,
            Self::Open
            | Self::Cancel
            | Self::Status
            | Self::Delivered
            | Self::Reverse
            | Self::Refund => Sender::Terminal,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::PresentCode => "present code",
            Self::Open => "open",
            Self::Prompt => "prompt",
            Self::Proof => "proof",
            Self::Refuse => "refuse",
            Self::Notice => "notice",
            Self::Cancel => "cancel",
            Self::Status => "status",
            Self::Delivered => "delivered",
            Self::Reverse => "reverse",
            Self::Refund => "refund",
        }
    }
}

/// Whether a message goes out for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sending {
    First,
    /// The same was sent before, and not answered, or it is sent twice on purpose.
    Again,
}

/// What came of a message that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outturn {
    Answered,
    Refused,
    TimedOut,
    Unexpected,
}

/// One message of the ladder, in all payments of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// Which one.
    pub message: Message,
    /// Who sends it.
    pub sender: Sender,
    /// How often it was sent, or heard if the gateway sends it.
    pub sent: u64,
    /// Of these: the same once more.
    pub repeated: u64,
    /// Of what was sent: it had its effect.
    pub answered: u64,
    /// Of what was sent: it had none, for a reason that the gateway gave.
    pub refused: u64,
    /// Of what was sent: no answer came, or nobody waited for it any longer.
    pub timed_out: u64,
    /// The answer fits no request, or the message nothing that was asked for.
    pub unexpected: u64,
}

/// All messages of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageLadder(pub Vec<Rung>);

impl MessageLadder {
    /// Adds what another process sent and heard.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let rungs = self.0.into_iter().zip(&other.0);
        Self(rungs.map(|(rung, more)| rung.and(more)).collect())
    }
}

/// Counts the messages of a run while it goes on.
#[derive(Debug, Default)]
pub struct Messages(Mutex<BTreeMap<Message, Rung>>);

impl Rung {
    const fn new(message: Message) -> Self {
        Self {
            message,
            sender: message.sender(),
            sent: 0,
            repeated: 0,
            answered: 0,
            refused: 0,
            timed_out: 0,
            unexpected: 0,
        }
    }

    const fn and(self, other: &Self) -> Self {
        Self {
            message: self.message,
            sender: self.sender,
            sent: self.sent.saturating_add(other.sent),
            repeated: self.repeated.saturating_add(other.repeated),
            answered: self.answered.saturating_add(other.answered),
            refused: self.refused.saturating_add(other.refused),
            timed_out: self.timed_out.saturating_add(other.timed_out),
            unexpected: self.unexpected.saturating_add(other.unexpected),
        }
    }

    fn came_to(&mut self, outturn: Outturn) {
        let count = match outturn {
            Outturn::Answered => &mut self.answered,
            Outturn::Refused => &mut self.refused,
            Outturn::TimedOut => &mut self.timed_out,
            Outturn::Unexpected => &mut self.unexpected,
        };
        *count = count.saturating_add(1);
    }
}

impl Messages {
    /// Sends a message, and counts what comes of it: as timed out, too, if nobody waits for the
    /// answer any longer.
    pub(crate) async fn send<T>(
        &self,
        message: Message,
        sending: Sending,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        self.send_and_judge(message, sending, call, |_| Outturn::Answered).await
    }

    /// As [`send`](Self::send), for a message that some answers refuse.
    pub(crate) async fn send_and_judge<T>(
        &self,
        message: Message,
        sending: Sending,
        call: impl Future<Output = Result<T, CallError>>,
        judge: impl FnOnce(&T) -> Outturn,
    ) -> Result<T, CallError> {
        self.sent(message, sending);
        let mut awaited = Awaited { messages: self, message, outturn: Outturn::TimedOut };
        let answer = call.await;
        awaited.outturn = match &answer {
            Ok(answer) => judge(answer),
            Err(error) => of_error(error),
        };
        answer
    }

    /// Counts a message of the gateway's.
    pub(crate) fn heard(&self, message: Message, sending: Sending) {
        self.sent(message, sending);
    }

    /// Counts a message of the gateway's that nothing asked for, or that is not believed.
    pub(crate) fn strayed(&self, message: Message) {
        self.sent(message, Sending::First);
        self.count(message, |rung| rung.came_to(Outturn::Unexpected));
    }

    /// Copies the ladder as it is now; what nobody has sent stands in it as well.
    #[must_use]
    pub fn ladder(&self) -> MessageLadder {
        let rungs = self.rungs();
        let rung = |message| rungs.get(&message).copied().unwrap_or(Rung::new(message));
        MessageLadder(Message::ALL.map(rung).to_vec())
    }

    fn sent(&self, message: Message, sending: Sending) {
        self.count(message, |rung| {
            rung.sent = rung.sent.saturating_add(1);
            if sending == Sending::Again {
                rung.repeated = rung.repeated.saturating_add(1);
            }
        });
    }

    fn count(&self, message: Message, count: impl FnOnce(&mut Rung)) {
        count(self.rungs().entry(message).or_insert(Rung::new(message)));
    }

    fn rungs(&self) -> MutexGuard<'_, BTreeMap<Message, Rung>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for an answer, and counts what came of it when it is dropped.
struct Awaited<'a> {
    messages: &'a Messages,
    message: Message,
    outturn: Outturn,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        let outturn = self.outturn;
        self.messages.count(self.message, |rung| rung.came_to(outturn));
    }
}

const fn of_error(error: &CallError) -> Outturn {
    match error {
        // The payment has ended meanwhile: what came too late is not wanted any more.
        CallError::Refused(_) | CallError::NotOpen => Outturn::Refused,
        CallError::Deadline | CallError::Lost | CallError::Ended(_) => Outturn::TimedOut,
        CallError::Unexpected(_)
        | CallError::AnotherAnswer
        | CallError::Untrusted(_)
        | CallError::TooLong(_)
        | CallError::BeingAnswered
        | CallError::AlwaysStale => Outturn::Unexpected,
    }
}

impl fmt::Display for MessageLadder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "messages        terminal  gateway  handset      sent  repeated  answered   refused  \
             timed out  unexpected"
        )?;
        for Rung { message, sender, sent, repeated, answered, refused, timed_out, unexpected } in
            &self.0
        {
            let arrow = match sender {
                Sender::Terminal => "    |------->|        |",
                Sender::Handset => "    |        |<-------|",
                Sender::Gateway => "    |        |------->|",
            };
            write!(f, "  {:14}{arrow}{sent:>13}{repeated:>10}", message.name())?;
            if *sender == Sender::Gateway {
                // Nothing is answered to these.
                write!(f, "{:>10}{:>10}{:>11}", "-", "-", "-")?;
            } else {
                write!(f, "{answered:>10}{refused:>10}{timed_out:>11}")?;
            }
            writeln!(f, "{unexpected:>12}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Message, Messages, Outturn, Rung, Sending};
    use kessai_client::CallError;
    use std::future::{pending, ready};
    use std::time::Duration;
    use tokio::time::timeout;

    fn rung(messages: &Messages, message: Message) -> Rung {
        messages.ladder().0.into_iter().find(|rung| rung.message == message).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_is_sent_comes_to_one_end() {
        let messages = Messages::default();
        let send = |sending, answer| messages.send(Message::Open, sending, ready(answer));
        send(Sending::First, Ok(())).await.unwrap();
        send(Sending::First, Err(CallError::Lost)).await.unwrap_err();
        send(Sending::Again, Err(CallError::NotOpen)).await.unwrap_err();
        send(Sending::Again, Err(CallError::AnotherAnswer)).await.unwrap_err();
        let never = messages.send(Message::Open, Sending::First, pending::<Result<(), _>>());
        timeout(Duration::from_secs(1), never).await.unwrap_err();
        let expected = Rung {
            sent: 5,
            repeated: 2,
            answered: 1,
            refused: 1,
            timed_out: 2,
            unexpected: 1,
            ..Rung::new(Message::Open)
        };
        assert_eq!(rung(&messages, Message::Open), expected);
        assert_eq!(rung(&messages, Message::Refund), Rung::new(Message::Refund));
    }

    #[tokio::test]
    async fn an_answer_may_refuse_and_what_nobody_asked_for_is_unexpected() {
        let messages = Messages::default();
        let wrong = |_: &()| Outturn::Refused;
        let proof = messages.send_and_judge(Message::Proof, Sending::First, ready(Ok(())), wrong);
        proof.await.unwrap();
        assert_eq!(rung(&messages, Message::Proof).refused, 1);
        messages.heard(Message::Prompt, Sending::First);
        messages.heard(Message::Prompt, Sending::Again);
        messages.strayed(Message::Prompt);
        let Rung { sent, repeated, unexpected, .. } = rung(&messages, Message::Prompt);
        assert_eq!((sent, repeated, unexpected), (3, 1, 1));
    }

    #[test]
    fn the_ladder_has_every_message_in_order_and_its_columns_are_straight() {
        let ladder = Messages::default().ladder();
        assert!(ladder.0.is_sorted_by_key(|rung| rung.message) && ladder.0.len() == 11);
        let text = ladder.to_string();
        let widths: Vec<_> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    }
}
