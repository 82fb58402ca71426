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
pub use enrolment::Enrolment;
pub use hub::hub_channel_binding;
pub use keys::{
    ClientKey, DeviceKey, DeviceKeys, DeviceSecret, HandsetSecrets, ServerKey, StoredKey, Stretched,
};
pub use mac::{labels, lp};
pub use password::{Password, PasswordError, stretch};
pub use proof::prove;
pub use seal::{OpenError, ROW_VERSION, SealedRow, SealingKey};
