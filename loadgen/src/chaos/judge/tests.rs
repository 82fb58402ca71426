//! A history that was told, and books with one thing wrong in them: each is found.

use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::{ApprovalNumber, Currency, Net, Reason, Reference};

use super::totals::{Turnover, Turnovers, compare_turnovers, own_turnovers};
use super::{Findings, Scope, Subject, compare, repeated_otherwise};
use crate::audit::{Baseline, BooksInMemory, CustomerEntry, PaymentEntry};
use crate::ledger::{Done, Heard, Ledger, Retention, Telling, Told};
use crate::sample::{self, order, payment, yen};

/// Approved, and nothing since.
const PAID: u8 = 1;
/// Declined.
const POOR: u8 = 2;
/// Approved, and a third of it given back.
const BACK: u8 = 3;
/// Refused at the door.
const REFUSED: u8 = 4;

/// Everything that was told.
fn history() -> Ledger {
    let ledger = Ledger::new(Telling::Every, Retention::All);
    sample::end(&ledger, PAID, PaymentState::Captured, Reason::Approved);
    sample::end(&ledger, POOR, PaymentState::Declined, Reason::InsufficientFunds);
    sample::end(&ledger, BACK, PaymentState::Captured, Reason::Approved);
    let (payment, of_refund) = (payment(BACK), payment(33));
    let refunded =
        Told { state: PaymentState::Refunded, refunded: yen(100), ..sample::told_approved(BACK) };
    let done = Done::Refunded(of_refund, yen(100));
    ledger.attempted(payment, refunded.at, order(BACK).terminal, done);
    drop(ledger.heard(payment, Heard::Told(refunded.clone(), None), refunded.at));
    let noticed = Told { notice: Some(2), ..refunded };
    drop(ledger.told_customer(payment, order(BACK).customer, noticed));
    ledger.asked(sample::payment(REFUSED), order(REFUSED));
    drop(ledger.refused(sample::payment(REFUSED), Reason::Busy, Duration::ZERO));
    ledger
}

/// What everybody had before, and the books that fit the history.
fn books() -> (Baseline, BooksInMemory) {
    let (mut before, mut books) = (Baseline::default(), BooksInMemory::default());
    for (number, left) in [(PAID, 700), (POOR, 1_000), (BACK, 800), (REFUSED, 1_000)] {
        let customer = order(number).customer;
        let was = CustomerEntry::new(yen(1_000));
        before.customers.insert(customer, was);
        books.customers.insert(customer, CustomerEntry { balance: yen(left), ..was });
    }
    for (payment, record) in sample::read(&history()).0 {
        if record.refused.is_none() {
            books.payments.insert(payment, sample::entry(&record));
        }
    }
    let view = books.payments.get_mut(&payment(BACK)).unwrap();
    (view.state, view.refunded, view.notice) = (PaymentState::Refunded, yen(100), Some(2));
    view.in_store.as_mut().unwrap().refunded = yen(100);
    (before, books)
}

fn find(spoil: impl FnOnce(&mut BooksInMemory)) -> Findings {
    let (before, mut books) = books();
    spoil(&mut books);
    compare(&history(), &before, &books, Scope::All)
}

/// Spoils the books, and expects it to be found as lost, and nothing else.
fn check_lost(subject: Subject, words: &str, spoil: impl FnOnce(&mut BooksInMemory)) {
    let found = find(spoil);
    assert!(found.doubled.is_empty() && found.lost.len() == 1, "{found:?}");
    assert!(found.lost[&subject].contains(words), "{found:?}");
}

/// Spoils the books, and expects it to be found as doubled, and nothing else.
fn check_doubled(subject: Subject, words: &str, spoil: impl FnOnce(&mut BooksInMemory)) {
    let found = find(spoil);
    assert!(found.lost.is_empty() && found.doubled.len() == 1, "{found:?}");
    assert!(found.doubled[&subject].contains(words), "{found:?}");
}

fn view(books: &mut BooksInMemory, number: u8) -> &mut PaymentEntry {
    books.payments.get_mut(&payment(number)).unwrap()
}

fn set_balance(books: &mut BooksInMemory, number: u8, minor: u64) {
    books.customers.get_mut(&order(number).customer).unwrap().balance = yen(minor);
}

/// Sets what was debited, on both sides: prices are in yen.
fn capture(view: &mut PaymentEntry, minor: u64) {
    view.captured = yen(minor);
    view.in_store.as_mut().unwrap().captured = yen(minor);
}

#[test]
fn books_that_fit_are_believed() {
    assert!(find(|_| {}).is_empty());
    let (before, books) = books();
    assert!(compare(&history(), &before, &books, Scope::Since(0)).is_empty());
}

