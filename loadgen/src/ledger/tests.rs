//! What is written down is read again, whether it was told in time or late, once and in order.

use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::{Currency, PaymentId, Reason};

use super::{Ledger, Progress, Prompted, Record, Retention, Shown, Telling, Told};
use crate::people::Deed;
use crate::sample;

const AT: Duration = Duration::from_millis(5);

fn read(ledger: &Ledger) -> (Vec<(PaymentId, Record)>, Vec<String>) {
    sample::read(ledger)
}

/// How many records are in memory.
fn in_memory(ledger: &Ledger) -> usize {
    let mut count = 0;
    ledger.each(|_, _| count += 1);
    count
}

#[test]
fn a_payment_is_finished_once_when_both_sides_know() {
    for (retention, left) in [(Retention::Open, 0), (Retention::All, 1)] {
        let ledger = Ledger::new(Telling::Every, retention);
        let (payment, order) = (sample::payment(1), sample::order(1));
        let (terminal, customer) = (order.terminal, order.customer);
        ledger.asked(payment, order);
        let told = sample::told_approved(1);
        let noticed = Told { notice: Some(1), ..told.clone() };
        let progress = ledger.told_customer(payment, customer, noticed);
        assert!(matches!(progress, Progress::Open));
        let progress = ledger.told_terminal(payment, terminal, told.clone());
        assert!(matches!(progress, Progress::Open), "the till may still do something about it");
        assert_eq!(in_memory(&ledger), 1);
        assert!(matches!(ledger.over(payment), Progress::Finished(_)));
        let progress = ledger.told_terminal(payment, terminal, told);
        assert!(matches!(progress, Progress::Open), "told again, finished once");
        assert_eq!(in_memory(&ledger), left);
        let (records, strays) = read(&ledger);
        assert_eq!((records[0].1.terminal.len(), records[0].1.customer.len()), (2, 1));
        assert_eq!(strays, Vec::<String>::new());
    }
}

#[test]
fn a_refusal_finishes_a_payment_once() {
    let ledger = Ledger::default();
    ledger.asked(sample::payment(1), sample::order(1));
    let progress = ledger.refused(sample::payment(1), Reason::Busy, AT);
    assert!(matches!(progress, Progress::Finished(_)));
    assert_eq!(in_memory(&ledger), 1, "its till may still call it off");
    ledger.given_up(sample::payment(1), AT);
    assert!(matches!(ledger.over(sample::payment(1)), Progress::Open));
    assert_eq!(in_memory(&ledger), 0);
    let (records, strays) = read(&ledger);
    assert_eq!((records[0].1.given_up, strays), (Some(AT), Vec::new()));
}

#[test]
fn only_the_first_prompt_finds_a_person() {
    let ledger = Ledger::default();
    let order = sample::order(1);
    let shown = sample::shown(&order, &order.lines);
    ledger.asked(sample::payment(1), order.clone());
    let prompt = || ledger.prompted(sample::payment(1), &shown, AT, AT);
    assert_eq!(prompt(), Prompted::First(order.person.clone()));
    assert_eq!(prompt(), Prompted::Again);
    let other = Shown { customer: sample::order(2).customer, ..shown.clone() };
    let stray = Ledger::default();
    stray.asked(sample::payment(1), order.clone());
    assert_eq!(stray.prompted(sample::payment(1), &other, AT, AT), Prompted::Unasked);
    ledger.acted(sample::payment(1), Deed::Approve, AT);
    ledger.given_up(sample::payment(1), AT);
    let (records, strays) = read(&ledger);
    assert_eq!(records[0].1.acts, [(AT, Deed::Approve)]);
    assert_eq!(records[0].1.given_up, Some(AT));
    assert_eq!(strays, Vec::<String>::new());
}

