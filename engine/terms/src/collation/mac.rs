//! The two primitives, SHA-256 and HMAC-SHA-256, and the one way to join their inputs.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Names what each computation is for, so that no result can pass for another.
pub mod labels {
    macro_rules! labels {
        ($($(#[$doc:meta])+ $name:ident = $label:literal;)+) => {$(
            $(#[$doc])+
            pub const $name: &[u8] = concat!("kessai/collation/v1/", $label).as_bytes();
        )+};
    }

    labels! {
        /// Derives the handset's seed from its secret and the stretched password.
        SEED = "seed";
        /// Derives the client key.
        CLIENT = "client";
        /// Derives the server key.
        SERVER = "server";
        /// Derives the device key, which shows possession alone.
        DEVICE = "device";
        /// Begins the message that a proof covers.
        AUTH = "auth";
        /// Signs the outcome of a proof.
        OUTCOME = "outcome";
        /// Signs any other notice to a handset.
        NOTICE = "notice";
        /// Signs a presentment code.
        CODE = "code";
        /// Binds a row of sealed keys to its customer and device.
        ROW = "row";
        /// Attaches a device through a carrier hub.
        ATTACH = "attach";
        /// Derives the channel binding of a device behind a carrier hub.
        HUB = "hub";
        /// Tags a proof that travels through a carrier hub.
        TAG = "tag";
    }

    /// Begins what the enrolment of a handset is authenticated over.
    pub const ENROL: &[u8] = b"kessai/enrol/v1";
    /// Begins what the enrolment of any other peer is authenticated over.
    pub const ENROL_PEER: &[u8] = b"kessai/enrol/v1/peer";
    /// Derives a key for another purpose from the sealing key.
    pub const DERIVE: &[u8] = b"kessai/derive/v1";
}

/// Joins `parts` so that no two lists of parts give the same bytes: each part follows its length,
/// in 4 bytes, big-endian.
///
/// # Panics
/// Panics at a part of 4 GiB or more; no message comes near it.
#[must_use]
pub fn lp(parts: &[&[u8]]) -> Vec<u8> {
    let length =
        parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()).saturating_add(4));
    let mut joined = Vec::with_capacity(length);
    for part in parts {
        joined.extend_from_slice(&length_prefix(part));
        joined.extend_from_slice(part);
    }
    joined
}

fn length_prefix(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len()).expect("frames bound every part far below 4 GiB").to_be_bytes()
}

/// Computes SHA-256.
pub(super) fn hash(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// Computes SHA-256 over joined parts.
pub(super) fn hash_joined(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(length_prefix(part));
        hash.update(part);
    }
    hash.finalize().into()
}

/// Computes HMAC-SHA-256.
pub(super) fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = keyed(key);
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Computes HMAC-SHA-256 over joined parts.
pub(crate) fn mac_joined(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed(key);
    for part in parts {
        mac.update(&length_prefix(part));
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_parts_carry_their_lengths() {
        assert_eq!(lp(&[b"ab", b"", b"c"]), b"\0\0\0\x02ab\0\0\0\0\0\0\0\x01c");
        assert_ne!(lp(&[b"ab", b"c"]), lp(&[b"a", b"bc"]));
        assert_ne!(lp(&[b"ab"]), lp(&[b"ab", b""]));
    }

    #[test]
    fn joining_first_or_on_the_way_is_the_same() {
        let parts: &[&[u8]] = &[b"one", b"", b"three"];
        assert_eq!(mac_joined(b"key", parts), mac(b"key", &lp(parts)));
        assert_eq!(hash_joined(parts), hash(&lp(parts)));
    }

    /// RFC 4231, sections 4.2 to 4.8: key, data, HMAC-SHA-256.
    #[test]
    fn the_vectors_of_rfc_4231() {
        let check = |key: &[u8], data: &[u8], expected: &str| {
            let computed = hex::encode(mac(key, data));
            assert!(computed.starts_with(expected), "{computed} is not {expected}");
        };
        check(
            &[0x0b; 20],
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        );
        check(
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        );
        check(
            &[0xaa; 20],
            &[0xdd; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        );
        let counted: Vec<u8> = (1..=25).collect();
        check(
            &counted,
            &[0xcd; 50],
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        );
        // The RFC gives the fifth truncated to 128 bits.
        check(&[0x0c; 20], b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b");
        check(
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        );
        check(
            &[0xaa; 131],
            b"This is a test using a larger than block-size key and a larger than block-size \
              data. The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        );
    }
}
