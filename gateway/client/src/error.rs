//! Says what went wrong, and whose fault it is.
//!
//! A decline is no error: it is an answer. No error quotes a secret.

use kessai_terms::{PaymentId, Reason};
use kessai_wire::frame::{DecodeError, TooLong};
use kessai_wire::{CloseCode, ContentError, MessageError, Refusal, Retry};
use thiserror::Error;

/// Says who has to do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The program that uses this crate, or whoever set it up.
    Caller,
    /// The network, or the moment: the same may work later.
    Network,
    /// The gateway, or somebody who poses as it.
    Gateway,
}

/// Says why there is no connection, or no longer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConnectError {
    /// Nobody answers, or the path is broken.
    #[error("the gateway cannot be reached: {0}")]
    Unreachable(String),
    /// The gateway takes no more connections for the moment: in all, of those that are being made,
    /// or from this address. Nobody is known yet who could be told which.
    #[error("the gateway turned the connection away: it takes no more for the moment")]
    TurnedAway,
    /// Whoever answers does not have a certificate under the pinned root.
    #[error("whoever answers is not the gateway: {0}")]
    Untrusted(String),
    /// Connecting, greeting or attaching took too long.
    #[error("the gateway did not answer the greeting, or did not attach, in time")]
    TimedOut,
    /// The gateway closed the connection.
    #[error("the gateway closed the connection: {}", .0.name())]
    Closed(CloseCode),
    /// The gateway refused the greeting.
    #[error("the gateway refused the greeting: {}", .0.reason)]
    Refused(Box<Refusal>),
    /// The gateway sent bytes that are no message.
    #[error("the gateway sent garbage: {0}")]
    Garbage(#[from] DecodeError),
    /// The gateway answered the greeting with something else.
    #[error("the gateway answered the greeting wrongly: {0}")]
    Greeting(String),
    /// The events of a handset are not read. What is owed comes again on the next connection.
    #[error("the events of this handset are not read")]
    EventsNotRead,
    /// The connection cannot be attempted as it was set up.
    #[error("the connection is set up wrongly: {0}")]
    Setup(String),
}

impl ConnectError {
    /// Tells whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unreachable(_) | Self::TurnedAway | Self::TimedOut => Fault::Network,
            Self::Untrusted(_) | Self::Garbage(_) | Self::Greeting(_) => Fault::Gateway,
            Self::EventsNotRead | Self::Setup(_) => Fault::Caller,
            Self::Closed(code) if code.invites_back() => Fault::Network,
            Self::Closed(_) => Fault::Caller,
            Self::Refused(refusal) => fault_of_refusal(refusal),
        }
    }

    /// Tells whether trying again is of no use, because the gateway itself said so.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Closed(code) => !code.invites_back(),
            Self::Refused(refusal) => refusal.retry == Retry::Never,
            Self::Setup(_) => true,
            // Whoever stands on the path can cause these: no reason to give up for ever.
            Self::Unreachable(_)
            | Self::TurnedAway
            | Self::Untrusted(_)
            | Self::TimedOut
            | Self::Garbage(_)
            | Self::Greeting(_)
            | Self::EventsNotRead => false,
        }
    }

    /// Tells whether the very first attempt gives up. What may be an attack on a line that has
    /// worked is more likely a wrong pin or address on one that never has.
    pub(crate) fn is_final_at_first(&self) -> bool {
        self.is_final() || matches!(self, Self::Untrusted(_) | Self::Garbage(_) | Self::Greeting(_))
    }
}

/// Says why a call has no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallError {
    /// The gateway refused; nothing has changed.
    #[error("refused: {}", .0.reason)]
    Refused(Box<Refusal>),
    /// No answer came in time. Whether the gateway acted is unknown: ask for the status.
    #[error("no answer came in time")]
    Deadline,
    /// The connection was lost every time the request was sent. Whether the gateway acted is
    /// unknown: ask for the status.
    #[error("the connection was lost too often before the answer came")]
    Lost,
    /// There is no connection any more and there will be none.
    #[error("the connection has ended for good: {0}")]
    Ended(ConnectError),
    /// The gateway's answer does not fit the request.
    #[error("the gateway's answer does not fit: {0}")]
    Unexpected(MessageError),
    /// The gateway's answer is of another kind, or about another payment.
    #[error("the gateway answered something else")]
    AnotherAnswer,
    /// The gateway's answer is not authentic. Nothing of it is believed.
    #[error("the gateway's answer is not believed: {0}")]
    Untrusted(#[from] Distrust),
    /// The request is longer than the gateway reads. It was not sent.
    #[error("the request is too long: {0}")]
    TooLong(TooLong),
    /// The payment is not waiting for this customer's answer, or no longer.
    #[error("no question about this payment is open")]
    NotOpen,
    /// The payment is being answered by another call already.
    #[error("this payment is being answered already")]
    BeingAnswered,
    /// The gateway did not accept any of the nonces that it gave.
    #[error("the gateway called every proof stale")]
    AlwaysStale,
}

impl CallError {
    /// Tells whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused(refusal) => fault_of_refusal(refusal),
            Self::Deadline | Self::Lost => Fault::Network,
            Self::Ended(why) => why.fault(),
            Self::Unexpected(_) | Self::AnotherAnswer | Self::Untrusted(_) | Self::AlwaysStale => {
                Fault::Gateway
            }
            Self::TooLong(_) | Self::NotOpen | Self::BeingAnswered => Fault::Caller,
        }
    }

    /// Tells whether the same call may have an answer later, without anybody changing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Deadline | Self::Lost => true,
            Self::Refused(refusal) => fault_of_refusal(refusal) == Fault::Network,
            Self::Ended(_)
            | Self::Unexpected(_)
            | Self::AnotherAnswer
            | Self::Untrusted(_)
            | Self::TooLong(_)
            | Self::NotOpen
            | Self::BeingAnswered
            | Self::AlwaysStale => false,
        }
    }

    /// Tells the reason, if the gateway refused.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused(refusal) => Some(refusal.reason),
            Self::Ended(ConnectError::Refused(refusal)) => Some(refusal.reason),
            _ => None,
        }
    }
}

fn fault_of_refusal(refusal: &Refusal) -> Fault {
    match refusal.retry {
        Retry::Never => Fault::Caller,
        Retry::Same | Retry::Later { .. } => Fault::Network,
    }
}

/// Says why something that the gateway sent is not believed. It is not shown to the customer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Distrust {
    /// A content or a notice is impossible, or its signature does not hold.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// A message cannot be read.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The content of a payment is not the one that was shown before.
    #[error("the content of payment {0} has changed")]
    Altered(PaymentId),
    /// It is for another customer or another device.
    #[error("it is for another handset")]
    NotForUs,
    /// The signature over the outcome of a proof does not hold.
    #[error("the signature over the outcome does not hold")]
    Outcome,
    /// The notice is not about this payment, or contradicts the outcome it came with.
    #[error("the notice contradicts what it came with")]
    Contradiction,
    /// A list of recent payments does not go by falling numbers, or has a payment twice.
    #[error("the list of recent payments is out of order")]
    Disordered,
}
