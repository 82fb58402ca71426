//! Every kind of discrepancy is planted, and must be found.

mod receipts;
mod sums;
mod together;
mod ways;

use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::{Currency, MerchantId, Net, Reason, TerminalId};

use super::{BooksInMemory, CustomerEntry, PaymentEntry};
use crate::ledger::Record;
use crate::people::Deed;
use crate::sample::{self, Recorded, compare, payment, yen};

const APPROVED: u8 = 1;
const POOR: u8 = 2;
const MISTYPED: u8 = 3;
const CANCELLED: u8 = 4;
const GIVEN_UP: u8 = 5;
const EXPIRED: u8 = 6;
const REFUSED: u8 = 8;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Plants a discrepancy and expects exactly one sentence about it, with these words in it.
fn check(plant: impl FnOnce(&mut Recorded, &mut BooksInMemory), words: &str) {
    check_all(plant, &[words]);
}

/// Plants a discrepancy and expects a sentence for each of `words`, and no other.
fn check_all(plant: impl FnOnce(&mut Recorded, &mut BooksInMemory), words: &[&str]) {
    let (mut evidence, mut books) = sample::world();
    plant(&mut evidence, &mut books);
    let problems = compare(&evidence, &books);
    for words in words {
        assert!(problems.iter().any(|problem| problem.contains(words)), "{words}: {problems:#?}");
    }
    assert_eq!(problems.len(), words.len(), "{problems:#?}");
}

fn record(evidence: &mut Recorded, number: u8) -> &mut Record {
    let found = evidence.records.iter_mut().find(|(id, _)| *id == payment(number));
    &mut found.unwrap().1
}

fn view(books: &mut BooksInMemory, number: u8) -> &mut PaymentEntry {
    books.payments.get_mut(&payment(number)).unwrap()
}

fn before(evidence: &mut Recorded, number: u8) -> &mut CustomerEntry {
    evidence.before.customers.get_mut(&sample::order(number).customer).unwrap()
}

#[test]
fn books_that_agree_have_no_problems() {
    check_all(|_, _| {}, &[]);
}

/// A gateway that has traded before is judged by what came of this run.
#[test]
fn what_was_before_counts_for_nothing() {
    let dollars = (MerchantId::new("M00009").unwrap(), Currency::from_code("USD").unwrap());
    let plant = |evidence: &mut Recorded, books: &mut BooksInMemory| {
        for (key, owed) in &mut books.merchants {
            evidence.before.merchants.insert(*key, Net::new(1_000));
            *owed = owed.checked_add(Net::new(1_000)).unwrap();
        }
        evidence.before.merchants.insert(dollars, Net::new(-7));
        books.merchants.insert(dollars, Net::new(-7));
        for (number, number_of_notice) in [(APPROVED, 1), (EXPIRED, 1)] {
            before(evidence, number).notices = 40;
            let id = sample::order(number).customer;
            books.customers.get_mut(&id).unwrap().notices = 40 + number_of_notice;
        }
    };
    check_all(plant, &[]);
    check(
        |evidence, books| {
            plant(evidence, books);
            books.merchants.remove(&dollars);
        },
        "merchant M00009: its tills took 0 USD, by the books it is owed 7 more",
    );
    check(
        |evidence, _| before(evidence, EXPIRED).notices = 1,
        "it saw 1 notices of the 0 that it was owed",
    );
    // Four wrong passwords in a row before leave one try.
    check_all(
        |evidence, _| {
            record(evidence, MISTYPED).acts.truncate(1);
            before(evidence, MISTYPED).wrong_in_row = 4;
        },
        &[],
    );
}

#[test]
fn what_the_books_and_the_prompts_say_themselves_is_passed_on() {
    check(|_, books| books.problems.push("money came".to_owned()), "the books say: money came");
    check(|evidence, _| evidence.strays.push("another price".to_owned()), "another price");
}

