//! Customers and merchants: what they were told adds up to what the books hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::{Amount, CustomerId, MerchantId, Net, Reason};

use super::{Books, Budgets, CustomerEntry, Evidence, Positions, Tallies, steps};
use crate::exchange::HOME;
use crate::ledger::{Moment, Record, Standing, Telling, Told};
use crate::people::Deed;

/// Says which sums do not agree.
pub(super) fn faults(evidence: &Evidence, books: &Books) -> Vec<String> {
    let mut faults = Vec::new();
    let mut of_customer: BTreeMap<CustomerId, Vec<&Record>> = BTreeMap::new();
    for (_, record) in &evidence.records {
        of_customer.entry(record.order.customer).or_default().push(record);
    }
    for (customer, before) in &evidence.before.customers {
        let records = of_customer.get(customer).map_or(&[][..], Vec::as_slice);
        let now = books.customers.get(customer);
        for fault in customer_faults((customer, before), now, records, evidence) {
            faults.push(format!("customer {customer}: {fault}"));
        }
    }
    let before = &evidence.before.customers;
    for customer in books.customers.keys().filter(|id| !before.contains_key(id)) {
        faults.push(format!("customer {customer}: it is in the books, and nobody entered it"));
    }
    faults.extend(merchant_faults(evidence, books));
    if evidence.share.is_none() {
        faults.extend(exchange_faults(evidence, books));
    }
    faults
}

/// A customer's money is what they had less what they were told was debited, and nothing is held.
fn customer_faults(
    (customer, before): (&CustomerId, &CustomerEntry),
    now: Option<&CustomerEntry>,
    records: &[&Record],
    evidence: &Evidence,
) -> Vec<String> {
    let Some(now) = now else {
        return vec!["the books do not know it".to_owned()];
    };
    let tries = evidence.tries;
    let mut faults = Vec::new();
    let mut asks = Asks::default();
    let mut left = Net::from(before.balance);
    let mut notices = BTreeSet::new();
    let mut wrong_in_row = usize::from(before.wrong_in_row);
    for record in records {
        let wrong = record.acts.iter().filter(|(_, deed)| *deed == Deed::Mistype).count();
        wrong_in_row = wrong_in_row.saturating_add(wrong);
        if let Some((told, last)) = record.first_and_last_told() {
            faults.extend(funds_fault(record, told, left));
            faults.extend(evidence.budgets.and_then(|budgets| asks.fault(record, told, &budgets)));
            let enough = wrong >= tries.a_payment || wrong_in_row >= tries.in_row;
            if told.reason == Some(Reason::TriesExceeded) && !enough {
                faults.push(format!(
                    "a payment was declined for wrong passwords, and only {wrong} were typed"
                ));
            }
            if told.state.is_approved() {
                wrong_in_row = 0;
            }
            left = left.checked_sub(kept(last.state, last.captured, last.refunded)).unwrap_or(left);
        }
        for number in record.notices() {
            if !notices.insert(number) {
                faults.push(format!("two payments came under notice {number}"));
            }
        }
    }
    if left != Net::from(now.balance) {
        faults.push(format!(
            "by what it was told it has {} yen, by the books {}",
            left.minor(),
            now.balance.minor()
        ));
    }
    if !now.held.is_zero() {
        faults.push(format!("{} yen are held, and nothing is open", now.held.minor()));
    }
    let seen = u64::try_from(notices.len()).unwrap_or(u64::MAX);
    let owed = now.notices.saturating_sub(before.notices);
    let is_told = match evidence.telling(customer) {
        Telling::Every => seen == owed,
        Telling::Latest => notices.last().copied().unwrap_or(before.notices) == now.notices,
    };
    if !is_told {
        faults.push(format!("it saw {seen} notices of the {owed} that it was owed"));
    }
    faults
}

/// A decline for want of funds must be one, and nobody may spend what they do not have. A customer
/// stands at one till at a time, so that the order of payments is the order of their arrivals.
fn funds_fault(record: &Record, told: &Told, left: Net) -> Option<String> {
    let total = record.order.charge;
    let enough = left.minor() >= Net::from(total).minor();
    let (left, total) = (left.minor(), total.minor());
    if told.reason == Some(Reason::InsufficientFunds) && enough {
        Some(format!("{total} yen were declined for want of funds, and {left} were there"))
    } else if told.state.is_approved() && !enough {
        Some(format!("{total} yen were approved, and only {left} were there"))
    } else {
        None
    }
}

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

