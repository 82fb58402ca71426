//! Handsets: whose they are, and what their keys are good for.

use kessai_terms::collation::{
    ChannelBinding, ContentDigest, DeviceKeys, GatewayNonce, Salt, SealedRow, Signature,
};
use kessai_terms::ids::{CustomerId, DeviceId, PresentmentCode};

use crate::command::Keyring;
use crate::register::KeyPin;
use crate::shard::Corrupt;

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
    /// What its keys came sealed with.
    seal: Seal,
}

/// What sealed a handset's keys: enough to seal them again to the same bytes, so that the sealed row
/// itself, seven times as long, need not be kept beside the keys.
#[derive(Debug, Clone, Copy)]
struct Seal {
    key_id: u32,
    nonce: [u8; 12],
}

impl Device {
    /// Opens the keys of a customer's handset, which connects with the TLS key `pin`.
    ///
    /// # Errors
    /// [`Corrupt::Seal`] if the sealing key is not here, or the row belongs elsewhere.
    pub(crate) fn open(
        row: &SealedRow,
        (customer, id): (CustomerId, DeviceId),
        (pin, salt): (KeyPin, Salt),
        keyring: &Keyring,
    ) -> Result<Self, Corrupt> {
        let keys = keyring.open(row, &customer, &id).ok_or(Corrupt::Seal { key: row.key_id })?;
        let (version, keys) = (row.version, SecretKeys(keys));
        let seal = Seal { key_id: row.key_id, nonce: row.nonce };
        Ok(Self { id, customer, pin, salt, version, keys, seal })
    }

    /// Seals the keys again as they came. The same nonce is safe here, for what is sealed is the
    /// same: the bytes are those that the journal has.
    #[expect(
        clippy::expect_used,
        reason = "the keyring that opened the keys only loses its life with the engine"
    )]
    pub(crate) fn sealed(&self, keyring: &Keyring) -> SealedRow {
        let key = keyring.key(self.seal.key_id).expect("the sealing key opened these keys");
        key.seal(&self.keys.0, &self.customer, &self.id, self.version, self.seal.nonce)
    }

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
