//! Merchants and the exchange: what tills took adds up to what the books hold.

use std::collections::{BTreeMap, BTreeSet};

use kessai_engine::PaymentState;
use kessai_engine::terms::{Amount, Net};

use super::{Books, Positions, Tallies, Together, steps};
use crate::exchange::HOME;
use crate::ledger::{Record, Standing};

/// What stays debited of a payment that has come so far.
pub(crate) fn kept(state: PaymentState, captured: Amount, refunded: Amount) -> Net {
    match state {
        PaymentState::Captured | PaymentState::Refunded => {
            Net::from(captured).checked_sub(refunded).unwrap_or_default()
        }
        PaymentState::Pending
        | PaymentState::Authorised
        | PaymentState::Reversed
        | PaymentState::Declined
        | PaymentState::Cancelled
        | PaymentState::Expired => Net::default(),
    }
}

/// What tills took, and what of that changed hands between currencies.
#[derive(Debug, Default)]
pub(super) struct Sums {
    merchants: Tallies,
    exchange: Positions,
}

impl Sums {
    /// Adds what came of a payment.
    pub(super) fn add(&mut self, record: &Record) {
        let order = &record.order;
        let Some(last) = record.standings().pop() else { return };
        let taken = self.merchants.entry((order.merchant, order.currency)).or_default();
        *taken = taken.checked_add(left_with_store(&last)).unwrap_or(*taken);
        if !order.is_foreign() {
            return;
        }
        // Prices in another currency are bought with what customers were charged for them.
        let Some(customer) = steps::for_customer(order, &last) else { return };
        let charged = Standing { captured: customer.captured, refunded: customer.refunded, ..last };
        let bought = self.exchange.entry(HOME).or_default();
        *bought = bought.checked_add(left_with_store(&charged)).unwrap_or(*bought);
        let sold = self.exchange.entry(order.currency).or_default();
        *sold = sold.checked_sub(left_with_store(&last)).unwrap_or(*sold);
    }

    /// Says where the books grew by something else.
    pub(super) fn faults(&self, together: &Together<'_>, books: &Books) -> Vec<String> {
        let merchants = differences(&self.merchants, &together.merchants, &books.merchants);
        let merchants = merchants.filter(|((merchant, _), ..)| together.pays(merchant));
        let merchants = merchants.map(|((merchant, currency), own, owed)| {
            let code = currency.code();
            format!(
                "merchant {merchant}: its tills took {own} {code}, by the books it is owed {owed} \
                 more than before"
            )
        });
        let exchange = together
            .exchange
            .into_iter()
            .flat_map(|before| differences(&self.exchange, before, &books.exchange));
        let exchange = exchange.map(|(currency, own, books)| {
            let code = currency.code();
            format!("exchange: {own} {code} changed hands, by the books {books}")
        });
        merchants.chain(exchange).collect()
    }
}

/// What a payment leaves with its store, in the store's currency.
fn left_with_store(standing: &Standing) -> Net {
    if standing.state == PaymentState::Reversed {
        return Net::default();
    }
    Net::from(standing.captured).checked_sub(standing.refunded).unwrap_or_default()
}

/// Where own sums are not what the books grew by: the own sum, and the books'.
fn differences<K: Copy + Ord>(
    own: &BTreeMap<K, Net>,
    before: &BTreeMap<K, Net>,
    books: &BTreeMap<K, Net>,
) -> impl Iterator<Item = (K, i128, i128)> {
    let keys: BTreeSet<_> = own.keys().chain(before.keys()).chain(books.keys()).copied().collect();
    keys.into_iter().filter_map(|key| {
        let of = |sums: &BTreeMap<K, Net>| sums.get(&key).copied().unwrap_or_default();
        let (own, now) = (of(own), of(books));
        let grown = now.checked_sub(of(before)).unwrap_or(now);
        (own != grown).then(|| (key, own.minor(), grown.minor()))
    })
}