/// When a customer was asked by plain id, and when nothing came of it.
#[derive(Default)]
struct Asks {
    asked: Vec<Moment>,
    unanswered: Vec<Moment>,
}

impl Asks {
    /// Whoever is left in peace must have been asked often, or in vain.
    fn fault(&mut self, record: &Record, told: &Told, budgets: &Budgets) -> Option<String> {
        /// The gateway's minute begins with an ask, and clocks differ.
        const MINUTE: Duration = Duration::from_millis(60_100);
        if record.order.is_by_code() {
            return None;
        }
        let within = |moments: &[Moment], window: Duration| {
            moments.iter().filter(|at| told.at.saturating_sub(**at) <= window).count()
        };
        let asked = u32::try_from(within(&self.asked, MINUTE)).unwrap_or(u32::MAX);
        let in_vain = within(&self.unanswered, budgets.window);
        let is_tired =
            asked >= budgets.asks_per_minute || in_vain >= usize::from(budgets.mute_after);
        self.asked.push(told.at);
        match told.reason {
            Some(Reason::Muted) if !is_tired => {
                Some(format!("it was left in peace after {asked} asks, {in_vain} of them in vain"))
            }
            Some(
                Reason::ExpiredUnseen
                | Reason::ExpiredUnanswered
                | Reason::CancelledByCustomer
                | Reason::CancelledByTerminal
                | Reason::TriesExceeded
                | Reason::InsufficientFunds
                | Reason::PaymentLimit
                | Reason::DayLimit
                | Reason::CountLimit,
            ) => {
                self.unanswered.push(told.at);
                None
            }
            _ => None,
        }
    }
}

/// What a payment leaves with its store, in the store's currency.
fn left_with_store(standing: &Standing) -> Net {
    if standing.state == PaymentState::Reversed {
        return Net::default();
    }
    Net::from(standing.captured).checked_sub(standing.refunded).unwrap_or_default()
}

/// A merchant is owed, beyond what it was owed before, what its tills took and did not give back.
fn merchant_faults(evidence: &Evidence, books: &Books) -> Vec<String> {
    let mut own = Tallies::new();
    for (_, record) in &evidence.records {
        if let Some(last) = record.standings().last() {
            let sum = own.entry((record.order.merchant, record.order.currency)).or_default();
            *sum = sum.checked_add(left_with_store(last)).unwrap_or(*sum);
        }
    }
    let is_own = |merchant: &MerchantId| {
        evidence.share.as_ref().is_none_or(|share| share.merchants.contains(merchant))
    };
    let differ = differences(&own, &evidence.before.merchants, &books.merchants);
    differ
        .filter(|((merchant, _), ..)| is_own(merchant))
        .map(|((merchant, currency), own, owed)| {
            let code = currency.code();
            format!(
                "merchant {merchant}: its tills took {own} {code}, by the books it is owed {owed} \
                 more than before"
            )
        })
        .collect()
}

/// Prices in another currency are bought with what customers were charged for them.
fn exchange_faults(evidence: &Evidence, books: &Books) -> Vec<String> {
    let mut own = Positions::new();
    for (_, record) in &evidence.records {
        let order = &record.order;
        let Some(last) = record.standings().pop().filter(|_| order.is_foreign()) else { continue };
        let Some(customer) = steps::for_customer(order, &last) else { continue };
        let charged = Standing { captured: customer.captured, refunded: customer.refunded, ..last };
        let bought = own.entry(HOME).or_default();
        *bought = bought.checked_add(left_with_store(&charged)).unwrap_or(*bought);
        let sold = own.entry(order.currency).or_default();
        *sold = sold.checked_sub(left_with_store(&last)).unwrap_or(*sold);
    }
    let differ = differences(&own, &evidence.before.exchange, &books.exchange);
    differ
        .map(|(currency, own, books)| {
            let code = currency.code();
            format!("exchange: {own} {code} changed hands, by the books {books}")
        })
        .collect()
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
