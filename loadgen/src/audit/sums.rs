//! Customers and merchants: what they were told adds up to what the books hold.

use std::collections::{BTreeMap, BTreeSet};

use kessai_engine::terms::{Currency, CustomerId, Net, Reason};

use super::{Books, CustomerEntry, Evidence, Tallies, Tries};
use crate::ledger::{Record, Told};
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
        for fault in customer_faults(before, now, records, evidence.tries) {
            faults.push(format!("customer {customer}: {fault}"));
        }
    }
    let before = &evidence.before.customers;
    for customer in books.customers.keys().filter(|id| !before.contains_key(id)) {
        faults.push(format!("customer {customer}: it is in the books, and nobody entered it"));
    }
    faults.extend(merchant_faults(evidence, books));
    faults
}

/// A customer's money is what they had less what they were told was debited, and nothing is held.
fn customer_faults(
    before: &CustomerEntry,
    now: Option<&CustomerEntry>,
    records: &[&Record],
    tries: Tries,
) -> Vec<String> {
    let Some(now) = now else {
        return vec!["the books do not know it".to_owned()];
    };
    let mut faults = Vec::new();
    let mut left = Net::from(before.balance);
    let mut notices = BTreeSet::new();
    let mut wrong_in_row = usize::from(before.wrong_in_row);
    for record in records {
        let wrong = record.acts.iter().filter(|(_, deed)| *deed == Deed::Mistype).count();
        wrong_in_row = wrong_in_row.saturating_add(wrong);
        if let Some(told) = record.customer.first() {
            faults.extend(funds_fault(record, told, left));
            let enough = wrong >= tries.a_payment || wrong_in_row >= tries.in_row;
            if told.reason == Some(Reason::TriesExceeded) && !enough {
                faults.push(format!(
                    "a payment was declined for wrong passwords, and only {wrong} were typed"
                ));
            }
            if told.state.is_approved() {
                wrong_in_row = 0;
            }
            left = left.checked_sub(told.captured).unwrap_or(left);
        }
        let numbers = record.customer.iter().filter_map(|told| told.notice);
        for number in numbers.collect::<BTreeSet<_>>() {
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
    if seen != owed {
        faults.push(format!("it saw {seen} notices of the {owed} that it was owed"));
    }
    faults
}

/// A decline for want of funds must be one, and nobody may spend what they do not have. A customer
/// stands at one till at a time, so that the order of payments is the order of their arrivals.
fn funds_fault(record: &Record, told: &Told, left: Net) -> Option<String> {
    let total = record.order.total;
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

/// A merchant is owed, beyond what it was owed before, what its tills were told was debited.
fn merchant_faults(evidence: &Evidence, books: &Books) -> Vec<String> {
    let mut own = Tallies::new();
    for (_, record) in &evidence.records {
        if let Some(told) = record.terminal.first() {
            let sum = own.entry((record.order.merchant, Currency::JPY)).or_default();
            *sum = sum.checked_add(told.captured).unwrap_or(*sum);
        }
    }
    let before = &evidence.before.merchants;
    let merchants: BTreeSet<_> =
        own.keys().chain(before.keys()).chain(books.merchants.keys()).copied().collect();
    merchants
        .into_iter()
        .filter_map(|key| {
            let (merchant, currency) = key;
            let of = |tallies: &Tallies| tallies.get(&key).copied().unwrap_or_default();
            let told = of(&own);
            let owed = of(&books.merchants);
            let owed = owed.checked_sub(of(before)).unwrap_or(owed);
            (told != owed).then(|| {
                let (told, owed, code) = (told.minor(), owed.minor(), currency.code());
                format!(
                    "merchant {merchant}: its tills were told of {told} {code}, by the books it \
                     is owed {owed} more than before"
                )
            })
        })
        .collect()
}
