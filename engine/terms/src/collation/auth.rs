//! What a proof covers, and what the gateway answers to it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::collation::mac::{hash, labels};
use crate::collation::{ChannelBinding, ContentDigest, HandsetNonce, ServerNonce};
use crate::ids::hex;

/// The length of an [`AuthMessage`]: the label and four values, each behind its length.
pub const AUTH_MESSAGE_LENGTH: usize = labels::AUTH.len() + 4 * 32 + 5 * 4;

/// Digests the exact bytes of a confirmation.
#[must_use]
pub fn content_digest(content: &[u8]) -> ContentDigest {
    ContentDigest(hash(content))
}

/// Is what a proof covers: this content, this connection, this prompt, this answer.
///
/// It is no secret, and is kept as evidence of the payment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AuthMessage([u8; AUTH_MESSAGE_LENGTH]);

impl AuthMessage {
    /// Joins the label, the digest, the channel binding and both nonces.
    #[must_use]
    pub fn new(
        digest: ContentDigest,
        channel_binding: ChannelBinding,
        server_nonce: ServerNonce,
        handset_nonce: HandsetNonce,
    ) -> Self {
        const LABEL_LENGTH: [u8; 4] = [0, 0, 0, 24];
        const VALUE_LENGTH: [u8; 4] = [0, 0, 0, 32];
        const { assert!(labels::AUTH.len() == 24) };
        let parts: [&[u8]; 10] = [
            &LABEL_LENGTH,
            labels::AUTH,
            &VALUE_LENGTH,
            &digest.0,
            &VALUE_LENGTH,
            &channel_binding.0,
            &VALUE_LENGTH,
            &server_nonce.0,
            &VALUE_LENGTH,
            &handset_nonce.0,
        ];
        let mut message = [0; AUTH_MESSAGE_LENGTH];
        let mut rest = message.as_mut_slice();
        for part in parts {
            // The parts are exactly as long as the message, so that every split has a place.
            let (place, behind) = rest.split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = behind;
        }
        Self(message)
    }

    /// Lends the bytes under the proof.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; AUTH_MESSAGE_LENGTH] {
        &self.0
    }
}

impl fmt::Debug for AuthMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthMessage(")?;
        hex::fmt(&self.0, f)?;
        f.write_str(")")
    }
}

/// Tells a handset what became of its proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// The proof was right and the payment is approved.
    Approved,
    /// The proof was refused.
    Refused,
}

impl Outcome {
    /// Tells the byte that is signed and sent.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Approved => 1,
            Self::Refused => 2,
        }
    }

    /// Finds an outcome by its byte.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Approved),
            2 => Some(Self::Refused),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collation::lp;

    #[test]
    fn the_message_is_its_parts_joined() {
        let message = AuthMessage::new(
            ContentDigest([1; 32]),
            ChannelBinding([2; 32]),
            ServerNonce([3; 32]),
            HandsetNonce([4; 32]),
        );
        let joined = lp(&[labels::AUTH, &[1; 32], &[2; 32], &[3; 32], &[4; 32]]);
        assert_eq!(message.as_bytes()[..], joined);
    }

    #[test]
    fn outcomes_have_their_bytes() {
        for byte in 0..=u8::MAX {
            assert_eq!(Outcome::from_byte(byte).is_some(), (1..=2).contains(&byte));
        }
        for outcome in [Outcome::Approved, Outcome::Refused] {
            assert_eq!(Outcome::from_byte(outcome.byte()), Some(outcome));
        }
    }
}
