//! What a client does not take from a gateway, and what a gateway never tells a terminal.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use kessai_wire::terms::{Reason, Stage};
use kessai_wire::v1::{self, ToPeer, to_peer::Body};
use kessai_wire::{
    Answer, FieldError, Message, MessageError, Payment, PaymentState, Refusal, RequestId, Retry,
};

#[path = "support/samples.rs"]
mod samples;

fn answer(body: Body) -> ToPeer {
    ToPeer { request: 3, to: None, body: Some(body) }
}

fn check(message: &ToPeer, field: &'static str) {
    assert_eq!(Message::parse(message), Err(MessageError::Field(FieldError(field))));
}

fn wire_payment(payment: Payment) -> v1::Payment {
    let message = Message::Answer(RequestId::FIRST, Answer::Payment(payment));
    let Some(Body::Payment(payment)) = ToPeer::from(&message).body else { panic!("a payment") };
    payment
}

#[test]
fn a_terminal_cannot_tell_declines_apart() {
    let told = wire_payment(samples::declined(Reason::NotHonoured));
    for reason in Reason::ALL.iter().copied() {
        let refusal = Refusal::to_terminal(reason, 500);
        assert_eq!(wire_payment(samples::declined(reason)), told, "{reason}");
        if matches!(reason.stage(), Stage::Decline | Stage::Collation) {
            assert_eq!(refusal.reason, Reason::NotHonoured);
        } else {
            assert_eq!(refusal.reason, reason);
        }
        assert_eq!(Refusal::to_handset(reason, 500).reason, reason);
    }
}

#[test]
fn only_what_is_too_much_at_the_moment_is_worth_asking_again() {
    let again: Vec<_> = Reason::ALL
        .iter()
        .copied()
        .filter(|reason| Retry::advised(*reason, 500) == Retry::Later { after_ms: 500 })
        .collect();
    let expected = [
        Reason::ShuttingDown,
        Reason::Busy,
        Reason::TooManyRequests,
        Reason::TooManyPending,
        Reason::RateStale,
    ];
    assert_eq!(again, expected);
}

#[test]
fn an_approval_without_approval_is_refused() {
    let check = |payment: v1::Payment| check(&answer(Body::Payment(payment)), "reason");
    let approved = wire_payment(samples::approved());
    check(v1::Payment { reason: None, ..approved.clone() });
    check(v1::Payment { reason: Some(51), ..approved.clone() });
    check(v1::Payment { amount_minor: 0, currency: String::new(), ..approved.clone() });
    check(v1::Payment { state: v1::PaymentState::Declined.into(), ..approved.clone() });
    check(v1::Payment { state: v1::PaymentState::Pending.into(), ..approved });
    let pending = wire_payment(samples::pending());
    assert_eq!((pending.reason, pending.field39.as_str()), (None, ""), "no 00 while pending");
    check(v1::Payment { state: v1::PaymentState::Captured.into(), ..pending });
}

#[test]
fn goods_are_handed_over_for_two_states_only() {
    let handed: Vec<_> =
        PaymentState::ALL.into_iter().filter(|state| state.permits_handover()).collect();
    assert_eq!(handed, [PaymentState::Authorised, PaymentState::Captured]);
}

#[test]
fn a_push_of_unknown_kind_is_told_from_a_wrong_answer() {
    let unknown = ToPeer { request: 0, to: None, body: None };
    assert_eq!(Message::parse(&unknown), Err(MessageError::UnknownPush));
    let request = RequestId::new(3).unwrap();
    let unknown = ToPeer { request: 3, to: None, body: None };
    assert_eq!(Message::parse(&unknown), Err(MessageError::UnknownAnswer(request)));
    let pushed = answer(Body::Draining(v1::Draining::default()));
    assert_eq!(Message::parse(&pushed), Err(MessageError::UnknownAnswer(request)));
}

#[test]
fn a_push_names_the_handset_it_is_for() {
    for (name, _, message) in samples::messages() {
        let message = ToPeer::from(&message);
        if message.to.is_some() {
            check(&ToPeer { to: None, ..message.clone() }, "to");
            let kind = Some(v1::identity::Kind::Terminal("POS00001".to_owned()));
            check(&ToPeer { to: Some(v1::Identity { kind }), ..message }, "to");
        } else {
            assert!(message.request != 0 || name == "draining", "{name}");
        }
    }
}

#[test]
fn the_nonce_of_a_hub_has_its_length_or_none() {
    let found = samples::messages().into_iter().find(|message| message.0 == "welcome_hub");
    let Some(Body::Welcome(welcome)) = ToPeer::from(&found.unwrap().2).body else {
        panic!("a welcome")
    };
    for length in [1, 31, 33] {
        let hub_nonce = vec![0; length].into();
        check(&answer(Body::Welcome(v1::Welcome { hub_nonce, ..welcome.clone() })), "hub_nonce");
    }
}

#[test]
fn a_result_of_a_proof_has_one_of_its_shapes() {
    let collated = |name: &str| {
        let found = samples::messages().into_iter().find(|message| message.0 == name).unwrap();
        let Some(Body::ProofResult(v1::ProofResult {
            result: Some(v1::proof_result::Result::Collated(collated)),
            ..
        })) = ToPeer::from(&found.2).body
        else {
            panic!("a collated proof")
        };
        collated
    };
    let check = |collated: v1::Collated, field| {
        let result = v1::ProofResult {
            payment_id: samples::payment_id().as_bytes().to_vec().into(),
            result: Some(v1::proof_result::Result::Collated(collated)),
        };
        check(&answer(Body::ProofResult(result)), field);
    };
    let (approved, wrong) = (collated("proof_approved"), collated("proof_wrong"));
    check(v1::Collated { notice: None, ..approved.clone() }, "notice");
    check(v1::Collated { outcome: 0, ..approved.clone() }, "outcome");
    check(v1::Collated { signature: vec![0; 31].into(), ..approved.clone() }, "signature");
    check(v1::Collated { tries_left: 0, ..wrong.clone() }, "tries_left");
    check(v1::Collated { notice: approved.notice, ..wrong.clone() }, "tries_left");
    check(v1::Collated { server_nonce: vec![0; 33].into(), ..wrong }, "server_nonce");
}
