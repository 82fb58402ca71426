//! Several accounts that are audited as one: shares of a population, and runs one after the other.

use std::collections::BTreeSet;

use kessai_engine::terms::{Amount, Currency, MerchantId, Net, TerminalId};

use crate::audit::{self, Baseline, BooksInMemory, Share, Testimony, missing};
use crate::ledger::Record;
use crate::sample::{self, Recorded, payment, yen};

const FIRST: (&str, &str) = ("P0000001", "M00001");
const SECOND: (&str, &str) = ("P0000002", "M00002");

fn share(number: u32, (terminal, merchant): (&str, &str)) -> Option<Share> {
    let terminals = BTreeSet::from([terminal.parse().unwrap()]);
    let merchants = BTreeSet::from([merchant.parse().unwrap()]);
    Some(Share { number, of: 2, terminals, merchants })
}

/// [`sample::world`], of which two processes played a share each: customers from the fifth on, and
/// theirs at another till of another merchant, are the second's.
fn shares() -> (Recorded, Recorded, BooksInMemory) {
    let (mut first, mut books) = sample::world();
    let mut second = first.clone();
    let is_first = |record: &Record| record.order.customer < sample::order(5).customer;
    first.records.retain(|(_, record)| is_first(record));
    second.records.retain(|(_, record)| !is_first(record));
    let from_fifth = |recorded: &Recorded| {
        let customers = recorded.before.customers.iter();
        customers
            .map(|(id, entry)| (*id, *entry))
            .partition(|(id, _)| *id < sample::order(5).customer)
    };
    (first.evidence.before.customers, second.evidence.before.customers) = from_fifth(&second);
    let (terminal, merchant): (TerminalId, MerchantId) =
        (SECOND.0.parse().unwrap(), SECOND.1.parse().unwrap());
    for (id, record) in &mut second.records {
        (record.order.terminal, record.order.merchant) = (terminal, merchant);
        if let Some(view) = books.payments.get_mut(id) {
            (view.terminal, view.merchant) = (terminal, Some(merchant));
        }
    }
    let owed = books.merchants.values_mut().next().unwrap();
    *owed = owed.checked_sub(yen(300)).unwrap();
    books.merchants.insert((merchant, Currency::JPY), Net::from(yen(300)));
    (first.share, second.share) = (share(1, FIRST), share(2, SECOND));
    (first, second, books)
}

fn compare(testimonies: &[Testimony], books: &BooksInMemory) -> Vec<String> {
    audit::compare(testimonies, &sample::spilled(books), |_| {}).unwrap()
}

#[test]
fn shares_agree_with_the_books_each_by_itself_and_together() {
    let (first, second, books) = shares();
    let both = [first.testimony(), second.testimony()];
    assert_eq!(compare(&both, &books), Vec::<String>::new());
    assert_eq!(missing(&both), BTreeSet::new());
    for (number, of_one) in (1..).zip(&both) {
        let mut own = books.clone();
        own.customers.retain(|id, _| of_one.evidence.before.customers.contains_key(id));
        let of_one = std::slice::from_ref(of_one);
        assert_eq!(compare(of_one, &own), Vec::<String>::new());
        assert_eq!(missing(of_one), BTreeSet::from([3 - number]));
    }
    let whole = Testimony {
        evidence: audit::Evidence { share: None, ..first.evidence.clone() },
        ..first.testimony()
    };
    let problems = compare(&[whole], &books);
    assert!(problems.iter().any(|problem| problem.contains("nobody asked for it")), "{problems:?}");
}

/// What is common to all shares is judged when all have told of it.
#[test]
fn what_is_wrong_is_found_by_whom_it_concerns() {
    let (first, second, books) = shares();
    let (first, second) = (first.testimony(), second.testimony());
    let count = |spoil: &dyn Fn(&mut BooksInMemory)| {
        let mut spoilt = books.clone();
        spoil(&mut spoilt);
        let of = |testimony: &Testimony| {
            let mut own = spoilt.clone();
            own.customers.retain(|id, _| testimony.evidence.before.customers.contains_key(id));
            compare(std::slice::from_ref(testimony), &own).len()
        };
        let together = compare(&[first.clone(), second.clone()], &spoilt).len();
        [of(&first), of(&second), together]
    };
    let exchange = |books: &mut BooksInMemory| {
        books.exchange.insert(Currency::JPY, Net::new(1));
    };
    assert_eq!(count(&exchange), [0, 0, 1]);
    let (_, second_merchant) = SECOND;
    let owe = |books: &mut BooksInMemory| {
        let key = (second_merchant.parse().unwrap(), Currency::JPY);
        books.merchants.insert(key, Net::new(301));
    };
    assert_eq!(count(&owe), [0, 1, 1]);
    let unasked = |books: &mut BooksInMemory| {
        let view = books.payments[&payment(1)];
        books.payments.insert(payment(90), view);
    };
    assert_eq!(count(&unasked), [1, 0, 1]);
}

/// The second run begins with what the first left, in whatever order they are named.
#[test]
fn runs_one_after_the_other_are_one_account() {
    let (first, mut books) = sample::world();
    let mut second = Recorded { evidence: first.evidence.clone(), ..Recorded::default() };
    (second.from_ms, second.before) =
        (5, Baseline { customers: books.customers.clone(), ..Baseline::default() });
    second.before.merchants = books.merchants.clone();
    let mut record = sample::record(1);
    let receipt = sample::record(70).terminal[0].receipt;
    (record.terminal[0].receipt, record.customer[0].receipt) = (receipt, receipt);
    record.customer[0].notice = Some(2);
    let mut entry = sample::entry(&record);
    entry.notice = Some(2);
    books.payments.insert(payment(70), entry);
    second.records.push((payment(70), record));
    let customer = books.customers.get_mut(&sample::order(1).customer).unwrap();
    (customer.balance, customer.notices) = (yen(400), 2);
    let owed = books.merchants.values_mut().next().unwrap();
    *owed = owed.checked_add(Amount::new(300).unwrap()).unwrap();
    let (first, second) = (first.testimony(), second.testimony());
    assert_eq!(compare(&[second.clone(), first.clone()], &books), Vec::<String>::new());
    let problems = compare(&[first], &books);
    assert!(problems.iter().any(|problem| problem.contains("nobody asked for it")), "{problems:?}");
    assert_eq!(compare(&[], &books), Vec::<String>::new());
}
