//! Digests of rows, which are added up, so that the order of rows does not matter.

use std::hash::Hash;

use siphasher::sip128::{Hasher128, SipHasher13};

/// Digests one row.
pub(crate) fn digest_of(row: &impl Hash) -> u128 {
    let mut hasher = SipHasher13::new();
    row.hash(&mut hasher);
    let hash = hasher.finish128();
    (u128::from(hash.h1) << 64) | u128::from(hash.h2)
}
