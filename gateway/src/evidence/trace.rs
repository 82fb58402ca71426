//! Finds the records of one payment, whom they name, and the history of the handset that approved.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;

use kessai_engine::terms::{CustomerId, DeviceId, MerchantId, PaymentId, StoreId};
use kessai_engine::{
    Approved, Declined, Lsn, Merchant, Opened, Record, RegisterChange, Store, Terms,
};
use kessai_journal::{ChainKey, OpenError, Reading, Recorded, read};
use serde::{Deserialize, Serialize};

use super::filed::Filed;

/// What was found in one reading.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) payment: PaymentId,
    /// All that names the payment, in the order of the journal.
    pub(super) entries: Vec<Recorded>,
    /// The payment that was refunded under the id that was asked for.
    pub(super) refunded: Option<PaymentId>,
    pub(super) payee: Payee,
    /// What happened to the approving handset until then.
    pub(super) device: Vec<DeviceChange>,
    pub(super) reading: Reading,
    /// What was taken from the archive, if anything was.
    pub(super) archived: Option<Archived>,
}

/// The payee as registered when the payment was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payee {
    pub(super) merchant: Option<Merchant>,
    pub(super) store: Option<Store>,
}

/// How what the archive holds goes with the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Archived {
    /// The last record that the archive has.
    pub(super) upto: Lsn,
    /// Records of the payment whose batches the journal no longer holds.
    pub(super) alone: Vec<Lsn>,
    /// Records that the journal holds otherwise.
    pub(super) otherwise: Vec<Lsn>,
}

/// What happened to a handset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeviceChange {
    Enrolled,
    Rekeyed,
    Revoked,
}

/// The register as far as it names payees.
#[derive(Default)]
struct Payees {
    merchants: BTreeMap<MerchantId, Merchant>,
    stores: BTreeMap<StoreId, Store>,
}

impl Trace {
    /// Reads the journal once, and again for the handset that approved; what the journal no longer
    /// holds is taken from `filed`.
    pub(super) fn read(
        journal: &Path,
        key: &ChainKey,
        payment: PaymentId,
        filed: Option<&Filed>,
    ) -> Result<Self, Box<OpenError>> {
        let (mut entries, mut refunded) = (Vec::new(), None);
        let (mut payees, mut payee) = (Payees::default(), None);
        let visit = |recorded: Recorded| {
            let record = &recorded.entry.record;
            match record {
                Record::Registered(change) if payee.is_none() => payees.follow(change),
                Record::Refunded(refund) if refund.refund == payment => {
                    refunded = Some(refund.payment);
                }
                _ => {}
            }
            if record.payments().any(|named| named == payment) {
                if payee.is_none() {
                    payee = terms(record, payment).map(|terms| payees.of(terms));
                }
                entries.push(recorded);
            }
            Ok::<_, Infallible>(())
        };
        let reading = read(journal, key, Lsn::NONE, visit).map_err(Box::new)?;
        let archived = filed.map(|filed| Archived::merge(filed, &mut entries, &reading));
        let before = filed.map(|filed| filed.payee.clone()).unwrap_or_default();
        let payee = payee.unwrap_or_default().or(before);
        let device = Vec::new();
        let mut trace = Self { payment, entries, refunded, payee, device, reading, archived };
        if let Some(approver) = trace.approver() {
            let filed = filed.map(|filed| filed.handset.as_slice()).unwrap_or_default();
            trace.device = history(journal, key, approver, filed)?;
        }
        Ok(trace)
    }

    /// This, if it tells of the payment at all.
    pub(super) fn found(&self) -> Option<&Self> {
        (!self.entries.is_empty()).then_some(self)
    }

    /// How the payment was opened.
    pub(super) fn opened(&self) -> Option<(&Recorded, &Opened)> {
        self.entries.iter().find_map(|recorded| match &recorded.entry.record {
            Record::Opened(opened) if opened.terms.payment == self.payment => {
                Some((recorded, opened.as_ref()))
            }
            _ => None,
        })
    }

    /// How it was declined before anybody was asked.
    pub(super) fn declined(&self) -> Option<&Declined> {
        self.entries.iter().find_map(|recorded| match &recorded.entry.record {
            Record::Declined(declined) => Some(declined.as_ref()),
            _ => None,
        })
    }

