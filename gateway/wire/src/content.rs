//! Says what is wrong with bytes that are, or should be, signed.

use bytes::Bytes;
use kessai_terms::Reason;
use prost::Message;
use thiserror::Error;

use crate::field::FieldError;

/// Says why bytes are no confirmation or no notice. It is the gateway's fault, or an attacker's:
/// a handset shows nothing and answers nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ContentError {
    /// The bytes are not a message of this kind.
    #[error("not a message: {0}")]
    NotAMessage(#[from] prost::DecodeError),
    /// The content has a version that this crate does not know.
    #[error("content of unknown version {0}")]
    Version(u32),
    /// A field is impossible.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The basket is impossible, or does not add up.
    #[error("the basket is impossible: {0}")]
    Basket(Reason),
    /// The bytes say more, or say it otherwise, than what they decode to.
    #[error("the bytes do not re-encode to themselves")]
    NotCanonical,
    /// The signature is not that of the gateway for this handset.
    #[error("the signature does not hold")]
    Signature,
}

/// Decodes a message and its version, without looking at anything else yet.
pub(crate) fn open<M: Message + Default>(
    bytes: &[u8],
    version_of: impl FnOnce(&M) -> u32,
    known: u32,
) -> Result<M, ContentError> {
    let message = M::decode(bytes)?;
    match version_of(&message) {
        version if version == known => Ok(message),
        version => Err(ContentError::Version(version)),
    }
}

/// Refuses bytes that are not exactly what their value encodes to.
pub(crate) fn check_canonical(bytes: &[u8], encoded: &Bytes) -> Result<(), ContentError> {
    if encoded == bytes { Ok(()) } else { Err(ContentError::NotCanonical) }
}
