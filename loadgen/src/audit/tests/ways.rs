//! Every way that a payment can go further is judged as well: codes, machines, reversals, refunds,
//! prices in other currencies.

mod machines;
mod told;

use std::time::Duration;

use kessai_engine::PaymentState::{Authorised, Captured, Refunded, Reversed};
use kessai_engine::terms::{Currency, Reason, Reference};
use kessai_engine::{PaymentState, TerminalKind};

use super::super::{BooksInMemory, CustomerEntry, Evidence, InStore, PaymentEntry, Tries};
use crate::course::Naming;
use crate::ledger::{Attempt, Done, Foreign, Heard, Order, Receipt, Record, Slip, Told};
use crate::people::Deed;
use crate::sample::{self, Recorded, compare, payment, yen};

const REFUNDED: u8 = 21;
const PART: u8 = 22;
const JAMMED: u8 = 23;
const LOST: u8 = 24;
const SILENT: u8 = 25;
const TOO_MUCH: u8 = 26;
const LATE: u8 = 27;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// One step as store and customer are told it: state, reason, then captured and refunded for each.
type Step = (PaymentState, Reason, [u64; 2], [u64; 2]);

const AUTHORISED: Step = (Authorised, Reason::Approved, [0, 0], [0, 0]);
const CAPTURED: Step = (Captured, Reason::Approved, [300, 0], [300, 0]);
const NOT_DISPENSED: Step = (Reversed, Reason::NotDispensed, [0, 0], [0, 0]);

fn told(order: &Order, number: u8, step: Step, at: u64) -> Told {
    let (state, reason, [captured, refunded], _) = step;
    Told {
        at: ms(at),
        state,
        reason: Some(reason),
        amount: Some(order.price()),
        captured: yen(captured),
        refunded: yen(refunded),
        foreign: None,
        time_to_report: (state == Authorised).then_some(ms(2_000)),
        receipt: Some(Receipt {
            approval: sample::told_approved(number).receipt.unwrap().approval,
            reference: sample::told_approved(number).receipt.unwrap().reference,
        }),
        notice: None,
    }
}

/// Adds a payment that went through `steps`; those after the first by the deeds of its tills, if
/// there are so many.
fn add(
    world: &mut (Recorded, BooksInMemory),
    number: u8,
    order: Order,
    steps: &[Step],
    deeds: &[Done],
) {
    let mut record = sample::record(number);
    record.acts = vec![(ms(590), Deed::Approve)];
    (record.terminal, record.customer) = (Vec::new(), Vec::new());
    for (place, step) in (0_u8..).zip(steps) {
        let at = 600 + 2_500 * u64::from(place);
        let (_, _, _, [captured, refunded]) = *step;
        let foreign = order.is_foreign().then(|| Foreign {
            price: order.price(),
            rate: "159.6039795".parse().unwrap(),
            markup_bp: 150,
        });
        record.customer.push(Told {
            amount: Some(order.charge.of(Currency::JPY)),
            captured: yen(captured),
            refunded: yen(refunded),
            notice: Some(u64::from(place) + 1),
            foreign,
            time_to_report: None,
            ..told(&order, number, *step, at)
        });
        match place.checked_sub(1).and_then(|deed| deeds.get(usize::from(deed))) {
            Some(deed) => record.attempts.push(Attempt {
                at: ms(at - 100),
                terminal: order.terminal,
                deed: *deed,
                answers: vec![Heard::Told(
                    told(&order, number, *step, at),
                    matches!(deed, Done::Refunded(..)).then(|| {
                        Reference::new(u64::from(number) * 100 + u64::from(place)).unwrap()
                    }),
                )],
                answered: Some(ms(at)),
            }),
            None if place == 0 => record.terminal.push(told(&order, number, *step, at)),
            None => {}
        }
    }
    record.order = order;
    enter(world, number, &record, steps);
    world.0.records.push((payment(number), record));
}

/// Enters a payment that came to stand as the last of `steps` into the books.
fn enter(world: &mut (Recorded, BooksInMemory), number: u8, record: &Record, steps: &[Step]) {
    let (state, reason, store, customer) = *steps.last().unwrap();
    let (order, notices) = (&record.order, u64::try_from(steps.len()).unwrap());
    let (evidence, books) = world;
    let receipt = record.terminal[0].receipt;
    let entry = PaymentEntry {
        terminal: order.terminal,
        merchant: Some(order.merchant),
        price: Some(order.charge.of(Currency::JPY)),
        customer: Some(order.customer),
        state,
        reason: Some(reason),
        captured: yen(customer[0]),
        refunded: yen(customer[1]),
        in_store: Some(InStore {
            price: order.price(),
            captured: yen(store[0]),
            refunded: yen(store[1]),
        }),
        approval: receipt.map(|receipt| receipt.approval),
        reference: receipt.map(|receipt| receipt.reference),
        notice: Some(notices),
    };
    books.payments.insert(payment(number), entry);
    let before = CustomerEntry::new(yen(1_000));
    let left = |[captured, refunded]: [u64; 2]| {
        if state == Reversed { 0 } else { captured - refunded }
    };
    let balance = yen(1_000 - left(customer));
    books.customers.insert(order.customer, CustomerEntry { balance, notices, ..before });
    evidence.before.customers.insert(order.customer, before);
    let owed = books.merchants.entry((order.merchant, order.currency)).or_default();
    *owed = owed.checked_add(yen(left(store))).unwrap();
    if order.is_foreign() {
        let bought = books.exchange.entry(Currency::JPY).or_default();
        *bought = bought.checked_add(yen(left(customer))).unwrap();
        let sold = books.exchange.entry(order.currency).or_default();
        *sold = sold.checked_sub(yen(left(store))).unwrap();
    }
}

