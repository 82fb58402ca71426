//! Which presentment codes a handset shows, and which it does not believe.

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

use kessai_client::terms::collation::{ChannelBinding, ServerKey};
use kessai_client::terms::{PresentmentCode, Reason};
use kessai_client::wire::{
    Answer, Call, ContentError, HandsetRequest, PresentedCode, Refusal, Request,
};
use kessai_client::{CallError, ConnectError, Distrust, Event, Presentment};
use support::{Connection, Gateway, NOW_MS, gone, handset_id, keys, options};
use tokio::time::Instant;

const EXPIRES_AT_MS: u64 = NOW_MS + 60_000;

fn code(random: u32) -> PresentmentCode {
    PresentmentCode::new(0, random).unwrap()
}

async fn asked_for_code(connection: &mut Connection) -> Call {
    let call = connection.hear().await;
    assert_eq!(call.body, Request::Handset(handset_id(), HandsetRequest::PresentCode));
    call
}

fn signed(channel: &ChannelBinding, random: u32) -> Answer {
    let code = PresentedCode::sign(&keys().server, channel, code(random), EXPIRES_AT_MS);
    Answer::Code(code)
}

#[tokio::test(start_paused = true)]
async fn a_code_is_shown_as_long_as_it_is_good() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection) = gateway.handset(options()).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let serve = async {
        let call = asked_for_code(&mut connection).await;
        connection.answer(&call, signed(&connection.channel, 1)).await;
    };
    let (presented, ()) = tokio::join!(handset.present_code(), serve);
    let show_until = Instant::now() + Duration::from_secs(50);
    let expected = Presentment { code: code(1), expires_at_ms: EXPIRES_AT_MS, show_until };
    assert_eq!(presented, Ok(expected), "by the gateway's clock");
    assert!(events.try_next().is_none());
    let printed = format!("{presented:?}");
    assert!(!printed.contains("000000001"), "{printed}");
}

/// Answers with what `forge` makes of the connection, and tells what the handset makes of that.
async fn forged(forge: impl FnOnce(&ChannelBinding) -> Answer) -> Distrust {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection) = gateway.handset(options()).await;
    let serve = async {
        let call = asked_for_code(&mut connection).await;
        connection.answer(&call, forge(&connection.channel)).await;
    };
    let (presented, ()) = tokio::join!(handset.present_code(), serve);
    let Err(CallError::Untrusted(distrust)) = presented else { panic!("{presented:?}") };
    assert!(matches!(events.next().await, Some(Event::Untrusted(told)) if told == distrust));
    assert_eq!(handset.untrusted(), 1);
    distrust
}

#[tokio::test(start_paused = true)]
async fn a_code_that_the_gateway_did_not_give_to_this_handset_here_is_not_shown() {
    let signature = Distrust::Content(ContentError::Signature);
    let other = ServerKey::from_bytes([9; 32]);
    let by_other = |channel: &ChannelBinding| {
        Answer::Code(PresentedCode::sign(&other, channel, code(1), EXPIRES_AT_MS))
    };
    assert_eq!(forged(by_other).await, signature);
    let elsewhere = |channel: &ChannelBinding| {
        let mut elsewhere = *channel;
        elsewhere.0[31] ^= 1;
        signed(&elsewhere, 1)
    };
    assert_eq!(forged(elsewhere).await, signature);
}

#[tokio::test(start_paused = true)]
async fn a_code_is_asked_for_anew_on_the_next_connection_and_no_old_one_is_taken() {
    let mut gateway = Gateway::new();
    let (handset, _events, mut connection) = gateway.handset(options()).await;
    let serve = async {
        asked_for_code(&mut connection).await;
        let old = connection.channel;
        drop(connection);
        let (mut connection, _) = gateway.attach().await;
        let call = asked_for_code(&mut connection).await;
        connection.answer(&call, signed(&connection.channel, 2)).await;
        let call = asked_for_code(&mut connection).await;
        connection.answer(&call, signed(&old, 1)).await;
    };
    let calls = async {
        let presented = handset.present_code().await.map(|presented| presented.code);
        (presented, handset.present_code().await)
    };
    let ((presented, old), ()) = tokio::join!(calls, serve);
    assert_eq!(presented, Ok(code(2)));
    let signature = Distrust::Content(ContentError::Signature);
    assert_eq!(old, Err(CallError::Untrusted(signature)));
}

#[tokio::test(start_paused = true)]
async fn without_a_code_the_customer_is_told_so_in_time() {
    let mut gateway = Gateway::new();
    let (handset, _events, mut connection) = gateway.handset(options()).await;
    let serve = async {
        let call = asked_for_code(&mut connection).await;
        let refusal = Refusal::to_handset(Reason::TooManyRequests, 500);
        connection.answer(&call, Answer::Refusal(refusal)).await;
        let call = asked_for_code(&mut connection).await;
        connection.answer(&call, Answer::Attached { latest: 4 }).await;
    };
    let calls = async {
        let refused = handset.present_code().await.unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::TooManyRequests));
        handset.present_code().await
    };
    let (other, ()) = tokio::join!(calls, serve);
    assert_eq!(other, Err(CallError::AnotherAnswer));

    drop(connection);
    gateway.fail((0..100).map(|_| gone()));
    let started_at = Instant::now();
    assert_eq!(handset.present_code().await, Err(CallError::Deadline));
    assert_eq!(started_at.elapsed(), options().call_within);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_ends_for_good_gives_no_code() {
    let mut gateway = Gateway::new();
    let (handset, _events, mut connection) = gateway.handset(options()).await;
    let setup = ConnectError::Setup("no key".into());
    gateway.fail([setup]);
    let serve = async {
        asked_for_code(&mut connection).await;
        drop(connection);
    };
    let (presented, ()) = tokio::join!(handset.present_code(), serve);
    assert!(matches!(presented, Err(CallError::Ended(_))), "{presented:?}");
    assert!(matches!(handset.present_code().await, Err(CallError::Ended(_))));
}
