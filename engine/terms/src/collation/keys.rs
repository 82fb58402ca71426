//! Who holds which key.
//!
//! None of them can be printed, serialised or copied by accident, each is wiped when dropped, and
//! equality takes constant time.

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::collation::mac::{hash, labels, mac, mac_joined};
use crate::ids::{CustomerId, DeviceId};

macro_rules! secret_keys {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes the 32 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Lends the 32 bytes, which are secret.
            #[must_use]
            pub const fn expose(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl PartialEq for $name {
            /// Compares in constant time.
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}
    )+};
}

secret_keys! {
    /// Is the password after stretching (`P`); it never leaves the handset.
    Stretched;

    /// Is what the handset drew at enrolment and keeps in its keystore (`D`); it never leaves it.
    DeviceSecret;

    /// Makes proofs (`CK`); only the handset can have it, and only with the password.
    ClientKey;

    /// Checks proofs (`SK`, the hash of the client key).
    StoredKey;

    /// Signs what the gateway tells the handset (`VK`).
    ServerKey;

    /// Shows possession of the handset alone (`DK`), for what needs no password.
    DeviceKey;
}

impl DeviceSecret {
    /// Computes the key that shows possession of the handset, for which no password is needed.
    #[must_use]
    pub fn device_key(&self, customer: &CustomerId, device: &DeviceId) -> DeviceKey {
        let parts: [&[u8]; 3] = [labels::DEVICE, customer.as_str().as_bytes(), device.as_bytes()];
        DeviceKey(mac_joined(&self.0, &parts))
    }
}

impl ClientKey {
    /// Computes what checks the proofs of this key.
    #[must_use]
    pub fn stored_key(&self) -> StoredKey {
        StoredKey(hash(&self.0))
    }
}

/// Is all that the engine holds of one handset: it checks and signs, and cannot make a proof.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct DeviceKeys {
    /// Checks its proofs.
    pub stored: StoredKey,
    /// Signs what it is told.
    pub server: ServerKey,
    /// Checks that it is there.
    pub device: DeviceKey,
}

impl DeviceKeys {
    /// Makes keys that no handset has, so that refusing an unknown customer costs the same work as
    /// refusing a known one.
    ///
    /// No proof verifies against them: that would take a client key whose hash is zero.
    #[must_use]
    pub const fn dummy() -> Self {
        Self { stored: StoredKey([0; 32]), server: ServerKey([0; 32]), device: DeviceKey([0; 32]) }
    }
}

/// Is what a handset computes with while the password is at hand.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct HandsetSecrets {
    seed: [u8; 32],
    device: DeviceKey,
}

impl HandsetSecrets {
    /// Mixes the handset's own secret with the stretched password.
    #[must_use]
    pub fn derive(
        secret: &DeviceSecret,
        stretched: &Stretched,
        customer: &CustomerId,
        device: &DeviceId,
    ) -> Self {
        let parts: [&[u8]; 4] =
            [labels::SEED, customer.as_str().as_bytes(), device.as_bytes(), &stretched.0];
        let seed = mac_joined(&secret.0, &parts);
        Self { seed, device: secret.device_key(customer, device) }
    }

    /// Takes a seed and a device key that were made elsewhere, as a load generator does to spare
    /// the stretching.
    #[must_use]
    pub const fn from_parts(seed: [u8; 32], device: DeviceKey) -> Self {
        Self { seed, device }
    }

    /// Lends the seed (`K0`), which is secret.
    #[must_use]
    pub const fn expose_seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// Computes the key that makes proofs.
    #[must_use]
    pub fn client_key(&self) -> ClientKey {
        ClientKey(mac(&self.seed, labels::CLIENT))
    }

    /// Computes what the engine is given at enrolment.
    #[must_use]
    pub fn device_keys(&self) -> DeviceKeys {
        DeviceKeys {
            stored: self.client_key().stored_key(),
            server: ServerKey(mac(&self.seed, labels::SERVER)),
            device: self.device.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: u8, stretched: u8, customer: &str, device: u8) -> DeviceKeys {
        HandsetSecrets::derive(
            &DeviceSecret([secret; 32]),
            &Stretched([stretched; 32]),
            &CustomerId::new(customer).unwrap(),
            &DeviceId([device; 16]),
        )
        .device_keys()
    }

    #[test]
    fn possession_and_knowledge_are_apart() {
        let ours = keys(1, 2, "1234-567-890", 3);
        let other_password = keys(1, 9, "1234-567-890", 3);
        assert!(ours.stored != other_password.stored && ours.server != other_password.server);
        assert!(ours.device == other_password.device, "possession needs no password");
        for other in [
            keys(9, 2, "1234-567-890", 3),
            keys(1, 2, "1234-567-891", 3),
            keys(1, 2, "1234-567-890", 9),
        ] {
            assert!(ours.stored != other.stored);
            assert!(ours.server != other.server);
            assert!(ours.device != other.device);
        }
    }

    #[test]
    fn a_load_generator_may_bring_its_own_seed() {
        let secrets = HandsetSecrets::from_parts([5; 32], DeviceKey([6; 32]));
        let keys = secrets.device_keys();
        assert!(keys.stored == secrets.client_key().stored_key());
        assert!(keys.device == DeviceKey([6; 32]));
        assert!(keys.server != ServerKey(*secrets.client_key().expose()));
    }
}