fn machine(number: u8) -> Order {
    Order { kind: TerminalKind::Vending, ..sample::order(number) }
}

/// Two pieces at a dollar each, 1.5 % more than 157.2453 yen: 319.2 yen, and 159.6 for one.
fn abroad(number: u8) -> Order {
    let mut order = machine(number);
    (order.lines[0].unit_price, order.lines[0].quantity) = (yen(100), 2);
    Order { total: yen(200), charge: yen(319), currency: Currency::USD, ..order }
}

/// One payment for each way, with the books that fit.
fn world() -> (Recorded, BooksInMemory) {
    let tries = Tries { a_payment: 3, in_row: 5 };
    let evidence = Evidence { tries, prompt: ms(500), ..Evidence::default() };
    let evidence = Recorded { evidence, ..Recorded::default() };
    let mut world = (evidence, BooksInMemory::default());
    let back = |number, minor| Done::Refunded(payment(number), yen(minor));
    add(
        &mut world,
        REFUNDED,
        sample::order(REFUNDED),
        &[
            CAPTURED,
            (Refunded, Reason::Approved, [300, 100], [300, 100]),
            (Refunded, Reason::Approved, [300, 300], [300, 300]),
        ],
        &[back(101, 100), back(102, 200)],
    );
    let part = (Captured, Reason::Approved, [100, 0], [160, 0]);
    add(&mut world, PART, abroad(PART), &[AUTHORISED, part], &[Done::Dispensed(yen(100))]);
    add(&mut world, JAMMED, machine(JAMMED), &[AUTHORISED, NOT_DISPENSED], &[Done::Jammed]);
    let taken_back = (Reversed, Reason::ReversedOnRequest, [300, 0], [300, 0]);
    add(&mut world, LOST, sample::order(LOST), &[CAPTURED, taken_back], &[]);
    let lost = record(&mut world.0, LOST);
    lost.terminal[0] = told(&lost.order, LOST, taken_back, 3_100);
    lost.given_up = Some(ms(700));
    add(&mut world, SILENT, machine(SILENT), &[AUTHORISED, NOT_DISPENSED], &[]);
    let half = (Refunded, Reason::Approved, [300, 150], [300, 150]);
    add(&mut world, TOO_MUCH, sample::order(TOO_MUCH), &[CAPTURED, half], &[back(103, 150)]);
    let too_much = record(&mut world.0, TOO_MUCH);
    too_much.attempts.push(refused(back(104, 151), Reason::AmountAboveCapture, 4_000));
    too_much.order.course.naming = Naming::Code;
    let slip = Slip { payment: payment(105), refused: Some(Reason::CodeNotValid) };
    too_much.slips.push(slip);
    add(&mut world, LATE, machine(LATE), &[AUTHORISED, NOT_DISPENSED], &[]);
    let report = refused(Done::Dispensed(yen(300)), Reason::StateForbids, 3_300);
    record(&mut world.0, LATE).attempts.push(report);
    world
}

fn refused(deed: Done, reason: Reason, at: u64) -> Attempt {
    let terminal = sample::order(1).terminal;
    let answers = vec![Heard::Refused(reason)];
    Attempt { at: ms(at), terminal, deed, answers, answered: Some(ms(at + 1)) }
}

fn record(evidence: &mut Recorded, number: u8) -> &mut Record {
    let found = evidence.records.iter_mut().find(|(id, _)| *id == payment(number));
    &mut found.unwrap().1
}

fn view(books: &mut BooksInMemory, number: u8) -> &mut PaymentEntry {
    books.payments.get_mut(&payment(number)).unwrap()
}

fn customer(books: &mut BooksInMemory, number: u8) -> &mut CustomerEntry {
    books.customers.get_mut(&sample::order(number).customer).unwrap()
}

/// Plants a discrepancy and expects a sentence for each of `words`, and no other.
fn check(plant: impl FnOnce(&mut Recorded, &mut BooksInMemory), words: &[&str]) {
    let (mut evidence, mut books) = world();
    plant(&mut evidence, &mut books);
    let problems = compare(&evidence, &books);
    for words in words {
        assert!(problems.iter().any(|problem| problem.contains(words)), "{words}: {problems:#?}");
    }
    assert_eq!(problems.len(), words.len(), "{problems:#?}");
}

