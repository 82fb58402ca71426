//! What the archive can be asked.

use std::ops::Range;

use kessai_engine::terms::ids::{CustomerId, DeviceId, MerchantId, PaymentId, StoreId};
use kessai_engine::{Entry, Lsn, Merchant, Record, RegisterChange, Store};
use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTableMetadata};

use crate::archive::layout::{
    BATCHES, HANDSETS, PAYEES, Payee, RECORDS, REFUNDS, decode_batch, handset_key, lsn_of,
    payment_of, record_key, time_key,
};
use crate::archive::{Archive, ArchiveError, ArchiveStatus};
use crate::recovery::Batched;
use crate::recovery::onlooker::Recorded;

impl Archive {
    /// Gives everything that was recorded of a payment, in the journal's order, each with the batch
    /// that made it durable. Empty if nothing was, up to [`Archive::upto`].
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn payment(&self, payment: &PaymentId) -> Result<Vec<Recorded>, ArchiveError> {
        let transaction = self.0.database.begin_read()?;
        let records = transaction.open_table(RECORDS)?;
        let batches = Batches::open(&transaction)?;
        let mut found = Vec::new();
        let (from, to) = (record_key(payment, Lsn::NONE), record_key(payment, Lsn(u64::MAX)));
        for row in records.range::<&[u8; 24]>(&from..=&to)? {
            let (key, value) = row?;
            let recorded = batches.recorded(lsn_of(key.value()), value.value())?;
            if !recorded.entry.record.payments().any(|named| named == *payment) {
                let message = format!("record {} is not of payment {payment}", recorded.lsn.0);
                return Err(ArchiveError::Damaged(message));
            }
            found.push(recorded);
        }
        Ok(found)
    }

    /// Gives the payment that a refund was made of.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn payment_of_refund(&self, refund: &PaymentId) -> Result<Option<PaymentId>, ArchiveError> {
        let refunds = self.0.database.begin_read()?.open_table(REFUNDS)?;
        let Some(found) = refunds.get(refund.as_bytes())? else {
            return Ok(None);
        };
        let payment = PaymentId::from_bytes(*found.value());
        payment.map(Some).map_err(|error| ArchiveError::Damaged(error.to_string()))
    }

    /// Lists payments whose ids were made at `times`, the latest first, at most `limit`; only those
    /// with lower ids than `before`, if that is given.
    ///
    /// # Units
    /// Milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn payments(
        &self,
        times: Range<u64>,
        before: Option<&PaymentId>,
        limit: usize,
    ) -> Result<Vec<PaymentId>, ArchiveError> {
        let records = self.0.database.begin_read()?.open_table(RECORDS)?;
        let from = time_key(times.start);
        let to = time_key(times.end);
        let to = before.map_or(to, |before| to.min(record_key(before, Lsn::NONE)));
        let mut found: Vec<PaymentId> = Vec::new();
        if from >= to {
            return Ok(found);
        }
        for row in records.range::<&[u8; 24]>(&from..&to)?.rev() {
            let (payment, _) = payment_of(row?.0.value())
                .ok_or_else(|| ArchiveError::Damaged("a record is of no payment".to_owned()))?;
            if found.last() != Some(&payment) {
                if found.len() == limit {
                    break;
                }
                found.push(payment);
            }
        }
        Ok(found)
    }

    /// Gives a merchant as registered when record `at` was made.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn merchant(&self, id: &MerchantId, at: Lsn) -> Result<Option<Merchant>, ArchiveError> {
        Ok(match self.payee(Payee::Merchant(id), at)? {
            Some(RegisterChange::Merchant(merchant)) => Some(merchant),
            _ => None,
        })
    }

    /// Gives a store as registered when record `at` was made.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn store(&self, id: &StoreId, at: Lsn) -> Result<Option<Store>, ArchiveError> {
        Ok(match self.payee(Payee::Store(id), at)? {
            Some(RegisterChange::Store(store)) => Some(store),
            _ => None,
        })
    }

    fn payee(&self, payee: Payee<'_>, at: Lsn) -> Result<Option<RegisterChange>, ArchiveError> {
        let payees = self.0.database.begin_read()?.open_table(PAYEES)?;
        let (from, to) = (payee.key(Lsn::NONE), payee.key(at));
        let Some(row) = payees.range::<&[u8; 24]>(&from..=&to)?.next_back() else {
            return Ok(None);
        };
        let (key, value) = row?;
        match decode(lsn_of(key.value()), value.value())?.record {
            Record::Registered(change) => Ok(Some(change)),
            _ => {
                Err(ArchiveError::Damaged("a payee's record is none of the register's".to_owned()))
            }
        }
    }

    /// Gives how a customer's handset was enrolled, given other keys and taken out of use, up to
    /// record `at`, in the journal's order.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn handset(
        &self,
        customer: &CustomerId,
        device: DeviceId,
        at: Lsn,
    ) -> Result<Vec<Recorded>, ArchiveError> {
        let transaction = self.0.database.begin_read()?;
        let handsets = transaction.open_table(HANDSETS)?;
        let batches = Batches::open(&transaction)?;
        let from = handset_key(customer, device, Lsn::NONE);
        let to = handset_key(customer, device, at);
        let rows = handsets.range::<&[u8; 47]>(&from..=&to)?;
        rows.map(|row| {
            let (key, value) = row?;
            batches.recorded(lsn_of(key.value()), value.value())
        })
        .collect()
    }

    /// Tells what the archive holds.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn status(&self) -> Result<ArchiveStatus, ArchiveError> {
        let records = self.0.database.begin_read()?.open_table(RECORDS)?.len()?;
        let covers = self.0.first..self.next();
        Ok(ArchiveStatus { records, bytes: self.0.file.bytes()?, covers })
    }
}

/// Where records stood.
struct Batches(ReadOnlyTable<u64, &'static [u8; 64]>);

impl Batches {
    fn open(transaction: &ReadTransaction) -> Result<Self, ArchiveError> {
        Ok(Self(transaction.open_table(BATCHES)?))
    }

    /// Decodes a record, and finds its batch.
    fn recorded(&self, lsn: Lsn, contents: &[u8]) -> Result<Recorded, ArchiveError> {
        let entry = decode(lsn, contents)?;
        let batch = self.of(lsn)?.ok_or_else(|| {
            ArchiveError::Damaged(format!("the batch of record {} is missing", lsn.0))
        })?;
        Ok(Recorded { lsn, entry, batch })
    }

    fn of(&self, lsn: Lsn) -> Result<Option<Batched>, ArchiveError> {
        let Some(row) = self.0.range(..=lsn.0)?.next_back() else {
            return Ok(None);
        };
        let (first, value) = row?;
        let batch = decode_batch(Lsn(first.value()), value.value());
        Ok(batch.records.contains(&lsn).then_some(batch))
    }
}

fn decode(lsn: Lsn, contents: &[u8]) -> Result<Entry, ArchiveError> {
    Entry::decode(contents).map_err(|source| ArchiveError::Decode { lsn, source })
}
