//! Keys at rest: sealed under a key that lies outside the data directory.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use secrecy::{ExposeSecret, SecretBox};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::collation::mac::{labels, lp, mac_joined};
use crate::collation::{DeviceKey, DeviceKeys, ServerKey, StoredKey};
use crate::ids::{CustomerId, DeviceId};

/// The version of the row that a device is enrolled with: each change of its keys makes it one
/// higher, so that no earlier row can take the place of a later one.
pub const ROW_VERSION: u32 = 1;

/// Seals and opens the keys of devices.
///
/// Without it, stolen files hold nothing to guess passwords against.
pub struct SealingKey {
    id: u32,
    key: SecretBox<[u8; 32]>,
    // Expanded once: recovery opens every row.
    cipher: Box<Aes256Gcm>,
}

/// Holds the keys of one device, sealed for one customer and device.
///
/// It is no secret and is what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SealedRow {
    /// Names the sealing key.
    pub key_id: u32,
    /// Counts the device's rows from [`ROW_VERSION`].
    pub version: u32,
    /// The nonce it was sealed with.
    pub nonce: [u8; 12],
    /// The three keys encrypted, 96 bytes, and 16 bytes that authenticate them.
    pub sealed: [[u8; 28]; 4],
}

/// Says why a sealed row does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The row was sealed under another key.
    #[error("the row was sealed under key {needed}, not under key {given}")]
    OtherKey {
        /// The id of the key that it was sealed under.
        needed: u32,
        /// The id of the key that was tried.
        given: u32,
    },
    /// The row was altered, moved from another customer or device, or sealed under a key that only
    /// has the same id.
    #[error("the row was altered, belongs to another device, or the sealing key is wrong")]
    Altered,
}

impl SealedRow {
    /// The length of what is sealed: three keys and the authentication tag.
    pub const SEALED_LENGTH: usize = 112;

    /// Lends the sealed bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        self.sealed.as_flattened()
    }
}

impl SealingKey {
    /// Takes a key and the id by which rows name it.
    #[must_use]
    pub fn new(id: u32, mut key: [u8; 32]) -> Self {
        let cipher = Box::new(Aes256Gcm::new(&key.into()));
        let kept = SecretBox::new(Box::new(key));
        key.zeroize();
        Self { id, key: kept, cipher }
    }

    /// Tells the id by which rows name the key.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Lends the cipher for what else is sealed.
    pub(crate) const fn cipher(&self) -> &Aes256Gcm {
        &self.cipher
    }

    /// Seals the keys of a device.
    ///
    /// # Panics
    /// Never: AES-GCM refuses only messages of many GiB.
    #[must_use]
    pub fn seal(
        &self,
        keys: &DeviceKeys,
        customer: &CustomerId,
        device: &DeviceId,
        version: u32,
        nonce: [u8; 12],
    ) -> SealedRow {
        let bound = bound_data(customer, device, version, self.id);
        let mut sealed = [[0; 28]; 4];
        let body = sealed.as_flattened_mut();
        let plain = [keys.stored.expose(), keys.server.expose(), keys.device.expose()];
        for (place, byte) in body.iter_mut().zip(plain.into_iter().flatten()) {
            *place = *byte;
        }
        let (body, tag_place) = body.split_at_mut(PLAIN_LENGTH);
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce.into(), &bound, body.into())
            .expect("96 bytes are far below the limit of AES-GCM");
        tag_place.copy_from_slice(&tag);
        SealedRow { key_id: self.id, version, nonce, sealed }
    }

    /// Opens the keys of a device.
    ///
    /// # Errors
    /// [`OpenError`] when the row is not exactly what was sealed, for this customer and device.
    pub fn open(
        &self,
        row: &SealedRow,
        customer: &CustomerId,
        device: &DeviceId,
    ) -> Result<DeviceKeys, OpenError> {
        if row.key_id != self.id {
            return Err(OpenError::OtherKey { needed: row.key_id, given: self.id });
        }
        let bound = bound_data(customer, device, row.version, row.key_id);
        let mut opened = Zeroizing::new(row.sealed);
        let (body, tag) = opened.as_flattened_mut().split_at_mut(PLAIN_LENGTH);
        let tag = (&*tag).try_into().map_err(|_wrong_length| OpenError::Altered)?;
        self.cipher
            .decrypt_inout_detached(&row.nonce.into(), &bound, (&mut *body).into(), tag)
            .map_err(|_not_authentic| OpenError::Altered)?;
        match body.as_chunks::<32>() {
            ([stored, server, device], []) => Ok(DeviceKeys {
                stored: StoredKey::from_bytes(*stored),
                server: ServerKey::from_bytes(*server),
                device: DeviceKey::from_bytes(*device),
            }),
            (_, _) => Err(OpenError::Altered),
        }
    }

    /// Derives a key for another purpose, such as the chain of the journal.
    #[must_use]
    pub fn derive_key(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let parts = [labels::DERIVE, purpose.as_bytes()];
        Zeroizing::new(mac_joined(self.key.expose_secret(), &parts))
    }
}