fn answer(record: &mut Record, attempt: usize) -> &mut Told {
    match &mut record.attempts[attempt].answers[0] {
        Heard::Told(told, _) => told,
        Heard::Refused(_) => panic!("it was refused"),
    }
}

#[test]
fn every_way_agrees_with_the_books() {
    check(|_, _| {}, &[]);
}

#[test]
fn refunds_that_are_wrong_are_found() {
    check(
        |_, books| {
            view(books, REFUNDED).refunded = yen(299);
            customer(books, REFUNDED).balance = yen(999);
        },
        &[
            "the books gave 299 yen back, due were 300",
            "its customer was told other amounts",
            "by what it was told it has 1000 yen, by the books 999",
        ],
    );
    check(
        |_, books| view(books, REFUNDED).in_store.as_mut().unwrap().refunded = yen(100),
        &["the books owe its store 300 JPY less 100 JPY for it, due were 300 JPY less 300 JPY"],
    );
    check(
        |evidence, _| answer(record(evidence, REFUNDED), 0).refunded = yen(101),
        &["its till was told other amounts than the books hold (300 debited and 101 given back"],
    );
    check(
        |evidence, _| {
            let attempt = &mut record(evidence, REFUNDED).attempts[0];
            let again = Heard::Refused(Reason::PaymentIdReused);
            attempt.answers.push(again);
        },
        &["the same was sent twice, and answered differently"],
    );
    check(
        |evidence, _| {
            let attempt = &mut record(evidence, TOO_MUCH).attempts[1];
            attempt.answers = vec![Heard::Refused(Reason::Busy)];
        },
        &["a refund of too much was refused as busy"],
    );
    check(
        |evidence, _| {
            record(evidence, TOO_MUCH).attempts[1].deed = Done::Refunded(payment(104), yen(150));
        },
        &["a refund of 150 was refused (amount_above_capture), and it was there"],
    );
    check(
        |evidence, _| record(evidence, TOO_MUCH).attempts[1].answers.clear(),
        &["something was done about it, and never answered"],
    );
    check(
        |evidence, _| {
            let other = record(evidence, REFUNDED).attempts[0].answers[0].clone();
            let Heard::Told(_, reference) = other else { panic!("it was refused") };
            let Heard::Told(_, own) = &mut record(evidence, TOO_MUCH).attempts[0].answers[0] else {
                panic!("it was refused")
            };
            *own = reference;
        },
        &["share reference"],
    );
}

/// More given back than there was: the gateway would have made it, and told everybody.
#[test]
fn a_refund_of_more_than_was_captured_is_found() {
    check(
        |evidence, books| {
            let record = record(evidence, REFUNDED);
            record.attempts[1].deed = Done::Refunded(payment(102), yen(201));
            answer(record, 1).refunded = yen(301);
            record.customer[2].refunded = yen(301);
            view(books, REFUNDED).refunded = yen(301);
            view(books, REFUNDED).in_store.as_mut().unwrap().refunded = yen(301);
            customer(books, REFUNDED).balance = yen(1_001);
            let owed = books.merchants.values_mut().next().unwrap();
            *owed = owed.checked_sub(yen(1)).unwrap();
        },
        &["a refund of 201 was made, which is more than there was"],
    );
}

#[test]
fn conversions_that_are_wrong_are_found() {
    check(
        |evidence, books| {
            view(books, PART).captured = yen(159);
            record(evidence, PART).customer[1].captured = yen(159);
            customer(books, PART).balance = yen(841);
            let bought = books.exchange.get_mut(&Currency::JPY).unwrap();
            *bought = bought.checked_sub(yen(1)).unwrap();
        },
        &[
            "the books debit 159 yen for one that was approved, due were 160",
            "exchange: 160 JPY changed hands, by the books 159",
        ],
    );
    check(
        |_, books| {
            let sold = books.exchange.get_mut(&Currency::USD).unwrap();
            *sold = sold.checked_add(yen(1)).unwrap();
        },
        &["exchange: -100 USD changed hands, by the books -99"],
    );
    check(
        |evidence, _| record(evidence, PART).customer[0].foreign = None,
        &["its customer was told another price or rate than the store's"],
    );
    check(
        |evidence, _| {
            let told = &mut record(evidence, PART).customer[1].foreign;
            told.as_mut().unwrap().rate = "157.2453".parse().unwrap();
        },
        &["its customer was told another price or rate than the store's"],
    );
    check(
        |evidence, _| {
            record(evidence, JAMMED).customer[0].amount = Some(yen(300).of(Currency::USD));
        },
        &["its customer was told other amounts"],
    );
    check(
        |evidence, _| answer(record(evidence, PART), 0).amount = Some(yen(319).of(Currency::JPY)),
        &["its till was told other amounts"],
    );
}