#[test]
fn a_payment_that_did_not_end_is_found() {
    check_all(
        |_, books| {
            let view = view(books, EXPIRED);
            (view.state, view.reason) = (PaymentState::Pending, None);
        },
        &["has not ended", "its till was told that it expired", "its customer was told that it"],
    );
}

#[test]
fn a_side_that_was_never_told_is_found() {
    check(|evidence, _| record(evidence, EXPIRED).terminal.clear(), "its till never got an answer");
    check_all(
        |evidence, _| record(evidence, EXPIRED).customer.clear(),
        &["its customer was never told", "it saw 0 notices of the 1"],
    );
}

#[test]
fn sides_that_were_told_different_ends_are_found() {
    check(
        |evidence, _| record(evidence, CANCELLED).terminal[0].state = PaymentState::Expired,
        "its till was told that it expired, the books say that it was cancelled",
    );
    check(
        |evidence, _| record(evidence, CANCELLED).customer[0].state = PaymentState::Expired,
        "its customer was told that it expired, the books say that it was cancelled",
    );
    check(
        |evidence, _| {
            let mut second = record(evidence, CANCELLED).terminal[0].clone();
            second.reason = Some(Reason::CancelledByTerminal);
            record(evidence, CANCELLED).terminal.push(second);
        },
        "its till was told cancelled_by_terminal where the books give cancelled_by_customer",
    );
}

#[test]
fn a_shop_that_learns_too_much_or_a_customer_who_learns_too_little_is_found() {
    check_all(
        |evidence, _| {
            record(evidence, POOR).terminal[0].reason = Some(Reason::InsufficientFunds);
        },
        &["its till was told insufficient_funds", "more of a decline than a shop may know"],
    );
    check(
        |evidence, _| record(evidence, MISTYPED).customer[0].reason = Some(Reason::NotHonoured),
        "its customer was told not_honoured where the books give tries_exceeded",
    );
    check(
        |evidence, _| record(evidence, POOR).terminal[0].notice = Some(1),
        "its till was told the number of a customer's notice",
    );
}

#[test]
fn other_amounts_and_receipts_are_found() {
    check(
        |evidence, _| record(evidence, APPROVED).terminal[0].captured = yen(299),
        "its till was told other amounts",
    );
    check_all(
        |evidence, _| record(evidence, APPROVED).customer[0].captured = yen(301),
        &["its customer was told other amounts", "it has 699 yen, by the books 700"],
    );
    check(
        |evidence, _| record(evidence, APPROVED).customer[0].receipt = None,
        "its customer was told other receipt numbers",
    );
    check_all(
        |evidence, books| {
            let other = record(evidence, 7).terminal[0].receipt;
            view(books, APPROVED).reference = other.map(|receipt| receipt.reference);
            let record = record(evidence, APPROVED);
            for told in record.terminal.iter_mut().chain(&mut record.customer) {
                told.receipt.as_mut().unwrap().reference = other.unwrap().reference;
            }
        },
        &["share reference"],
    );
}

#[test]
fn books_that_hold_something_else_than_was_asked_are_found() {
    check(
        |_, books| view(books, EXPIRED).terminal = TerminalId::new("P0000009").unwrap(),
        "P0000001 asked, the books say P0000009",
    );
    check(
        |_, books| view(books, EXPIRED).merchant = Some(MerchantId::new("M00009").unwrap()),
        "the books say M00009",
    );
    check(
        |_, books| view(books, EXPIRED).customer = Some(sample::order(9).customer),
        "the books say another",
    );
    check_all(
        |_, books| view(books, EXPIRED).price = Some(yen(301).of(Currency::JPY)),
        &["300 JPY were asked for, the books say 301 JPY", "its customer was told other amounts"],
    );
    check(
        |_, books| {
            let store = view(books, APPROVED).in_store.as_mut().unwrap();
            store.price = yen(301).of(Currency::JPY);
        },
        "300 JPY were asked for at the store, the books say 301 JPY",
    );
    check(
        |_, books| view(books, APPROVED).in_store.as_mut().unwrap().captured = yen(299),
        "the books owe its store 299 JPY less 0 JPY for it, due were 300 JPY less 0 JPY",
    );
    check_all(
        |_, books| view(books, EXPIRED).captured = yen(300),
        &["debit 300 yen for one that expired, due were 0", "its customer was told other amounts"],
    );
}

