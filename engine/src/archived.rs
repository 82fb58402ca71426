//! Payments that have left the memory, as their records tell of them.

use std::borrow::Borrow;

use bytes::Bytes;
use kessai_terms::ids::{PaymentId, TerminalId};
use kessai_terms::reason::Reason;

use crate::command::{Freshness, Opening};
use crate::payment::{Payment, PaymentView};
use crate::record::{Entry, PaymentRow, Record, RequestDigest};
use crate::refund::{Refund, RefundView, Refunding};
use crate::shard::Corrupt;
use crate::state::PaymentState;

/// A payment folded from its records: what memory would hold of it.
///
/// Its view has no notice's number, which its own records do not tell, and depends on nothing that
/// still has to become durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedPayment {
    row: PaymentRow,
    view: PaymentView,
    refunds: Vec<RefundView>,
}

impl ArchivedPayment {
    /// Folds what `entries`, in the order of the journal, say of `payment`; nothing if they say
    /// nothing. Entries about others are passed over.
    ///
    /// # Errors
    /// [`Corrupt`] if one cannot follow those before it.
    pub fn fold<E: Borrow<Entry>>(
        payment: PaymentId,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<Option<Self>, Corrupt> {
        let mut folded: Option<Payment> = None;
        for entry in entries {
            let entry = entry.borrow();
            if !entry.record.payments().any(|named| named == payment) {
                continue;
            }
            match &mut folded {
                Some(found) => {
                    found.follow(entry)?;
                }
                None => folded = Some(first(payment, entry)?),
            }
        }
        Ok(folded.map(Self::from))
    }

    /// Where it stands.
    #[must_use]
    pub const fn view(&self) -> &PaymentView {
        &self.view
    }

    /// What was given back of it, the earliest first.
    #[must_use]
    pub fn refunds(&self) -> &[RefundView] {
        &self.refunds
    }

    /// The exact bytes that the customer was shown, if a machine's report about the goods may come
    /// again; else empty.
    #[must_use]
    pub const fn confirmation(&self) -> &Bytes {
        &self.row.confirmation
    }

    /// Tells it again.
    #[must_use]
    pub fn repeat(&self) -> Opening {
        Opening::repeat(&self.view)
    }

    /// Answers an open under its id: alike, if the same terminal asks the same.
    ///
    /// # Errors
    /// [`Reason::PaymentIdReused`] for anything else.
    pub fn answer_open(
        &self,
        terminal: &TerminalId,
        request: &RequestDigest,
    ) -> Result<Opening, Reason> {
        self.view.answer_open(terminal, request)
    }

    /// Answers a refund whose id one of its refunds has: alike, if the same terminal asks the same.
    ///
    /// # Errors
    /// [`Reason::PaymentIdReused`] for anything else.
    pub fn answer_refund(&self, asked: &Refund) -> Result<Refunding, Reason> {
        let made = self.refunds.iter().find(|refund| refund.answers(asked));
        let refund = *made.ok_or(Reason::PaymentIdReused)?;
        Ok(Refunding { view: self.view.clone(), refund, freshness: Freshness::Repeat })
    }

    /// Says whether it can come back into memory: whether it has ended, and a customer has paid or
    /// was to pay.
    pub(crate) fn is_whole(&self) -> bool {
        let waits = matches!(self.view.state, PaymentState::Pending | PaymentState::Authorised);
        !waits && self.view.customer.is_some()
    }

    pub(crate) const fn row(&self) -> &PaymentRow {
        &self.row
    }
}

impl From<Payment> for ArchivedPayment {
    fn from(payment: Payment) -> Self {
        Self { row: payment.row(), view: payment.view, refunds: payment.refunds }
    }
}

/// The payment that its first record makes.
fn first(payment: PaymentId, entry: &Entry) -> Result<Payment, Corrupt> {
    match &entry.record {
        Record::Opened(opened) if opened.terms.payment == payment => {
            Ok(Payment::opened(opened, entry))
        }
        Record::Declined(declined) => Ok(Payment::declined(declined, entry)),
        Record::Overtaken(overtaken) => Ok(Payment::overtaken(overtaken, entry)),
        Record::Recalled(row) => Payment::of_row(row),
        Record::Opened(_)
        | Record::Mismatched(_)
        | Record::Approved(_)
        | Record::Ended(_)
        | Record::Captured(_)
        | Record::Reversed(_)
        | Record::Refunded(_)
        | Record::Registered(_)
        | Record::CustomerAdded(_)
        | Record::Credited(_)
        | Record::Debited(_)
        | Record::DeviceAdded(_)
        | Record::DeviceRevoked(_)
        | Record::Rekeyed(_)
        | Record::Unblocked(_)
        | Record::ProfileSet(_)
        | Record::ProfileErased(_)
        | Record::PolicySet(_) => Err(Corrupt::Payment(payment)),
    }
}
