//! Who speaks over a connection, and may they: between bytes and decisions.
//!
//! It decides nothing about payments. Every request names an identity; here it is checked against
//! the enrolment of the key that the connection was opened with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use kessai_engine::terms::Reason;
use kessai_engine::terms::collation::ChannelBinding;
use kessai_engine::{KeyPin, Peer};
use kessai_wire::limits::MAX_FRAME_TO_GATEWAY;
use kessai_wire::v1::ToGateway;
use kessai_wire::{
    Answer, Call, CallError, CloseCode, Handset, HandsetRequest, Hello, Identity, Limits, Prove,
    Push, Request, RequestId, SoftwareName, TerminalRequest, Welcome,
};

use crate::dispatch::{Ask, Dispatch};
use crate::outgoing::Outgoing;
use crate::reply::{Audience, InFlight, Reply};

/// Requests of one connection that may be unanswered at once.
const MAX_IN_FLIGHT: u32 = 64;

/// The token that leads a request to its partition: there is one.
const ROUTE: Bytes = Bytes::from_static(b"0");

/// What all sessions have in common.
pub(crate) struct Reception {
    pub(crate) dispatch: Dispatch,
    pub(crate) name: SoftwareName,
    pub(crate) idle_ms: u32,
}

/// The way to a peer: its connection, and the stream of it that pushes go to.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// Our number of the connection.
    pub(crate) connection: u64,
    /// What proofs made on this connection are bound to.
    pub(crate) channel: ChannelBinding,
    /// The first stream.
    pub(crate) pushes: Outgoing,
}

/// One connection of an enrolled peer.
pub(crate) struct Session {
    reception: Arc<Reception>,
    peer: Peer,
    /// The key that it proved to hold; none for a peer in this process.
    pin: Option<KeyPin>,
    way: Way,
    greeted: AtomicBool,
    in_flight: InFlight,
}

impl Session {
    pub(crate) fn new(
        reception: Arc<Reception>,
        peer: Peer,
        pin: Option<KeyPin>,
        way: Way,
    ) -> Self {
        let greeted = AtomicBool::new(false);
        Self { reception, peer, pin, way, greeted, in_flight: InFlight::default() }
    }

    /// Takes a message that came over one of the connection's streams; answers go to `stream`.
    ///
    /// # Errors
    /// The code to close the connection with, where going on makes no sense.
    pub(crate) fn receive(&self, message: &ToGateway, stream: &Outgoing) -> Result<(), CloseCode> {
        let request = RequestId::new(message.request).ok_or(CloseCode::Protocol)?;
        let counted = self.in_flight.begin(MAX_IN_FLIGHT);
        let one_too_many = counted.is_none();
        let reply = Reply::new(request, stream.clone(), self.audience(), counted);
        if one_too_many {
            reply.refuse(Reason::TooManyRequests);
            return Ok(());
        }
        match (Call::parse(message), self.check_identity(message)) {
            (Ok(call), Ok(())) => self.perform(call, reply),
            (Ok(_), Err(reason)) | (Err(CallError::Refused { reason, .. }), Ok(())) => {
                reply.refuse(reason);
                Ok(())
            }
            (Err(CallError::Refused { reason, .. }), Err(other)) => {
                reply.refuse(reason.min(other));
                Ok(())
            }
            (Err(error @ (CallError::NoNumber | CallError::UnknownMessage { .. })), _) => {
                Err(error.close_code().unwrap_or(CloseCode::Protocol))
            }
        }
    }

    /// Checks that the message speaks for nobody but the peer whose key this is.
    fn check_identity(&self, message: &ToGateway) -> Result<(), Reason> {
        let Some(from) = &message.from else { return Ok(()) };
        let from = Identity::parse(from).map_err(|_| Reason::Malformed)?;
        match (self.peer, from) {
            (Peer::Terminal(own), Identity::Terminal(named)) if own == named => Ok(()),
            (Peer::Handset(customer, device), Identity::Handset(named))
                if (customer, device) == (named.customer, named.device) =>
            {
                Ok(())
            }
            (Peer::Controller(own, _), Identity::Controller(named)) if own == named => Ok(()),
            (Peer::Hub(own), Identity::Hub(named)) if own == named => Ok(()),
            (Peer::Terminal(_), Identity::Terminal(_))
            | (Peer::Handset(..), Identity::Handset(_))
            | (Peer::Controller(..), Identity::Controller(_))
            | (Peer::Hub(_), Identity::Hub(_)) => Err(Reason::IdentityNotOfKey),
            (Peer::Terminal(_) | Peer::Handset(..) | Peer::Controller(..) | Peer::Hub(_), _) => {
                Err(Reason::RoleNotPermitted)
            }
        }
    }