#[test]
fn payments_that_only_one_side_knows_are_found() {
    check_all(
        |evidence, _| evidence.records.retain(|(id, _)| *id != payment(EXPIRED)),
        &["it is in the books, and nobody asked for it", "it saw 0 notices of the 1"],
    );
    check(
        |_, books| {
            books.payments.remove(&payment(EXPIRED));
        },
        "somebody was told an end of it, and the books do not know it",
    );
    check(
        |evidence, _| record(evidence, REFUSED).refused = None,
        "its till never got an answer, and the books do not know it",
    );
    check(
        |_, books| {
            let refused = *view(books, EXPIRED);
            books.payments.insert(payment(REFUSED), refused);
        },
        "it was refused (busy), but the books hold it as expired",
    );
    check(
        |evidence, _| {
            let told = record(evidence, EXPIRED).terminal[0].clone();
            record(evidence, REFUSED).terminal.push(told);
        },
        "it was refused (busy), and yet somebody was told an end",
    );
}

#[test]
fn ends_that_nobody_caused_are_found() {
    let forget = |number: u8| {
        move |evidence: &mut Recorded, _: &mut BooksInMemory| {
            let record = record(evidence, number);
            record.acts.clear();
            record.given_up = None;
        }
    };
    check(forget(APPROVED), "its customer never typed the password");
    check(forget(MISTYPED), "declined for wrong passwords, and only 0 were typed");
    check(forget(CANCELLED), "its customer is said to have cancelled, and did not");
    check(forget(GIVEN_UP), "its till is said to have cancelled, and did not");
    check(
        |evidence, _| record(evidence, EXPIRED).customer[0].at -= Duration::from_millis(3),
        "it expired before the customer's time was over",
    );
}

#[test]
fn wrong_passwords_count_over_payments_until_the_right_one() {
    // The customer of the mistyped payment had mistyped three times in one before.
    let plant = |typed: usize, before: Deed| {
        move |evidence: &mut Recorded, _: &mut BooksInMemory| {
            record(evidence, MISTYPED).acts.truncate(typed);
            let order = sample::order(MISTYPED);
            let mut earlier = record(evidence, REFUSED).clone();
            earlier.order.customer = order.customer;
            earlier.acts = vec![(Duration::ZERO, before); 3];
            evidence.records.insert(0, (payment(REFUSED), earlier));
            evidence.records.pop();
        }
    };
    check_all(plant(2, Deed::Mistype), &[]);
    check(plant(1, Deed::Mistype), "declined for wrong passwords, and only 1 were typed");
    check(plant(2, Deed::Cancel), "declined for wrong passwords, and only 2 were typed");
}

#[test]
fn somebody_else_who_was_told_is_found() {
    check(
        |evidence, _| {
            let other = sample::order(9).customer;
            record(evidence, APPROVED).misled.push(other);
        },
        "was told of it, whom it does not concern",
    );
}

#[test]
fn a_payment_called_off_before_it_opened_concerns_only_its_till() {
    let plant = |evidence: &mut Recorded, books: &mut BooksInMemory| {
        let order = sample::order(GIVEN_UP);
        let view = view(books, GIVEN_UP);
        (view.price, view.merchant, view.customer) = (None, None, None);
        books.customers.get_mut(&order.customer).unwrap().notices = 0;
        let record = record(evidence, GIVEN_UP);
        record.customer.clear();
        record.terminal[0].amount = None;
    };
    check_all(plant, &[]);
    check_all(
        |evidence, books| {
            plant(evidence, books);
            record(evidence, GIVEN_UP).given_up = None;
        },
        &["not what it is about", "its till is said to have cancelled"],
    );
}
