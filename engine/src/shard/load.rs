//! How a shard is filled from a snapshot, before any record is replayed.

use std::sync::Arc;

use super::{Corrupt, Shard};
use crate::calendar::BusinessDate;
use crate::command::Keyring;
use crate::customer::Account;
use crate::device::Device;
use crate::ledger::DaySums;
use crate::payment::Payment;
use crate::record::Entry;
use crate::snapshot::{CustomerRow, Head, KeptPayment, LoadError, Rows};
use crate::state::PaymentState;

/// Room that is made at once for rows that are announced.
const MOST_RESERVED: usize = 1 << 20;

/// How far a shard is filled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Loading {
    /// Nothing was loaded: the journal has everything.
    #[default]
    Nothing,
    /// So many rows are to come in all.
    Begun(Rows),
    /// It has every record up to this one.
    Whole(u64),
}

impl Shard {
    /// Says whether the snapshot has the record of `entry` already.
    pub(crate) const fn has(&self, entry: &Entry) -> bool {
        match self.loading {
            Loading::Whole(sequence) => entry.sequence <= sequence,
            Loading::Nothing | Loading::Begun(_) => false,
        }
    }

    /// Says whether it was loaded, and whole.
    pub(crate) const fn is_loaded(&self) -> bool {
        matches!(self.loading, Loading::Whole(_))
    }

    pub(crate) fn load_head(&mut self, head: Head) -> Result<(), LoadError> {
        if self.sequence != 0 || self.loading != Loading::Nothing {
            return Err(LoadError::Misplaced(self.unit));
        }
        self.loading = Loading::Begun(head.rows);
        (self.sequence, self.at_ms) = (head.sequence, head.at_ms);
        self.raise_floor(head.floor_ms);
        self.ledger.tallies = head.tallies;
        self.ledger.exchange = head.exchange;
        self.ledger.funded = head.funded;
        self.departed = head.departed;
        self.customers.reserve(head.rows.customers.min(MOST_RESERVED));
        let payments = head.rows.payments.min(MOST_RESERVED);
        self.payments.reserve(payments);
        self.timeline.reserve(payments);
        Ok(())
    }

    pub(crate) fn load_customers(
        &mut self,
        rows: Vec<CustomerRow>,
        keyring: &Keyring,
    ) -> Result<(), LoadError> {
        self.check_begun()?;
        Ok(rows.into_iter().try_for_each(|row| self.load_customer(row, keyring))?)
    }

    fn load_customer(&mut self, row: CustomerRow, keyring: &Keyring) -> Result<(), Corrupt> {
        if self.customers.seat(&row.customer).is_some() {
            return Err(Corrupt::Customer);
        }
        let mut account = Account::new(row.currency, row.balance);
        account.hold(row.held)?;
        account.wrong_in_row = row.wrong_in_row;
        (account.standing, account.named_by) = (row.standing, row.named_by);
        let seat = self.customers.add(row.customer, account).ok_or(Corrupt::Customer)?;
        let holder = self.customers.holder_mut(seat);
        for own in row.devices {
            let (whose, connects) = ((row.customer, own.device), (own.pin, own.salt));
            holder.devices.push(Arc::new(Device::open(&own.row, whose, connects, keyring)?));
        }
        holder.open = row.open;
        holder.notices = row.notices;
        holder.recent = row.recent.into();
        (holder.spending, holder.asks) = (row.spending, row.asks);
        if let Some(dossier) = row.dossier {
            *holder.dossier_mut() = *dossier;
        }
        Ok(())
    }

    pub(crate) fn load_days(
        &mut self,
        rows: Vec<(BusinessDate, DaySums)>,
    ) -> Result<(), LoadError> {
        self.check_begun()?;
        let mut rows = rows.into_iter();
        let entered = rows.try_for_each(|(on, sums)| self.ledger.days.enter(on, sums));
        entered.ok_or(LoadError::Misplaced(self.unit))
    }

    pub(crate) fn load_payments(&mut self, rows: &[KeptPayment]) -> Result<(), LoadError> {
        self.check_begun()?;
        Ok(rows.iter().try_for_each(|kept| self.load_payment(kept))?)
    }

    fn load_payment(&mut self, kept: &KeptPayment) -> Result<(), Corrupt> {
        let id = kept.row.payment;
        let mut payment = Payment::of_row(&kept.row)?;
        (payment.view.notice, payment.touched_ms) = (kept.notice, kept.touched_ms);
        if let Some(pending) = &mut payment.pending {
            pending.wrong = kept.wrong;
        }
        match payment.view.state {
            PaymentState::Pending | PaymentState::Authorised => {
                self.deadlines.insert((payment.view.deadline_ms, id));
            }
            PaymentState::Captured
            | PaymentState::Reversed
            | PaymentState::Refunded
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => {}
        }
        let payer = payment.view.customer.map(|customer| self.seated(&customer)).transpose()?;
        self.insert(payment, payer).map(|_| ())
    }

    /// Checks that all rows are there.
    pub(crate) fn finish_load(&mut self) -> Result<(), LoadError> {
        let rows = Rows {
            customers: self.customers.len(),
            days: self.ledger.days.iter().count(),
            payments: self.payments.len(),
        };
        if self.loading != Loading::Begun(rows) {
            return Err(LoadError::Incomplete(self.unit));
        }
        self.loading = Loading::Whole(self.sequence);
        Ok(())
    }

    fn check_begun(&self) -> Result<(), LoadError> {
        match self.loading {
            Loading::Begun(_) => Ok(()),
            Loading::Nothing | Loading::Whole(_) => Err(LoadError::Misplaced(self.unit)),
        }
    }
}