    fn perform(&self, call: Call, reply: Reply) -> Result<(), CloseCode> {
        let dispatch = &self.reception.dispatch;
        match call.body {
            Request::Hello(hello) => return self.greet(&hello, reply),
            _ if !self.has_greeted() => return Err(CloseCode::Protocol),
            _ if call.route != ROUTE => reply.refuse(Reason::Malformed),
            Request::Echo(payload) => reply.answer(Answer::Echo(payload)),
            Request::Terminal(terminal, request) => match request {
                TerminalRequest::Open(purchase) => dispatch.open(terminal, purchase, reply),
                TerminalRequest::Cancel(id) => dispatch.ask(terminal, id, Ask::Cancel, reply),
                TerminalRequest::Status(id) => dispatch.ask(terminal, id, Ask::Status, reply),
                TerminalRequest::Delivered(id) => dispatch.ask(terminal, id, Ask::Delivered, reply),
                TerminalRequest::Reverse(id) => dispatch.ask(terminal, id, Ask::Reverse, reply),
            },
            Request::Handset(handset, request) => match request {
                HandsetRequest::Attach { hub_proof: Some(_), .. }
                | HandsetRequest::Prove(Prove { hub_tag: Some(_), .. }) => {
                    reply.refuse(Reason::VersionUnsupported);
                }
                HandsetRequest::Attach { seen, hub_proof: None } => {
                    dispatch.attach(handset, self.way.clone(), seen, reply);
                }
                HandsetRequest::Prove(prove) => {
                    dispatch.prove(handset, self.way.channel, prove, reply);
                }
                HandsetRequest::Refuse(payment) => dispatch.refuse(handset, payment, reply),
            },
        }
        Ok(())
    }

    fn greet(&self, hello: &Hello, reply: Reply) -> Result<(), CloseCode> {
        let version = hello.agreed_version().ok_or(CloseCode::VersionUnsupported)?;
        if self.greeted.swap(true, Ordering::AcqRel) {
            return Err(CloseCode::Protocol);
        }
        reply.answer(Answer::Welcome(Welcome {
            version,
            gateway_time_ms: self.reception.dispatch.now_ms(),
            route: ROUTE,
            limits: Limits {
                max_frame_bytes: u32::try_from(MAX_FRAME_TO_GATEWAY).unwrap_or(u32::MAX),
                max_in_flight: MAX_IN_FLIGHT,
                idle_timeout_ms: self.reception.idle_ms,
            },
            gateway: self.reception.name.clone(),
            hub_nonce: None,
        }));
        Ok(())
    }

    /// Says whether the peer has said Hello.
    pub(crate) fn has_greeted(&self) -> bool {
        self.greeted.load(Ordering::Acquire)
    }

    /// Says that the gateway is about to stop.
    pub(crate) fn announce_drain(&self, reconnect_after_ms: u32) {
        self.way.pushes.push(Push::Draining { reconnect_after_ms });
    }

    /// Ends the connection if its key does not speak for this peer any more.
    pub(crate) fn end_if_revoked(&self) {
        let engine = self.reception.dispatch.engine();
        if self.pin.is_some_and(|pin| engine.peer(&pin) != Some(self.peer)) {
            self.way.pushes.close(CloseCode::NotEnrolled);
        }
    }

    const fn audience(&self) -> Audience {
        match self.peer {
            Peer::Terminal(_) | Peer::Controller(..) => Audience::Shop,
            Peer::Handset(..) | Peer::Hub(_) => Audience::Customer,
        }
    }
}

impl Drop for Session {
    /// The connection is gone.
    fn drop(&mut self) {
        if let Peer::Handset(customer, device) = self.peer {
            let handset = Handset { customer, device };
            self.reception.dispatch.detach(&handset, self.way.connection);
        }
    }
}

#[cfg(test)]
mod tests;
