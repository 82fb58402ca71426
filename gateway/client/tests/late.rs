//! What becomes of an answer that comes when nobody waits for it any more: the gateway has told the
//! end in it, and will not push it to the handset that it answered.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use kessai_client::terms::collation::{AuthMessage, Outcome, ServerNonce, hub_channel_binding};
use kessai_client::terms::{PaymentId, Reason};
use kessai_client::wire::{
    Answer, Call, ContentError, HandsetRequest, Notice, PaymentState, Prompt, ProofResult, Prove,
    Push, Refusal, Request, SignedNotice, Verdict,
};
use kessai_client::{CallError, Distrust, Event, Events, Handset, Hub, Question};
use support::{
    Connection, Gateway, NOW_MS, approve, approved_notice, confirmation, handset_id, keys, notice,
    options, payment_id, secrets, signed, try_again,
};

/// Lets everything that is ready run.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// What has happened until now.
async fn happened(events: &mut Events) -> Vec<Event> {
    settle().await;
    std::iter::from_fn(|| events.try_next()).collect()
}

/// The numbers of the notices that were told until now, and nothing else has happened.
async fn told(events: &mut Events) -> Vec<u64> {
    let number = |event| match event {
        Event::Told(notice) => notice.number.get(),
        other => panic!("no notice: {other:?}"),
    };
    happened(events).await.into_iter().map(number).collect()
}

async fn asked(events: &mut Events) -> Question {
    match &happened(events).await[..] {
        [Event::Asked(question)] => (**question).clone(),
        other => panic!("no question: {other:?}"),
    }
}

/// A handset that has been asked.
async fn asked_handset(gateway: &mut Gateway) -> (Handset, Events, Connection, Question) {
    let (handset, mut events, connection) = gateway.handset(options()).await;
    connection.prompt(confirmation().encode(), 0xa1, 3).await;
    let question = asked(&mut events).await;
    (handset, events, connection, question)
}

/// Approves in vain, and tells what the gateway has yet to answer.
async fn approved_in_vain(
    handset: &Handset,
    connection: &mut Connection,
    question: &Question,
) -> (Call, Prove) {
    let secrets = secrets();
    let (gone, heard) = tokio::join!(handset.approve(question, &secrets), connection.hear_proof());
    assert_eq!(gone, Err(CallError::Deadline));
    heard
}

/// Refuses in vain, and tells what the gateway has yet to answer.
async fn refused_in_vain(handset: &Handset, connection: &mut Connection) -> Call {
    let (gone, call) = tokio::join!(handset.refuse(payment_id()), connection.hear());
    assert_eq!(gone, Err(CallError::Deadline));
    call
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_is_answered_after_its_deadline_is_told_once() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, question) = asked_handset(&mut gateway).await;
    let (call, proof) = approved_in_vain(&handset, &mut connection, &question).await;
    let auth = connection.auth(&confirmation().encode(), &proof);
    connection.verdict(&call, approve(&auth, 5)).await;
    assert_eq!(told(&mut events).await, [5]);
    assert_eq!((handset.seen(), handset.untrusted()), (5, 0));
    assert_eq!(handset.approve(&question, &secrets()).await, Err(CallError::NotOpen));

    connection.verdict(&call, approve(&auth, 5)).await;
    connection.notify(signed(&approved_notice(5))).await;
    assert!(happened(&mut events).await.is_empty(), "nor again");
}

#[tokio::test(start_paused = true)]
async fn a_decline_or_an_earlier_end_that_comes_after_the_deadline_is_told() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, question) = asked_handset(&mut gateway).await;
    let (call, proof) = approved_in_vain(&handset, &mut connection, &question).await;
    let auth = connection.auth(&confirmation().encode(), &proof);
    let signature = keys().server.sign_outcome(&auth, Outcome::Refused);
    let declined = signed(&notice(5, PaymentState::Declined, Reason::TriesExceeded));
    connection.verdict(&call, Verdict::Declined { signature, notice: declined }).await;
    assert_eq!(told(&mut events).await, [5]);

    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, question) = asked_handset(&mut gateway).await;
    let (call, _) = approved_in_vain(&handset, &mut connection, &question).await;
    let expired = signed(&notice(5, PaymentState::Expired, Reason::ExpiredUnanswered));
    connection.answer(&call, Answer::Notice(expired)).await;
    assert_eq!(told(&mut events).await, [5]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_the_customer_that_is_answered_after_its_deadline_is_told_once() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, question) = asked_handset(&mut gateway).await;
    let call = refused_in_vain(&handset, &mut connection).await;
    assert_eq!(call.body, Request::Handset(handset_id(), HandsetRequest::Refuse(payment_id())));
    let cancelled = signed(&notice(5, PaymentState::Cancelled, Reason::CancelledByCustomer));
    connection.answer(&call, Answer::Notice(cancelled.clone())).await;
    assert_eq!(told(&mut events).await, [5]);
    connection.notify(cancelled).await;
    assert!(happened(&mut events).await.is_empty(), "once");
    assert_eq!(handset.seen(), 5);
    assert_eq!(handset.approve(&question, &secrets()).await, Err(CallError::NotOpen));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_there_but_not_taken_is_told() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, question) = asked_handset(&mut gateway).await;
    let secrets = secrets();
    let mut approval = Box::pin(handset.approve(&question, &secrets));
    let (call, proof) = tokio::select! {
        early = &mut approval => panic!("{early:?}"),
        heard = connection.hear_proof() => heard,
    };
    let auth = connection.auth(&confirmation().encode(), &proof);
    connection.verdict(&call, approve(&auth, 5)).await;
    assert!(happened(&mut events).await.is_empty(), "it is the caller's to judge");
    drop(approval);
    assert_eq!(told(&mut events).await, [5]);
    assert_eq!(handset.approve(&question, &secrets).await, Err(CallError::NotOpen));
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_without_an_end_tells_nothing_and_the_question_stays_open() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, question) = asked_handset(&mut gateway).await;
    let content = confirmation().encode();
    let (call, proof) = approved_in_vain(&handset, &mut connection, &question).await;
    connection.verdict(&call, try_again(&connection.auth(&content, &proof), 2, 0xa2)).await;
    let (call, _) = approved_in_vain(&handset, &mut connection, &question).await;
    connection.verdict(&call, Verdict::Stale { server_nonce: ServerNonce([0xa3; 32]) }).await;
    let (call, proof) = approved_in_vain(&handset, &mut connection, &question).await;
    let refusal = Refusal::to_handset(Reason::ProofRefused, 0);
    connection.answer(&call, Answer::Refusal(refusal)).await;
    assert!(happened(&mut events).await.is_empty());
    assert_eq!((handset.seen(), handset.untrusted()), (4, 0));
    connection.verdict(&call, approve(&connection.auth(&content, &proof), 5)).await;
    assert!(happened(&mut events).await.is_empty(), "one answer to each request");
}

