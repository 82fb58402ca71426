//! Who speaks over a connection, and may they: between bytes and decisions.
//!
//! It decides nothing about payments. Every request names an identity; here it is checked against
//! the enrolment of the key that the connection was opened with.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use kessai_engine::terms::Reason;
use kessai_engine::terms::collation::{
    ChannelBinding, DeviceKeys, GatewayNonce, Signature, hub_channel_binding,
};
use kessai_engine::{Device, KeyPin, Peer};
use kessai_wire::limits::MAX_FRAME_TO_GATEWAY;
use kessai_wire::v1::ToGateway;
use kessai_wire::{
    Answer, Call, CallError, CloseCode, Handset, HandsetRequest, Hello, Identity, Limits, Push,
    Request, RequestId, ReverseCause, SoftwareName, TerminalRequest, Welcome,
};

use crate::dispatch::{Ask, Dispatch};
use crate::outgoing::Outgoing;
use crate::reply::{Audience, InFlight, Reply};

/// Requests that may be unanswered at once on a connection that speaks for one.
const MAX_IN_FLIGHT: u32 = 64;

/// Requests that may be unanswered at once on a connection that speaks for many. A payment is
/// unanswered for as long as its customer thinks: at 8 s on average, this is 500 payments a second.
pub(crate) const MAX_IN_FLIGHT_OF_MANY: u32 = 4_096;

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
    /// The handset as it attached through a hub, if it did; others come this way too then.
    pub(crate) guest: Option<Arc<Device>>,
}

impl Way {
    /// Says whether nobody else comes this way, so that it may be closed.
    pub(crate) const fn is_own(&self) -> bool {
        self.guest.is_none()
    }
}

/// What the connection of a hub has besides.
struct Carriage {
    /// With what handsets attach through this connection.
    nonce: GatewayNonce,
    /// Those that have: the hub knows their proofs now.
    attached: Mutex<HashSet<Handset>>,
}

