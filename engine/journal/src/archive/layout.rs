//! The tables of the archive, version 1, and their keys. Numbers in keys have their most
//! significant byte first, so that keys stand in the order of what they name.

use kessai_engine::Lsn;
use kessai_engine::RegisterChange;
use kessai_engine::terms::ids::{CustomerId, DeviceId, MerchantId, PaymentId, StoreId};
use redb::TableDefinition;

use crate::recovery::Batched;
use crate::storage::Place;

pub(super) const VERSION: u64 = 1;

/// Payment id and LSN lead to the entry, as the journal encodes it.
pub(super) const RECORDS: TableDefinition<'_, &[u8; 24], &[u8]> = TableDefinition::new("records");
/// The first LSN of a batch leads to where it stood, for all batches that a record is kept of.
pub(super) const BATCHES: TableDefinition<'_, u64, &[u8; BATCH_BYTES]> =
    TableDefinition::new("batches");
/// Refund id leads to payment id.
pub(super) const REFUNDS: TableDefinition<'_, &[u8; 16], &[u8; 16]> =
    TableDefinition::new("refunds");
/// Merchant or store and LSN lead to the entry that registered them.
pub(super) const PAYEES: TableDefinition<'_, &[u8; PAYEE_BYTES], &[u8]> =
    TableDefinition::new("payees");
/// Customer, handset and LSN lead to the entry that changed the handset.
pub(super) const HANDSETS: TableDefinition<'_, &[u8; HANDSET_BYTES], &[u8]> =
    TableDefinition::new("handsets");
/// Facts about the archive itself.
pub(super) const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");
/// The version of all this.
pub(super) const VERSION_FACT: &str = "version";
/// The first record that is not archived.
pub(super) const NEXT_FACT: &str = "next";
/// The first record that was looked at.
pub(super) const FIRST_FACT: &str = "first";

const BATCH_BYTES: usize = 64;
const PAYEE_BYTES: usize = 24;
const HANDSET_BYTES: usize = 47;

/// Whose register entry it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Payee<'a> {
    Merchant(&'a MerchantId),
    Store(&'a StoreId),
}

impl<'a> Payee<'a> {
    /// Tells whose entry a change of the register is, if it is one of those kept.
    pub(super) const fn of(change: &'a RegisterChange) -> Option<Self> {
        match change {
            RegisterChange::Merchant(merchant) => Some(Self::Merchant(&merchant.id)),
            RegisterChange::Store(store) => Some(Self::Store(&store.id)),
            RegisterChange::Terminal(_)
            | RegisterChange::Controller(_)
            | RegisterChange::Hub(_)
            | RegisterChange::DefaultLimits(_) => None,
        }
    }

    pub(super) fn key(self, lsn: Lsn) -> [u8; PAYEE_BYTES] {
        let (kind, id) = match self {
            Self::Merchant(id) => (b'm', id.as_str()),
            Self::Store(id) => (b's', id.as_str()),
        };
        // Ids hold no zero, so none is the start of another.
        joined([&[kind], &padded::<15>(id), &lsn.0.to_be_bytes()])
    }
}

pub(super) fn record_key(payment: &PaymentId, lsn: Lsn) -> [u8; 24] {
    joined([payment.as_bytes(), &lsn.0.to_be_bytes()])
}

/// Reads what [`record_key`] made; none if it is no payment's.
pub(super) fn payment_of(key: &[u8; 24]) -> Option<(PaymentId, Lsn)> {
    let (id, lsn) = key.split_first_chunk::<16>()?;
    let lsn = u64::from_be_bytes(*lsn.first_chunk()?);
    Some((PaymentId::from_bytes(*id).ok()?, Lsn(lsn)))
}

/// Reads the LSN that a key ends with.
pub(super) fn lsn_of(key: &[u8]) -> Lsn {
    Lsn(key.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)))
}

/// The first key of an id made at `ms`, in milliseconds since the Unix epoch.
pub(super) fn time_key(ms: u64) -> [u8; 24] {
    let [_, _, ms @ ..] = ms.to_be_bytes();
    joined([&ms])
}

pub(super) fn handset_key(
    customer: &CustomerId,
    device: DeviceId,
    lsn: Lsn,
) -> [u8; HANDSET_BYTES] {
    joined([&padded::<23>(customer.as_str()), &device.0, &lsn.0.to_be_bytes()])
}

pub(super) fn encode_batch(batch: &Batched) -> [u8; BATCH_BYTES] {
    joined([
        &batch.place.segment.to_be_bytes(),
        &batch.place.offset.to_be_bytes(),
        &batch.epoch.to_be_bytes(),
        &batch.records.end.0.to_be_bytes(),
        &batch.previous,
        &batch.hash,
    ])
}

pub(super) fn decode_batch(first: Lsn, bytes: &[u8; BATCH_BYTES]) -> Batched {
    let (numbers, hashes) = bytes.split_at(32);
    let number = |index: usize| {
        let bytes = numbers.as_chunks::<8>().0.get(index);
        bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes))
    };
    let hash = |index: usize| hashes.as_chunks::<16>().0.get(index).copied().unwrap_or_default();
    Batched {
        place: Place { segment: number(0), offset: number(1) },
        epoch: number(2),
        records: first..Lsn(number(3)),
        previous: hash(0),
        hash: hash(1),
    }
}

fn padded<const N: usize>(text: &str) -> [u8; N] {
    joined([text.as_bytes()])
}

/// Joins parts, with zeros behind if they are shorter.
fn joined<const N: usize, const PARTS: usize>(parts: [&[u8]; PARTS]) -> [u8; N] {
    let mut out = [0; N];
    out.iter_mut().zip(parts.concat()).for_each(|(to, from)| *to = from);
    out
}