/// The length of the three keys, in bytes.
const PLAIN_LENGTH: usize = 96;

const _: () = assert!(SealedRow::SEALED_LENGTH == 4 * 28 && PLAIN_LENGTH + 16 == 4 * 28);

fn bound_data(customer: &CustomerId, device: &DeviceId, version: u32, key_id: u32) -> Vec<u8> {
    lp(&[
        labels::ROW,
        customer.as_str().as_bytes(),
        device.as_bytes(),
        &version.to_be_bytes(),
        &key_id.to_be_bytes(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> DeviceKeys {
        DeviceKeys {
            stored: StoredKey::from_bytes([1; 32]),
            server: ServerKey::from_bytes([2; 32]),
            device: DeviceKey::from_bytes([3; 32]),
        }
    }

    fn customer() -> CustomerId {
        CustomerId::new("1234-567-890").unwrap()
    }

    const DEVICE: DeviceId = DeviceId([7; 16]);

    fn refused(key: &SealingKey, row: &SealedRow) -> Option<OpenError> {
        key.open(row, &customer(), &DEVICE).err()
    }

    #[test]
    fn what_was_sealed_opens() {
        let key = SealingKey::new(4, [9; 32]);
        let row = key.seal(&keys(), &customer(), &DEVICE, ROW_VERSION, [5; 12]);
        assert!(key.open(&row, &customer(), &DEVICE) == Ok(keys()));
        let stored = postcard::to_stdvec(&row).unwrap();
        assert_eq!(stored.len(), 1 + 1 + 12 + SealedRow::SEALED_LENGTH);
        assert_eq!(postcard::from_bytes::<SealedRow>(&stored).unwrap(), row);
    }

    #[test]
    fn altered_and_moved_rows_are_refused() {
        let key = SealingKey::new(4, [9; 32]);
        let row = key.seal(&keys(), &customer(), &DEVICE, ROW_VERSION, [5; 12]);
        for at in 0..SealedRow::SEALED_LENGTH {
            let mut altered = row.clone();
            altered.sealed.as_flattened_mut()[at] ^= 1;
            assert_eq!(refused(&key, &altered), Some(OpenError::Altered), "byte {at}");
        }
        for at in 0..12 {
            let mut altered = row.clone();
            altered.nonce[at] ^= 0x80;
            assert_eq!(refused(&key, &altered), Some(OpenError::Altered), "nonce byte {at}");
        }
        let other_version = SealedRow { version: 2, ..row.clone() };
        assert_eq!(refused(&key, &other_version), Some(OpenError::Altered));
        let another = CustomerId::new("1234-567-891").unwrap();
        assert!(key.open(&row, &another, &DEVICE) == Err(OpenError::Altered));
        assert!(key.open(&row, &customer(), &DeviceId([8; 16])) == Err(OpenError::Altered));
    }

    #[test]
    fn another_key_does_not_open() {
        let row = SealingKey::new(4, [9; 32]).seal(&keys(), &customer(), &DEVICE, 1, [5; 12]);
        let by_id = OpenError::OtherKey { needed: 4, given: 5 };
        assert_eq!(refused(&SealingKey::new(5, [9; 32]), &row), Some(by_id));
        assert_eq!(refused(&SealingKey::new(4, [8; 32]), &row), Some(OpenError::Altered));
    }

    #[test]
    fn derived_keys_differ_by_purpose_and_key() {
        let key = SealingKey::new(4, [9; 32]);
        assert_eq!(key.derive_key("journal"), key.derive_key("journal"));
        assert_ne!(key.derive_key("journal"), key.derive_key("snapshot"));
        assert_ne!(key.derive_key("journal"), SealingKey::new(4, [8; 32]).derive_key("journal"));
    }
}