/// Where an answer was cut off, the books are further than what was told.
#[test]
fn books_may_be_further_than_what_was_told() {
    let found = find(|books| {
        view(books, PAID).state = PaymentState::Reversed;
        set_balance(books, PAID, 1_000);
    });
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn what_was_told_and_is_not_there_is_lost() {
    check_lost(Subject::Payment(payment(PAID)), "do not know it", |books| {
        books.payments.remove(&payment(PAID));
        set_balance(books, PAID, 1_000);
    });
    check_lost(Subject::Payment(payment(PAID)), "the books say Pending", |books| {
        let view = view(books, PAID);
        (view.state, view.approval, view.reference) = (PaymentState::Pending, None, None);
        capture(view, 0);
        set_balance(books, PAID, 1_000);
    });
    check_lost(Subject::Payment(payment(POOR)), "the books say Expired", |books| {
        view(books, POOR).state = PaymentState::Expired;
    });
    check_lost(Subject::Payment(payment(BACK)), "the books gave 0 back", |books| {
        let view = view(books, BACK);
        view.refunded = yen(0);
        view.in_store.as_mut().unwrap().refunded = yen(0);
        set_balance(books, BACK, 700);
    });
    check_lost(Subject::Customer(order(PAID).customer), "it has 700 yen", |books| {
        set_balance(books, PAID, 1_000);
    });
    check_lost(Subject::Customer(order(POOR).customer), "do not know it", |books| {
        books.customers.remove(&order(POOR).customer);
    });
}

#[test]
fn what_was_told_and_is_there_otherwise_is_lost() {
    check_lost(Subject::Payment(payment(PAID)), "the books debit 200", |books| {
        capture(view(books, PAID), 200);
        set_balance(books, PAID, 800);
    });
    check_lost(Subject::Payment(payment(PAID)), "other receipt numbers", |books| {
        view(books, PAID).approval = Some(ApprovalNumber::new(999).unwrap());
    });
    check_lost(Subject::Payment(payment(PAID)), "other receipt numbers", |books| {
        view(books, PAID).reference = Some(Reference::new(999).unwrap());
    });
    check_lost(Subject::Payment(payment(PAID)), "another price", |books| {
        view(books, PAID).price = Some(yen(301).of(Currency::JPY));
    });
    check_lost(Subject::Payment(payment(POOR)), "the books give muted", |books| {
        view(books, POOR).reason = Some(Reason::Muted);
    });
    check_lost(Subject::Payment(payment(BACK)), "a later notice", |books| {
        view(books, BACK).notice = Some(1);
    });
}

#[test]
fn what_nobody_was_to_pay_is_doubled() {
    check_doubled(Subject::Customer(order(PAID).customer), "by its balance 400", |books| {
        set_balance(books, PAID, 400);
    });
    check_doubled(Subject::Payment(payment(99)), "nobody asked for it", |books| {
        let again = *view(books, PAID);
        books.payments.insert(payment(99), again);
        set_balance(books, PAID, 400);
    });
    check_doubled(Subject::Payment(payment(REFUSED)), "refused (busy)", |books| {
        let mut taken = *view(books, PAID);
        taken.customer = Some(order(REFUSED).customer);
        books.payments.insert(payment(REFUSED), taken);
        set_balance(books, REFUSED, 700);
    });
    check_doubled(Subject::Payment(payment(BACK)), "made were 200", |books| {
        let view = view(books, BACK);
        view.refunded = yen(200);
        view.in_store.as_mut().unwrap().refunded = yen(200);
        set_balance(books, BACK, 900);
    });
}

#[test]
fn what_is_older_than_asked_for_is_left_alone() {
    let (before, mut books) = books();
    books.payments.clear();
    let since = |ms| compare(&history(), &before, &books, Scope::Since(ms));
    assert!(since(payment(PAID).unix_ms() + 1).is_empty());
    assert_eq!(since(payment(PAID).unix_ms()).lost.len(), 3);
}

#[test]
fn what_was_found_before_is_the_same_finding() {
    let mut all = find(|books| set_balance(books, PAID, 400));
    all.add(find(|books| set_balance(books, PAID, 100)));
    all.add(find(|books| set_balance(books, POOR, 2_000)));
    let sentences: Vec<_> = all.sentences().collect();
    assert_eq!(sentences.len(), 2, "{sentences:?}");
    assert!(sentences[0].starts_with("lost: customer 1000-000-002: "), "{sentences:?}");
    assert!(sentences[1].starts_with("doubled: customer 1000-000-001: "), "{sentences:?}");
    assert!(sentences[1].ends_with("by its balance 400"), "{sentences:?}");
}

#[test]
fn what_terminals_turned_over_is_counted_by_both_sides() {
    let own = own_turnovers(&history());
    let key = (order(PAID).terminal, Currency::JPY);
    let Turnover { captured, reversed, refunded } = own[&key];
    assert_eq!((captured.count, captured.sum), (2, Net::new(600)));
    assert_eq!((reversed.count, refunded.count, refunded.sum), (0, 1, Net::new(100)));
    assert!(compare_turnovers(&own, &own).is_empty());
    let check = |spoil: &dyn Fn(&mut Turnover), lost, doubled| {
        let mut books: Turnovers = own.clone();
        spoil(books.get_mut(&key).unwrap());
        let found = compare_turnovers(&own, &books);
        assert_eq!((found.lost.len(), found.doubled.len()), (lost, doubled), "{found:?}");
    };
    check(&|books| books.captured.count = 1, 1, 0);
    check(&|books| books.captured.sum = Net::new(599), 1, 0);
    check(&|books| books.captured.count = 3, 0, 1);
    check(&|books| books.refunded.sum = Net::new(200), 0, 1);
    check(&|books| books.reversed.count = 1, 0, 1);
    assert_eq!(compare_turnovers(&own, &Turnovers::new()).lost.len(), 1);
}

#[test]
fn a_repeated_answer_may_only_go_on() {
    let told = sample::told_approved(PAID);
    let check = |again: Told, is_fault| {
        assert_eq!(repeated_otherwise(&told, &again).is_some(), is_fault, "{again:?}");
    };
    check(told.clone(), false);
    let state = PaymentState::Refunded;
    check(Told { state, refunded: yen(100), ..told.clone() }, false);
    check(Told { state: PaymentState::Expired, ..told.clone() }, true);
    check(Told { captured: yen(299), ..told.clone() }, true);
    check(Told { amount: Some(yen(299).of(Currency::JPY)), ..told.clone() }, true);
    check(Told { receipt: sample::told_approved(9).receipt, ..told.clone() }, true);
    check(Told { receipt: None, ..told.clone() }, true);
}
