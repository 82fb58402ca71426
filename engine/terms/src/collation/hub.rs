//! A device behind a carrier hub: one connection that carries many handsets.
//!
//! The hub's connection says nothing about the handset, so each device attaches with a key that the
//! hub does not have. A dishonest hub can then drop messages, and no more.

use crate::collation::mac::{hash_joined, labels, mac, mac_joined};
use crate::collation::{AuthMessage, ChannelBinding, DeviceKey, GatewayNonce, Proof, Signature};
use crate::ids::DeviceId;

/// Computes what stands for the connection of a device that has attached through a hub.
#[must_use]
pub fn hub_channel_binding(
    hub: &ChannelBinding,
    device: &DeviceId,
    nonce: &GatewayNonce,
) -> ChannelBinding {
    ChannelBinding(hash_joined(&[labels::HUB, &hub.0, device.as_bytes(), &nonce.0]))
}

impl DeviceKey {
    /// Attaches a device to the connection of a hub.
    #[must_use]
    pub fn attach(
        &self,
        hub: &ChannelBinding,
        device: &DeviceId,
        nonce: &GatewayNonce,
    ) -> Signature {
        let parts: [&[u8]; 4] = [labels::ATTACH, &hub.0, device.as_bytes(), &nonce.0];
        Signature(mac_joined(self.expose(), &parts))
    }

    /// Checks an attachment in constant time.
    #[must_use]
    pub fn verify_attach(
        &self,
        hub: &ChannelBinding,
        device: &DeviceId,
        nonce: &GatewayNonce,
        attachment: &Signature,
    ) -> bool {
        self.attach(hub, device, nonce) == *attachment
    }

    /// Makes T of the construction, which stays between device and gateway: it is the key under
    /// which [`vouch`](Self::vouch) is made.
    #[must_use]
    pub fn tag(&self, auth: &AuthMessage) -> Signature {
        Signature(mac_joined(self.expose(), &[labels::TAG, auth.as_bytes()]))
    }

    /// Vouches for a proof, to show that it comes from the device and not from the hub: only then
    /// does a wrong one count as a try. A hub that alters the proof cannot vouch for it.
    #[must_use]
    pub fn vouch(&self, auth: &AuthMessage, proof: &Proof) -> Signature {
        Signature(mac(&self.tag(auth).0, &proof.0))
    }

    /// Checks in constant time that the device vouches for a proof.
    #[must_use]
    pub fn verify_vouch(&self, auth: &AuthMessage, proof: &Proof, vouched: &Signature) -> bool {
        self.vouch(auth, proof) == *vouched
    }
}
