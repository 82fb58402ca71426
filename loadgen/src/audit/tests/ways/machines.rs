//! Machines that report in time, too late or never, and payments that their tills call off.

use kessai_engine::PaymentState::{self, Captured};
use kessai_engine::terms::Reason;

use super::{JAMMED, LATE, LOST, PART, SILENT, check, ms, record, view, world};
use crate::ledger::{Done, Heard};
use crate::sample::{self, compare, payment, yen};

#[test]
fn machines_that_were_not_heard_are_found() {
    check(
        |evidence, _| {
            let attempt = &mut record(evidence, LATE).attempts[0];
            (attempt.at, attempt.answered) = (ms(1_000), Some(ms(1_001)));
        },
        &["its machine reported in time, and was not paid"],
    );
    check(
        |evidence, _| record(evidence, PART).attempts[0].at = ms(3_300),
        &["its machine reported too late, and was paid"],
    );
    check(
        |evidence, _| record(evidence, SILENT).customer[1].at = ms(2_587),
        &["it was taken back before its machine's time was over"],
    );
    check(
        |evidence, _| record(evidence, PART).attempts[0].deed = Done::Dispensed(yen(200)),
        &[
            "the books debit 160 yen for one that was approved, due were 319",
            "the books owe its store 1.00 USD less 0.00 USD for it, due were 2.00 USD",
            "its till was told other amounts",
            "merchant M00001: its tills took 200 USD, by the books it is owed 100",
            "exchange: 319 JPY changed hands, by the books 160",
            "exchange: -200 USD changed hands, by the books -100",
        ],
    );
    check(
        |evidence, _| {
            let attempt = &mut record(evidence, JAMMED).attempts[0];
            attempt.answers = vec![Heard::Refused(Reason::StateForbids)];
        },
        &["its machine jammed, and was told state_forbids"],
    );
    check(
        |_, books| {
            let view = view(books, SILENT);
            (view.state, view.reason) = (Captured, Some(Reason::Approved));
        },
        &[
            "by what was done about it it was reversed, the books say it was approved",
            "its customer was told that it was reversed, the books say that it was approved",
        ],
    );
}

#[test]
fn a_machine_is_excused_whose_report_may_have_come_too_late() {
    let faults = |answered| {
        let (mut evidence, books) = world();
        let late = record(&mut evidence, LATE);
        (late.attempts[0].at, late.attempts[0].answered) = (ms(1_000), Some(ms(answered)));
        let least = crate::audit::payment::least_deadline(late).unwrap();
        (compare(&evidence, &books).len(), ms(answered) < least)
    };
    assert_eq!(faults(1_001), (1, true));
    assert_eq!(faults(2_400), (1, true));
    assert_eq!(faults(2_700), (0, false), "the answer came after its time: so may the report have");
}

#[test]
fn a_refused_payment_may_be_called_off_by_its_own_till_alone() {
    let faults = |given_up| {
        let (mut evidence, mut books) = world();
        let mut cancelled = *view(&mut books, LOST);
        (cancelled.state, cancelled.reason) = (PaymentState::Cancelled, None);
        (cancelled.price, cancelled.merchant, cancelled.in_store) = (None, None, None);
        let ledger = crate::ledger::Ledger::default();
        ledger.asked(payment(8), sample::order(8));
        drop(ledger.refused(payment(8), Reason::CodeNotValid, ms(1)));
        evidence.records.extend(sample::read(&ledger).0);
        evidence.records.last_mut().unwrap().1.given_up = given_up;
        books.payments.insert(payment(8), cancelled);
        compare(&evidence, &books)
    };
    assert_eq!(faults(Some(ms(2))), Vec::<String>::new());
    let nobody = faults(None);
    assert!(nobody[0].contains("was refused"), "{nobody:?}");
}
