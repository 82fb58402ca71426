//! What the archive holds that evidence of a payment needs, and how it is sent to whoever asks the
//! gateway for it: each record as the journal encodes it, so that the reader decodes it for itself.

use kessai_engine::terms::PaymentId;
use kessai_engine::{Entry, Lsn, Record};
use kessai_journal::{Archive, ArchiveError, Batched, Place, Recorded};
use serde::{Deserialize, Serialize};

use super::trace::{Payee, terms};

/// What the archive holds of one payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "FiledRow", into = "FiledRow")]
pub struct Filed {
    /// The payment, also if a refund of it was asked for.
    pub(super) payment: PaymentId,
    /// The last record that the archive has.
    pub(super) upto: Lsn,
    /// All records that name the payment.
    pub(super) entries: Vec<Recorded>,
    /// How merchant and store were registered when the payment was asked for.
    pub(super) payee: Payee,
    /// What happened to the approving handset until then.
    pub(super) handset: Vec<Recorded>,
}

/// Why what was sent is no file of a payment.
#[derive(Debug, thiserror::Error)]
#[error("what the gateway sent of its archive cannot be read")]
pub struct Unreadable;

impl Filed {
    /// Finds a payment, or that of a refund. Blocks.
    pub(crate) fn find(archive: &Archive, asked: PaymentId) -> Result<Option<Self>, ArchiveError> {
        let upto = archive.upto();
        let mut payment = asked;
        let mut entries = archive.payment(&payment)?;
        if entries.is_empty() {
            let Some(refunded) = archive.payment_of_refund(&asked)? else { return Ok(None) };
            payment = refunded;
            entries = archive.payment(&payment)?;
        }
        let (payee, handset) = (Payee::default(), Vec::new());
        let mut filed = Self { payment, upto, entries, payee, handset };
        filed.add_payee(archive)?;
        filed.add_handset(archive)?;
        Ok(Some(filed))
    }

    fn add_payee(&mut self, archive: &Archive) -> Result<(), ArchiveError> {
        let opened = self.entries.iter().find_map(|recorded| {
            Some((recorded.lsn, terms(&recorded.entry.record, self.payment)?))
        });
        if let Some((at, terms)) = opened {
            self.payee = Payee {
                merchant: archive.merchant(&terms.merchant, at)?,
                store: archive.store(&terms.store, at)?,
            };
        }
        Ok(())
    }

    fn add_handset(&mut self, archive: &Archive) -> Result<(), ArchiveError> {
        let customer = self.entries.iter().find_map(|recorded| match &recorded.entry.record {
            Record::Opened(opened) if opened.terms.payment == self.payment => Some(opened.customer),
            _ => None,
        });
        let approved = self.entries.iter().find_map(|recorded| match &recorded.entry.record {
            Record::Approved(approved) => Some((recorded.lsn, approved.device)),
            _ => None,
        });
        if let (Some(customer), Some((at, device))) = (customer, approved) {
            self.handset = archive.handset(&customer, device, at)?;
        }
        Ok(())
    }
}

/// As it is sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct FiledRow {
    payment: PaymentId,
    upto: u64,
    entries: Vec<RecordedRow>,
    payee: Payee,
    handset: Vec<RecordedRow>,
}

/// A record as it is sent; bytes are in hexadecimal.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RecordedRow {
    record: u64,
    entry: String,
    segment: u64,
    offset: u64,
    epoch: u64,
    first_record: u64,
    next_record: u64,
    previous: String,
    hash: String,
}

impl From<Filed> for FiledRow {
    fn from(filed: Filed) -> Self {
        let rows = |recorded: &[Recorded]| recorded.iter().map(RecordedRow::from).collect();
        Self {
            payment: filed.payment,
            upto: filed.upto.0,
            entries: rows(&filed.entries),
            payee: filed.payee,
            handset: rows(&filed.handset),
        }
    }
}

impl TryFrom<FiledRow> for Filed {
    type Error = Unreadable;

    fn try_from(row: FiledRow) -> Result<Self, Unreadable> {
        let all = |rows: Vec<RecordedRow>| {
            rows.into_iter().map(Recorded::try_from).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            payment: row.payment,
            upto: Lsn(row.upto),
            entries: all(row.entries)?,
            payee: row.payee,
            handset: all(row.handset)?,
        })
    }
}

impl From<&Recorded> for RecordedRow {
    fn from(recorded: &Recorded) -> Self {
        let (mut entry, batch) = (Vec::new(), &recorded.batch);
        recorded.entry.encode_into(&mut entry);
        Self {
            record: recorded.lsn.0,
            entry: hex::encode(entry),
            segment: batch.place.segment,
            offset: batch.place.offset,
            epoch: batch.epoch,
            first_record: batch.records.start.0,
            next_record: batch.records.end.0,
            previous: hex::encode(batch.previous),
            hash: hex::encode(batch.hash),
        }
    }
}

impl TryFrom<RecordedRow> for Recorded {
    type Error = Unreadable;

    fn try_from(row: RecordedRow) -> Result<Self, Unreadable> {
        let link = |text: &str| {
            let mut bytes = [0; 16];
            hex::decode_to_slice(text, &mut bytes).map(|()| bytes).map_err(|_no_hex| Unreadable)
        };
        let entry = hex::decode(&row.entry).map_err(|_no_hex| Unreadable)?;
        Ok(Self {
            lsn: Lsn(row.record),
            entry: Entry::decode(&entry).map_err(|_no_entry| Unreadable)?,
            batch: Batched {
                place: Place { segment: row.segment, offset: row.offset },
                epoch: row.epoch,
                records: Lsn(row.first_record)..Lsn(row.next_record),
                previous: link(&row.previous)?,
                hash: link(&row.hash)?,
            },
        })
    }
}
