//! Misfortunes that chance would find only now and then, one at a time in calm weather. The judge
//! of all seeds judges these too; besides, what each is about must really have happened.

use std::time::Duration;

use kessai_client::wire::{Payment, PaymentState};

use super::phone::Mind;
use super::plan::{Mishap, Plan, Stop};
use super::stage::Stage;
use super::till::Manner;
use super::time::BEGINNING_MS;
use crate::simulation::Voice;

/// The machines that handsets run on.
const OF_HANDSETS: [usize; 2] = [2, 3];

/// Plays a plan with a few seeds, and returns how all purchases ended for their tills.
fn ends(plan: &Plan) -> Vec<Payment> {
    let mut ends = Vec::new();
    for seed in 1..=3 {
        let mut stage = Stage::new(seed, plan.clone(), Voice::Silent);
        stage.play().unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        stage
            .heard
            .each_bought::<()>(|_, bought| {
                ends.extend(bought.end);
                Ok(())
            })
            .unwrap();
    }
    ends
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Whether a payment was opened before and came to its end after an instant of the run.
fn lasted_over(end: &Payment, instant: Duration) -> bool {
    let instant_ms = BEGINNING_MS + u64::try_from(instant.as_millis()).unwrap();
    end.opened_at_ms.is_some_and(|opened_at_ms| opened_at_ms < instant_ms)
        && end.ended_at_ms.is_some_and(|ended_at_ms| ended_at_ms > instant_ms)
}

fn count(ends: &[Payment], is: impl Fn(&Payment) -> bool) -> usize {
    ends.iter().filter(|end| is(end)).count()
}

#[test]
fn a_prompt_outlives_a_short_partition_and_not_a_long_one() {
    let parted = |from: u64, until: u64| {
        let part = OF_HANDSETS.map(|machine| (at(from), Mishap::Part(machine)));
        let join = OF_HANDSETS.map(|machine| (at(until), Mishap::Join(machine)));
        let mind = Some(Mind::Approves);
        Plan { mishaps: [part, join].concat(), mind, ..Plan::calm() }
    };
    let approved = |end: &Payment| end.approval.is_some() && lasted_over(end, at(23));
    assert!(count(&ends(&parted(20, 23)), approved) > 0, "answered when the line is back");
    let expired = |end: &Payment| end.state == PaymentState::Expired && lasted_over(end, at(25));
    assert!(count(&ends(&parted(15, 35)), expired) > 0, "nobody could answer");
}

#[test]
fn who_is_lost_after_the_proof_has_paid_once_or_not_at_all() {
    let plan = Plan { mind: Some(Mind::ApprovesAndIsLost), ..Plan::calm() };
    let ends = ends(&plan);
    assert!(count(&ends, |end| end.approval.is_some()) > 0, "some proofs arrive");
    let others = count(&ends, |end| {
        let state = end.state;
        end.approval.is_none()
            && !matches!(
                state,
                PaymentState::Expired | PaymentState::Declined | PaymentState::Cancelled
            )
    });
    assert_eq!(others, 0);
}

#[test]
fn who_was_asked_before_a_crash_can_answer_after_it() {
    for stop in [Stop::Killed, Stop::PowerLost, Stop::PowerLostIn(0)] {
        let mishaps = vec![(at(10), Mishap::Stop(stop)), (at(22), Mishap::Stop(stop))];
        let plan = Plan { mishaps, mind: Some(Mind::Approves), ..Plan::calm() };
        let ends = ends(&plan);
        let approved = |end: &Payment| {
            end.approval.is_some() && (lasted_over(end, at(10)) || lasted_over(end, at(22)))
        };
        assert!(count(&ends, approved) > 0, "{stop:?}: asked again, with a nonce that holds");
    }
}

#[test]
fn what_is_opened_over_two_connections_is_paid_once() {
    let plan = Plan { manner: Some(Manner::Twice), mind: Some(Mind::Approves), ..Plan::calm() };
    assert!(count(&ends(&plan), |end| end.approval.is_some()) > 0);
}
