//! The keyed hash that ties every batch to the one before.

use std::fmt;

use crate::format::header::{HEADER_BYTES, Header};

/// The secret under which batches are chained: without it nobody can change the journal unseen.
#[derive(Clone)]
pub struct ChainKey(pub [u8; 32]);

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainKey(secret)")
    }
}

/// The keyed hash of one batch, cut to 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link(pub(crate) [u8; 16]);

impl Link {
    /// Stands before the first batch of a journal.
    pub(crate) const FIRST: Self = Self([0; 16]);
}

impl ChainKey {
    /// Derives the key of another purpose, which says nothing of this one.
    pub(crate) fn derive(&self, context: &str) -> [u8; 32] {
        blake3::derive_key(context, &self.0)
    }

    /// Hashes a batch: its header, and everything behind the header's bytes.
    pub(crate) fn link(&self, header: &Header, behind: &[u8]) -> Link {
        let unsealed: [u8; HEADER_BYTES] = header.unsealed();
        let hash = blake3::Hasher::new_keyed(&self.0).update(&unsealed).update(behind).finalize();
        let mut link = Link::FIRST;
        link.0.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        link
    }
}
