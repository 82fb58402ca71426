//! Byte strings of fixed length, each with its own name so that none is taken for another.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::ids::hex;

/// Says that a byte string has the wrong length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} bytes, not {found}")]
pub struct LengthError {
    /// How many bytes there should be.
    pub expected: usize,
    /// How many there are.
    pub found: usize,
}

macro_rules! byte_strings {
    ($($(#[$meta:meta])+ $name:ident[$length:literal];)+) => {$(
        $(#[$meta])+
        #[derive(Clone, Copy)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// The length, in bytes.
            pub const LENGTH: usize = $length;

            /// Lends the bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl From<[u8; $length]> for $name {
            fn from(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = LengthError;

            fn try_from(bytes: &[u8]) -> Result<Self, LengthError> {
                let wrong = LengthError { expected: $length, found: bytes.len() };
                bytes.try_into().map(Self).map_err(|_wrong_length| wrong)
            }
        }
    )+};
}

macro_rules! shown_in_hexadecimal {
    ($($name:ident)+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )+};
}

macro_rules! compared_in_constant_time {
    ($($name:ident)+) => {$(
        impl PartialEq for $name {
            /// Compares in constant time.
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}
    )+};
}

byte_strings! {
    /// Is the SHA-256 of a confirmation's exact bytes.
    #[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    ContentDigest[32];

    /// Tells one connection from every other.
    ///
    /// # Source
    /// RFC 9266: the TLS exporter with the label `EXPORTER-Channel-Binding`.
    #[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    ChannelBinding[32];

    /// Is drawn by the gateway for one prompt and serves once.
    #[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    ServerNonce[32];

    /// Is drawn by the handset for one proof.
    #[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    HandsetNonce[32];

    /// Is drawn by the gateway for one attachment through a carrier hub.
    #[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    GatewayNonce[32];

    /// Is drawn by the handset at enrolment, so that equal passwords stretch differently.
    #[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    Salt[16];

    /// Is the SHA-256 of the public key (`SubjectPublicKeyInfo`) that a peer shows in TLS.
    #[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    SpkiHash[32];

    /// Authenticates an outcome, a notice, an attachment, a tag or an enrolment.
    ///
    /// Equality takes constant time.
    #[derive(Serialize, Deserialize)]
    Signature[32];

    /// Shows that a handset and its password were there, for one payment.
    ///
    /// It cannot be printed or stored: whoever has a proof and the stored key has the client key.
    /// Equality takes constant time.
    Proof[32];
}

shown_in_hexadecimal! {
    ContentDigest ChannelBinding ServerNonce HandsetNonce GatewayNonce Salt SpkiHash Signature
}

compared_in_constant_time! { Signature Proof }

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(..)")
    }
}

/// Is the one-time code by which a handset is enrolled; it never travels.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ActivationCode([u8; 16]);

impl ActivationCode {
    /// Takes 16 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Lends the bytes, which are secret.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_length_is_told() {
        let error = LengthError { expected: 32, found: 31 };
        assert_eq!(Proof::try_from(&[0; 31][..]), Err(error));
        assert_eq!(Salt::try_from(&[7; 16][..]), Ok(Salt([7; 16])));
    }

    #[test]
    fn a_proof_is_not_printed() {
        assert_eq!(format!("{:?}", Proof([7; 32])), "Proof(..)");
        assert_eq!(format!("{:?}", Salt([7; 16])), "Salt(07070707070707070707070707070707)");
    }

    #[test]
    fn every_byte_counts_in_a_comparison() {
        for at in 0..32 {
            let mut bytes = [0; 32];
            bytes[at] = 1;
            assert_ne!(Signature(bytes), Signature([0; 32]), "byte {at}");
            assert_ne!(Proof(bytes), Proof([0; 32]), "byte {at}");
        }
        assert_eq!(Signature([3; 32]), Signature([3; 32]));
    }
}