    /// How it was approved.
    pub(super) fn approved(&self) -> Option<(&Recorded, &Approved)> {
        self.entries.iter().find_map(|recorded| match &recorded.entry.record {
            Record::Approved(approved) => Some((recorded, approved.as_ref())),
            _ => None,
        })
    }

    /// Who asked, and for what.
    pub(super) fn terms(&self) -> Option<&Terms> {
        self.entries.iter().find_map(|recorded| terms(&recorded.entry.record, self.payment))
    }

    /// Who was named as payer.
    pub(super) fn customer(&self) -> Option<CustomerId> {
        let declined = || self.declined().map(|declined| declined.customer);
        self.opened().map(|(_, opened)| opened.customer).or_else(declined)
    }

    fn approver(&self) -> Option<(Lsn, CustomerId, DeviceId)> {
        let (recorded, approved) = self.approved()?;
        Some((recorded.lsn, self.customer()?, approved.device))
    }
}

impl Payees {
    fn follow(&mut self, change: &RegisterChange) {
        match change {
            RegisterChange::Merchant(merchant) => {
                self.merchants.insert(merchant.id, merchant.clone());
            }
            RegisterChange::Store(store) => {
                self.stores.insert(store.id, store.clone());
            }
            RegisterChange::Terminal(_)
            | RegisterChange::Controller(_)
            | RegisterChange::Hub(_)
            | RegisterChange::DefaultLimits(_) => {}
        }
    }

    fn of(&self, terms: &Terms) -> Payee {
        let merchant = self.merchants.get(&terms.merchant).cloned();
        Payee { merchant, store: self.stores.get(&terms.store).cloned() }
    }
}

impl Payee {
    /// Fills in what the journal has not said since it was trimmed.
    fn or(self, before: Self) -> Self {
        Self { merchant: self.merchant.or(before.merchant), store: self.store.or(before.store) }
    }
}

impl Archived {
    /// Puts the archive's records among those of the journal, which are the ones that verify.
    fn merge(filed: &Filed, entries: &mut Vec<Recorded>, reading: &Reading) -> Self {
        let (mut alone, mut otherwise) = (Vec::new(), Vec::new());
        for archived in &filed.entries {
            match entries.iter().find(|held| held.lsn == archived.lsn) {
                Some(held) if held == archived => {}
                Some(_) => otherwise.push(archived.lsn),
                None if archived.lsn < reading.records.start => alone.push(archived.lsn),
                // The journal ends before it, or says something else there.
                None => otherwise.push(archived.lsn),
            }
        }
        let missing = filed.entries.iter().filter(|archived| alone.contains(&archived.lsn));
        entries.extend(missing.cloned());
        entries.sort_by_key(|recorded| recorded.lsn);
        Self { upto: filed.upto, alone, otherwise }
    }
}

/// What the journal and the records `filed` in the archive say of a handset, until it approved.
fn history(
    journal: &Path,
    key: &ChainKey,
    (until, customer, device): (Lsn, CustomerId, DeviceId),
    filed: &[Recorded],
) -> Result<Vec<DeviceChange>, Box<OpenError>> {
    let change = |recorded: &Recorded| {
        let (who, change) = match &recorded.entry.record {
            Record::DeviceAdded(it) => ((it.customer, it.device), DeviceChange::Enrolled),
            Record::Rekeyed(it) => ((it.customer, it.device), DeviceChange::Rekeyed),
            Record::DeviceRevoked(it) => ((it.customer, it.device), DeviceChange::Revoked),
            _ => return None,
        };
        (who == (customer, device) && recorded.lsn < until).then_some((recorded.lsn, change))
    };
    let mut changes: BTreeMap<_, _> = filed.iter().filter_map(change).collect();
    let visit = |recorded: Recorded| {
        changes.extend(change(&recorded));
        Ok::<_, Infallible>(())
    };
    read(journal, key, Lsn::NONE, visit).map_err(Box::new)?;
    Ok(changes.into_values().collect())
}

pub(super) fn terms(record: &Record, payment: PaymentId) -> Option<&Terms> {
    let terms = match record {
        Record::Opened(opened) => &opened.terms,
        Record::Declined(declined) => &declined.terms,
        _ => return None,
    };
    (terms.payment == payment).then_some(terms)
}
