//! What a handset shows of prices abroad and of recent payments, and what it says about the showing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

mod support;

use std::time::Duration;

use kessai_client::terms::collation::{ServerKey, content_digest};
use kessai_client::terms::{Amount, Currency, PaymentId, Reason};
use kessai_client::wire::{
    Answer, Confirmation, ContentError, Exchange, FieldError, ForeignPrice, HandsetRequest, Notice,
    PaymentState, Request, SignedNotice,
};
use kessai_client::{Answered, CallError, Distrust, Event, Events, Handset, Question};
use support::{
    Connection, Gateway, NOW_MS, TOTAL, approve, approved_notice, confirmation, handset_id, keys,
    notice, options, secrets, signed, try_again, yen,
};

async fn asked(events: &mut Events) -> Question {
    match events.next().await {
        Some(Event::Asked(question)) => *question,
        other => panic!("no question: {other:?}"),
    }
}

fn euro(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

/// 259 yen at 0.0067 are 1.7353 euro.
fn abroad(total: u64) -> Confirmation {
    let exchange = Exchange {
        total: euro(total).of(Currency::EUR),
        rate: "0.0067".parse().unwrap(),
        markup_bp: 150,
    };
    Confirmation { exchange: Some(exchange), ..confirmation() }
}

#[tokio::test(start_paused = true)]
async fn a_price_abroad_is_shown_if_it_was_converted_rightly() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection) = gateway.handset(options()).await;
    for wrong in [173, 175] {
        connection.prompt(abroad(wrong).encode(), 0xa0, 3).await;
        match events.next().await {
            Some(Event::Untrusted(distrust)) => {
                let foreign = ContentError::Field(FieldError("foreign"));
                assert_eq!(distrust, Distrust::Content(foreign));
            }
            other => panic!("{other:?}"),
        }
    }
    let content = abroad(174).encode();
    connection.prompt(content.clone(), 0xa1, 3).await;
    let question = asked(&mut events).await;
    assert_eq!(*question.confirmation, abroad(174));
    assert_eq!(question.confirmation.total(), euro(174).of(Currency::EUR));

    let foreign = ForeignPrice {
        price: yen(TOTAL).of(Currency::JPY),
        rate: "0.0067".parse().unwrap(),
        markup_bp: 150,
    };
    let (price, captured) = (euro(174).of(Currency::EUR), euro(174));
    let paid = Notice { price, captured, foreign: Some(foreign), ..approved_notice(5) };
    let told = paid.clone();
    let serve = async {
        let (call, proof) = connection.hear_proof().await;
        let auth = connection.auth(&content, &proof);
        let kessai_client::wire::Verdict::Approved { signature, .. } = approve(&auth, 5) else {
            unreachable!("it approves")
        };
        let digest = content_digest(&content);
        let notice = SignedNotice::sign(&keys().server, digest, told.encode());
        let verdict = kessai_client::wire::Verdict::Approved { signature, notice };
        connection.verdict(&call, verdict).await;
    };
    let secrets = secrets();
    let (answered, ()) = tokio::join!(handset.approve(&question, &secrets), serve);
    assert_eq!(answered, Ok(Answered::Approved(paid)));
}

#[tokio::test(start_paused = true)]
async fn a_proof_says_for_how_long_the_question_has_been_before_the_customer() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection) = gateway.handset(options()).await;
    let content = confirmation().encode();
    connection.prompt(content.clone(), 0xa1, 3).await;
    // Nobody looks yet: what lies in the queue is not shown.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let question = asked(&mut events).await;
    tokio::time::sleep(Duration::from_millis(4_200)).await;
    let serve = async {
        let (call, proof) = connection.hear_proof().await;
        let auth = connection.auth(&content, &proof);
        connection.verdict(&call, try_again(&auth, 2, 0xa2)).await;
        let (call, again) = connection.hear_proof().await;
        connection.verdict(&call, approve(&connection.auth(&content, &again), 5)).await;
        [proof.shown_ago_ms, again.shown_ago_ms]
    };
    let secrets = secrets();
    let calls = async {
        handset.approve(&question, &secrets).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        handset.approve(&question, &secrets).await.unwrap();
    };
    let ((), shown) = tokio::join!(calls, serve);
    assert_eq!(shown, [Some(4_200), Some(5_700)]);
}

