//! What a handset sends to be enrolled, authenticated by its activation code.

use crate::collation::mac::{labels, mac_joined};
use crate::collation::{ActivationCode, ChannelBinding, DeviceKeys, Salt, Signature, SpkiHash};
use crate::ids::{CustomerId, DeviceId};

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
