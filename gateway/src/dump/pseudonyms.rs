//! Names that stand for customers and handsets, so that what belongs together can be seen to.

use std::fmt;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use kessai_engine::terms::{CustomerId, DeviceId};

use crate::keys::Keys;

/// How many bytes of the hash make a pseudonym.
const BYTES: usize = 12;

/// Gives every customer and handset a name that is the same in each dump of one processor.
///
/// Who does not have the sealing keys can neither lead a pseudonym back to an id, though ids are
/// short enough to be tried one by one, nor compare it with another processor's.
pub struct Pseudonyms(Key);

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms(secret)")
    }
}

impl Pseudonyms {
    /// Makes the pseudonyms of the processor who has these keys.
    #[must_use]
    pub fn new(keys: &Keys) -> Self {
        Self(Key::new(HMAC_SHA256, keys.pseudonym_key().as_ref()))
    }

    pub(super) fn customer(&self, customer: &CustomerId) -> String {
        self.name("customer", customer.as_str().as_bytes())
    }

    pub(super) fn handset(&self, device: &DeviceId) -> String {
        self.name("handset", &device.0)
    }

    fn name(&self, kind: &str, id: &[u8]) -> String {
        // The kind is of fixed text and ends in a byte that is in no kind.
        let tag = sign(&self.0, &[kind.as_bytes(), &[0], id].concat());
        let short = tag.as_ref().get(..BYTES).unwrap_or_default();
        format!("{kind}-{}", hex::encode(short))
    }
}