#[tokio::test(start_paused = true)]
async fn late_notices_are_verified() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, _question) = asked_handset(&mut gateway).await;
    let good = signed(&approved_notice(5));
    let forged = SignedNotice { notice: approved_notice(6).encode(), ..good };
    let payment = PaymentId::from_parts(NOW_MS, [8; 10]);
    let of_other = signed(&Notice { payment, ..approved_notice(5) });
    for (notice, distrust) in
        [(forged, Distrust::Content(ContentError::Signature)), (of_other, Distrust::Contradiction)]
    {
        let call = refused_in_vain(&handset, &mut connection).await;
        connection.answer(&call, Answer::Notice(notice)).await;
        match &happened(&mut events).await[..] {
            [Event::Untrusted(why)] => assert_eq!(*why, distrust),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((handset.seen(), handset.untrusted()), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn a_late_end_that_finds_no_room_among_the_events_comes_again() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, _question) = asked_handset(&mut gateway).await;
    let call = refused_in_vain(&handset, &mut connection).await;
    // As many as may wait to be read.
    let last = 4 + 256;
    for number in 5..=last {
        connection.notify(signed(&approved_notice(number))).await;
    }
    let cancelled = signed(&notice(last + 1, PaymentState::Reversed, Reason::ReversedOnRequest));
    connection.answer(&call, Answer::Notice(cancelled.clone())).await;
    let (connection, seen) = gateway.attach().await;
    assert_eq!(seen, last, "the connection is given up, and the end is still owed");
    assert_eq!(told(&mut events).await.len(), 256);
    connection.notify(cancelled).await;
    assert_eq!(told(&mut events).await, [last + 1]);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_finds_its_handset_through_a_hub() {
    let mut gateway = Gateway::new();
    let door = Arc::clone(&gateway.door);
    let connect = Hub::connect(door, "H1".parse().unwrap(), options());
    let (hub, mut connection) = tokio::join!(connect, gateway.welcome_hub());
    let hub = hub.unwrap();
    let (server, device) = (keys().server.clone(), keys().device.clone());
    let attach = hub.handset(handset_id(), server, device, 4, options());
    let (attached, _) = tokio::join!(attach, connection.hear_hub_attach());
    let (handset, mut events) = attached.unwrap();
    assert!(matches!(events.next().await, Some(Event::Connected)));

    let content = confirmation().encode();
    let server_nonce = ServerNonce([0xa1; 32]);
    let prompt = Prompt { content, server_nonce, tries_left: 3, gateway_time_ms: NOW_MS };
    connection.push(Push::Prompt(handset_id(), prompt)).await;
    let question = asked(&mut events).await;
    let (call, proof) = approved_in_vain(&handset, &mut connection, &question).await;
    settle().await;
    let channel = hub_channel_binding(
        &connection.channel,
        &handset_id().device,
        &connection.hub_nonce.unwrap(),
    );
    let auth = AuthMessage::new(question.digest, channel, proof.server_nonce, proof.handset_nonce);
    let result = ProofResult { payment: payment_id(), verdict: approve(&auth, 5) };
    connection.answer(&call, Answer::ProofResult(result)).await;
    assert_eq!(told(&mut events).await, [5]);

    let call = refused_in_vain(&handset, &mut connection).await;
    settle().await;
    let reversed = signed(&notice(6, PaymentState::Reversed, Reason::ReversedOnRequest));
    connection.answer(&call, Answer::Notice(reversed)).await;
    assert_eq!(told(&mut events).await, [6]);
}
