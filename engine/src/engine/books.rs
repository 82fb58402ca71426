//! The books: sums over all shards, and the proof that no money came or went.

use std::collections::BTreeMap;

use kessai_terms::ids::MerchantId;
use kessai_terms::money::{AmountError, Currency, Net};

use super::Engine;
use crate::customer::CustomerView;
use crate::digest::digest_of;
use crate::ledger::add;
use crate::payment::{Payment, PaymentView};
use crate::shard::Shard;
use crate::slot::Lsn;
use crate::state::PaymentState;

/// Sums in one currency, in its minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CurrencyBooks {
    /// What customers have, held amounts included.
    pub balances: Net,
    /// The part of it that open payments wait for.
    pub held: Net,
    /// What merchants are owed.
    pub tallies: Net,
    /// The exchange position.
    pub exchange: Net,
    /// Credits less payouts.
    pub funded: Net,
}

/// The sums of all shards at a time when nothing moves; each shard's own are always consistent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// Sums by currency.
    pub currencies: BTreeMap<Currency, CurrencyBooks>,
    /// What each merchant is owed.
    pub merchants: BTreeMap<(MerchantId, Currency), Net>,
    /// How many payments stand in each state, those included that have left the memory.
    pub payments: BTreeMap<PaymentState, u64>,
    /// What is wrong: money that came or went, holds that nothing waits for, refunds of more than was
    /// captured. Empty if all is well.
    pub problems: Vec<String>,
}

impl Engine {
    /// Adds up the books, shard by shard.
    ///
    /// # Errors
    /// [`AmountError`] if a sum leaves its range.
    pub fn books(&self) -> Result<Books, AmountError> {
        let mut books = Books::default();
        for shard in &self.shards {
            shard.with(|shard| books.take_in(shard))?;
        }
        Ok(books)
    }

    /// Calls `look` for every customer, one shard at a time under its lock: be quick.
    pub fn each_customer(&self, mut look: impl FnMut(CustomerView)) {
        for shard in &self.shards {
            shard.with(|shard| {
                for view in shard.customers.views() {
                    look(view);
                }
            });
        }
    }

    /// Calls `look` for every payment, one shard at a time under its lock: be quick.
    pub fn each_payment(&self, mut look: impl FnMut(&PaymentView)) {
        for shard in &self.shards {
            shard.with(|shard| {
                for payment in shard.payments.values() {
                    look(&payment.view);
                }
            });
        }
    }

    /// Digests all journalled state: equal for a live engine and one recovered from its journal,
    /// whatever has left their memories.
    ///
    /// Ephemeral and left out: nonces of open prompts, counted places, places in the journal.
    #[must_use]
    pub fn state_hash(&self) -> u128 {
        let register = self.register.read();
        let mut sum = digest_of(&register.merchants().collect::<Vec<_>>())
            .wrapping_add(digest_of(&register.stores().collect::<Vec<_>>()))
            .wrapping_add(digest_of(&register.places().map(|p| &p.terminal).collect::<Vec<_>>()))
            .wrapping_add(digest_of(&register.controllers().collect::<Vec<_>>()))
            .wrapping_add(digest_of(&register.hubs().collect::<Vec<_>>()))
            .wrapping_add(digest_of(&register.all_default_limits().collect::<Vec<_>>()));
        for shard in &self.shards {
            sum = sum.wrapping_add(shard.with(|shard| shard.hash_rows()));
        }
        sum
    }
}

impl Shard {
    fn hash_rows(&self) -> u128 {
        let customers =
            self.customers.views().zip(self.customers.iter()).map(|(view, (_, own))| {
                let view = CustomerView { after: Lsn::NONE, ..view };
                let devices: Vec<_> =
                    own.devices.iter().map(|d| (d.pin, d.salt, d.version)).collect();
                digest_of(&(view, devices, &own.open, &own.recent, own.asks, own.dossier()))
            });
        let payments = self.payments.values().map(Payment::digest);
        let sums = (&self.ledger.tallies, &self.ledger.exchange, &self.ledger.funded);
        let days = self.ledger.days.iter().map(|sums| digest_of(&sums));
        customers
            .chain(payments)
            .chain(days)
            .chain([self.departed.digest])
            .fold(digest_of(&(self.place(), sums)), u128::wrapping_add)
    }
}

impl Books {
    fn take_in(&mut self, shard: &Shard) -> Result<(), AmountError> {
        let mut own: BTreeMap<Currency, CurrencyBooks> = BTreeMap::new();
        for (account, _) in shard.customers.iter() {
            let books = own.entry(account.currency).or_default();
            add(&mut books.balances, account.balance.into())?;
            add(&mut books.held, account.held.into())?;
            if account.held > account.balance {
                self.problems.push("a customer's holds exceed the balance".into());
            }
        }
        for ((merchant, currency), tally) in &shard.ledger.tallies {
            add(&mut own.entry(*currency).or_default().tallies, *tally)?;
            add(self.merchants.entry((*merchant, *currency)).or_default(), *tally)?;
        }
        for (currency, position) in &shard.ledger.exchange {
            add(&mut own.entry(*currency).or_default().exchange, *position)?;
        }
        for (currency, funded) in &shard.ledger.funded {
            add(&mut own.entry(*currency).or_default().funded, *funded)?;
        }
        let mut held: BTreeMap<Currency, Net> = BTreeMap::new();
        for payment in shard.payments.values() {
            let view = &payment.view;
            let count = self.payments.entry(view.state).or_default();
            *count = count.saturating_add(1);
            if view.refunded > view.captured || view.refunded_price > view.captured_price {
                self.problems.push("more was given back of a payment than was captured".into());
            }
            let waits = matches!(view.state, PaymentState::Pending | PaymentState::Authorised);
            if let Some(terms) = view.terms.filter(|_| waits) {
                add(held.entry(terms.charge.currency).or_default(), terms.charge.amount.into())?;
            }
        }
        for (state, gone) in &shard.departed.states {
            let count = self.payments.entry(*state).or_default();
            *count = count.saturating_add(*gone);
        }
        // Where all have come back, or none stands so.
        self.payments.retain(|_, count| *count > 0);
        for currency in held.keys() {
            own.entry(*currency).or_default();
        }
        for (currency, books) in own {
            let waiting = held.remove(&currency).unwrap_or_default();
            self.judge(currency, &books, waiting)?;
            self.currencies.entry(currency).or_default().take_in(&books)?;
        }
        Ok(())
    }

    /// Balances, tallies and exchange position must add up to credits less payouts, and holds to
    /// what open payments wait for.
    fn judge(
        &mut self,
        currency: Currency,
        books: &CurrencyBooks,
        waiting: Net,
    ) -> Result<(), AmountError> {
        let there = books.balances.checked_add(books.tallies)?.checked_add(books.exchange)?;
        if there != books.funded {
            self.problems.push(format!(
                "a shard holds {} minor units of {} where {} were put in",
                there.minor(),
                currency.code(),
                books.funded.minor()
            ));
        }
        if books.held != waiting {
            self.problems.push(format!(
                "a shard holds back {} minor units of {} where open payments wait for {}",
                books.held.minor(),
                currency.code(),
                waiting.minor()
            ));
        }
        Ok(())
    }
}

impl CurrencyBooks {
    fn take_in(&mut self, other: &Self) -> Result<(), AmountError> {
        add(&mut self.balances, other.balances)?;
        add(&mut self.held, other.held)?;
        add(&mut self.tallies, other.tallies)?;
        add(&mut self.exchange, other.exchange)?;
        add(&mut self.funded, other.funded)
    }
}
