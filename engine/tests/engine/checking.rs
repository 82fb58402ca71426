//! Collating: which proofs count, which match, what each leads to.

use kessai_engine::terms::collation::{ChannelBinding, Outcome};
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    Approved, Claim, Collated, Disclosure, Freshness, Mismatched, Offer, PaymentState, PaymentView,
    Record, Rules, Trail, Verdict,
};

use crate::kit::{
    BALANCE, NOON_MS, OTHER_TILL, PROMPT_MS, TILL, TRAIL, World, auth, nonce, offer, person, vended,
};

/// Opens `offer` to person 1 and asks with nonce 1.
pub(crate) fn asked(world: &World, serial: u16) -> Offer {
    let offer = offer(serial, TILL, &person(1), 1_200);
    world.opened(&offer);
    world.ask(&offer, &person(1), 1).unwrap();
    offer
}

fn ended(answer: &Result<Collated, Reason>) -> (&PaymentView, Freshness) {
    match answer {
        Ok(Collated::Ended { view, freshness }) => (view, *freshness),
        other => panic!("not ended: {other:?}"),
    }
}

#[test]
fn a_right_proof_debits_in_the_same_step() {
    let world = World::new();
    let offer = asked(&world, 1);
    let claim = person(1).claim(&offer, nonce(1));
    let (answer, records) = world.recorded(|world| world.collate(&claim, 2));
    let Ok(Collated::Approved { view, signature }) = answer else { panic!("{answer:?}") };
    let approved = Approved {
        payment: offer.terms.payment,
        device: claim.device,
        channel: claim.channel,
        server_nonce: claim.server_nonce,
        handset_nonce: claim.handset_nonce,
        approval: view.approval.unwrap(),
        reference: view.reference.unwrap(),
        deliver_by_ms: None,
        trail: TRAIL,
    };
    assert_eq!(records, [Record::Approved(Box::new(approved))]);
    assert_eq!((view.state, view.reason), (PaymentState::Captured, Some(Reason::Approved)));
    assert_eq!(view.reason_for_terminal(Disclosure::Nothing), Some(Reason::Approved));
    assert_eq!((view.captured, view.notice), (offer.terms.charge.amount, 1));
    assert_eq!(world.money(&person(1)), (BALANCE - 1_200, 0));
    let keys = person(1).secrets.device_keys();
    let auth = auth(&claim, offer.terms.content);
    assert!(keys.server.verify_outcome(&auth, Outcome::Approved, &signature));
    world.assert_sound();

    let again = world.traceless(|world| world.collate(&claim, 3));
    assert_eq!(ended(&again), (&view, Freshness::Repeat));
}

#[test]
fn a_wrong_proof_is_counted_and_another_may_be_tried() {
    let world = World::new();
    let offer = asked(&world, 1);
    let claim = person(1).mistyped(&offer, nonce(1));
    let (answer, records) = world.recorded(|world| world.collate(&claim, 2));
    let (payment, device) = (offer.terms.payment, person(1).device);
    let verdict = Verdict::TryAgain;
    assert_eq!(
        records,
        [Record::Mismatched(Mismatched { payment, device, verdict, trail: TRAIL })]
    );
    let Ok(Collated::Mismatched { view, signature, nonce: next, tries_left }) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!((view.state, next, tries_left), (PaymentState::Pending, nonce(2), 2));
    assert_eq!(view.after.0, world.recorder.count() as u64, "durable before it is told");
    let keys = person(1).secrets.device_keys();
    let auth = auth(&claim, offer.terms.content);
    assert!(keys.server.verify_outcome(&auth, Outcome::Refused, &signature));
    assert_eq!(world.customer(&person(1)).wrong_in_row, 1);
    world.assert_sound();

    world.collate(&person(1).claim(&offer, nonce(2)), 3).unwrap();
    assert_eq!(world.customer(&person(1)).wrong_in_row, 0, "a right one starts the row afresh");
}

