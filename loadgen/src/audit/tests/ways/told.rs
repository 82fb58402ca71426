//! What a payment's sides need not be told, and what they must be; codes that were none.

use kessai_engine::terms::{Amount, Reason};

use super::{JAMMED, LATE, LOST, REFUNDED, TOO_MUCH, check, ms, record, view, world};
use crate::audit::{CutOff, Outage};
use crate::sample::{self, compare, payment, yen};

/// A handset that was away learns how a payment stands now, not how it came to.
#[test]
fn whoever_was_cut_off_need_not_be_told_every_step() {
    let own = || sample::order(REFUNDED).customer;
    let cut_off = |until, of| vec![Outage { from: ms(0), until: ms(until), of }];
    let faults_of = |missing: usize, outages: Vec<Outage>| {
        let (mut evidence, books) = world();
        evidence.outages = outages;
        record(&mut evidence, REFUNDED).customer.remove(missing);
        compare(&evidence, &books)
    };
    for of in [CutOff::Everybody, CutOff::Handsets([own()].into())] {
        let faults = |missing| faults_of(missing, cut_off(10_000, of.clone()));
        assert_eq!(faults(0), Vec::<String>::new());
        assert_eq!(faults(1), Vec::<String>::new());
        let last = faults(2);
        assert!(last.iter().any(|fault| fault.contains("the books say 3")), "{last:?}");
    }
    for of in [
        CutOff::Handsets([sample::order(LATE).customer].into()),
        CutOff::Tills([sample::order(REFUNDED).terminal].into()),
    ] {
        let told = faults_of(0, cut_off(10_000, of.clone()));
        assert!(told.iter().any(|fault| fault.contains("2 of its 3 steps")), "{of:?}: {told:?}");
    }
    let (mut evidence, books) = world();
    evidence.outages = cut_off(10_000, CutOff::Everybody);
    let told = record(&mut evidence, REFUNDED);
    told.customer.remove(0);
    told.customer[0].refunded = yen(99);
    let other = compare(&evidence, &books);
    assert_eq!(other.len(), 1, "{other:?}");
    assert!(other[0].contains("its customer was told other amounts"), "{other:?}");
}

/// Whoever was cut off at another time has no excuse.
#[test]
fn a_customer_must_be_told_every_step_of_what_went_on_while_the_handset_was_there() {
    let (mut evidence, books) = world();
    let of = CutOff::Handsets([sample::order(REFUNDED).customer].into());
    let later = ms(3_600_000);
    evidence.outages = vec![Outage { from: later, until: later + ms(1), of }];
    record(&mut evidence, REFUNDED).customer.remove(0);
    let faults = compare(&evidence, &books);
    assert!(faults.iter().any(|fault| fault.contains("2 of its 3 steps")), "{faults:?}");
}

#[test]
fn steps_that_were_not_told_are_found() {
    check(
        |evidence, _| {
            record(evidence, REFUNDED).customer.remove(1);
        },
        &[
            "its customer was told 2 of its 3 steps",
            "its customer was told other amounts",
            "it saw 2 notices of the 3 that it was owed",
        ],
    );
    check(
        |evidence, _| record(evidence, LOST).customer[0].captured = Amount::ZERO,
        &["its customer was told other amounts"],
    );
    check(
        |evidence, _| record(evidence, LOST).given_up = None,
        &["its till is said to have taken it back, and did not"],
    );
    check(
        |evidence, _| record(evidence, JAMMED).customer[1].reason = Some(Reason::ReversedOnRequest),
        &["its customer was told reversed_on_request where the books give not_dispensed"],
    );
}

#[test]
fn codes_that_were_taken_twice_are_found() {
    check(
        |evidence, _| record(evidence, TOO_MUCH).slips[0].refused = Some(Reason::Approved),
        &["a code that was mistyped or used before was answered with approved"],
    );
    check(
        |_, books| {
            let other = *view(books, TOO_MUCH);
            books.payments.insert(payment(105), other);
        },
        &["it is in the books, and nobody asked for it"],
    );
}
