//! What the processor looks up: payments by id and by time, and the sums of terminals and merchants.

use std::collections::BTreeMap;

use kessai_terms::ids::{MerchantId, PaymentId, TerminalId};
use kessai_terms::money::{AmountError, Currency, Net};

use super::Engine;
use crate::calendar::BusinessDate;
use crate::customer::CustomerView;
use crate::ledger::{Turnover, add};
use crate::payment::PaymentView;
use crate::record::Unit;
use crate::refund::RefundView;
use crate::slot::Lsn;
use crate::state::PaymentState;

/// What all merchants are owed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tallies {
    /// By merchant and currency.
    pub owed: BTreeMap<(MerchantId, Currency), Net>,
    /// The last record that made it so.
    pub after: Lsn,
}

impl Engine {
    /// Finds a payment in memory, whoever opened it.
    #[must_use]
    pub fn payment(&self, payment: &PaymentId) -> Option<PaymentView> {
        let unit = self.unit_of(payment)?;
        self.shard(unit).with(|shard| shard.payments.get(payment).map(|found| found.view.clone()))
    }

    /// Lists the refunds of a payment, the earliest first.
    #[must_use]
    pub fn refunds_of(&self, payment: &PaymentId) -> Vec<RefundView> {
        let unit = self.unit_of(payment);
        unit.map_or_else(Vec::new, |unit| self.shard(unit).with(|shard| shard.refunds_of(payment)))
    }

    /// Lists the latest `limit` payments that were opened from `from_ms` on and before `to_ms`, the
    /// latest first; only those that stand in `state`, if one is given.
    ///
    /// Those opened in the same millisecond are listed by falling id.
    ///
    /// # Units
    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn payments_between(
        &self,
        from_ms: u64,
        to_ms: u64,
        state: Option<PaymentState>,
        limit: usize,
    ) -> Vec<PaymentView> {
        let mut from_ms = from_ms;
        let mut latest: Vec<(u64, PaymentId)> = Vec::new();
        for shard in &self.shards {
            shard.with(|shard| latest.extend(shard.latest(from_ms..to_ms, state, limit)));
            latest.sort_unstable_by(|one, other| other.cmp(one));
            latest.truncate(limit);
            if let Some((at_ms, _)) = latest.last().filter(|_| latest.len() == limit) {
                // What is older than all of these cannot come among them.
                from_ms = *at_ms;
            }
        }
        let views = latest.iter().filter_map(|(_, payment)| self.payment(payment));
        // One may have gone on since it was found.
        views.filter(|view| state.is_none_or(|state| view.state == state)).collect()
    }

    /// Adds up what went through a terminal on a business day, by the merchant's currency; nothing
    /// of days before the latest [`crate::TURNOVER_DAYS`].
    ///
    /// # Errors
    /// [`AmountError`] if a sum leaves its range.
    pub fn terminal_totals(
        &self,
        terminal: &TerminalId,
        on: BusinessDate,
    ) -> Result<BTreeMap<Currency, Turnover>, AmountError> {
        let mut totals: BTreeMap<_, Turnover> = BTreeMap::new();
        for shard in &self.shards {
            shard.with(|shard| {
                let sums = shard.ledger.days.of(terminal, on);
                // What was only approved has not gone through yet.
                let mut moved = sums.filter(|sums| sums.turnover != Turnover::default());
                moved.try_for_each(|sums| {
                    totals.entry(sums.currency).or_default().take_in(&sums.turnover)
                })
            })?;
        }
        Ok(totals)
    }

    /// Adds up what a merchant is owed, by currency.
    ///
    /// # Errors
    /// [`AmountError`] if a sum leaves its range.
    pub fn merchant_tally(
        &self,
        merchant: &MerchantId,
    ) -> Result<BTreeMap<Currency, Net>, AmountError> {
        let mut owed = BTreeMap::new();
        for shard in &self.shards {
            shard.with(|shard| {
                let own = shard.ledger.tallies.iter().filter(|((of, _), _)| of == merchant);
                own.into_iter().try_for_each(|((_, currency), tally)| {
                    add(owed.entry(*currency).or_default(), *tally)
                })
            })?;
        }
        Ok(owed)
    }

    /// Adds up what every merchant is owed, shard by shard.
    ///
    /// # Errors
    /// [`AmountError`] if a sum leaves its range.
    pub fn tallies(&self) -> Result<Tallies, AmountError> {
        let mut tallies = Tallies::default();
        for shard in &self.shards {
            shard.with(|shard| {
                tallies.after = tallies.after.max(shard.after);
                shard.ledger.tallies.iter().try_for_each(|(owner, tally)| {
                    add(tallies.owed.entry(*owner).or_default(), *tally)
                })
            })?;
        }
        Ok(tallies)
    }

    /// Lists the customers of one of [`Engine::units`].
    #[must_use]
    pub fn customers_of(&self, unit: Unit) -> Vec<CustomerView> {
        self.shard(unit).with(|shard| shard.customers.views().collect())
    }

    /// Lists the payments of one of [`Engine::units`] that were opened from `from_ms` on and before
    /// `to_ms`, the earliest first.
    ///
    /// # Units
    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn payments_of(&self, unit: Unit, from_ms: u64, to_ms: u64) -> Vec<PaymentView> {
        self.shard(unit).with(|shard| shard.opened(from_ms..to_ms).cloned().collect())
    }
}
