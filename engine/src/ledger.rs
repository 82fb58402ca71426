//! What a shard owes the merchants, and the sums that prove that no money came or went.

use std::collections::BTreeMap;

use kessai_terms::ids::MerchantId;
use kessai_terms::money::{Amount, AmountError, Currency, Net};

use crate::offer::Charge;

/// A shard's own tallies; the books add up all shards'.
///
/// A popular merchant is not a lock: every shard keeps its own signed tally of what it owes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// Owed to each merchant.
    pub(crate) tallies: BTreeMap<(MerchantId, Currency), Net>,
    /// Bought (positive) or sold by exchanging customers' money into merchants' currencies.
    pub(crate) exchange: BTreeMap<Currency, Net>,
    /// Credits less payouts.
    pub(crate) funded: BTreeMap<Currency, Net>,
}

/// Which way money moves between customer and merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    ToMerchant,
    BackToCustomer,
}

impl Ledger {
    /// Takes in what the processor put on a customer's balance.
    pub(crate) fn fund(&mut self, currency: Currency, amount: Amount) -> Result<(), AmountError> {
        add(self.funded.entry(currency).or_default(), Net::from(amount))
    }

    /// Gives out what the processor took off a customer's balance.
    pub(crate) fn pay_out(
        &mut self,
        currency: Currency,
        amount: Amount,
    ) -> Result<(), AmountError> {
        add(self.funded.entry(currency).or_default(), Net::from(amount).checked_neg()?)
    }

    /// Moves `amount` of a charge to or from the merchant's tally; a foreign price moves both
    /// currencies through the exchange position.
    pub(crate) fn settle(
        &mut self,
        merchant: MerchantId,
        charge: &Charge,
        amount: Amount,
        flow: Flow,
    ) -> Result<(), AmountError> {
        let signed = |amount: Amount| match flow {
            Flow::ToMerchant => Ok(Net::from(amount)),
            Flow::BackToCustomer => Net::from(amount).checked_neg(),
        };
        let Some(foreign) = &charge.foreign else {
            return add(
                self.tallies.entry((merchant, charge.currency)).or_default(),
                signed(amount)?,
            );
        };
        let price = signed(foreign.price)?;
        add(self.exchange.entry(charge.currency).or_default(), signed(amount)?)?;
        add(self.exchange.entry(foreign.currency).or_default(), price.checked_neg()?)?;
        add(self.tallies.entry((merchant, foreign.currency)).or_default(), price)
    }
}

pub(crate) fn add(sum: &mut Net, more: Net) -> Result<(), AmountError> {
    *sum = sum.checked_add(more)?;
    Ok(())
}
