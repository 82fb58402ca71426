//! Holds what is said on a connection that enrols a key: one message, one answer.
//!
//! Whether the code behind a MAC was given out, and is still good, this module cannot know: that is
//! the gateway's question.

use std::fmt;

use bytes::Bytes;
use kessai_terms::Reason;
use kessai_terms::collation::{
    ActivationCode, ChannelBinding, DeviceKey, DeviceKeys, Enrolment, PeerEnrolment, PeerName,
    Salt, ServerKey, Signature, SpkiHash, StoredKey,
};

use crate::connection::Refusal;
use crate::field::{self, FieldError};
use crate::identity::{Handset, Identity};
use crate::v1::{self, enrol, enrol_answer};

/// Asks that the key of this connection be enrolled.
#[derive(Clone, Debug)]
pub enum Enrol {
    /// As that of a customer's handset.
    Handset(Box<EnrolHandset>),
    /// As that of a terminal, a store controller or a carrier hub.
    Peer(EnrolPeer),
}

/// Asks for the enrolment of a handset. It cannot be printed: the keys in it are secret.
#[derive(Clone)]
pub struct EnrolHandset {
    /// Which device of which customer.
    pub handset: Handset,
    /// With what it stretches the password.
    pub salt: Salt,
    /// What its proofs are checked with.
    pub keys: DeviceKeys,
    /// Shows that it has the activation code.
    pub mac: Signature,
}

/// Asks for the enrolment of any other peer.
#[derive(Clone, Debug)]
pub struct EnrolPeer {
    /// Which one.
    pub peer: PeerName,
    /// Shows that it has the activation code.
    pub mac: Signature,
}

/// Answers an [`Enrol`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrolAnswer {
    /// The key is enrolled.
    Enrolled {
        /// The gateway's clock.
        gateway_time_ms: u64,
    },
    /// It is not.
    Refused(Refusal),
}

impl EnrolHandset {
    /// Makes the request for this connection and this TLS key, with the code as the key of the MAC.
    pub fn new(
        handset: Handset,
        salt: Salt,
        keys: DeviceKeys,
        code: &ActivationCode,
        (channel, spki): (&ChannelBinding, &SpkiHash),
    ) -> Self {
        let mac = bind(&handset, &salt, &keys, (channel, spki)).authenticate(code);
        Self { handset, salt, keys, mac }
    }

    /// Checks in constant time that it was made with this code, for this connection and TLS key.
    pub fn verify(&self, code: &ActivationCode, channel: &ChannelBinding, spki: &SpkiHash) -> bool {
        bind(&self.handset, &self.salt, &self.keys, (channel, spki)).verify(code, &self.mac)
    }

    fn parse(message: &v1::EnrolHandset) -> Result<Self, FieldError> {
        let handset = message.handset.as_ref().ok_or(FieldError("handset"))?;
        let keys = DeviceKeys {
            stored: StoredKey::from_bytes(field::bytes("stored_key", &message.stored_key)?),
            server: ServerKey::from_bytes(field::bytes("server_key", &message.server_key)?),
            device: DeviceKey::from_bytes(field::bytes("device_key", &message.device_key)?),
        };
        Ok(Self {
            handset: Handset::parse(handset)?,
            salt: Salt(field::bytes("salt", &message.salt)?),
            keys,
            mac: Signature(field::bytes("mac", &message.mac)?),
        })
    }

    fn to_message(&self) -> v1::EnrolHandset {
        v1::EnrolHandset {
            handset: Some(self.handset.to_message()),
            salt: Bytes::copy_from_slice(&self.salt.0),
            stored_key: Bytes::copy_from_slice(self.keys.stored.expose()),
            server_key: Bytes::copy_from_slice(self.keys.server.expose()),
            device_key: Bytes::copy_from_slice(self.keys.device.expose()),
            mac: Bytes::copy_from_slice(&self.mac.0),
        }
    }
}

