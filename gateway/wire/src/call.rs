//! Holds what peers ask of the gateway, checked.
//!
//! A [`Call`] that exists names who speaks in the role that its request needs, and holds values,
//! not bytes. Whether the connection's key was enrolled for that identity, this module cannot
//! know: that is the session's question.

use std::num::NonZeroU64;

use bytes::Bytes;
use kessai_terms::collation::{HandsetNonce, Proof, ServerNonce, Signature};
use kessai_terms::{PaymentId, Reason, TerminalId};
use thiserror::Error;

use crate::connection::Hello;
use crate::field::{self, FieldError};
use crate::identity::{Handset, Identity};
use crate::limits::{MAX_ECHO, MAX_ROUTE};
use crate::purchase::{Purchase, payment_id};
use crate::v1::{self, CloseCode, to_gateway::Body};

/// Numbers a request, so that its answer finds it: never 0, unique on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(NonZeroU64);

impl RequestId {
    /// The first number that a peer uses.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Takes a number, unless it is 0.
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// Tells the number.
    pub const fn number(self) -> u64 {
        self.0.get()
    }

    /// Tells the number after this one; after the last one comes the first.
    #[must_use]
    pub fn next(self) -> Self {
        self.0.checked_add(1).map_or(Self::FIRST, Self)
    }
}

/// Asks the gateway for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The number that the answer carries back.
    pub request: RequestId,
    /// The route token of Welcome; empty before.
    pub route: Bytes,
    /// What is asked, and by whom.
    pub body: Request,
}

/// Says what is asked, and in which role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Opens the conversation.
    Hello(Hello),
    /// Asks for the same bytes back.
    Echo(Bytes),
    /// A terminal asks.
    Terminal(TerminalId, TerminalRequest),
    /// A handset asks.
    Handset(Handset, HandsetRequest),
}

/// Says what a terminal asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminalRequest {
    /// For a payment.
    Open(Purchase),
    /// To give a payment up.
    Cancel(PaymentId),
    /// How a payment stands.
    Status(PaymentId),
    /// To capture: all the goods came out.
    Delivered(PaymentId),
    /// To take an approved payment back, whole.
    Reverse(PaymentId),
}

/// Says what a handset asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandsetRequest {
    /// For what it is owed, and for what comes from now on.
    Attach {
        /// Number of the last notice that it has.
        seen: u64,
        /// Shows, through a carrier hub, that the handset itself attaches.
        hub_proof: Option<Signature>,
    },
    /// To collate a proof.
    Prove(Prove),
    /// To cancel, as its customer wishes.
    Refuse(PaymentId),
}

/// Proves password and possession for one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prove {
    /// Which payment.
    pub payment: PaymentId,
    /// The gateway's nonce that it answers.
    pub server_nonce: ServerNonce,
    /// The handset's own nonce.
    pub handset_nonce: HandsetNonce,
    /// The proof.
    pub proof: Proof,
    /// Shows, through a carrier hub, that the proof comes from the handset: only then does a wrong
    /// one count.
    pub hub_tag: Option<Signature>,
}

/// Says why a message is no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CallError {
    /// The request has no number, so that it cannot be answered. The connection is closed.
    #[error("a request without a number")]
    NoNumber,
    /// The body is of a kind that this version does not know. The connection is closed.
    #[error("request {} is of unknown kind", request.number())]
    UnknownMessage {
        /// Which request.
        request: RequestId,
    },
    /// The request is to be answered with a refusal; the connection goes on.
    #[error("request {} is refused: {reason}", request.number())]
    Refused {
        /// Which request.
        request: RequestId,
        /// Why: of several faults the one that comes first in precedence.
        reason: Reason,
    },
}

impl CallError {
    /// Tells the code with which to close the connection, if it must be closed.
    pub const fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::NoNumber => Some(CloseCode::Protocol),
            Self::UnknownMessage { .. } => Some(CloseCode::UnknownMessage),
            Self::Refused { .. } => None,
        }
    }
}

impl Call {
    /// Checks a message that came from a peer.
    ///
    /// # Errors
    /// [`CallError`] tells whether to answer with a refusal or to close the connection.
    pub fn parse(message: &v1::ToGateway) -> Result<Self, CallError> {
        let request = RequestId::new(message.request).ok_or(CallError::NoNumber)?;
        let body = message.body.as_ref().ok_or(CallError::UnknownMessage { request })?;
        let refused = |reason| CallError::Refused { request, reason };
        if message.route.len() > MAX_ROUTE {
            return Err(refused(Reason::Malformed));
        }
        let from = Identity::parse_optional(message.from.as_ref())
            .map_err(|_| refused(Reason::Malformed))?;
        let body = Request::parse(from, body).map_err(refused)?;
        Ok(Self { request, route: message.route.clone(), body })
    }
}

/// Refuses what the schema has a place for and version 1 does not do yet.
pub(crate) const NOT_YET: Reason = Reason::VersionUnsupported;

