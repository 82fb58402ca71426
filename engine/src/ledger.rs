//! What a shard owes the merchants, what went through their terminals, and the sums that prove
//! that no money came or went.

use std::collections::BTreeMap;

use kessai_terms::ids::{MerchantId, TerminalId};
use kessai_terms::money::{Amount, AmountError, Currency, Net};
use serde::{Deserialize, Serialize};

use crate::calendar::BusinessDate;
use crate::record::Terms;

mod days;

pub use days::TURNOVER_DAYS;
pub(crate) use days::{DayPlace, DaySums, Days};

/// A shard's own tallies; the books add up all shards'.
///
/// A popular merchant is not a lock: every shard keeps its own signed tally of what it owes them.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Owed to each merchant.
    pub(crate) tallies: BTreeMap<(MerchantId, Currency), Net>,
    /// Bought (positive) or sold by exchanging customers' money into merchants' currencies.
    pub(crate) exchange: BTreeMap<Currency, Net>,
    /// Credits less payouts.
    pub(crate) funded: BTreeMap<Currency, Net>,
    /// What went through each terminal on the latest business days.
    pub(crate) days: Days,
}

/// What went through a terminal on a business day, in one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Turnover {
    /// How many payments were captured, those included that were reversed later.
    pub captures: u64,
    /// What they came to, in minor units of the merchant's currency.
    pub captured: Net,
    /// How many captured payments were reversed.
    pub reversals: u64,
    /// What those came to.
    pub reversed: Net,
    /// How many refunds were made here, whichever terminal the payments were made at.
    pub refunds: u64,
    /// What they came to.
    pub refunded: Net,
}

impl Turnover {
    const NONE: Self = Self {
        captures: 0,
        captured: Net::ZERO,
        reversals: 0,
        reversed: Net::ZERO,
        refunds: 0,
        refunded: Net::ZERO,
    };

    pub(crate) fn take_in(&mut self, other: &Self) -> Result<(), AmountError> {
        self.captures = self.captures.saturating_add(other.captures);
        add(&mut self.captured, other.captured)?;
        self.reversals = self.reversals.saturating_add(other.reversals);
        add(&mut self.reversed, other.reversed)?;
        self.refunds = self.refunds.saturating_add(other.refunds);
        add(&mut self.refunded, other.refunded)
    }

    fn count(&mut self, flow: Flow, price: Amount) -> Result<(), AmountError> {
        let (one, sum) = match flow {
            Flow::Capture => (&mut self.captures, &mut self.captured),
            Flow::Reversal => (&mut self.reversals, &mut self.reversed),
            Flow::Refund => (&mut self.refunds, &mut self.refunded),
        };
        *one = one.saturating_add(1);
        add(sum, price.into())
    }
}

/// Why money moves between customer and merchant, and so which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// To the merchant.
    Capture,
    /// Back to the customer, before the cut-off.
    Reversal,
    /// Back to the customer, at any time.
    Refund,
}

impl Flow {
    fn signed(self, amount: Amount) -> Result<Net, AmountError> {
        match self {
            Self::Capture => Ok(Net::from(amount)),
            Self::Reversal | Self::Refund => Net::from(amount).checked_neg(),
        }
    }
}

/// Money that moves between a payment's customer and its merchant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Movement<'a> {
    pub(crate) terms: &'a Terms,
    pub(crate) flow: Flow,
    /// In the customer's currency.
    pub(crate) amount: Amount,
    /// In the merchant's: the same amount unless the price is foreign.
    pub(crate) price: Amount,
    /// Where it was asked for.
    pub(crate) terminal: TerminalId,
    pub(crate) on: BusinessDate,
    /// The day that the payment was opened on, if this is its approval as well.
    pub(crate) approved_of: Option<BusinessDate>,
}

impl Ledger {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            tallies: BTreeMap::new(),
            exchange: BTreeMap::new(),
            funded: BTreeMap::new(),
            days: Days::new(seed),
        }
    }

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

    /// Moves money to or from the merchant's tally; a foreign price moves both currencies through
    /// the exchange position.
    pub(crate) fn settle(&mut self, movement: &Movement<'_>) -> Result<(), AmountError> {
        let Movement { terms, flow, amount, price, terminal, on, approved_of } = *movement;
        let (charge, owed) = (&terms.charge, flow.signed(price)?);
        let currency = charge.price_currency();
        if charge.foreign.is_some() {
            add(self.exchange.entry(charge.currency).or_default(), flow.signed(amount)?)?;
            add(self.exchange.entry(currency).or_default(), owed.checked_neg()?)?;
        }
        add(self.tallies.entry((terms.merchant, currency)).or_default(), owed)?;
        let sums = self.days.sums(on, terminal, currency)?;
        sums.turnover.count(flow, price)?;
        match approved_of {
            Some(opened_on) if opened_on == on => sums.approve(charge.price()),
            Some(opened_on) => self.approve(terms, opened_on),
            None => Ok(()),
        }
    }

    /// Counts a payment as approved on the day that it was opened on.
    pub(crate) fn approve(
        &mut self,
        terms: &Terms,
        opened_on: BusinessDate,
    ) -> Result<(), AmountError> {
        let (price, currency) = (terms.charge.price(), terms.charge.price_currency());
        self.days.sums(opened_on, terms.terminal, currency)?.approve(price)
    }
}

pub(crate) fn add(sum: &mut Net, more: Net) -> Result<(), AmountError> {
    *sum = sum.checked_add(more)?;
    Ok(())
}
