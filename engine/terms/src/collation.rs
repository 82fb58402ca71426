//! The encrypted check, construction `kessai/collation/v1`: a proof that whoever holds the handset
//! also knows the password, over the exact bytes that the handset has shown.
//!
//! The handset stretches the password, mixes it with a secret of its own and keeps both; the engine
//! holds only what can check a proof ([`DeviceKeys`]), never what can make one. A proof is good for
//! one content, one connection, one prompt.
//!
//! Nothing here draws randomness: salts, nonces and secrets are arguments. Nothing that is secret
//! can be printed, compared in varying time or serialised.
//!
//! ```
//! use kessai_terms::collation::{
//!     AuthMessage, ChannelBinding, DeviceKey, HandsetNonce, HandsetSecrets, ServerNonce,
//!     content_digest, prove,
//! };
//!
//! // At enrolment the engine is given the device's keys, and never the secrets.
//! let secrets = HandsetSecrets::from_parts([1; 32], DeviceKey::from_bytes([2; 32]));
//! let keys = secrets.device_keys();
//!
//! // Both sides know what a proof of this payment covers.
//! let auth = |content: &[u8]| {
//!     AuthMessage::new(
//!         content_digest(content),
//!         ChannelBinding([3; 32]),
//!         ServerNonce([4; 32]),
//!         HandsetNonce([5; 32]),
//!     )
//! };
//! let proof = prove(&secrets.client_key(), &keys.stored, &auth(b"350 JPY"));
//! assert!(keys.stored.verify(&auth(b"350 JPY"), &proof));
//! assert!(!keys.stored.verify(&auth(b"950 JPY"), &proof));
//! ```
//!
//! # Source
//! Claims 5 and 6 of the patent; RFC 5802 and RFC 7677 for the shape of the proof.

mod auth;
mod bytes;
mod enrolment;
mod hub;
mod keys;
mod mac;
mod password;
mod proof;
mod seal;

pub use auth::{AUTH_MESSAGE_LENGTH, AuthMessage, Outcome, content_digest};
pub use bytes::{
    ActivationCode, ChannelBinding, ContentDigest, GatewayNonce, HandsetNonce, LengthError, Proof,
    Salt, ServerNonce, Signature, SpkiHash,
};
pub use enrolment::{Enrolment, PeerEnrolment, PeerName};
pub use hub::hub_channel_binding;
pub use keys::{
    ClientKey, DeviceKey, DeviceKeys, DeviceSecret, HandsetSecrets, ServerKey, StoredKey, Stretched,
};
pub(crate) use mac::mac_joined;
pub use mac::{labels, lp};
pub use password::{Password, PasswordError, stretch};
pub use proof::prove;
pub use seal::{OpenError, ROW_VERSION, SealedRow, SealingKey};