fn of(number: u64, random: u8, state: PaymentState, reason: Reason) -> Notice {
    let payment = PaymentId::from_parts(NOW_MS, [random; 10]);
    Notice { payment, ..notice(number, state, reason) }
}

fn declined(number: u64, random: u8) -> Notice {
    of(number, random, PaymentState::Declined, Reason::InsufficientFunds)
}

/// Answers with a list, and tells what the handset makes of it.
async fn recent(
    handset: &Handset,
    connection: &mut Connection,
    listed: Vec<SignedNotice>,
) -> Result<Vec<Notice>, CallError> {
    let serve = async {
        let call = connection.hear().await;
        assert_eq!(call.body, Request::Handset(handset_id(), HandsetRequest::Recent));
        connection.answer(&call, Answer::Recent(listed)).await;
    };
    tokio::join!(handset.recent(), serve).0
}

#[tokio::test(start_paused = true)]
async fn recent_payments_are_verified_and_change_nothing() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection) = gateway.handset(options()).await;
    assert_eq!(recent(&handset, &mut connection, vec![]).await, Ok(vec![]));
    let notices = vec![
        of(9, 1, PaymentState::Captured, Reason::Approved),
        declined(7, 2),
        of(3, 3, PaymentState::Expired, Reason::ExpiredUnseen),
    ];
    let listed = notices.iter().map(signed).collect();
    assert_eq!(recent(&handset, &mut connection, listed).await, Ok(notices));
    assert_eq!((handset.seen(), handset.untrusted()), (4, 0));
    assert!(events.try_next().is_none(), "nothing is told by the way");
    // What is pushed afterwards is told as ever.
    connection.notify(signed(&declined(7, 2))).await;
    assert!(matches!(events.next().await, Some(Event::Told(notice)) if notice.number.get() == 7));
}

#[tokio::test(start_paused = true)]
async fn of_a_list_with_one_bad_notice_nothing_is_believed() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection) = gateway.handset(options()).await;
    let (first, second) = (signed(&declined(9, 1)), signed(&declined(7, 2)));
    let by_other = {
        let key = ServerKey::from_bytes([9; 32]);
        SignedNotice::sign(&key, first.content_digest, declined(5, 3).encode())
    };
    let altered = SignedNotice { notice: declined(6, 3).encode(), ..second.clone() };
    let signature = Distrust::Content(ContentError::Signature);
    let cases = [
        (vec![first.clone(), second.clone(), by_other], signature.clone()),
        (vec![first.clone(), altered], signature),
        (vec![second.clone(), first.clone()], Distrust::Disordered),
        (vec![first.clone(), first.clone()], Distrust::Disordered),
        (vec![first, signed(&declined(8, 2)), second], Distrust::Disordered),
    ];
    for (listed, expected) in cases {
        let refused = recent(&handset, &mut connection, listed).await;
        assert_eq!(refused, Err(CallError::Untrusted(expected.clone())));
        match events.next().await {
            Some(Event::Untrusted(distrust)) => assert_eq!(distrust, expected),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(handset.untrusted(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_list_is_asked_for_again_after_a_lost_line() {
    let mut gateway = Gateway::new();
    let (handset, _events, mut connection) = gateway.handset(options()).await;
    let serve = async {
        connection.hear().await;
        drop(connection);
        let (mut connection, _) = gateway.attach().await;
        let call = connection.hear().await;
        connection.answer(&call, Answer::Recent(vec![signed(&declined(9, 1))])).await;
        let call = connection.hear().await;
        connection.answer(&call, Answer::Attached { latest: 9 }).await;
    };
    let calls = async { (handset.recent().await, handset.recent().await) };
    let ((listed, other), ()) = tokio::join!(calls, serve);
    assert_eq!(listed, Ok(vec![declined(9, 1)]));
    assert_eq!(other, Err(CallError::AnotherAnswer));
}