impl Request {
    fn parse(from: Option<Identity>, body: &Body) -> Result<Self, Reason> {
        let terminal = |parse: &dyn Fn() -> Result<TerminalRequest, Reason>| {
            let from = as_terminal(from)?;
            Ok(Self::Terminal(from, parse()?))
        };
        let handset = |parse: &dyn Fn() -> Result<HandsetRequest, Reason>| {
            let from = as_handset(from)?;
            Ok(Self::Handset(from, parse()?))
        };
        match body {
            Body::Hello(hello) => Hello::parse(from, hello).map(Self::Hello),
            Body::Echo(echo) if echo.payload.len() > MAX_ECHO => Err(Reason::Malformed),
            Body::Echo(echo) => Ok(Self::Echo(echo.payload.clone())),
            Body::Open(open) => terminal(&|| Purchase::parse(open).map(TerminalRequest::Open)),
            Body::Cancel(message) => {
                terminal(&|| payment_id(&message.payment_id).map(TerminalRequest::Cancel))
            }
            Body::Status(message) => {
                terminal(&|| payment_id(&message.payment_id).map(TerminalRequest::Status))
            }
            Body::Delivered(message) => terminal(&|| {
                // Taking a partial delivery for the whole would charge for what did not come out.
                if !message.lines.is_empty() {
                    return Err(NOT_YET);
                }
                payment_id(&message.payment_id).map(TerminalRequest::Delivered)
            }),
            Body::Reverse(message) => {
                terminal(&|| payment_id(&message.payment_id).map(TerminalRequest::Reverse))
            }
            Body::Refund(_) => terminal(&|| Err(NOT_YET)),
            Body::Attach(message) => handset(&|| {
                let hub_proof = field::optional_bytes("hub_proof", &message.hub_proof)?;
                let (seen, hub_proof) = (message.seen, hub_proof.map(Signature));
                Ok(HandsetRequest::Attach { seen, hub_proof })
            }),
            Body::Prove(message) => handset(&|| Prove::parse(message).map(HandsetRequest::Prove)),
            Body::Refuse(message) => {
                handset(&|| payment_id(&message.payment_id).map(HandsetRequest::Refuse))
            }
        }
    }
}

fn as_terminal(from: Option<Identity>) -> Result<TerminalId, Reason> {
    match from {
        Some(Identity::Terminal(id)) => Ok(id),
        Some(Identity::Handset(_) | Identity::Controller(_) | Identity::Hub(_)) => {
            Err(Reason::RoleNotPermitted)
        }
        None => Err(Reason::Malformed),
    }
}

fn as_handset(from: Option<Identity>) -> Result<Handset, Reason> {
    match from {
        Some(Identity::Handset(handset)) => Ok(handset),
        Some(Identity::Terminal(_) | Identity::Controller(_) | Identity::Hub(_)) => {
            Err(Reason::RoleNotPermitted)
        }
        None => Err(Reason::Malformed),
    }
}

impl Prove {
    fn parse(message: &v1::Prove) -> Result<Self, Reason> {
        let fields = || -> Result<_, FieldError> {
            Ok((
                field::bytes("server_nonce", &message.server_nonce)?,
                field::bytes("handset_nonce", &message.handset_nonce)?,
                field::bytes("proof", &message.proof)?,
                field::optional_bytes("hub_tag", &message.hub_tag)?,
            ))
        };
        let (server_nonce, handset_nonce, proof, hub_tag) = fields()?;
        Ok(Self {
            payment: payment_id(&message.payment_id)?,
            server_nonce: ServerNonce(server_nonce),
            handset_nonce: HandsetNonce(handset_nonce),
            proof: Proof(proof),
            hub_tag: hub_tag.map(Signature),
        })
    }
}

impl From<&Call> for v1::ToGateway {
    fn from(call: &Call) -> Self {
        let (from, body) = match &call.body {
            Request::Hello(hello) => (hello.from, Body::Hello(hello.to_message())),
            Request::Echo(payload) => (None, Body::Echo(v1::Echo { payload: payload.clone() })),
            Request::Terminal(id, request) => {
                (Some(Identity::Terminal(*id)), terminal_body(request))
            }
            Request::Handset(handset, request) => {
                (Some(Identity::Handset(*handset)), handset_body(request))
            }
        };
        Self {
            request: call.request.number(),
            from: from.map(v1::Identity::from),
            route: call.route.clone(),
            body: Some(body),
        }
    }
}

fn terminal_body(request: &TerminalRequest) -> Body {
    match request {
        TerminalRequest::Open(purchase) => Body::Open(purchase.to_message()),
        TerminalRequest::Cancel(id) => Body::Cancel(v1::Cancel { payment_id: raw(id) }),
        TerminalRequest::Status(id) => Body::Status(v1::Status { payment_id: raw(id) }),
        TerminalRequest::Delivered(id) => {
            Body::Delivered(v1::Delivered { payment_id: raw(id), lines: Vec::new() })
        }
        TerminalRequest::Reverse(id) => Body::Reverse(v1::Reverse { payment_id: raw(id) }),
    }
}

fn handset_body(request: &HandsetRequest) -> Body {
    match request {
        HandsetRequest::Attach { seen, hub_proof } => Body::Attach(v1::Attach {
            seen: *seen,
            hub_proof: field::optional_copy(hub_proof.as_ref().map(Signature::as_bytes)),
        }),
        HandsetRequest::Refuse(id) => Body::Refuse(v1::Refuse { payment_id: raw(id) }),
        HandsetRequest::Prove(prove) => Body::Prove(v1::Prove {
            payment_id: raw(&prove.payment),
            server_nonce: Bytes::copy_from_slice(&prove.server_nonce.0),
            handset_nonce: Bytes::copy_from_slice(&prove.handset_nonce.0),
            proof: Bytes::copy_from_slice(&prove.proof.0),
            hub_tag: field::optional_copy(prove.hub_tag.as_ref().map(Signature::as_bytes)),
        }),
    }
}

fn raw(payment: &PaymentId) -> Bytes {
    Bytes::copy_from_slice(payment.as_bytes())
}
