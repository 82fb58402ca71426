//! Sums that do not add up: customers, merchants, the exchange, notices; and who was left in peace.

use kessai_engine::terms::{Amount, Currency, MerchantId, Net, Reason};

use super::{APPROVED, EXPIRED, POOR, before, check, check_all, ms, record, view};
use crate::audit::{BooksInMemory, Budgets, CustomerEntry};
use crate::sample::{self, compare, payment, yen};

#[test]
fn money_that_is_missing_or_held_is_found() {
    fn customer(books: &mut BooksInMemory, number: u8) -> &mut CustomerEntry {
        books.customers.get_mut(&sample::order(number).customer).unwrap()
    }
    check(
        |_, books| customer(books, APPROVED).balance = yen(699),
        "by what it was told it has 700 yen, by the books 699",
    );
    check(|_, books| customer(books, APPROVED).held = yen(1), "1 yen are held");
    check(
        |_, books| {
            let owed = books.merchants.values_mut().next().unwrap();
            *owed = owed.checked_add(Amount::new(1).unwrap()).unwrap();
        },
        "its tills took 600 JPY, by the books it is owed 601 more than before",
    );
    check(
        |_, books| {
            let dollars = Currency::from_code("USD").unwrap();
            books.merchants.insert((MerchantId::new("M00009").unwrap(), dollars), Net::new(5));
        },
        "merchant M00009: its tills took 0 USD, by the books it is owed 5 more",
    );
    check(
        |evidence, books| {
            before(evidence, POOR).balance = yen(300);
            customer(books, POOR).balance = yen(300);
        },
        "300 yen were declined for want of funds, and 300 were there",
    );
    check_all(
        |evidence, books| {
            before(evidence, APPROVED).balance = yen(299);
            customer(books, APPROVED).balance = Amount::ZERO;
        },
        &["300 yen were approved, and only 299 were there", "it has -1 yen, by the books 0"],
    );
}

#[test]
fn customers_and_notices_that_do_not_fit_are_found() {
    let other = sample::order(9).customer;
    check(
        |_, books| {
            books.customers.insert(other, CustomerEntry::default());
        },
        "it is in the books, and nobody entered it",
    );
    check(
        |evidence, _| {
            evidence.before.customers.insert(other, CustomerEntry::new(yen(1)));
        },
        "customer 1000-000-009: the books do not know it",
    );
    check_all(
        |evidence, _| record(evidence, EXPIRED).customer[0].notice = Some(2),
        &["its customer saw notice 2, the books say 1"],
    );
    check(
        |_, books| {
            let view = books.customers.get_mut(&sample::order(EXPIRED).customer);
            view.unwrap().notices = 2;
        },
        "it saw 1 notices of the 2",
    );
    check(
        |evidence, books| {
            // The same customer buys twice, and is told of both under one number.
            let first = sample::order(APPROVED).customer;
            let view = view(books, EXPIRED);
            view.customer = Some(first);
            let record = record(evidence, EXPIRED);
            record.order.customer = first;
            books.customers.get_mut(&sample::order(EXPIRED).customer).unwrap().notices = 0;
        },
        "two payments came under notice 1",
    );
}

/// Whoever is left in peace must have been asked before, and must not be asked then.
#[test]
fn customers_who_were_left_in_peace_for_nothing_are_found() {
    let plant = |asks: usize, in_vain: usize| {
        let (mut evidence, mut books) = sample::world();
        let budgets = Budgets { asks_per_minute: 3, mute_after: 2, window: ms(600_000) };
        evidence.budgets = Some(budgets);
        let place = evidence.records.iter().position(|(id, _)| *id == payment(2)).unwrap();
        let muted = &mut evidence.records[place].1;
        muted.customer[0].reason = Some(Reason::Muted);
        muted.prompted = None;
        let customer = muted.order.customer;
        books.payments.get_mut(&payment(2)).unwrap().reason = Some(Reason::Muted);
        for number in 0..asks {
            let from = if number < in_vain { 4 } else { 2 };
            let mut earlier = sample::world().0.records[usize::from(from) - 1].1.clone();
            let id = payment(60 + u8::try_from(number).unwrap());
            earlier.order.customer = customer;
            let notice = 2 + u64::try_from(number).unwrap();
            earlier.customer[0].notice = Some(notice);
            let mut entry = sample::world().1.payments[&payment(from)];
            if from == 2 {
                entry.reason = Some(Reason::NoDevice);
                earlier.customer[0].reason = Some(Reason::NoDevice);
            }
            (entry.customer, entry.notice) = (Some(customer), Some(notice));
            books.payments.insert(id, entry);
            evidence.records.insert(0, (id, earlier));
            books.customers.get_mut(&customer).unwrap().notices += 1;
        }
        compare(&evidence, &books)
    };
    assert_eq!(plant(3, 0), Vec::<String>::new());
    assert_eq!(plant(2, 2), Vec::<String>::new());
    let problems = plant(2, 1);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].contains("left in peace after 2 asks, 1 of them in vain"), "{problems:#?}");
    let (mut evidence, mut books) = sample::world();
    record(&mut evidence, 2).customer[0].reason = Some(Reason::Muted);
    books.payments.get_mut(&payment(2)).unwrap().reason = Some(Reason::Muted);
    let problems = compare(&evidence, &books);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].contains("was to be left in peace, and was asked"), "{problems:#?}");
}
