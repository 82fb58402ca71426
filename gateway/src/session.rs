//! Who speaks over a connection, and may they: between bytes and decisions.
//!
//! It decides nothing about payments. Every request names an identity; here it is checked against
//! the enrolment of the key that the connection was opened with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use kessai_engine::Peer;
use kessai_engine::terms::collation::ChannelBinding;
use kessai_engine::terms::{DeviceId, Reason};
use kessai_wire::limits::MAX_FRAME_TO_GATEWAY;
use kessai_wire::v1::ToGateway;
use kessai_wire::{
    Answer, Call, CallError, CloseCode, HandsetRequest, Hello, Identity, Limits, Message, Push,
    Refusal, Request, RequestId, SoftwareName, TerminalRequest, Welcome,
};

use crate::dispatch::{Ask, Dispatch};
use crate::outgoing::{InFlight, Outgoing, Reply};

/// Requests of one connection that may be unanswered at once.
const MAX_IN_FLIGHT: u32 = 64;

/// The token that leads a request to its partition: there is one.
const ROUTE: Bytes = Bytes::from_static(b"0");

/// How long to advise a peer to wait after a refusal for want of room.
const PAUSE_MS: u32 = 1_000;

/// What all sessions have in common.
pub(crate) struct Reception {
    pub(crate) dispatch: Dispatch,
    pub(crate) name: SoftwareName,
    pub(crate) idle_ms: u32,
}

/// One connection of an enrolled peer.
pub(crate) struct Session {
    reception: Arc<Reception>,
    connection: u64,
    peer: Peer,
    channel: ChannelBinding,
    /// The first stream: pushes go there.
    pushes: Outgoing,
    greeted: AtomicBool,
    in_flight: InFlight,
}

impl Session {
    pub(crate) fn new(
        reception: Arc<Reception>,
        connection: u64,
        peer: Peer,
        channel: ChannelBinding,
        pushes: Outgoing,
    ) -> Self {
        Self {
            reception,
            connection,
            peer,
            channel,
            pushes,
            greeted: AtomicBool::new(false),
            in_flight: InFlight::default(),
        }
    }

    /// Takes a message that came over one of the connection's streams; answers go to `stream`.
    ///
    /// # Errors
    /// The code to close the connection with, where going on makes no sense.
    pub(crate) fn receive(&self, message: &ToGateway, stream: &Outgoing) -> Result<(), CloseCode> {
        let request = RequestId::new(message.request).ok_or(CloseCode::Protocol)?;
        let Some(counted) = self.in_flight.begin(MAX_IN_FLIGHT) else {
            stream.send(Message::Answer(request, self.refusal(Reason::TooManyRequests)));
            return Ok(());
        };
        let reply = Reply::new(request, stream.clone(), counted);
        if let Err(reason) = self.check_identity(message) {
            reply.answer(self.refusal(reason));
            return Ok(());
        }
        match Call::parse(message) {
            Ok(call) => self.perform(call, reply),
            Err(CallError::Refused { reason, .. }) => {
                reply.answer(self.refusal(reason));
                Ok(())
            }
            Err(error @ (CallError::NoNumber | CallError::UnknownMessage { .. })) => {
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
        if let Request::Hello(hello) = &call.body {
            return self.greet(hello, reply);
        }
        if !self.greeted.load(Ordering::Acquire) {
            return Err(CloseCode::Protocol);
        }
        if call.route != ROUTE {
            reply.answer(self.refusal(Reason::Malformed));
            return Ok(());
        }
        let dispatch = &self.reception.dispatch;
        match call.body {
            Request::Hello(_) => {}
            Request::Echo(payload) => reply.answer(Answer::Echo(payload)),
            Request::Terminal(terminal, request) => match request {
                TerminalRequest::Open(purchase) => dispatch.open(terminal, purchase, reply),
                TerminalRequest::Cancel(id) => dispatch.ask(terminal, id, Ask::Cancel, reply),
                TerminalRequest::Status(id) => dispatch.ask(terminal, id, Ask::Status, reply),
                TerminalRequest::Delivered(id) => dispatch.ask(terminal, id, Ask::Delivered, reply),
                TerminalRequest::Reverse(id) => dispatch.ask(terminal, id, Ask::Reverse, reply),
            },
            Request::Handset(handset, request) => match request {
                HandsetRequest::Attach { seen } => {
                    let way = (self.connection, self.channel);
                    dispatch.attach(handset, way, &self.pushes, seen, reply);
                }
                HandsetRequest::Prove(prove) => {
                    dispatch.prove(handset, self.channel, prove, reply);
                }
                HandsetRequest::Refuse(payment) => dispatch.refuse(handset, payment, reply),
            },
        }
        Ok(())
    }

    fn greet(&self, hello: &Hello, reply: Reply) -> Result<(), CloseCode> {
        let version = hello.agreed_version().ok_or(CloseCode::VersionUnsupported)?;
        self.greeted.store(true, Ordering::Release);
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
        }));
        Ok(())
    }

    /// Says that the gateway is about to stop.
    pub(crate) fn announce_drain(&self, reconnect_after_ms: u32) {
        self.pushes.push(Push::Draining { reconnect_after_ms });
    }

    fn refusal(&self, reason: Reason) -> Answer {
        Answer::Refusal(match self.peer {
            Peer::Terminal(_) | Peer::Controller(..) => Refusal::to_terminal(reason, PAUSE_MS),
            Peer::Handset(..) | Peer::Hub(_) => Refusal::to_handset(reason, PAUSE_MS),
        })
    }

    fn device(&self) -> Option<DeviceId> {
        match self.peer {
            Peer::Handset(_, device) => Some(device),
            Peer::Terminal(_) | Peer::Controller(..) | Peer::Hub(_) => None,
        }
    }
}

impl Drop for Session {
    /// The connection is gone.
    fn drop(&mut self) {
        if let Some(device) = self.device() {
            self.reception.dispatch.detach(device, self.connection);
        }
    }
}