/// Whatever is told of a payment that has left the memory is entered when it is read, in order.
#[test]
fn what_comes_late_comes_behind() {
    let late = |write: &dyn Fn(&Ledger, PaymentId)| {
        let ledger = Ledger::default();
        sample::end(&ledger, 1, PaymentState::Captured, Reason::Approved);
        assert_eq!(in_memory(&ledger), 0);
        write(&ledger, sample::payment(1));
        let (mut records, strays) = read(&ledger);
        assert_eq!(strays, Vec::<String>::new());
        records.remove(0).1
    };
    let before = late(&|_, _| {});
    let told = Told { at: AT, ..sample::told_approved(1) };
    let again = late(&|ledger, payment| {
        drop(ledger.told_terminal(payment, before.order.terminal, told.clone()));
        drop(ledger.told_customer(payment, before.order.customer, told.clone()));
        drop(ledger.told_customer(payment, sample::order(2).customer, told.clone()));
    });
    assert_eq!(again.terminal, [before.terminal[0].clone(), told.clone()]);
    assert_eq!(again.customer, [before.customer[0].clone(), told]);
    assert_eq!(again.misled, [sample::order(2).customer]);
    let acted = late(&|ledger, payment| ledger.acted(payment, Deed::Cancel, AT));
    assert_eq!(acted.acts.last(), Some(&(AT, Deed::Cancel)));
    let shown = |ledger: &Ledger, payment| {
        let shown = sample::shown(&before.order, &before.order.lines);
        let prompted = ledger.prompted(payment, &shown, AT, AT);
        assert_eq!(prompted, Prompted::Again, "nobody answers it any more");
        assert!(ledger.has_ended(&payment));
    };
    assert_eq!(late(&shown).prompted, before.prompted);
}

#[test]
fn what_nobody_asked_for_is_written_down() {
    let ledger = Ledger::default();
    let order = sample::order(1);
    let shown = sample::shown(&order, &order.lines);
    assert_eq!(ledger.prompted(sample::payment(9), &shown, AT, AT), Prompted::Again);
    let told = sample::told_approved(1);
    let _open = ledger.told_customer(sample::payment(9), order.customer, told.clone());
    let _open = ledger.told_terminal(sample::payment(9), order.terminal, told);
    ledger.asked(sample::payment(1), order.clone());
    ledger.asked(sample::payment(1), order.clone());
    let strays = read(&ledger).1;
    assert_eq!(strays.len(), 4, "{strays:?}");
    let again = Ledger::default();
    sample::end(&again, 1, PaymentState::Captured, Reason::Approved);
    again.asked(sample::payment(1), order);
    let strays = read(&again).1;
    assert_eq!(strays, [format!("two tills made the same payment id {}", sample::payment(1))]);
}

#[test]
fn another_price_another_shop_or_other_goods_on_the_handset_are_seen() {
    let order = sample::order(1);
    let check = |change: &dyn Fn(&mut Shown<'_>), expected: usize| {
        let mut shown = sample::shown(&order, &order.lines);
        change(&mut shown);
        let ledger = Ledger::default();
        ledger.asked(sample::payment(1), order.clone());
        let _person = ledger.prompted(sample::payment(1), &shown, AT, AT);
        assert_eq!(read(&ledger).1.len(), expected, "{shown:?}");
        let late = Ledger::default();
        sample::end(&late, 1, PaymentState::Captured, Reason::Approved);
        let _nobody = late.prompted(sample::payment(1), &shown, AT, AT);
        assert_eq!(read(&late).1.len(), expected, "late: {shown:?}");
    };
    check(&|_| {}, 0);
    check(&|shown| shown.total = sample::yen(1).of(Currency::JPY), 1);
    check(&|shown| shown.price = sample::yen(300).of(Currency::USD), 1);
    check(&|shown| shown.exchange = Some(("157.2".parse().unwrap(), 0)), 1);
    check(&|shown| shown.store_name = "another".into(), 1);
    check(&|shown| shown.lines = [].as_slice().into(), 1);
    check(&|shown| shown.customer = sample::order(2).customer, 1);
}

#[test]
fn a_kept_ledger_is_read_as_it_was() {
    let ledger = Ledger::default();
    sample::end(&ledger, 1, PaymentState::Captured, Reason::Approved);
    sample::end(&ledger, 2, PaymentState::Declined, Reason::InsufficientFunds);
    ledger.asked(sample::payment(3), sample::order(3));
    drop(ledger.told_customer(
        sample::payment(1),
        sample::order(1).customer,
        Told { notice: Some(2), ..sample::told_approved(1) },
    ));
    ledger.stray("something else".to_owned());
    let before = read(&ledger);
    assert_eq!((before.0.len(), before.0[0].1.customer.len()), (3, 2));
    let folder = tempfile::tempdir().unwrap();
    ledger.keep(folder.path()).unwrap();
    assert_eq!(read(&Ledger::open(folder.path(), ledger.strays()).unwrap()), before);
}
