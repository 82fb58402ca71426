//! What a client does not take from a gateway, and what a gateway never tells a terminal.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use kessai_wire::terms::collation::{ChannelBinding, ServerKey};
use kessai_wire::terms::{Reason, Stage};
use kessai_wire::v1::{self, ToPeer, to_peer::Body};
use kessai_wire::{
    Answer, ContentError, FieldError, Message, MessageError, Payment, PaymentState, Refusal,
    RequestId, Retry,
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
        if reason != Reason::InsufficientFunds {
            assert_eq!(wire_payment(samples::declined(reason)), told, "{reason}");
        }
        if matches!(reason.stage(), Stage::Decline | Stage::Collation) {
            assert_eq!(refusal.reason, Reason::NotHonoured);
        } else {
            assert_eq!(refusal.reason, reason);
        }
        assert_eq!(Refusal::to_handset(reason, 500).reason, reason);
    }
}

/// Whether it may be told, was decided where the payment was: it stands here only if so.
#[test]
fn a_lack_of_money_is_told_where_it_was_disclosed_and_nothing_else_with_it() {
    let told = wire_payment(samples::declined(Reason::NotHonoured));
    let disclosed = wire_payment(samples::declined(Reason::InsufficientFunds));
    assert_eq!((disclosed.reason, disclosed.field39.as_str()), (Some(69), "51"));
    assert_eq!(
        v1::Payment { reason: told.reason, field39: told.field39.clone(), ..disclosed },
        told
    );
    let refusal = Refusal::to_terminal(Reason::InsufficientFunds, 500);
    assert_eq!(refusal.reason, Reason::NotHonoured);
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
        Reason::StorageLow,
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
    let Some(Body::Welcome(welcome)) = body_of("welcome_hub") else { panic!("a welcome") };
    for length in [1, 31, 33] {
        let hub_nonce = vec![0; length].into();
        check(&answer(Body::Welcome(v1::Welcome { hub_nonce, ..welcome.clone() })), "hub_nonce");
    }
}

