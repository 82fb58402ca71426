//! Takes a group of records into the archive.

use std::sync::atomic::Ordering;

use kessai_engine::{Entry, Lsn, Record};
use redb::{Table, WriteTransaction};

use crate::archive::layout::{
    BATCHES, FACTS, HANDSETS, NEXT_FACT, PAYEES, Payee, RECORDS, REFUNDS, encode_batch,
    handset_key, record_key,
};
use crate::archive::{Archive, ArchiveError, transact};
use crate::recovery::Batched;

/// Records that follow on from what is archived.
#[derive(Debug, Default)]
pub(super) struct Group {
    batches: Vec<Batched>,
    /// Each with the entry as the journal encodes it.
    records: Vec<(Lsn, Vec<u8>)>,
}

impl Group {
    /// Takes a record that stands in `batch`.
    pub(super) fn push(&mut self, batch: &Batched, lsn: Lsn, contents: &[u8]) {
        if self.batches.last().is_none_or(|last| last.place != batch.place) {
            self.batches.push(batch.clone());
        }
        self.records.push((lsn, contents.to_vec()));
    }

    /// The first record behind the group, which held everything from `next` on.
    fn end(&self, next: Lsn) -> Lsn {
        self.batches.last().map_or(next, |last| last.records.end)
    }
}

impl Archive {
    /// Takes a group, which is durable on return.
    pub(super) fn append(&self, group: &Group) -> Result<(), ArchiveError> {
        let end = group.end(self.next());
        if end == self.next() {
            return Ok(());
        }
        transact(&self.0.database, |transaction| {
            let mut tables = Tables::open(transaction)?;
            let mut batches = group.batches.iter();
            let mut batch = batches.next();
            for (lsn, contents) in &group.records {
                while batch.is_some_and(|batch| batch.records.end <= *lsn) {
                    batch = batches.next();
                }
                tables.take(*lsn, contents, batch)?;
            }
            transaction.open_table(FACTS)?.insert(NEXT_FACT, end.0)?;
            Ok(())
        })?;
        self.0.next.store(end.0, Ordering::Release);
        Ok(())
    }
}

/// The tables that records go into.
struct Tables<'a> {
    records: Table<'a, &'static [u8; 24], &'static [u8]>,
    batches: Table<'a, u64, &'static [u8; 64]>,
    refunds: Table<'a, &'static [u8; 16], &'static [u8; 16]>,
    payees: Table<'a, &'static [u8; 24], &'static [u8]>,
    handsets: Table<'a, &'static [u8; 47], &'static [u8]>,
    /// The batch noted last.
    noted: Lsn,
}

impl<'a> Tables<'a> {
    fn open(transaction: &'a WriteTransaction) -> Result<Self, ArchiveError> {
        Ok(Self {
            records: transaction.open_table(RECORDS)?,
            batches: transaction.open_table(BATCHES)?,
            refunds: transaction.open_table(REFUNDS)?,
            payees: transaction.open_table(PAYEES)?,
            handsets: transaction.open_table(HANDSETS)?,
            noted: Lsn::NONE,
        })
    }

    /// Puts a record where it will be looked for, if anywhere.
    fn take(
        &mut self,
        lsn: Lsn,
        contents: &[u8],
        batch: Option<&Batched>,
    ) -> Result<(), ArchiveError> {
        let entry =
            Entry::decode(contents).map_err(|source| ArchiveError::Decode { lsn, source })?;
        let mut is_kept = false;
        for payment in entry.record.payments() {
            self.records.insert(&record_key(&payment, lsn), contents)?;
            is_kept = true;
        }
        if let Some(refund) = entry.record.refund()
            && let Some(payment) = entry.record.payments().next()
        {
            self.refunds.insert(refund.as_bytes(), payment.as_bytes())?;
        }
        is_kept |= self.take_history(lsn, &entry.record, contents)?;
        if let Some(batch) = batch.filter(|batch| is_kept && batch.records.start != self.noted) {
            self.noted = batch.records.start;
            self.batches.insert(batch.records.start.0, &encode_batch(batch))?;
        }
        Ok(())
    }

    /// Keeps what evidence of a payment needs besides the payment's own records: who was to be
    /// paid, and with which handset.
    fn take_history(
        &mut self,
        lsn: Lsn,
        record: &Record,
        contents: &[u8],
    ) -> Result<bool, ArchiveError> {
        let (customer, device) = match record {
            Record::Registered(change) => {
                let payee = Payee::of(change);
                if let Some(payee) = payee {
                    self.payees.insert(&payee.key(lsn), contents)?;
                }
                return Ok(payee.is_some());
            }
            Record::DeviceAdded(added) => (&added.customer, added.device),
            Record::Rekeyed(rekeyed) => (&rekeyed.customer, rekeyed.device),
            Record::DeviceRevoked(revoked) => (&revoked.customer, revoked.device),
            _ => return Ok(false),
        };
        self.handsets.insert(&handset_key(customer, device, lsn), contents)?;
        Ok(true)
    }
}
