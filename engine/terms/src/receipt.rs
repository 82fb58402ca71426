//! Receipts of the journal: what a terminal keeps so that a gateway that came back with an older
//! journal is found out, construction `kessai/receipt/v1`.
//!
//! A receipt names one durable record and the beginning of the journal's chain there. Only the
//! gateway can make one, and only the gateway can check one: to whoever carries it, it is a token.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::collation::mac_joined;
use crate::ids::hex;

/// Begins what a receipt is authenticated over.
const LABEL: &[u8] = b"kessai/receipt/v1";

/// Names a durable record of a gateway's journal, and the chain that it hangs in.
///
/// Later points are greater: by epoch first, which rises with every start of the gateway, then by
/// log sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JournalPoint {
    /// Epoch of the journal when the record was written.
    pub epoch: u64,
    /// Log sequence number of the record.
    pub lsn: u64,
    /// Partition of the gateway that wrote it.
    pub partition: u32,
    /// The first bytes of the hash that the chain has at the record's batch.
    pub chain: ChainPrefix,
}

/// The first bytes of a hash of the journal's chain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainPrefix(pub [u8; 8]);

/// Authenticates a receipt. Equality takes constant time.
#[derive(Clone, Copy)]
pub struct ReceiptMac(pub [u8; 16]);

/// Says that a record was durable: as a gateway made it, or as a peer claims that one did.
///
/// Nothing in it is to be believed before [`ReceiptKey::verify`] has returned it as
/// [`GenuineReceipt`]; a peer, which cannot verify it, believes the connection that it came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalReceipt {
    /// The record that it claims.
    pub claimed: JournalPoint,
    /// What shows that the claim was made by the gateway.
    pub mac: ReceiptMac,
}

/// Names a record that this gateway once said was durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GenuineReceipt(JournalPoint);

/// Makes receipts and checks them.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ReceiptKey([u8; 32]);

impl ReceiptKey {
    /// The purpose for which the key is
    /// [derived from the sealing key](crate::collation::SealingKey::derive_key).
    pub const PURPOSE: &str = "journal receipts";

    /// Takes the 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Says that the record at `point` is durable.
    #[must_use]
    pub fn issue(&self, point: JournalPoint) -> JournalReceipt {
        JournalReceipt { claimed: point, mac: self.mac(&point) }
    }

    /// Takes a receipt that was issued under this key, and no other. Takes constant time.
    #[must_use]
    pub fn verify(&self, receipt: &JournalReceipt) -> Option<GenuineReceipt> {
        (self.mac(&receipt.claimed) == receipt.mac).then_some(GenuineReceipt(receipt.claimed))
    }

    fn mac(&self, point: &JournalPoint) -> ReceiptMac {
        let whole = mac_joined(
            &self.0,
            &[
                LABEL,
                &point.partition.to_be_bytes(),
                &point.epoch.to_be_bytes(),
                &point.lsn.to_be_bytes(),
                &point.chain.0,
            ],
        );
        let (mac, _) = whole.split_first_chunk().expect("a hash of 32 bytes holds 16");
        ReceiptMac(*mac)
    }
}

impl GenuineReceipt {
    /// Tells the record.
    #[must_use]
    pub const fn point(&self) -> JournalPoint {
        self.0
    }
}

impl fmt::Debug for ChainPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::fmt(&self.0, f)
    }
}

impl fmt::Display for ChainPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::fmt(&self.0, f)
    }
}

impl fmt::Debug for ReceiptMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::fmt(&self.0, f)
    }
}

impl fmt::Display for ReceiptMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::fmt(&self.0, f)
    }
}

impl PartialEq for ReceiptMac {
    /// Compares in constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ReceiptMac {}

#[cfg(test)]
mod tests {
    use super::{ChainPrefix, JournalPoint, JournalReceipt, ReceiptKey, ReceiptMac};
    use crate::collation::SealingKey;

    const POINT: JournalPoint = JournalPoint {
        epoch: 7,
        lsn: 1_234_567,
        partition: 0,
        chain: ChainPrefix([0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7]),
    };

    fn key() -> ReceiptKey {
        let sealing = SealingKey::new(1, [0x5e; 32]);
        ReceiptKey::from_bytes(*sealing.derive_key(ReceiptKey::PURPOSE))
    }

    /// The vector of docs/PROTOCOL.md, computed there with nothing but Python's library.
    #[test]
    fn the_published_vector() {
        let receipt = key().issue(POINT);
        assert_eq!(
            hex::encode(key().0),
            "7fa855c5c23e12fef3e9b542138b8a73dcd72fc244afcf8c365f40217467146b"
        );
        assert_eq!(receipt.mac.to_string(), "74ac47fefaf4f121efb58402ebdd3948");
        assert_eq!(key().verify(&receipt).unwrap().point(), POINT);
    }

    #[test]
    fn any_bit_changed_is_refused() {
        let genuine = key().issue(POINT);
        let flipped = |bit: u32, bytes: &mut [u8]| {
            bytes[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
        };
        let check = |what: &str, changed: JournalReceipt| {
            assert_ne!(changed, genuine, "{what}");
            assert_eq!(key().verify(&changed), None, "{what}");
        };
        for bit in 0..128 {
            let mut mac = genuine.mac.0;
            flipped(bit, &mut mac);
            check("mac", JournalReceipt { mac: ReceiptMac(mac), ..genuine });
        }
        let claiming = |claimed| JournalReceipt { claimed, ..genuine };
        for bit in 0..64 {
            check("epoch", claiming(JournalPoint { epoch: POINT.epoch ^ 1 << bit, ..POINT }));
            check("lsn", claiming(JournalPoint { lsn: POINT.lsn ^ 1 << bit, ..POINT }));
            let mut chain = POINT.chain.0;
            flipped(bit, &mut chain);
            check("chain", claiming(JournalPoint { chain: ChainPrefix(chain), ..POINT }));
        }
        for bit in 0..32 {
            let partition = POINT.partition ^ 1 << bit;
            check("partition", claiming(JournalPoint { partition, ..POINT }));
        }
    }

    #[test]
    fn another_key_does_not_know_it() {
        assert_eq!(ReceiptKey::from_bytes([9; 32]).verify(&key().issue(POINT)), None);
    }

    #[test]
    fn a_later_start_comes_after_any_record_of_an_earlier_one() {
        let later = JournalPoint { epoch: 8, lsn: 1, ..POINT };
        assert!(POINT < later);
        assert!(POINT < JournalPoint { lsn: POINT.lsn + 1, ..POINT });
    }
}
