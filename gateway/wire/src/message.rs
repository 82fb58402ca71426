//! Holds what the gateway tells its peers: answers and pushes.

use bytes::Bytes;
use thiserror::Error;

use crate::call::RequestId;
use crate::connection::{Refusal, Welcome};
use crate::facts::TerminalFacts;
use crate::field::FieldError;
use crate::identity::{Handset, Identity};
use crate::limits::MAX_ECHO;
use crate::notice::{SignedNotice, recent_from_message, recent_to_message};
use crate::payment::Payment;
use crate::presented::PresentedCode;
use crate::prompt::{Prompt, ProofResult};
use crate::totals::TerminalTotals;
use crate::v1::{self, to_peer::Body};

/// Tells a peer something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Answers one of its requests, on the stream of that request.
    Answer(RequestId, Answer),
    /// Tells it unasked, on its first stream.
    Push(Push),
}

/// Answers a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a Hello.
    Welcome(Welcome),
    /// To an Echo.
    Echo(Bytes),
    /// To any request: it was refused.
    Refusal(Refusal),
    /// To what a terminal asks about a payment.
    Payment(Payment),
    /// To a Totals.
    Totals(TerminalTotals),
    /// To a Facts.
    Facts(TerminalFacts),
    /// To an Attach.
    Attached {
        /// Number of this customer's latest notice.
        latest: u64,
    },
    /// To a Prove.
    ProofResult(ProofResult),
    /// To a Refuse, and to a Prove that came after the end.
    Notice(SignedNotice),
    /// To a PresentCode.
    Code(PresentedCode),
    /// To a Recent: at most [`MAX_RECENT`](crate::limits::MAX_RECENT), by falling number.
    Recent(Vec<SignedNotice>),
}

/// Tells a peer unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// The gateway is about to stop.
    Draining {
        /// After how long to connect again.
        reconnect_after_ms: u32,
    },
    /// The customer is asked.
    Prompt(Handset, Prompt),
    /// The customer is told an end.
    Notice(Handset, SignedNotice),
}

/// Says why a message from the gateway cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MessageError {
    /// A push of a kind that this version does not know: to be ignored.
    #[error("a push of unknown kind")]
    UnknownPush,
    /// An answer of a kind that this version does not know, or that answers nothing.
    #[error("the answer to request {} is of unknown kind", .0.number())]
    UnknownAnswer(RequestId),
    /// A field is impossible.
    #[error(transparent)]
    Field(#[from] FieldError),
}

impl Message {
    /// Checks a message that came from the gateway.
    ///
    /// # Errors
    /// [`MessageError`]; only [`MessageError::UnknownPush`] is harmless.
    pub fn parse(message: &v1::ToPeer) -> Result<Self, MessageError> {
        match RequestId::new(message.request) {
            Some(request) => Answer::parse(request, message.body.as_ref())
                .map(|answer| Self::Answer(request, answer)),
            None => {
                let to = Identity::parse_optional(message.to.as_ref())?;
                Push::parse(to, message.body.as_ref()).map(Self::Push)
            }
        }
    }
}

impl Answer {
    fn parse(request: RequestId, body: Option<&Body>) -> Result<Self, MessageError> {
        Ok(match body {
            Some(Body::Welcome(welcome)) => Self::Welcome(Welcome::parse(welcome)?),
            Some(Body::Echo(echo)) if echo.payload.len() > MAX_ECHO => {
                return Err(FieldError("payload").into());
            }
            Some(Body::Echo(echo)) => Self::Echo(echo.payload.clone()),
            Some(Body::Refusal(refusal)) => Self::Refusal(Refusal::parse(refusal)?),
            Some(Body::Payment(payment)) => Self::Payment(Payment::parse(payment)?),
            Some(Body::Totals(totals)) => Self::Totals(TerminalTotals::parse(totals)?),
            Some(Body::Facts(facts)) => Self::Facts(TerminalFacts::parse(facts)?),
            Some(Body::Attached(attached)) => Self::Attached { latest: attached.latest },
            Some(Body::ProofResult(result)) => Self::ProofResult(ProofResult::parse(result)?),
            Some(Body::Notice(notice)) => Self::Notice(SignedNotice::parse(notice)?),
            Some(Body::PresentmentCode(code)) => Self::Code(PresentedCode::parse(code)?),
            Some(Body::Recent(recent)) => Self::Recent(recent_from_message(recent)?),
            Some(Body::Draining(_) | Body::Prompt(_)) | None => {
                return Err(MessageError::UnknownAnswer(request));
            }
        })
    }

    fn to_body(&self) -> Body {
        match self {
            Self::Welcome(welcome) => Body::Welcome(welcome.to_message()),
            Self::Echo(payload) => Body::Echo(v1::Echo { payload: payload.clone() }),
            Self::Refusal(refusal) => Body::Refusal(refusal.to_message()),
            Self::Payment(payment) => Body::Payment(payment.to_message()),
            Self::Totals(totals) => Body::Totals(totals.to_message()),
            Self::Facts(facts) => Body::Facts(facts.to_message()),
            Self::Attached { latest } => Body::Attached(v1::Attached { latest: *latest }),
            Self::ProofResult(result) => Body::ProofResult(result.to_message()),
            Self::Notice(notice) => Body::Notice(notice.to_message()),
            Self::Code(code) => Body::PresentmentCode(code.to_message()),
            Self::Recent(notices) => Body::Recent(recent_to_message(notices)),
        }
    }
}

impl Push {
    fn parse(to: Option<Identity>, body: Option<&Body>) -> Result<Self, MessageError> {
        let handset = || match to {
            Some(Identity::Handset(handset)) => Ok(handset),
            Some(Identity::Terminal(_) | Identity::Controller(_) | Identity::Hub(_)) | None => {
                Err(FieldError("to"))
            }
        };
        Ok(match body {
            Some(Body::Draining(draining)) => {
                Self::Draining { reconnect_after_ms: draining.reconnect_after_ms }
            }
            Some(Body::Prompt(prompt)) => Self::Prompt(handset()?, Prompt::parse(prompt)?),
            Some(Body::Notice(notice)) => Self::Notice(handset()?, SignedNotice::parse(notice)?),
            Some(
                Body::Welcome(_)
                | Body::Echo(_)
                | Body::Refusal(_)
                | Body::Payment(_)
                | Body::Totals(_)
                | Body::Facts(_)
                | Body::Attached(_)
                | Body::ProofResult(_)
                | Body::PresentmentCode(_)
                | Body::Recent(_),
            )
            | None => return Err(MessageError::UnknownPush),
        })
    }

    fn to_parts(&self) -> (Option<Handset>, Body) {
        match self {
            Self::Draining { reconnect_after_ms } => {
                (None, Body::Draining(v1::Draining { reconnect_after_ms: *reconnect_after_ms }))
            }
            Self::Prompt(to, prompt) => (Some(*to), Body::Prompt(prompt.to_message())),
            Self::Notice(to, notice) => (Some(*to), Body::Notice(notice.to_message())),
        }
    }
}

impl From<&Message> for v1::ToPeer {
    fn from(message: &Message) -> Self {
        match message {
            Message::Answer(request, answer) => {
                Self { request: request.number(), to: None, body: Some(answer.to_body()) }
            }
            Message::Push(push) => {
                let (to, body) = push.to_parts();
                let to = to.map(|handset| v1::Identity::from(Identity::Handset(handset)));
                Self { request: 0, to, body: Some(body) }
            }
        }
    }
}
