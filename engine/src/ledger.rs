//! What a shard owes the merchants, what went through their terminals, and the sums that prove
//! that no money came or went.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use kessai_terms::ids::{MerchantId, TerminalId};
use kessai_terms::money::{Amount, AmountError, Currency, Net};

use crate::calendar::BusinessDate;
use crate::record::Terms;
use crate::sync::SeededMap;

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
    /// What went through each terminal on each business day; few days are looked at, and of these
    /// today's at every capture.
    turnover: BTreeMap<BusinessDate, SeededMap<TerminalId, Vec<(Currency, Turnover)>>>,
    seed: u64,
}

/// What went through a terminal on a business day, in one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
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
}

impl Ledger {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            tallies: BTreeMap::new(),
            exchange: BTreeMap::new(),
            funded: BTreeMap::new(),
            turnover: BTreeMap::new(),
            seed,
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
        let Movement { terms, flow, amount, price, terminal, on } = *movement;
        let (charge, owed) = (&terms.charge, flow.signed(price)?);
        let currency = charge.price_currency();
        if charge.foreign.is_some() {
            add(self.exchange.entry(charge.currency).or_default(), flow.signed(amount)?)?;
            add(self.exchange.entry(currency).or_default(), owed.checked_neg()?)?;
        }
        add(self.tallies.entry((terms.merchant, currency)).or_default(), owed)?;
        self.turnover_of(terminal, on, currency).count(flow, price)
    }

    fn turnover_of(
        &mut self,
        terminal: TerminalId,
        on: BusinessDate,
        currency: Currency,
    ) -> &mut Turnover {
        let day = self.turnover.entry(on);
        let seed = self.seed;
        let day = day.or_insert_with(|| SeededMap::with_hasher(FixedState::with_seed(seed)));
        let sums = day.entry(terminal).or_default();
        let place = sums.iter().position(|(of, _)| *of == currency).unwrap_or_else(|| {
            sums.push((currency, Turnover::default()));
            sums.len().saturating_sub(1)
        });
        #[expect(clippy::expect_used, reason = "it was found, or has just been put there")]
        let (_, turnover) = sums.get_mut(place).expect("the currency has its place");
        turnover
    }

    /// What went through a terminal on a business day.
    pub(crate) fn turnover(
        &self,
        terminal: &TerminalId,
        on: BusinessDate,
    ) -> &[(Currency, Turnover)] {
        let day = self.turnover.get(&on);
        day.and_then(|day| day.get(terminal)).map_or(&[], Vec::as_slice)
    }

    /// Goes through all that went through terminals, in no order.
    pub(crate) fn turnovers(
        &self,
    ) -> impl Iterator<Item = (BusinessDate, TerminalId, Currency, Turnover)> {
        self.turnover.iter().flat_map(|(on, day)| {
            day.iter().flat_map(|(terminal, sums)| {
                sums.iter().map(|(currency, turnover)| (*on, *terminal, *currency, *turnover))
            })
        })
    }
}

pub(crate) fn add(sum: &mut Net, more: Net) -> Result<(), AmountError> {
    *sum = sum.checked_add(more)?;
    Ok(())
}
