//! The door for keys that are not enrolled yet: one message, one answer, then the connection ends.
//!
//! It believes nobody who does not show an activation code, and refuses every failure alike, so
//! that nobody learns who may be enrolled.
//!
//! # Source
//! kessai/collation/v1, "Enrolment"; docs/PROTOCOL.md, "Enrolment".

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use kessai_engine::terms::Reason;
use kessai_engine::terms::collation::{
    ChannelBinding, PeerName, ROW_VERSION, SealingKey, SpkiHash,
};
use kessai_engine::{DeviceAdded, KeyPin, Lsn, Rekeyed, Station};
use kessai_journal::JournalSlot;
use kessai_wire::frame::{self, Decoder};
use kessai_wire::{CloseCode, Enrol, EnrolAnswer, EnrolHandset, EnrolPeer, Refusal, Subject, v1};
use quinn::{Connection, RecvStream};
use tokio::time::timeout;

use crate::activations::Activations;
use crate::connection::{channel_of, pin_of};
use crate::entropy::{Entropy, draw};
use crate::outgoing::Close;
use crate::session::Reception;

/// How long the one message and its answer may take.
const WITHIN: Duration = Duration::from_secs(5);

/// How long to advise a peer to wait after a refusal for want of room, in milliseconds.
const PAUSE_MS: u32 = 1_000;

/// What enrolling needs.
pub(crate) struct Registry {
    pub(crate) reception: Arc<Reception>,
    pub(crate) activations: Arc<Activations>,
    pub(crate) sealing: SealingKey,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// Serves a connection that enrols its key.
pub(crate) async fn serve(connection: &Connection, registry: &Registry) -> CloseCode {
    let code = match timeout(WITHIN, converse(connection, registry)).await {
        Ok(Ok(())) => CloseCode::Done,
        Ok(Err(code)) => code,
        Err(_elapsed) => CloseCode::TooSlow,
    };
    Close::close(connection, code);
    code
}

async fn converse(connection: &Connection, registry: &Registry) -> Result<(), CloseCode> {
    let (mut send, mut recv) = connection.accept_bi().await.map_err(|_| CloseCode::Done)?;
    let message = read(&mut recv).await?;
    let pin = pin_of(connection).ok_or(CloseCode::Protocol)?;
    let channel = channel_of(connection).ok_or(CloseCode::Internal)?;
    let result = match Enrol::parse(&message) {
        Ok(enrol) => registry.enrol(enrol, pin, &channel).await,
        Err(reason) => Err(reason),
    };
    let answer = match result {
        Ok(()) => EnrolAnswer::Enrolled { gateway_time_ms: registry.reception.dispatch.now_ms() },
        Err(reason) => EnrolAnswer::Refused(Refusal::to_handset(reason, PAUSE_MS)),
    };
    let mut bytes = BytesMut::new();
    frame::encode(&v1::EnrolAnswer::from(&answer), &mut bytes).map_err(|_| CloseCode::Internal)?;
    send.write_chunk(bytes.freeze()).await.map_err(|_| CloseCode::Done)?;
    // Once the peer has taken the answer the connection may go.
    if send.finish().is_ok() {
        send.stopped().await.ok();
    }
    Ok(())
}

async fn read(recv: &mut RecvStream) -> Result<v1::Enrol, CloseCode> {
    let decoder = Decoder::<v1::Enrol>::new();
    let mut unread = BytesMut::new();
    loop {
        if let Some(message) = decoder.decode(&mut unread).map_err(|error| error.close_code())? {
            return Ok(message);
        }
        let chunk = recv.read_chunk(usize::from(u16::MAX), true).await;
        let Ok(Some(chunk)) = chunk else { return Err(CloseCode::Protocol) };
        unread.extend_from_slice(&chunk.bytes);
    }
}

impl Registry {
    async fn enrol(
        &self,
        enrol: Enrol,
        pin: KeyPin,
        channel: &ChannelBinding,
    ) -> Result<(), Reason> {
        if self.reception.dispatch.receipts().stopped_since_ms().is_some() {
            return Err(Reason::ShuttingDown);
        }
        let now_ms = self.reception.dispatch.now_ms();
        let spki = SpkiHash(pin.0);
        let slot = self.reception.dispatch.journal().reserve().ok_or(Reason::Busy)?;
        let after = match enrol {
            Enrol::Handset(request) => {
                let subject = Subject::Customer(request.handset.customer);
                let redeemed = self
                    .activations
                    .redeem(&subject, now_ms, |code| request.verify(code, channel, &spki));
                if !redeemed {
                    return Err(Reason::EnrolmentRefused);
                }
                self.enter_handset(&request, pin, now_ms, slot)?
            }
            Enrol::Peer(request) => {
                let subject = Subject::Peer(request.peer);
                let redeemed = self
                    .activations
                    .redeem(&subject, now_ms, |code| request.verify(code, channel, &spki));
                if !redeemed {
                    return Err(Reason::EnrolmentRefused);
                }
                self.enter_peer(&request, pin, now_ms, slot)?
            }
        };
        self.reception.dispatch.journal().when_durable(after).await;
        Ok(())
    }

    /// Enters a new handset, or changes the keys of one that is there: a new password, a new
    /// key, both.
    fn enter_handset(
        &self,
        request: &EnrolHandset,
        pin: KeyPin,
        now_ms: u64,
        slot: JournalSlot,
    ) -> Result<Lsn, Reason> {
        let engine = self.reception.dispatch.engine();
        let (customer, device) = (request.handset.customer, request.handset.device);
        let live = engine.device(&customer, &device);
        let version = live.as_ref().map_or(ROW_VERSION, |live| live.version.saturating_add(1));
        let nonce = draw(self.entropy.as_ref());
        let row = self.sealing.seal(&request.keys, &customer, &device, version, nonce);
        let salt = request.salt;
        match live {
            None => engine
                .add_device(DeviceAdded { customer, device, pin, salt, row }, now_ms, slot)
                .map_err(refused),
            Some(_) => engine
                .rekey_device(Rekeyed { customer, device, pin, salt, row }, now_ms, slot)
                .map(|change| change.after)
                .map_err(refused),
        }
    }

    fn enter_peer(
        &self,
        request: &EnrolPeer,
        pin: KeyPin,
        now_ms: u64,
        slot: JournalSlot,
    ) -> Result<Lsn, Reason> {
        let engine = self.reception.dispatch.engine();
        let station = station(request.peer);
        let change = engine.repin(station, Some(pin), now_ms, slot).map_err(refused)?;
        Ok(change.after)
    }
}

/// The peer as the register knows it.
pub(crate) const fn station(peer: PeerName) -> Station {
    match peer {
        PeerName::Terminal(id) => Station::Terminal(id),
        PeerName::Controller(id) => Station::Controller(id),
        PeerName::Hub(id) => Station::Hub(id),
    }
}

/// Every failure looks alike from outside. What is wrong names a person, so no log tells it either.
fn refused<E>(_error: E) -> Reason {
    tracing::info!("the books refused an enrolment that came with a good code");
    Reason::EnrolmentRefused
}

#[cfg(test)]
mod tests;
