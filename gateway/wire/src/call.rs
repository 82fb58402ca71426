//! Holds what peers ask of the gateway, checked.
//!
//! A [`Call`] that exists names who speaks in the role that its request needs, and holds values,
//! not bytes. Whether the connection's key was enrolled for that identity, this module cannot
//! know: that is the session's question.

use std::num::NonZeroU64;

use bytes::Bytes;
use kessai_terms::Reason;
use thiserror::Error;

use crate::identity::Identity;
use crate::limits::MAX_ROUTE;
use crate::request::Request;
use crate::v1::{self, CloseCode};

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

impl From<&Call> for v1::ToGateway {
    fn from(call: &Call) -> Self {
        let (from, body) = call.body.to_parts();
        Self {
            request: call.request.number(),
            from: from.map(v1::Identity::from),
            route: call.route.clone(),
            body: Some(body),
        }
    }
}