/// One connection of an enrolled peer.
pub(crate) struct Session {
    reception: Arc<Reception>,
    peer: Peer,
    /// The key that it proved to hold; none for a peer in this process.
    pin: Option<KeyPin>,
    way: Way,
    /// If it is a hub's.
    carriage: Option<Carriage>,
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
        let carriage = match peer {
            Peer::Hub(_) => Some(Carriage {
                nonce: GatewayNonce(reception.dispatch.draw()),
                attached: Mutex::default(),
            }),
            Peer::Terminal(_) | Peer::Handset(..) | Peer::Controller(..) => None,
        };
        let greeted = AtomicBool::new(false);
        let in_flight = InFlight::new(Arc::clone(&reception.dispatch.counters().refused));
        Self { reception, peer, pin, way, carriage, greeted, in_flight }
    }

    /// Takes a message that came over one of the connection's streams; answers go to `stream`.
    ///
    /// # Errors
    /// The code to close the connection with, where going on makes no sense.
    pub(crate) fn receive(&self, message: &ToGateway, stream: &Outgoing) -> Result<(), CloseCode> {
        let request = RequestId::new(message.request).ok_or(CloseCode::Protocol)?;
        let counted = self.in_flight.begin(self.max_in_flight());
        let one_too_many = counted.is_none();
        let reply = Reply::new(request, stream.clone(), self.audience(), counted);
        if one_too_many {
            self.in_flight.refused(Reason::TooManyRequests);
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
            (Peer::Controller(_, merchant), Identity::Terminal(named)) => {
                let register = self.reception.dispatch.engine().register();
                let place = register.place(&named).ok_or(Reason::TerminalUnknown)?;
                let is_own = place.merchant.id == merchant;
                if is_own { Ok(()) } else { Err(Reason::IdentityNotOfKey) }
            }
            // Whether the handset is there itself is checked with each of its requests.
            (Peer::Hub(_), Identity::Handset(_)) => Ok(()),
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
            body if let Some(since_ms) = dispatch.receipts().stopped_since_ms() => {
                self.turn_away(&body, since_ms, reply);
            }
            Request::Echo(payload) => reply.answer(Answer::Echo(payload)),
            Request::Terminal(terminal, request) => match request {
                TerminalRequest::Open(purchase) => dispatch.open(terminal, purchase, reply),
                TerminalRequest::Cancel(id) => dispatch.ask(terminal, id, Ask::Cancel, reply),
                TerminalRequest::Status(id) => dispatch.ask(terminal, id, Ask::Status, reply),
                TerminalRequest::Delivered(id, delivery) => {
                    dispatch.ask(terminal, id, Ask::Delivered(delivery), reply);
                }
                TerminalRequest::Reverse(id, cause) => {
                    dispatch.ask(terminal, id, Ask::Reverse(engine_cause(cause)), reply);
                }
                TerminalRequest::Refund(refund) => dispatch.refund(terminal, &refund, reply),
                TerminalRequest::Totals { business_date } => {
                    dispatch.totals(terminal, business_date, reply);
                }
                TerminalRequest::Facts => dispatch.facts(terminal, reply),
            },
            Request::Handset(handset, request) => self.perform_handset(handset, request, reply),
        }
        Ok(())
    }

    /// Refuses while the service is stopped. But an open that may have been made before the stop has
    /// no answer: a refusal would say that there is no such payment, and nobody here knows.
    fn turn_away(&self, body: &Request, since_ms: u64, reply: Reply) {
        let tolerance_ms = self.reception.dispatch.engine().rules().id_tolerance_ms;
        match body {
            Request::Terminal(_, TerminalRequest::Open(purchase))
                if purchase.payment.unix_ms() <= since_ms.saturating_add(tolerance_ms) =>
            {
                drop(reply);
            }
            _ => reply.refuse(Reason::ShuttingDown),
        }
    }

    fn perform_handset(&self, handset: Handset, request: HandsetRequest, reply: Reply) {
        let dispatch = &self.reception.dispatch;
        let channel = self.channel_of(&handset);
        match (request, channel) {
            (HandsetRequest::Attach { seen, hub_proof }, _) => {
                self.attach(handset, seen, hub_proof, reply);
            }
            (HandsetRequest::Prove(prove), _)
                if prove.hub_tag.is_some() != self.carriage.is_some() =>
            {
                reply.refuse(Reason::Malformed);
            }
            (_, Err(reason)) => reply.refuse(reason),
            (HandsetRequest::Prove(prove), Ok(channel)) => {
                dispatch.prove(handset, channel, prove, reply);
            }
            (HandsetRequest::Refuse(payment), Ok(_)) => dispatch.refuse(handset, payment, reply),
            (HandsetRequest::PresentCode, Ok(channel)) => {
                dispatch.present_code(handset, &channel, reply);
            }
            (HandsetRequest::Recent, Ok(_)) => dispatch.recent(handset, reply),
        }
    }

    /// What proofs of a handset are bound to here: this connection, or what stands for it if the
    /// handset is attached through this hub.
    fn channel_of(&self, handset: &Handset) -> Result<ChannelBinding, Reason> {
        let Some(hub) = &self.carriage else { return Ok(self.way.channel) };
        if self.reception.dispatch.is_attached(handset, self.way.connection) {
            Ok(hub_channel_binding(&self.way.channel, &handset.device, &hub.nonce))
        } else {
            Err(Reason::IdentityNotOfKey)
        }
    }

    /// Lets a handset in, over its own connection or through its hub.
    fn attach(&self, handset: Handset, seen: u64, hub_proof: Option<Signature>, reply: Reply) {
        match (&self.carriage, hub_proof) {
            (None, None) => {
                self.reception.dispatch.attach(handset, self.way.clone(), seen, reply);
            }
            (Some(hub), Some(proof)) => {
                self.attach_through_hub(handset, hub, (seen, &proof), reply);
            }
            (None, Some(_)) | (Some(_), None) => reply.refuse(Reason::Malformed),
        }
    }

    /// Lets a handset in that shows, through its hub, that it is there itself.
    ///
    /// # Source
    /// kessai/collation/v1, "Behind a carrier hub".
    fn attach_through_hub(
        &self,
        handset: Handset,
        Carriage { nonce, attached }: &Carriage,
        (seen, proof): (u64, &Signature),
        reply: Reply,
    ) {
        let dispatch = &self.reception.dispatch;
        let (hub, device) = (&self.way.channel, &handset.device);
        let live = dispatch.engine().device(&handset.customer, device);
        // A handset that nobody enrolled costs the same work.
        let nobody = || DeviceKeys::dummy().device.verify_attach(hub, device, nonce, proof);
        let matches = live.as_ref().map_or_else(nobody, |it| it.verify_attach(hub, nonce, proof));
        let Some(guest) = live.filter(|_| matches) else {
            return reply.refuse(Reason::ProofRefused);
        };
        let channel = hub_channel_binding(hub, device, nonce);
        let way = Way { channel, guest: Some(guest), ..self.way.clone() };
        // Nothing can fail between the two halves of an insertion.
        let is_first = attached.lock().unwrap_or_else(PoisonError::into_inner).insert(handset);
        if is_first {
            dispatch.attach(handset, way, seen, reply);
        } else {
            dispatch.attach_again(handset, way, seen, reply);
        }
    }

    const fn max_in_flight(&self) -> u32 {
        match self.peer {
            Peer::Terminal(_) | Peer::Handset(..) => MAX_IN_FLIGHT,
            Peer::Controller(..) | Peer::Hub(_) => MAX_IN_FLIGHT_OF_MANY,
        }
    }

    fn greet(&self, hello: &Hello, reply: Reply) -> Result<(), CloseCode> {
        let version = hello.agreed_version().ok_or(CloseCode::VersionUnsupported)?;
        if self.greeted.swap(true, Ordering::AcqRel) {
            return Err(CloseCode::Protocol);
        }
        if let Some(receipt) = &hello.receipt {
            self.reception.dispatch.receipts().take(receipt, self.peer);
        }
        reply.answer(Answer::Welcome(Welcome {
            version,
            gateway_time_ms: self.reception.dispatch.now_ms(),
            route: ROUTE,
            limits: Limits {
                max_frame_bytes: u32::try_from(MAX_FRAME_TO_GATEWAY).unwrap_or(u32::MAX),
                max_in_flight: self.max_in_flight(),
                idle_timeout_ms: self.reception.idle_ms,
            },
            gateway: self.reception.name.clone(),
            hub_nonce: self.carriage.as_ref().map(|hub| hub.nonce),
        }));
        Ok(())
    }

    /// Whose connection it is.
    pub(crate) const fn peer(&self) -> Peer {
        self.peer
    }

    /// How many requests have no written answer yet.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.count()
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

/// The engine's word for why a payment is taken back.
const fn engine_cause(cause: ReverseCause) -> kessai_engine::ReverseCause {
    match cause {
        ReverseCause::OnRequest => kessai_engine::ReverseCause::OnRequest,
        ReverseCause::NotDispensed => kessai_engine::ReverseCause::NotDispensed,
    }
}

impl Drop for Session {
    /// The connection is gone.
    fn drop(&mut self) {
        let dispatch = &self.reception.dispatch;
        match self.peer {
            Peer::Handset(customer, device) => {
                dispatch.detach(&Handset { customer, device }, self.way.connection);
            }
            Peer::Hub(_) => dispatch.detach_all(self.way.connection),
            Peer::Terminal(_) | Peer::Controller(..) => {}
        }
    }
}

#[cfg(test)]
mod tests;