#[test]
fn a_result_of_a_proof_has_one_of_its_shapes() {
    let collated = |name: &str| {
        let Some(Body::ProofResult(v1::ProofResult {
            result: Some(v1::proof_result::Result::Collated(collated)),
            ..
        })) = body_of(name)
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

#[test]
fn no_more_goes_back_than_came_in() {
    let refunded = wire_payment(samples::refunded());
    let check = |spoil: &dyn Fn(&mut v1::Payment, &mut v1::RefundDone), field| {
        let mut payment = refunded.clone();
        let mut done = payment.refund.take().unwrap();
        spoil(&mut payment, &mut done);
        let payment = v1::Payment { refund: Some(done), ..payment };
        check(&answer(Body::Payment(payment)), field);
    };
    check(&|payment, _| payment.refunded_minor = payment.captured_minor + 1, "refunded_minor");
    check(&|_, done| done.amount_minor += 1, "refunded_minor");
    check(&|payment, _| payment.refunded_minor = 0, "refunded_minor");
    check(&|_, done| done.amount_minor = 0, "refund.amount_minor");
    check(&|_, done| done.reference = 1_000_000_000_000, "refund.reference");
    check(&|_, done| done.business_date = 0, "refund.business_date");
    check(&|_, done| done.refund_id = vec![0; 16].into(), "refund_id");
}

#[test]
fn totals_name_each_currency_once_and_count_what_moved() {
    let Some(Body::Totals(totals)) = body_of("terminal_totals") else { panic!("totals") };
    let check = |spoil: &dyn Fn(&mut v1::TerminalTotals), field| {
        let mut totals = totals.clone();
        spoil(&mut totals);
        check(&answer(Body::Totals(totals)), field);
    };
    check(&|totals| totals.business_date = 0, "business_date");
    check(&|totals| totals.lines.swap(0, 1), "lines");
    check(&|totals| totals.lines.push(totals.lines[1].clone()), "lines");
    check(&|totals| totals.lines[0].currency.clear(), "currency");
    check(&|totals| totals.lines[0].captures = 0, "captured_minor");
    check(&|totals| totals.lines[1].reversals = 1, "reversed_minor");
    check(&|totals| totals.lines[0].refunded_minor = u64::MAX, "refunded_minor");
}

#[test]
fn facts_are_whole() {
    let Some(Body::Facts(facts)) = body_of("terminal_facts") else { panic!("facts") };
    let check = |spoil: &dyn Fn(&mut v1::TerminalFacts), field| {
        let mut facts = facts.clone();
        spoil(&mut facts);
        check(&answer(Body::Facts(facts)), field);
    };
    check(&|facts| facts.merchant_id.clear(), "merchant_id");
    check(&|facts| facts.merchant_name.clear(), "merchant_name");
    check(&|facts| facts.invoice_number = "7123456789012".to_owned(), "invoice_number");
    check(&|facts| facts.store_id.push('/'), "store_id");
    check(&|facts| facts.store_name.push('\u{202e}'), "store_name");
    check(&|facts| facts.currency = "jpy".to_owned(), "currency");
    check(&|facts| facts.tax_rounding = 0, "tax_rounding");
    check(&|facts| facts.kind = 0, "kind");
    check(&|facts| facts.kind = 3, "kind");
    check(&|facts| facts.utc_offset_minutes = 1_081, "utc_offset_minutes");
}

#[test]
fn a_code_is_whole_and_recent_payments_are_few() {
    let Some(Body::PresentmentCode(code)) = body_of("presentment_code") else { panic!("a code") };
    let wrong = v1::PresentmentCode { code: "3141592654".to_owned(), ..code.clone() };
    check(&answer(Body::PresentmentCode(wrong)), "code");
    let unsigned = v1::PresentmentCode { signature: vec![0; 31].into(), ..code };
    check(&answer(Body::PresentmentCode(unsigned)), "signature");

    let Some(Body::Recent(recent)) = body_of("recent_payments") else { panic!("a list") };
    let notices = vec![recent.notices[0].clone(); 17];
    check(&answer(Body::Recent(v1::RecentPayments { notices })), "notices");
    let unsigned = v1::SignedNotice { signature: vec![].into(), ..recent.notices[0].clone() };
    let notices = vec![unsigned];
    check(&answer(Body::Recent(v1::RecentPayments { notices })), "signature");
}

#[test]
fn a_code_is_believed_for_its_key_connection_and_time_only() {
    let (channel, _) = samples::binding();
    let genuine = samples::presented();
    let expires_at_ms = samples::NOW_MS + 60_000;
    let told = genuine.verify(&samples::server_key(), &channel);
    assert_eq!(told, Ok((samples::presentment_code(), expires_at_ms)));
    let elsewhere = ChannelBinding([0xcc; 32]);
    let refused = Err(ContentError::Signature);
    assert_eq!(genuine.verify(&samples::server_key(), &elsewhere), refused);
    assert_eq!(genuine.verify(&ServerKey::from_bytes([0x56; 32]), &channel), refused);

    let Some(Body::PresentmentCode(code)) = body_of("presentment_code") else { panic!("a code") };
    let forged = [
        v1::PresentmentCode { code: "0123456782".to_owned(), ..code.clone() },
        v1::PresentmentCode { expires_at_ms: expires_at_ms + 1, ..code },
    ];
    for forged in forged {
        let Ok(Message::Answer(_, Answer::Code(code))) =
            Message::parse(&answer(Body::PresentmentCode(forged)))
        else {
            panic!("a code")
        };
        assert_eq!(code.verify(&samples::server_key(), &channel), refused);
    }
}

fn body_of(name: &str) -> Option<Body> {
    let found = samples::messages().into_iter().find(|message| message.0 == name);
    ToPeer::from(&found.unwrap().2).body
}
