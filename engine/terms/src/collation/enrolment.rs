//! What is sent to enrol a key, authenticated by an activation code.
//!
//! The code itself never travels: it is the key of a MAC over all that an enrolment binds together,
//! the connection included, so that nobody can carry an enrolment from one connection to another.

use std::fmt;

use crate::collation::mac::{labels, mac_joined};
use crate::collation::{ActivationCode, ChannelBinding, DeviceKeys, Salt, Signature, SpkiHash};
use crate::ids::{ControllerId, CustomerId, DeviceId, HubId, TerminalId};

/// Is what an enrolment binds together: this connection, this TLS key, this customer, this device.
#[derive(Clone, Copy)]
pub struct Enrolment<'a> {
    /// Tells the connection on which the handset enrols.
    pub channel_binding: &'a ChannelBinding,
    /// Names the TLS key that the handset will use from now on.
    pub spki: &'a SpkiHash,
    /// Names the customer whose handset it is.
    pub customer: &'a CustomerId,
    /// Names the handset.
    pub device: &'a DeviceId,
    /// With what the handset stretches the password.
    pub salt: &'a Salt,
    /// What the engine will check its proofs with.
    pub keys: &'a DeviceKeys,
}

impl Enrolment<'_> {
    /// Authenticates the enrolment with the activation code, which itself is never sent.
    #[must_use]
    pub fn authenticate(&self, code: &ActivationCode) -> Signature {
        let parts: [&[u8]; 9] = [
            labels::ENROL,
            &self.channel_binding.0,
            &self.spki.0,
            self.customer.as_str().as_bytes(),
            self.device.as_bytes(),
            &self.salt.0,
            self.keys.stored.expose(),
            self.keys.server.expose(),
            self.keys.device.expose(),
        ];
        Signature(mac_joined(code.expose(), &parts))
    }

    /// Checks in constant time that who enrols has the activation code.
    #[must_use]
    pub fn verify(&self, code: &ActivationCode, signature: &Signature) -> bool {
        self.authenticate(code) == *signature
    }
}

/// Names a peer that is enrolled by its TLS key alone: all but handsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerName {
    /// A terminal of a store.
    Terminal(TerminalId),
    /// A store controller, which carries many terminals.
    Controller(ControllerId),
    /// A carrier hub, which carries many handsets.
    Hub(HubId),
}

impl PeerName {
    /// Tells the role, as it stands under the MAC and in an activation string.
    #[must_use]
    pub const fn role(&self) -> &'static str {
        match self {
            Self::Terminal(_) => "terminal",
            Self::Controller(_) => "controller",
            Self::Hub(_) => "hub",
        }
    }

    /// Lends the id, as it was registered.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Terminal(id) => id.as_str(),
            Self::Controller(id) => id.as_str(),
            Self::Hub(id) => id.as_str(),
        }
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role(), self.id())
    }
}

/// Is what the enrolment of a terminal, controller or hub binds together: this connection, this TLS
/// key, this name.
#[derive(Debug, Clone, Copy)]
pub struct PeerEnrolment<'a> {
    /// Tells the connection on which the peer enrols.
    pub channel_binding: &'a ChannelBinding,
    /// Names the TLS key that the peer will use from now on.
    pub spki: &'a SpkiHash,
    /// Names the peer, with its role.
    pub peer: PeerName,
}

