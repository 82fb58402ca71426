//! Handsets: whose they are, and what their keys are good for.

use kessai_terms::collation::{
    ChannelBinding, ContentDigest, DeviceKeys, GatewayNonce, Salt, Signature,
};
use kessai_terms::ids::{CustomerId, DeviceId, PresentmentCode};

use crate::register::KeyPin;

/// An enrolled handset. Its keys can be used through it, never read.
#[derive(Debug)]
pub struct Device {
    /// The handset.
    pub id: DeviceId,
    /// Whose it is.
    pub customer: CustomerId,
    /// The TLS key that it connects with.
    pub pin: KeyPin,
    /// The salt of its password stretching.
    pub salt: Salt,
    /// The version of its sealed row: a change of its keys makes it one higher.
    pub version: u32,
    pub(crate) keys: SecretKeys,
}

impl Device {
    /// Signs a notice about the payment that the customer was shown as `content`.
    ///
    /// # Source
    /// kessai/collation/v1, "every other notice".
    #[must_use]
    pub fn sign_notice(&self, content: &ContentDigest, notice: &[u8]) -> Signature {
        self.keys.0.server.sign_notice(content, notice)
    }

    /// Signs a presentment code for this handset, on the connection that it goes over.
    ///
    /// # Source
    /// kessai/collation/v1, with the label "code".
    #[must_use]
    pub fn sign_code(
        &self,
        channel: &ChannelBinding,
        code: &PresentmentCode,
        expires_at_ms: u64,
    ) -> Signature {
        self.keys.0.server.sign_code(channel, code, expires_at_ms)
    }

    /// Checks in constant time that the handset itself asks to be reached through the hub whose
    /// connection is `hub`.
    ///
    /// # Source
    /// kessai/collation/v1, "behind a carrier hub".
    #[must_use]
    pub fn verify_attach(
        &self,
        hub: &ChannelBinding,
        nonce: &GatewayNonce,
        attachment: &Signature,
    ) -> bool {
        self.keys.0.device.verify_attach(hub, &self.id, nonce, attachment)
    }
}

/// Keeps a device's keys out of every debug print.
pub(crate) struct SecretKeys(pub(crate) DeviceKeys);

impl std::fmt::Debug for SecretKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKeys(..)")
    }
}
