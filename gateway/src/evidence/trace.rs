//! Finds the records of one payment, whom they name, and the history of the handset that approved.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;

use kessai_engine::terms::{CustomerId, DeviceId, MerchantId, PaymentId, StoreId};
use kessai_engine::{
    Approved, Declined, Lsn, Merchant, Opened, Record, RegisterChange, Store, Terms,
};
use kessai_journal::{ChainKey, OpenError, Reading, Recorded, read};

/// What was found in one reading.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) payment: PaymentId,
    /// All that names the payment, in the order of the journal.
    pub(super) entries: Vec<Recorded>,
    /// The payment that was refunded under the id that was asked for.
    pub(super) refunded: Option<PaymentId>,
    /// The payee as registered when the payment was asked for.
    pub(super) merchant: Option<Merchant>,
    pub(super) store: Option<Store>,
    /// What happened to the approving handset until then.
    pub(super) device: Vec<DeviceChange>,
    pub(super) reading: Reading,
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
    /// Reads the journal once, and again for the handset that approved.
    pub(super) fn read(
        journal: &Path,
        key: &ChainKey,
        payment: PaymentId,
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
        let (merchant, store) = payee.unwrap_or_default();
        let mut trace =
            Self { payment, entries, refunded, merchant, store, device: Vec::new(), reading };
        if let Some((lsn, customer, device)) = trace.approver() {
            trace.device = history(journal, key, lsn, (customer, device))?;
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

    fn of(&self, terms: &Terms) -> (Option<Merchant>, Option<Store>) {
        (self.merchants.get(&terms.merchant).cloned(), self.stores.get(&terms.store).cloned())
    }
}

fn history(
    journal: &Path,
    key: &ChainKey,
    until: Lsn,
    approver: (CustomerId, DeviceId),
) -> Result<Vec<DeviceChange>, Box<OpenError>> {
    let mut changes = Vec::new();
    let visit = |recorded: Recorded| {
        let change = match &recorded.entry.record {
            Record::DeviceAdded(it) if (it.customer, it.device) == approver => {
                Some(DeviceChange::Enrolled)
            }
            Record::Rekeyed(it) if (it.customer, it.device) == approver => {
                Some(DeviceChange::Rekeyed)
            }
            Record::DeviceRevoked(it) if (it.customer, it.device) == approver => {
                Some(DeviceChange::Revoked)
            }
            _ => None,
        };
        changes.extend(change.filter(|_| recorded.lsn < until));
        Ok::<_, Infallible>(())
    };
    read(journal, key, Lsn::NONE, visit).map_err(Box::new)?;
    Ok(changes)
}

fn terms(record: &Record, payment: PaymentId) -> Option<&Terms> {
    let terms = match record {
        Record::Opened(opened) => &opened.terms,
        Record::Declined(declined) => &declined.terms,
        _ => return None,
    };
    (terms.payment == payment).then_some(terms)
}
