//! Holds what is asked of the gateway, by the role of whoever asks.

use bytes::Bytes;
use kessai_terms::collation::Signature;
use kessai_terms::{PaymentId, Reason, TerminalId};

use crate::connection::Hello;
use crate::delivery::Delivery;
use crate::faults::Faults;
use crate::field;
use crate::identity::{Handset, Identity};
use crate::limits::MAX_ECHO;
use crate::prove::Prove;
use crate::purchase::{Purchase, payment_id};
use crate::refund::Refund;
use crate::state::ReverseCause;
use crate::v1::{self, to_gateway::Body};

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
    /// To capture: this much of the goods came out.
    Delivered(PaymentId, Delivery),
    /// To take an approved payment back, whole.
    Reverse(PaymentId, ReverseCause),
    /// To pay back a part or all of a captured payment.
    Refund(Refund),
    /// What it has captured, reversed and refunded.
    Totals {
        /// On which business date, as the decimal number YYYYMMDD; none for the current one.
        business_date: Option<u32>,
    },
    /// What the register says of it.
    Facts,
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
    /// For a code that stands for its customer at a till.
    PresentCode,
    /// For its customer's recent payments.
    Recent,
}

impl Request {
    pub(crate) fn parse(from: Option<Identity>, body: &Body) -> Result<Self, Reason> {
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
            Body::Delivered(message) => terminal(&|| delivered(message)),
            Body::Reverse(message) => terminal(&|| reverse(message)),
            Body::Refund(message) => {
                terminal(&|| Refund::parse(message).map(TerminalRequest::Refund))
            }
            Body::Totals(message) => terminal(&|| {
                let business_date = field::business_date(message.business_date);
                Ok(TerminalRequest::Totals { business_date })
            }),
            Body::Facts(v1::Facts {}) => terminal(&|| Ok(TerminalRequest::Facts)),
            Body::Attach(message) => handset(&|| {
                let hub_proof = field::optional_bytes("hub_proof", &message.hub_proof)?;
                let (seen, hub_proof) = (message.seen, hub_proof.map(Signature));
                Ok(HandsetRequest::Attach { seen, hub_proof })
            }),
            Body::Prove(message) => handset(&|| Prove::parse(message).map(HandsetRequest::Prove)),
            Body::Refuse(message) => {
                handset(&|| payment_id(&message.payment_id).map(HandsetRequest::Refuse))
            }
            Body::PresentCode(v1::PresentCode {}) => handset(&|| Ok(HandsetRequest::PresentCode)),
            Body::Recent(v1::Recent {}) => handset(&|| Ok(HandsetRequest::Recent)),
        }
    }

    pub(crate) fn to_parts(&self) -> (Option<Identity>, Body) {
        match self {
            Self::Hello(hello) => (hello.from, Body::Hello(hello.to_message())),
            Self::Echo(payload) => (None, Body::Echo(v1::Echo { payload: payload.clone() })),
            Self::Terminal(id, request) => (Some(Identity::Terminal(*id)), request.to_body()),
            Self::Handset(handset, request) => {
                (Some(Identity::Handset(*handset)), request.to_body())
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

fn delivered(message: &v1::Delivered) -> Result<TerminalRequest, Reason> {
    let mut faults = Faults::default();
    let payment = faults.keep(payment_id(&message.payment_id));
    let delivery = faults.keep(Delivery::parse(&message.lines));
    match (payment, delivery) {
        (Some(payment), Some(delivery)) => Ok(TerminalRequest::Delivered(payment, delivery)),
        _ => Err(faults.into_reason()),
    }
}

fn reverse(message: &v1::Reverse) -> Result<TerminalRequest, Reason> {
    let mut faults = Faults::default();
    let payment = faults.keep(payment_id(&message.payment_id));
    let cause = faults.keep(ReverseCause::parse(message.cause));
    match (payment, cause) {
        (Some(payment), Some(cause)) => Ok(TerminalRequest::Reverse(payment, cause)),
        _ => Err(faults.into_reason()),
    }
}

impl TerminalRequest {
    fn to_body(&self) -> Body {
        match self {
            Self::Open(purchase) => Body::Open(purchase.to_message()),
            Self::Cancel(id) => Body::Cancel(v1::Cancel { payment_id: raw(id) }),
            Self::Status(id) => Body::Status(v1::Status { payment_id: raw(id) }),
            Self::Delivered(id, delivery) => {
                let lines = delivery.to_message();
                Body::Delivered(v1::Delivered { payment_id: raw(id), lines })
            }
            Self::Reverse(id, cause) => {
                let cause = v1::ReverseCause::from(*cause).into();
                Body::Reverse(v1::Reverse { payment_id: raw(id), cause })
            }
            Self::Refund(refund) => Body::Refund(refund.to_message()),
            Self::Totals { business_date } => {
                Body::Totals(v1::Totals { business_date: business_date.unwrap_or_default() })
            }
            Self::Facts => Body::Facts(v1::Facts {}),
        }
    }
}

impl HandsetRequest {
    fn to_body(&self) -> Body {
        match self {
            Self::Attach { seen, hub_proof } => Body::Attach(v1::Attach {
                seen: *seen,
                hub_proof: field::optional_copy(hub_proof.as_ref().map(Signature::as_bytes)),
            }),
            Self::Refuse(id) => Body::Refuse(v1::Refuse { payment_id: raw(id) }),
            Self::Prove(prove) => Body::Prove(prove.to_message()),
            Self::PresentCode => Body::PresentCode(v1::PresentCode {}),
            Self::Recent => Body::Recent(v1::Recent {}),
        }
    }
}

fn raw(payment: &PaymentId) -> Bytes {
    Bytes::copy_from_slice(payment.as_bytes())
}