#[test]
fn the_last_try_declines_and_releases() {
    let world = World::new();
    let offer = asked(&world, 1);
    for (at, left) in [(1, 2), (2, 1)] {
        let answer = world.collate(&person(1).mistyped(&offer, nonce(at)), at + 1);
        let Ok(Collated::Mismatched { tries_left, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!(tries_left, left);
    }
    let last = person(1).mistyped(&offer, nonce(3));
    let (answer, records) = world.recorded(|world| world.collate(&last, 4));
    let (payment, device) = (offer.terms.payment, person(1).device);
    let verdict = Verdict::Decline;
    assert_eq!(
        records,
        [Record::Mismatched(Mismatched { payment, device, verdict, trail: TRAIL })]
    );
    let Ok(Collated::Declined { view, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!((view.state, view.reason), (PaymentState::Declined, Some(Reason::TriesExceeded)));
    assert_eq!(view.reason_for_terminal(Disclosure::Nothing), Some(Reason::NotHonoured));
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
    let late = world.traceless(|world| world.collate(&person(1).claim(&offer, nonce(3)), 5));
    assert_eq!(ended(&late).0.state, PaymentState::Declined);
    world.assert_sound();
}

/// Three wrong for one payment and two for the next: five in a row, and the customer is blocked.
#[test]
fn five_wrong_in_a_row_block_a_customer_over_all_payments() {
    let world = World::with(Rules { open_per_customer: 2, ..Rules::default() });
    let waiting = offer(9, OTHER_TILL, &person(1), 10);
    world.opened(&waiting);
    world.ask(&waiting, &person(1), 90).unwrap();
    for (serial, tries) in [(1, 3), (2, 2)] {
        let offer = asked(&world, serial);
        for at in 1..=tries {
            world.collate(&person(1).mistyped(&offer, nonce(at)), at + 1).unwrap();
        }
        let view = world.status(&offer, TILL).unwrap();
        assert_eq!(view.reason, Some(Reason::TriesExceeded), "payment {serial}");
    }
    assert_eq!(world.customer(&person(1)).wrong_in_row, 5);
    // Neither the payment that waits nor a new one can be approved now, even rightly.
    let right = person(1).claim(&waiting, nonce(90));
    assert_eq!(world.traceless(|w| w.collate(&right, 91)), Err(Reason::TriesExhausted));
    let next = offer(3, TILL, &person(1), 10);
    assert_eq!(world.open(&next).unwrap().view.reason, Some(Reason::TriesExhausted));
    assert_eq!(world.ask(&waiting, &person(1), 92).unwrap().tries_left, 0);
    world.engine.unblock(person(1).customer, NOON_MS, world.slot()).unwrap();
    let right = person(1).claim(&waiting, nonce(92));
    assert!(matches!(world.collate(&right, 93), Ok(Collated::Approved { .. })));
    world.assert_sound();
}

#[test]
fn a_prompt_waits_for_wrong_proofs_for_other_payments() {
    let world = World::with(Rules { open_per_customer: 2, ..Rules::default() });
    let waiting = offer(9, OTHER_TILL, &person(1), 10);
    let opened = world.opened(&waiting);
    assert!(world.ask(&waiting, &person(1), 1).unwrap().after >= opened.after);
    let other = asked(&world, 1);
    for at in 1..=3 {
        world.collate(&person(1).mistyped(&other, nonce(at)), at + 1).unwrap();
    }
    let prompt = world.ask(&waiting, &person(1), 2).unwrap();
    assert_eq!(prompt.tries_left, 2, "three of five in a row are used up");
    assert_eq!(prompt.after.0, world.recorder.count() as u64);
}

/// A proof that answers no open prompt on its connection: not counted, and asked again.
#[test]
fn stale_proofs_are_not_counted() {
    let world = World::new();
    let offer = asked(&world, 1);
    let mut next = 1;
    let content = offer.terms.content;
    let elsewhere = ChannelBinding([0xc2; 32]);
    let stale = |world: &World, claim: &Claim, next: u64| {
        let answer = world.traceless(|world| world.collate(claim, next));
        assert_eq!(answer, Ok(Collated::Stale { nonce: nonce(next) }));
    };
    // Another prompt's nonce.
    let other = person(1).claim(&offer, nonce(77));
    next += 1;
    stale(&world, &other, next);
    // The first prompt was replaced by the second.
    stale(&world, &person(1).claim(&offer, nonce(1)), next + 1);
    next += 1;
    // Another connection, with a proof made for it.
    let payment = offer.terms.payment;
    let claim = person(1).claim_for(payment, content, elsewhere, nonce(next));
    stale(&world, &claim, next + 1);
    // It is asked again there; the old connection's prompt is void.
    stale(&world, &person(1).claim(&offer, nonce(next + 1)), next + 2);
    assert_eq!(world.customer(&person(1)).wrong_in_row, 0);
    let right = person(1).claim(&offer, nonce(next + 2));
    assert!(matches!(world.collate(&right, 50), Ok(Collated::Approved { .. })));
}

/// The trail tells of the very prompt that was answered, also where it came with another answer.
#[test]
fn a_record_tells_when_the_handset_was_asked() {
    let mut world = World::new();
    let offer = asked(&world, 1);
    let trail = |records: Vec<Record>| match &records[..] {
        [Record::Mismatched(Mismatched { trail, .. })] => *trail,
        [Record::Approved(approved)] => approved.trail,
        other => panic!("{other:?}"),
    };
    world.now_ms = NOON_MS + 10;
    let stale = person(1).claim(&offer, nonce(77));
    world.collate(&stale, 2).unwrap();
    world.now_ms = NOON_MS + 20;
    let wrong = person(1).mistyped(&offer, nonce(2));
    let (_, records) = world.recorded(|world| world.collate(&wrong, 3));
    assert_eq!(trail(records), Trail { prompted_at_ms: NOON_MS + 10, ..TRAIL });
    world.now_ms = NOON_MS + 30;
    let silent = Claim { shown_at_ms: None, ..person(1).claim(&offer, nonce(3)) };
    let (_, records) = world.recorded(|world| world.collate(&silent, 4));
    let expected = Trail { prompted_at_ms: NOON_MS + 20, shown_at_ms: None, ..TRAIL };
    assert_eq!(trail(records), expected);
}

#[test]
fn a_nonce_serves_once() {
    let world = World::new();
    let offer = asked(&world, 1);
    world.collate(&person(1).mistyped(&offer, nonce(1)), 2).unwrap();
    let replayed = person(1).claim(&offer, nonce(1));
    let answer = world.traceless(|world| world.collate(&replayed, 3));
    assert_eq!(answer, Ok(Collated::Stale { nonce: nonce(3) }));
}

#[test]
fn who_or_what_does_not_belong_together_is_refused_alike() {
    let world = World::new();
    let offer = asked(&world, 1);
    let right = person(1).claim(&offer, nonce(1));
    let refused = [
        ("unknown payment", Claim { payment: crate::kit::payment_id(99), ..right.clone() }),
        ("another customer", person(2).claim(&offer, nonce(1))),
        ("an unknown customer", person(99).claim(&offer, nonce(1))),
        ("another's handset", Claim { device: person(2).device, ..right.clone() }),
        ("a handset nobody has", Claim { device: person(99).device, ..right.clone() }),
        (
            "another customer, right handset",
            Claim { customer: person(2).customer, ..right.clone() },
        ),
    ];
    for (what, claim) in refused {
        let answer = world.traceless(|world| world.collate(&claim, 2));
        assert_eq!(answer, Err(Reason::ProofRefused), "{what}");
    }
    assert!(matches!(world.collate(&right, 2), Ok(Collated::Approved { .. })), "still open");
}

#[test]
fn each_handset_has_its_own_prompt_and_the_first_right_proof_wins() {
    let world = World::new();
    let (first, second) = (person(1), person(1).with_handset(11));
    world.enrol(&second);
    let offer = asked(&world, 1);
    world.ask(&offer, &second, 2).unwrap();
    // One handset's prompt is none for the other.
    let crossed = second.claim(&offer, nonce(1));
    assert_eq!(world.collate(&crossed, 3), Ok(Collated::Stale { nonce: nonce(3) }));
    let answer = world.collate(&second.claim(&offer, nonce(3)), 4);
    assert!(matches!(answer, Ok(Collated::Approved { .. })));
    let late = world.traceless(|world| world.collate(&first.claim(&offer, nonce(1)), 5));
    assert_eq!(ended(&late).0.state, PaymentState::Captured);
}

#[test]
fn a_revoked_handset_cannot_approve_nor_be_asked() {
    let world = World::new();
    let offer = asked(&world, 1);
    let claim = person(1).claim(&offer, nonce(1));
    world.engine.revoke_device(claim.customer, claim.device, NOON_MS, world.slot()).unwrap();
    assert_eq!(world.traceless(|w| w.collate(&claim, 2)), Err(Reason::ProofRefused));
    assert_eq!(world.traceless(|w| w.ask(&offer, &person(1), 3)), None);
}

#[test]
fn a_proof_at_the_deadline_finds_the_payment_expired() {
    let mut world = World::new();
    let offer = asked(&world, 1);
    world.now_ms = NOON_MS + PROMPT_MS;
    let claim = person(1).claim(&offer, nonce(1));
    let answer = world.collate(&claim, 2);
    let (view, freshness) = ended(&answer);
    assert_eq!((view.state, freshness), (PaymentState::Expired, Freshness::First));
    assert_eq!(view.reason, Some(Reason::ExpiredUnanswered));
    assert_eq!(world.money(&person(1)), (BALANCE, 0));

    let mut world = World::new();
    let offer = asked(&world, 1);
    world.now_ms = NOON_MS + PROMPT_MS - 1;
    let claim = person(1).claim(&offer, nonce(1));
    assert!(matches!(world.collate(&claim, 2), Ok(Collated::Approved { .. })));
}

#[test]
fn time_does_not_run_backwards_within_a_shard() {
    let mut world = World::new();
    let offer = asked(&world, 1);
    world.now_ms = NOON_MS + PROMPT_MS;
    world.engine.unblock(person(1).customer, world.now_ms, world.slot()).unwrap();
    world.now_ms = NOON_MS;
    let answer = world.collate(&person(1).claim(&offer, nonce(1)), 2);
    assert_eq!(ended(&answer).0.changed_at_ms, NOON_MS + PROMPT_MS);
}

#[test]
fn a_vending_payment_is_authorised_and_keeps_its_hold() {
    let world = World::new();
    let offer = vended(1, &person(1), 150);
    let view = world.pay(&offer, &person(1));
    assert_eq!((view.state, view.reason), (PaymentState::Authorised, Some(Reason::Approved)));
    assert_eq!(view.deadline_ms, NOON_MS + 120_000);
    assert_eq!(view.captured.minor(), 0);
    assert_eq!(world.money(&person(1)), (BALANCE, 150));
    world.assert_sound();
}
