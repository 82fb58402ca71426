//! Against servers whose capacity is known, in virtual time.

use std::time::Duration;

use super::{Manner, Mark, Next, Search, Spans};
use crate::schedule::{Arrivals, Form, Rate, Shape, Spacing};

fn rate(payments: f64) -> Rate {
    Rate::per_second(payments).unwrap()
}

fn manner() -> Manner {
    let seconds = Duration::from_secs;
    Manner {
        first: rate(100.0),
        highest: rate(20_000.0),
        width: 0.02,
        spans: Spans { short: seconds(2), longer: seconds(5), long: seconds(20) },
        confirmations: 6,
        most_long: 80,
    }
}

/// Searches to the end with trials that `judge` makes.
fn search(manner: Manner, mut judge: impl FnMut(Rate, Duration) -> Mark) -> (Next, Search) {
    let mut search = Search::new(manner);
    for _ in 0..200 {
        match search.next() {
            Next::Try { rate, span } => search.note(judge(rate, span)),
            found => return (found, search),
        }
    }
    panic!("the search does not end: {:?}", search.tried().collect::<Vec<_>>());
}

fn sharp(capacity: f64) -> impl FnMut(Rate, Duration) -> Mark {
    move |rate, _| if rate.payments() <= capacity { Mark::Good } else { Mark::Bad }
}

fn check_between(found: Next, capacity: f64) {
    let Next::Between(low, high) = found else { panic!("{found:?}") };
    assert!((low.payments()..=high.payments()).contains(&capacity), "{found:?} for {capacity}");
    assert!((high.payments() / low.payments() - 1.02).abs() < 1e-9, "{found:?}");
}

#[test]
fn a_sharp_limit_is_found_from_below_and_from_above() {
    for capacity in [3.0, 99.9, 100.0, 101.0, 137.0, 555.0, 7_777.0, 19_000.0] {
        let (found, search) = search(manner(), sharp(capacity));
        check_between(found, capacity);
        assert!(search.tried().count() < 40, "{} trials", search.tried().count());
    }
}

#[test]
fn trials_grow_longer_towards_the_end() {
    let (_, search) = search(manner(), sharp(1_234.0));
    let spans: Vec<_> = search.tried().map(|tried| tried.span).collect();
    assert!(spans.is_sorted(), "{spans:?}");
    let long = spans.iter().filter(|span| **span == manner().spans.long).count();
    assert_eq!(long, 12, "six at either bound");
}

#[test]
fn what_no_trial_can_bound_is_said() {
    let (found, _) = search(manner(), |_, _| Mark::Good);
    assert_eq!(found, Next::AtLeast(rate(20_000.0)), "the highest rate itself is tried");
    let (found, search) = search(manner(), |_, _| Mark::Bad);
    assert_eq!(found, Next::None);
    assert!(search.tried().all(|tried| tried.rate.payments() > 100.0 / 1_025.0));
}

/// The last step may be a small one: a limit within it is found there all the same.
#[test]
fn a_limit_just_below_the_highest_rate_is_found_below_it() {
    let (found, search) = search(manner(), sharp(19_999.0));
    let Next::Between(low, high) = found else { panic!("{found:?}") };
    assert!(low.payments() < 19_999.0 && high == rate(20_000.0), "{found:?}");
    assert!(search.tried().all(|tried| tried.rate <= rate(20_000.0)));
    let one = Manner { first: rate(50.0), highest: rate(40.0), ..manner() };
    assert_eq!(self::search(one, |_, _| Mark::Good).0, Next::AtLeast(rate(40.0)));
}

/// What no trial was made of is no bound, however few trials there may be.
#[test]
fn a_search_that_is_cut_short_names_no_rate_that_it_did_not_try() {
    let short = Manner { highest: rate(100.0), most_long: 2, ..manner() };
    let (found, search) = search(short, |_, _| Mark::Good);
    assert_eq!((found, search.tried().count()), (Next::AtLeast(rate(100.0)), 3));
}

#[test]
fn short_trials_that_were_lucky_are_corrected_by_long_ones() {
    let long = manner().spans.long;
    let (found, _) = search(manner(), |rate, span| {
        let capacity = if span < long { 1_100.0 } else { 1_000.0 };
        if rate.payments() <= capacity { Mark::Good } else { Mark::Bad }
    });
    check_between(found, 1_000.0);
    let (found, _) = search(manner(), |rate, span| {
        let capacity = if span < long { 900.0 } else { 1_000.0 };
        if rate.payments() <= capacity { Mark::Good } else { Mark::Bad }
    });
    check_between(found, 1_000.0);
}

/// A server that takes a millisecond for each payment, one after the other, under Poisson arrivals:
/// it is good while 99 of 100 answers come within `goal`.
fn queue(goal: Duration, seed: &mut u64) -> impl FnMut(Rate, Duration) -> Mark {
    let service = Duration::from_millis(1);
    move |rate, span| {
        *seed += 1;
        let shape = Shape::new(&Form::Constant, rate, span);
        let (mut free, mut late, mut all) = (Duration::ZERO, 0_u32, 0_u32);
        for arrival in Arrivals::new(Spacing::Poisson, shape, *seed) {
            free = free.max(arrival.at) + service;
            all += 1;
            late += u32::from(free - arrival.at > goal);
        }
        if late * 100 <= all { Mark::Good } else { Mark::Bad }
    }
}

/// The rate that a long row of trials at each step calls good as often as bad.
fn truth(goal: Duration) -> f64 {
    let mut seed = 1_000_000;
    let mut judge = queue(goal, &mut seed);
    let mut good = |payments: f64| {
        let marks = (0..60).map(|_| judge(rate(payments), manner().spans.long));
        marks.filter(|mark| *mark == Mark::Good).count() > 30
    };
    let (mut low, mut high) = (500.0_f64, 1_000.0_f64);
    while high / low > 1.002 {
        let middle = f64::midpoint(low, high);
        if good(middle) { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// At least 19 of 20, with the step of the truth's own uncertainty.
#[test]
fn a_queue_with_a_hard_wired_capacity_is_found() {
    let goal = Duration::from_millis(20);
    let truth = truth(goal);
    let mut seed = 0;
    let within = (0..20).filter(|_| {
        let (found, _) = search(manner(), queue(goal, &mut seed));
        let Next::Between(low, high) = found else { panic!("{found:?}") };
        (low.payments() * 0.998..=high.payments() * 1.002).contains(&truth)
    });
    let within = within.count();
    assert!(within >= 19, "{within} of 20 around {truth}");
}
