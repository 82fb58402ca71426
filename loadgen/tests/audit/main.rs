//! The audit tested against a gateway that does one thing in many wrong: 100,000 payments and more go
//! through the ledger, its files and the audit of every run, and what is wrong with one answer of each
//! kind is found, and nothing else.
//!
//! `KESSAI_AUDIT_PAYMENTS=1000000 cargo test -p kessai-loadgen --test audit nothing` audits as many as
//! are asked for: see docs/OPERATING.md, "A capacity test", for what that takes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test may panic"
)]

mod gateway;
mod wrong;

use std::collections::BTreeMap;

use gateway::{Gateway, customer, merchant, payment};
use kessai_loadgen::audit::compare;
use wrong::Wrong;

/// How many payments are made.
const PAYMENTS: u64 = 100_000;

/// Plays, and audits: says how many payments were looked at, and what was found.
fn audited(payments: u64, wrongs: &BTreeMap<u64, Wrong>) -> (u64, Vec<String>) {
    let mut gateway = Gateway::new();
    for number in 0..payments {
        gateway.take(number, wrongs.get(&number).copied());
    }
    let (testimony, books) = gateway.close();
    let mut count = 0;
    let problems = compare(&[testimony], &books, |_| count += 1).unwrap();
    (count, problems)
}

/// One answer of each kind is wrong, among 100,000 that are right.
fn check(kinds: &[Wrong]) {
    // Far from each other, so that each is of another customer and another merchant.
    let places = (1_u64..).map(|place| place * 7_010);
    let wrongs: BTreeMap<u64, Wrong> =
        places.zip(kinds).map(|(place, wrong)| (place + wrong.digit(), *wrong)).collect();
    let (count, mut problems) = audited(PAYMENTS, &wrongs);
    assert_eq!(count, PAYMENTS);
    for (number, wrong) in &wrongs {
        for sentence in wrong.sentences() {
            let sentence = sentence
                .replace("payment P", &format!("payment {}", payment(*number)))
                .replace("customer C", &format!("customer {}", customer(*number)))
                .replace("merchant M", &format!("merchant {}", merchant(*number)));
            let place = problems.iter().position(|problem| problem.contains(&sentence));
            let place = place.unwrap_or_else(|| panic!("{wrong:?}: {sentence}: {problems:#?}"));
            problems.remove(place);
        }
    }
    assert_eq!(problems, Vec::<String>::new(), "and nothing else");
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let payments = std::env::var("KESSAI_AUDIT_PAYMENTS");
    let payments = payments.map_or(PAYMENTS, |payments| payments.parse().unwrap());
    assert_eq!(audited(payments, &BTreeMap::new()), (payments, Vec::new()));
}

#[test]
fn one_answer_lost_in_a_hundred_thousand_is_found() {
    check(&Wrong::LOST);
}

#[test]
fn one_answer_doubled_in_a_hundred_thousand_is_found() {
    check(&Wrong::DOUBLED);
}

#[test]
fn one_answer_altered_in_a_hundred_thousand_is_found() {
    check(&Wrong::ALTERED);
}
