//! Against a server whose behaviour is computed by hand, in virtual time.

use std::time::Duration;

use super::Measures;
use crate::sample;
use crate::schedule::{Arrival, Arrivals, Form, Rate, Shape, Skip, Spacing};
use crate::statistics::{Interval, Verdict, difference};
use crate::tally::{Outcome, Summary, Times};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn add(measures: &mut Measures, intended: Duration, begun: Duration, answered: Duration) {
    measures.note(Outcome::Approved, intended, begun, Some(answered - intended));
}

/// A server that answers after a millisecond, but stands still in the first second of every ten. The
/// load generator has one worker that waits for each answer, as closed loops do.
fn stalling(form: &str) -> Measures {
    let span = Duration::from_secs(100);
    let mut measures = Measures::new(span);
    let shape = Shape::new(&form.parse::<Form>().unwrap(), Rate::per_second(100.0).unwrap(), span);
    let mut free = Duration::ZERO;
    for Arrival { at, .. } in Arrivals::new(Spacing::Uniform, shape, 1) {
        let begun = at.max(free);
        let stalled = begun.as_millis() % 10_000 < 1_000;
        let served =
            if stalled { Duration::from_secs(begun.as_secs() / 10 * 10 + 1) } else { begun };
        free = served + ms(1);
        add(&mut measures, at, begun, free);
    }
    measures
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= expected * 0.02 + 0.1, "{found} for {expected}");
}

/// In each ten seconds 1,000 payments are meant to begin, 10 ms apart. Payment `k` of them is meant at
/// 10 k ms and, as long as others wait before it, answered at 1000 + k ms, so that it takes
/// 1000 - 9 k: ten of the thousand take longer than payment 10, a hundred longer than payment 100.
#[test]
fn a_stall_shows_in_response_times_as_computed_by_hand() {
    let measures = stalling("constant");
    let (_, timed) = measures.timed().next().unwrap();
    let response = timed.response.quantiles();
    near(response.p99, 1_000.0 - 9.0 * 10.0);
    near(response.p90, 1_000.0 - 9.0 * 100.0);
    near(response.max, 991.0);
    near(response.p50, 1.0);
}

/// The one worker sends one payment into each stall: one of a thousand is slow, all others are not.
#[test]
fn the_same_stall_is_hidden_by_service_times() {
    let measures = stalling("constant");
    let (_, timed) = measures.timed().next().unwrap();
    let service = timed.service.quantiles();
    near(service.p99, 1.0);
    near(service.p90, 1.0);
    assert!(service.max > 900.0);
    let slow = |times: &Times| times.quantiles().p999;
    assert!(slow(&timed.lag) > 900.0, "what the service time hides is lag");
}

#[test]
fn quantiles_and_throughput_come_with_intervals() {
    let measures = stalling("constant");
    let p90 = measures.response_quantile(0.9).unwrap();
    assert!(p90.interval.holds(100.0), "{p90:?}");
    assert!(p90.effective < 2_000, "a hundred answers of one stall tell little: {p90:?}");
    let throughput = measures.throughput().unwrap();
    assert!(throughput.holds(100.0) && throughput.relative_half_width() < 0.01, "{throughput}");
}

#[test]
fn skipped_arrivals_are_seen_in_their_second() {
    let mut measures = Measures::new(Duration::from_secs(3));
    add(&mut measures, ms(2_500), ms(2_500), ms(2_600));
    measures.add_skips([(ms(1_200), Skip::Late), (ms(1_300), Skip::TooManyOpen)]);
    let offered: Vec<_> = measures.seconds().iter().map(super::Second::offered).collect();
    assert_eq!(offered, [0, 2, 1]);
    let ended: Vec<_> = measures.seconds().iter().map(|s| s.response().count()).collect();
    assert_eq!(ended, [0, 0, 1]);
}

/// A server that takes a millisecond for each payment, one after the other, under Poisson arrivals.
fn queue(rate: f64, seed: u64) -> Measures {
    let span = Duration::from_secs(60);
    let mut measures = Measures::new(span);
    let shape = Shape::new(&Form::Constant, Rate::per_second(rate).unwrap(), span);
    let mut free = Duration::ZERO;
    for Arrival { at, .. } in Arrivals::new(Spacing::Poisson, shape, seed) {
        free = at.max(free) + ms(1);
        add(&mut measures, at, at, free);
    }
    measures
}

fn p99_of(measures: &Measures) -> Interval {
    measures.response_quantile(0.99).unwrap().interval
}

#[test]
fn servers_that_are_alike_are_found_alike() {
    let alike = |seed| {
        let (first, second) = (p99_of(&queue(700.0, seed)), p99_of(&queue(700.0, seed + 1_000)));
        difference(&first, &second).unwrap().verdict == Verdict::Alike
    };
    let alike = (0..100).filter(|seed| alike(*seed)).count();
    assert!(alike >= 95, "{alike} of 100");
}

#[test]
fn a_server_that_is_slower_is_found_slower() {
    let (first, second) = (p99_of(&queue(700.0, 1)), p99_of(&queue(800.0, 2)));
    let found = difference(&first, &second).unwrap();
    assert_eq!(found.verdict, Verdict::Higher, "{found:?}");
}

#[test]
fn the_times_of_a_payment_are_the_machines() {
    let mut record = sample::record(1);
    (record.order.intended, record.order.begun) = (ms(100), ms(102));
    record.prompted = None;
    record.terminal[0].at = ms(130);
    let mut measures = Measures::new(Duration::from_secs(1));
    measures.add(&record, Outcome::Declined);
    let (outcome, timed) = measures.timed().next().unwrap();
    assert_eq!(outcome, Outcome::Declined);
    let of = |times: &Times| times.quantiles().max;
    near(of(&timed.response), 30.0);
    near(of(&timed.service), 28.0);
    near(of(&timed.lag), 2.0);
}

/// Seven payments in the first of two seconds: the bounds are wide, and the lower one stays a rate.
#[test]
fn a_rate_that_few_seconds_leave_open_is_not_below_nothing() {
    let mut measures = Measures::new(Duration::from_secs(2));
    for (_, record) in &sample::world().0.records {
        measures.add(record, Summary::of(record).outcome);
    }
    let throughput = measures.throughput().unwrap();
    assert_eq!((throughput.estimate, throughput.low), (3.5, 0.0));
    assert!(throughput.high > 7.0, "{throughput}");
}