impl PeerEnrolment<'_> {
    /// Authenticates the enrolment with the activation code, which itself is never sent.
    #[must_use]
    pub fn authenticate(&self, code: &ActivationCode) -> Signature {
        let parts: [&[u8]; 5] = [
            labels::ENROL_PEER,
            &self.channel_binding.0,
            &self.spki.0,
            self.peer.role().as_bytes(),
            self.peer.id().as_bytes(),
        ];
        Signature(mac_joined(code.expose(), &parts))
    }

    /// Checks in constant time that who enrols has the activation code.
    #[must_use]
    pub fn verify(&self, code: &ActivationCode, signature: &Signature) -> bool {
        self.authenticate(code) == *signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collation::{DeviceKey, ServerKey, StoredKey};

    fn counted<const N: usize>(first: u8) -> [u8; N] {
        let mut next = first;
        [(); N].map(|()| {
            let byte = next;
            next = next.wrapping_add(1);
            byte
        })
    }

    fn terminal() -> PeerName {
        PeerName::Terminal(TerminalId::new("POS00001").unwrap())
    }

    fn controller() -> PeerName {
        PeerName::Controller(ControllerId::new("C1").unwrap())
    }

    fn hub() -> PeerName {
        PeerName::Hub(HubId::new("H1").unwrap())
    }

    /// Computed outside the project, by Python's `hmac` and `hashlib`.
    #[test]
    fn the_vectors_of_peers() {
        let (channel, spki) = (ChannelBinding(counted(0xa0)), SpkiHash(counted(0x30)));
        let code = ActivationCode::from_bytes(counted(0x90));
        let check = |peer, expected: &str| {
            let enrolment = PeerEnrolment { channel_binding: &channel, spki: &spki, peer };
            let signature = enrolment.authenticate(&code);
            assert_eq!(hex::encode(signature.0), expected, "{peer}");
            assert!(enrolment.verify(&code, &signature));
        };
        check(terminal(), "3787f1456f98f492edf23410f8e1877405cd875bef4f9724972acbb5801e55dd");
        check(controller(), "f6a1066f40b6c6dd3d4bc350b0d51b67dfd7cead4bbbad7788c9e35e38eb667c");
        check(hub(), "75f583e775ead0e3cef9ab6436aa55470d35dd5327d2562a1702d53188d7ba55");
    }

    #[test]
    fn the_enrolment_of_a_peer_is_bound_to_everything_it_says() {
        let (channel, spki) = (ChannelBinding([1; 32]), SpkiHash([2; 32]));
        let code = ActivationCode::from_bytes([3; 16]);
        let enrolment = PeerEnrolment { channel_binding: &channel, spki: &spki, peer: terminal() };
        let signature = enrolment.authenticate(&code);
        assert!(!enrolment.verify(&ActivationCode::from_bytes([4; 16]), &signature));
        let elsewhere = ChannelBinding([9; 32]);
        let other_key = SpkiHash([9; 32]);
        // The same id in another role.
        let namesake = PeerName::Hub(HubId::new("POS00001").unwrap());
        let others = [
            PeerEnrolment { channel_binding: &elsewhere, ..enrolment },
            PeerEnrolment { spki: &other_key, ..enrolment },
            PeerEnrolment { peer: PeerName::Terminal("POS00002".parse().unwrap()), ..enrolment },
            PeerEnrolment { peer: namesake, ..enrolment },
        ];
        for other in others {
            assert!(!other.verify(&code, &signature), "{other:?}");
        }
    }

    #[test]
    fn the_enrolment_of_a_handset_is_bound_to_everything_it_says() {
        let (channel, spki, salt) = (ChannelBinding([1; 32]), SpkiHash([2; 32]), Salt([4; 16]));
        let (customer, device) = (CustomerId::new("1234-567-890").unwrap(), DeviceId([3; 16]));
        let keys = |stored, server, device| DeviceKeys {
            stored: StoredKey::from_bytes([stored; 32]),
            server: ServerKey::from_bytes([server; 32]),
            device: DeviceKey::from_bytes([device; 32]),
        };
        let ours = keys(5, 6, 7);
        let enrolment = Enrolment {
            channel_binding: &channel,
            spki: &spki,
            customer: &customer,
            device: &device,
            salt: &salt,
            keys: &ours,
        };
        let code = ActivationCode::from_bytes([3; 16]);
        let signature = enrolment.authenticate(&code);
        assert!(enrolment.verify(&code, &signature));
        assert!(!enrolment.verify(&ActivationCode::from_bytes([4; 16]), &signature));
        let (channel, spki, salt) = (ChannelBinding([9; 32]), SpkiHash([9; 32]), Salt([9; 16]));
        let (customer, device) = (CustomerId::new("1234-567-891").unwrap(), DeviceId([9; 16]));
        let (stored, server, possession) = (keys(9, 6, 7), keys(5, 9, 7), keys(5, 6, 9));
        let others = [
            Enrolment { channel_binding: &channel, ..enrolment },
            Enrolment { spki: &spki, ..enrolment },
            Enrolment { customer: &customer, ..enrolment },
            Enrolment { device: &device, ..enrolment },
            Enrolment { salt: &salt, ..enrolment },
            Enrolment { keys: &stored, ..enrolment },
            Enrolment { keys: &server, ..enrolment },
            Enrolment { keys: &possession, ..enrolment },
        ];
        for (place, other) in others.iter().enumerate() {
            assert!(!other.verify(&code, &signature), "{place}");
        }
    }
}
