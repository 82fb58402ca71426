//! Gives a handset the code that stands for its customer at a till.

use bytes::Bytes;
use kessai_terms::PresentmentCode;
use kessai_terms::collation::{ChannelBinding, ServerKey, Signature};

use crate::content::ContentError;
use crate::field::{self, FieldError};
use crate::v1;

/// Gives a handset a presentment code, with the gateway's signature for it and for the connection.
///
/// # Source
/// Steps S66 and S67 of the patent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentedCode {
    code: PresentmentCode,
    expires_at_ms: u64,
    signature: Signature,
}

impl PresentedCode {
    /// Takes a code with the signature that was made for it.
    pub const fn new(code: PresentmentCode, expires_at_ms: u64, signature: Signature) -> Self {
        Self { code, expires_at_ms, signature }
    }

    /// Signs a code for the handset whose server key this is, on the connection that it came over.
    pub fn sign(
        key: &ServerKey,
        channel: &ChannelBinding,
        code: PresentmentCode,
        expires_at_ms: u64,
    ) -> Self {
        Self { code, expires_at_ms, signature: key.sign_code(channel, &code, expires_at_ms) }
    }

    /// Verifies the signature, and only then tells the code and until when it is good.
    ///
    /// # Errors
    /// [`ContentError::Signature`] if the gateway did not give this code to this handset, on this
    /// connection.
    pub fn verify(
        &self,
        key: &ServerKey,
        channel: &ChannelBinding,
    ) -> Result<(PresentmentCode, u64), ContentError> {
        if key.verify_code(channel, &self.code, self.expires_at_ms, &self.signature) {
            Ok((self.code, self.expires_at_ms))
        } else {
            Err(ContentError::Signature)
        }
    }

    pub(crate) fn parse(message: &v1::PresentmentCode) -> Result<Self, FieldError> {
        Ok(Self {
            code: message.code.parse().map_err(|_| FieldError("code"))?,
            expires_at_ms: message.expires_at_ms,
            signature: field::signature(&message.signature)?,
        })
    }

    pub(crate) fn to_message(self) -> v1::PresentmentCode {
        v1::PresentmentCode {
            code: self.code.to_string(),
            expires_at_ms: self.expires_at_ms,
            signature: Bytes::copy_from_slice(&self.signature.0),
        }
    }
}