fn bind<'a>(
    handset: &'a Handset,
    salt: &'a Salt,
    keys: &'a DeviceKeys,
    (channel_binding, spki): (&'a ChannelBinding, &'a SpkiHash),
) -> Enrolment<'a> {
    let Handset { customer, device } = handset;
    Enrolment { channel_binding, spki, customer, device, salt, keys }
}

impl fmt::Debug for EnrolHandset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolHandset").field("handset", &self.handset).finish_non_exhaustive()
    }
}

impl EnrolPeer {
    /// Makes the request for this connection and this TLS key, with the code as the key of the MAC.
    pub fn new(
        peer: PeerName,
        code: &ActivationCode,
        channel: &ChannelBinding,
        spki: &SpkiHash,
    ) -> Self {
        let enrolment = PeerEnrolment { channel_binding: channel, spki, peer };
        Self { peer, mac: enrolment.authenticate(code) }
    }

    /// Checks in constant time that it was made with this code, for this connection and TLS key.
    pub fn verify(&self, code: &ActivationCode, channel: &ChannelBinding, spki: &SpkiHash) -> bool {
        let enrolment = PeerEnrolment { channel_binding: channel, spki, peer: self.peer };
        enrolment.verify(code, &self.mac)
    }

    fn parse(message: &v1::EnrolPeer) -> Result<Self, FieldError> {
        let peer = match Identity::parse_optional(message.identity.as_ref())? {
            Some(Identity::Terminal(id)) => PeerName::Terminal(id),
            Some(Identity::Controller(id)) => PeerName::Controller(id),
            Some(Identity::Hub(id)) => PeerName::Hub(id),
            Some(Identity::Handset(_)) | None => return Err(FieldError("identity")),
        };
        Ok(Self { peer, mac: Signature(field::bytes("mac", &message.mac)?) })
    }

    fn to_message(&self) -> v1::EnrolPeer {
        v1::EnrolPeer {
            identity: Some(Identity::from(self.peer).into()),
            mac: Bytes::copy_from_slice(&self.mac.0),
        }
    }
}

impl Enrol {
    /// Checks a message that came from a peer.
    ///
    /// # Errors
    /// The reason to refuse it with.
    pub fn parse(message: &v1::Enrol) -> Result<Self, Reason> {
        match message.body.as_ref().ok_or(Reason::Malformed)? {
            enrol::Body::Handset(handset) => {
                Ok(Self::Handset(Box::new(EnrolHandset::parse(handset)?)))
            }
            enrol::Body::Peer(peer) => Ok(Self::Peer(EnrolPeer::parse(peer)?)),
        }
    }
}

impl From<&Enrol> for v1::Enrol {
    fn from(enrol: &Enrol) -> Self {
        let body = match enrol {
            Enrol::Handset(handset) => enrol::Body::Handset(handset.to_message()),
            Enrol::Peer(peer) => enrol::Body::Peer(peer.to_message()),
        };
        Self { body: Some(body) }
    }
}

impl EnrolAnswer {
    /// Checks a message that came from the gateway.
    ///
    /// # Errors
    /// [`FieldError`] names the part that cannot be understood.
    pub fn parse(message: &v1::EnrolAnswer) -> Result<Self, FieldError> {
        match message.body.as_ref().ok_or(FieldError("body"))? {
            enrol_answer::Body::Enrolled(enrolled) => {
                Ok(Self::Enrolled { gateway_time_ms: enrolled.gateway_time_ms })
            }
            enrol_answer::Body::Refusal(refusal) => Refusal::parse(refusal).map(Self::Refused),
        }
    }
}

impl From<&EnrolAnswer> for v1::EnrolAnswer {
    fn from(answer: &EnrolAnswer) -> Self {
        let body = match answer {
            EnrolAnswer::Enrolled { gateway_time_ms } => {
                enrol_answer::Body::Enrolled(v1::Enrolled { gateway_time_ms: *gateway_time_ms })
            }
            EnrolAnswer::Refused(refusal) => enrol_answer::Body::Refusal(refusal.to_message()),
        };
        Self { body: Some(body) }
    }
}
