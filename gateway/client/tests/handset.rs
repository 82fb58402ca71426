//! What a handset believes of what a gateway tells it, and what it proves on which connection.

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

use bytes::Bytes;
use kessai_client::terms::Reason;
use kessai_client::terms::collation::{
    DeviceKey, HandsetSecrets, Outcome, ServerKey, ServerNonce, content_digest,
};
use kessai_client::wire::{
    Answer, CloseCode, Confirmation, ContentError, Handset as HandsetId, HandsetRequest,
    PaymentState, Prompt, Push, Refusal, Request, SignedNotice, Verdict, v1,
};
use kessai_client::{
    Answered, CallError, ConnectError, Distrust, Event, Events, Fault, Handset, Question,
};
use support::{
    Connection, Gateway, NOW_MS, approve, approved_notice, confirmation, gone, handset_id, keys,
    notice, options, payment_id, secrets, signed, try_again,
};
use tokio::time::Instant;

async fn asked(events: &mut Events) -> Question {
    match events.next().await {
        Some(Event::Asked(question)) => *question,
        other => panic!("no question: {other:?}"),
    }
}

async fn told(events: &mut Events) -> u64 {
    match events.next().await {
        Some(Event::Told(notice)) => notice.number.get(),
        other => panic!("no notice: {other:?}"),
    }
}

async fn untrusted(events: &mut Events) -> Distrust {
    match events.next().await {
        Some(Event::Untrusted(distrust)) => distrust,
        other => panic!("no distrust: {other:?}"),
    }
}

/// Lets everything that is ready run.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// A handset that has been asked.
async fn asked_handset(gateway: &mut Gateway) -> (Handset, Events, Connection, Question) {
    let (handset, mut events, connection) = gateway.handset(options()).await;
    connection.prompt(confirmation().encode(), 0xa1, 3).await;
    let question = asked(&mut events).await;
    (handset, events, connection, question)
}

#[tokio::test(start_paused = true)]
async fn an_approval_is_proved_believed_and_told() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, question) = asked_handset(&mut gateway).await;
    let content = confirmation().encode();
    assert_eq!(*question.confirmation, confirmation());
    assert_eq!(question.digest, content_digest(&content));
    assert_eq!(question.tries_left, 3);
    let left = question.answer_by.duration_since(Instant::now());
    assert_eq!(left, Duration::from_secs(59), "by the gateway's clock");

    let serve = async {
        let (call, proof) = connection.hear_proof().await;
        assert_eq!((proof.payment, proof.server_nonce), (payment_id(), ServerNonce([0xa1; 32])));
        let auth = connection.auth(&content, &proof);
        assert!(keys().stored.verify(&auth, &proof.proof));
        connection.verdict(&call, approve(&auth, 5)).await;
        proof.handset_nonce
    };
    let secrets = secrets();
    let (answered, nonce) = tokio::join!(handset.approve(&question, &secrets), serve);
    assert_eq!(answered, Ok(Answered::Approved(approved_notice(5))));
    assert_ne!(nonce.0, [0; 32]);
    assert_eq!(told(&mut events).await, 5, "the end is an event too");
    assert_eq!(handset.seen(), 5);
    let again = handset.approve(&question, &secrets).await;
    assert_eq!(again, Err(CallError::NotOpen));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_may_be_tried_again_with_the_next_nonce() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, question) = asked_handset(&mut gateway).await;
    let content = confirmation().encode();
    let wrong = HandsetSecrets::from_parts([1; 32], DeviceKey::from_bytes([2; 32]));
    let serve = async {
        for (nonce, next) in [(0xa1, 0xa2), (0xa2, 0xa3)] {
            let (call, proof) = connection.hear_proof().await;
            assert_eq!(proof.server_nonce, ServerNonce([nonce; 32]));
            let auth = connection.auth(&content, &proof);
            assert!(!keys().stored.verify(&auth, &proof.proof));
            connection.verdict(&call, try_again(&auth, u32::from(0xa4 - next), next)).await;
        }
        let (call, proof) = connection.hear_proof().await;
        let auth = connection.auth(&content, &proof);
        let declined = notice(5, PaymentState::Declined, Reason::TriesExceeded);
        let signature = keys().server.sign_outcome(&auth, Outcome::Refused);
        let verdict = Verdict::Declined { signature, notice: signed(&declined) };
        connection.verdict(&call, verdict).await;
        declined
    };
    let attempts = async {
        let first = handset.approve(&question, &wrong).await;
        assert_eq!(first, Ok(Answered::TryAgain { tries_left: 2 }));
        let second = handset.approve(&question, &wrong).await;
        assert_eq!(second, Ok(Answered::TryAgain { tries_left: 1 }));
        handset.approve(&question, &wrong).await
    };
    let (last, declined) = tokio::join!(attempts, serve);
    assert_eq!(last, Ok(Answered::Declined(declined)));
    assert_eq!(told(&mut events).await, 5);
}

#[tokio::test(start_paused = true)]
async fn a_prompt_is_shown_once_and_proved_on_the_connection_that_stands() {
    let mut gateway = Gateway::new();
    let (handset, mut events, connection, question) = asked_handset(&mut gateway).await;
    let content = confirmation().encode();
    let old_channel = connection.channel;
    drop(connection);
    assert!(matches!(events.next().await, Some(Event::Disconnected(_))));
    let (mut connection, seen) = gateway.attach().await;
    assert_eq!(seen, 4);
    assert_ne!(connection.channel, old_channel);
    connection.prompt(content.clone(), 0xb1, 3).await;
    connection.prompt(content.clone(), 0xb2, 3).await;
    settle().await;
    assert!(matches!(events.next().await, Some(Event::Connected)));
    assert!(events.try_next().is_none(), "not asked again");

    let serve = async {
        let (call, proof) = connection.hear_proof().await;
        assert_eq!(proof.server_nonce, ServerNonce([0xb2; 32]), "the newest");
        let auth = connection.auth(&content, &proof);
        assert!(keys().stored.verify(&auth, &proof.proof), "over the new channel binding");
        connection.verdict(&call, approve(&auth, 5)).await;
    };
    let secrets = secrets();
    let (answered, ()) = tokio::join!(handset.approve(&question, &secrets), serve);
    assert_eq!(answered, Ok(Answered::Approved(approved_notice(5))));
    connection.prompt(content.clone(), 0xb3, 3).await;
    settle().await;
    assert_eq!(told(&mut events).await, 5);
    assert!(events.try_next().is_none(), "nor when the prompt comes after the end");
}

#[tokio::test(start_paused = true)]
async fn a_proof_lost_with_its_connection_is_made_anew_for_the_next_one() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, question) = asked_handset(&mut gateway).await;
    let content = confirmation().encode();
    let serve = async {
        let (_, first) = connection.hear_proof().await;
        drop(connection);
        let (mut connection, _) = gateway.attach().await;
        settle().await;
        assert!(connection.requests.try_recv().is_err(), "not before the new nonce has come");
        connection.prompt(content.clone(), 0xb1, 3).await;
        let (call, second) = connection.hear_proof().await;
        assert_ne!(second.handset_nonce, first.handset_nonce);
        assert_ne!(second.proof, first.proof);
        let auth = connection.auth(&content, &second);
        assert!(keys().stored.verify(&auth, &second.proof));
        connection.verdict(&call, approve(&auth, 5)).await;
        connection
    };
    let secrets = secrets();
    let (answered, _connection) = tokio::join!(handset.approve(&question, &secrets), serve);
    assert_eq!(answered, Ok(Answered::Approved(approved_notice(5))));
    assert!(matches!(events.next().await, Some(Event::Disconnected(_))));
    assert!(matches!(events.next().await, Some(Event::Connected)));
    assert_eq!(told(&mut events).await, 5);
}

#[tokio::test(start_paused = true)]
async fn an_approval_waits_for_the_nonce_of_the_connection_that_stands() {
    let mut gateway = Gateway::new();
    let (handset, _events, connection, question) = asked_handset(&mut gateway).await;
    let content = confirmation().encode();
    drop(connection);
    let (mut connection, _) = gateway.attach().await;
    let serve = async {
        settle().await;
        assert!(connection.requests.try_recv().is_err(), "the old nonce is not used");
        connection.prompt(content.clone(), 0xb1, 3).await;
        let (call, proof) = connection.hear_proof().await;
        assert_eq!(proof.server_nonce, ServerNonce([0xb1; 32]));
        connection.verdict(&call, approve(&connection.auth(&content, &proof), 5)).await;
    };
    let secrets = secrets();
    let (answered, ()) = tokio::join!(handset.approve(&question, &secrets), serve);
    assert_eq!(answered, Ok(Answered::Approved(approved_notice(5))));
}

#[tokio::test(start_paused = true)]
async fn a_lost_proof_that_was_counted_is_not_repeated() {
    let mut gateway = Gateway::new();
    let (handset, _events, mut connection, question) = asked_handset(&mut gateway).await;
    let serve = async {
        connection.hear_proof().await;
        drop(connection);
        let (connection, _) = gateway.attach().await;
        connection.prompt(confirmation().encode(), 0xb1, 2).await;
        connection
    };
    let secrets = secrets();
    let (answered, mut connection) = tokio::join!(handset.approve(&question, &secrets), serve);
    assert_eq!(answered, Ok(Answered::TryAgain { tries_left: 2 }));
    assert!(connection.requests.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_lost_proof_that_was_not_counted_is_repeated_after_a_wrong_one() {
    let mut gateway = Gateway::new();
    let (handset, _events, mut connection, question) = asked_handset(&mut gateway).await;
    let content = confirmation().encode();
    let serve = async {
        let (call, proof) = connection.hear_proof().await;
        let auth = connection.auth(&content, &proof);
        connection.verdict(&call, try_again(&auth, 2, 0xa2)).await;
        connection.hear_proof().await;
        drop(connection);
        let (mut connection, _) = gateway.attach().await;
        connection.prompt(content.clone(), 0xb1, 2).await;
        let (call, proof) = connection.hear_proof().await;
        connection.verdict(&call, approve(&connection.auth(&content, &proof), 5)).await;
        connection
    };
    let secrets = secrets();
    let attempts = async {
        let first = handset.approve(&question, &secrets).await;
        assert_eq!(first, Ok(Answered::TryAgain { tries_left: 2 }));
        handset.approve(&question, &secrets).await
    };
    let (answered, _connection) = tokio::join!(attempts, serve);
    assert_eq!(answered, Ok(Answered::Approved(approved_notice(5))));
}

#[tokio::test(start_paused = true)]
async fn a_lost_proof_that_was_accepted_is_told_by_its_notice() {
    let mut gateway = Gateway::new();
    let (handset, _events, mut connection, question) = asked_handset(&mut gateway).await;
    let serve = async {
        connection.hear_proof().await;
        drop(connection);
        let (connection, _) = gateway.attach().await;
        connection.notify(signed(&approved_notice(5))).await;
        connection
    };
    let secrets = secrets();
    let (answered, _connection) = tokio::join!(handset.approve(&question, &secrets), serve);
    assert_eq!(answered, Ok(Answered::Approved(approved_notice(5))));
}

#[tokio::test(start_paused = true)]
async fn a_stale_nonce_is_replaced_and_the_proof_made_anew() {
    let mut gateway = Gateway::new();
    let (handset, _events, mut connection, question) = asked_handset(&mut gateway).await;
    let content = confirmation().encode();
    let serve = async {
        let (call, _) = connection.hear_proof().await;
        connection.verdict(&call, Verdict::Stale { server_nonce: ServerNonce([0xc1; 32]) }).await;
        let (call, proof) = connection.hear_proof().await;
        assert_eq!(proof.server_nonce, ServerNonce([0xc1; 32]));
        let auth = connection.auth(&content, &proof);
        assert!(keys().stored.verify(&auth, &proof.proof));
        connection.verdict(&call, approve(&auth, 5)).await;
    };
    let secrets = secrets();
    let (answered, ()) = tokio::join!(handset.approve(&question, &secrets), serve);
    assert_eq!(answered, Ok(Answered::Approved(approved_notice(5))));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_calls_everything_stale_is_given_up() {
    let mut gateway = Gateway::new();
    let (handset, _events, mut connection, question) = asked_handset(&mut gateway).await;
    let serve = async {
        for nonce in 0..4 {
            let (call, _) = connection.hear_proof().await;
            let server_nonce = ServerNonce([nonce; 32]);
            connection.verdict(&call, Verdict::Stale { server_nonce }).await;
        }
    };
    let secrets = secrets();
    let (answered, ()) = tokio::join!(handset.approve(&question, &secrets), serve);
    assert_eq!(answered, Err(CallError::AlwaysStale));
}

/// Answers a proof with what `forge` makes of it, and tells what the handset makes of that.
async fn forged(
    forge: impl FnOnce(&Connection, &[u8], &kessai_client::wire::Prove) -> Verdict,
) -> Distrust {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, question) = asked_handset(&mut gateway).await;
    let content = confirmation().encode();
    let serve = async {
        let (call, proof) = connection.hear_proof().await;
        let verdict = forge(&connection, &content, &proof);
        connection.verdict(&call, verdict).await;
    };
    let secrets = secrets();
    let (answered, ()) = tokio::join!(handset.approve(&question, &secrets), serve);
    let error = answered.unwrap_err();
    assert_eq!(error.fault(), Fault::Gateway);
    let CallError::Untrusted(distrust) = error else { panic!("{error}") };
    assert_eq!(untrusted(&mut events).await, distrust);
    assert_eq!((handset.untrusted(), handset.seen()), (1, 4));
    assert!(events.try_next().is_none(), "nothing is told");
    distrust
}

#[tokio::test(start_paused = true)]
async fn forged_outcomes_are_not_believed() {
    let other = ServerKey::from_bytes([9; 32]);
    let sign = |key: &ServerKey, connection: &Connection, content: &[u8], proof: &_, outcome| {
        key.sign_outcome(&connection.auth(content, proof), outcome)
    };
    let key = keys().server.clone();
    let notice = || signed(&approved_notice(5));
    // By another key; for the other outcome; for another content; for another connection.
    let distrust = forged(|c, content, proof| Verdict::Approved {
        signature: sign(&other, c, content, proof, Outcome::Approved),
        notice: notice(),
    });
    assert_eq!(distrust.await, Distrust::Outcome);
    let distrust = forged(|c, content, proof| Verdict::Approved {
        signature: sign(&key, c, content, proof, Outcome::Refused),
        notice: notice(),
    });
    assert_eq!(distrust.await, Distrust::Outcome);
    let distrust = forged(|c, _, proof| Verdict::Approved {
        signature: sign(&key, c, b"another content", proof, Outcome::Approved),
        notice: notice(),
    });
    assert_eq!(distrust.await, Distrust::Outcome);
    let distrust = forged(|c, content, proof| {
        let mut proof = proof.clone();
        proof.handset_nonce.0[0] ^= 1;
        approve(&c.auth(content, &proof), 5)
    });
    assert_eq!(distrust.await, Distrust::Outcome);
    let distrust = forged(|c, content, proof| Verdict::TryAgain {
        signature: sign(&other, c, content, proof, Outcome::Refused),
        tries_left: 2,
        server_nonce: ServerNonce([3; 32]),
    });
    assert_eq!(distrust.await, Distrust::Outcome);
}

#[tokio::test(start_paused = true)]
async fn notices_that_do_not_fit_their_outcome_are_not_believed() {
    let with = |notice: SignedNotice| {
        forged(move |connection, content, proof| {
            let Verdict::Approved { signature, .. } = approve(&connection.auth(content, proof), 5)
            else {
                unreachable!("it approves")
            };
            Verdict::Approved { signature, notice }
        })
    };
    let forged_notice =
        SignedNotice { notice: approved_notice(6).encode(), ..signed(&approved_notice(5)) };
    assert_eq!(with(forged_notice).await, Distrust::Content(ContentError::Signature));

    let digest = content_digest(b"another content");
    let of_other = SignedNotice::sign(&keys().server, digest, approved_notice(5).encode());
    assert_eq!(with(of_other).await, Distrust::Altered(payment_id()));

    let payment = kessai_client::terms::PaymentId::from_parts(NOW_MS, [8; 10]);
    let other = kessai_client::wire::Notice { payment, ..approved_notice(5) };
    assert_eq!(with(signed(&other)).await, Distrust::Contradiction);
}

#[tokio::test(start_paused = true)]
async fn an_approval_with_the_notice_of_another_end_contradicts_itself() {
    let mut gateway = Gateway::new();
    let (handset, _events, mut connection, question) = asked_handset(&mut gateway).await;
    let content = confirmation().encode();
    let serve = async {
        let (call, proof) = connection.hear_proof().await;
        let auth = connection.auth(&content, &proof);
        let signature = keys().server.sign_outcome(&auth, Outcome::Approved);
        let expired = notice(5, PaymentState::Expired, Reason::ExpiredUnanswered);
        connection.verdict(&call, Verdict::Approved { signature, notice: signed(&expired) }).await;
    };
    let secrets = secrets();
    let (answered, ()) = tokio::join!(handset.approve(&question, &secrets), serve);
    assert_eq!(answered, Err(CallError::Untrusted(Distrust::Contradiction)));
}

#[tokio::test(start_paused = true)]
async fn notices_are_verified_and_told_once_by_number() {
    let mut gateway = Gateway::new();
    let (handset, mut events, connection) = gateway.handset(options()).await;
    let cancelled = |number| notice(number, PaymentState::Cancelled, Reason::CancelledByTerminal);
    for number in [5, 5, 4, 7, 7, 5] {
        connection.notify(signed(&cancelled(number))).await;
    }
    assert_eq!((told(&mut events).await, told(&mut events).await), (5, 7));
    assert_eq!(handset.seen(), 5, "the sixth is missing");

    // Any bit of a notice, its digest or its signature that changes is noticed.
    let good = signed(&cancelled(6));
    let mut forged = Vec::new();
    for bit in 0..good.notice.len() * 8 {
        let mut bytes = good.notice.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        forged.push(SignedNotice { notice: bytes.into(), ..good.clone() });
    }
    for bit in 0..256 {
        let (mut digest, mut signature) = (good.content_digest, good.signature);
        digest.0[bit / 8] ^= 1 << (bit % 8);
        signature.0[bit / 8] ^= 1 << (bit % 8);
        forged.push(SignedNotice { content_digest: digest, ..good.clone() });
        forged.push(SignedNotice { signature, ..good.clone() });
    }
    let count = u64::try_from(forged.len()).unwrap();
    for notice in forged {
        connection.notify(notice).await;
        let distrust = untrusted(&mut events).await;
        assert_eq!(distrust, Distrust::Content(ContentError::Signature));
    }
    assert_eq!((handset.untrusted(), handset.seen()), (count, 5));
    connection.notify(good).await;
    assert_eq!(told(&mut events).await, 6);
    assert_eq!(handset.seen(), 7);

    // After a reconnect the gateway is told, and what it repeats all the same is dropped.
    drop(connection);
    assert!(matches!(events.next().await, Some(Event::Disconnected(_))));
    let (connection, seen) = gateway.attach().await;
    assert_eq!(seen, 7);
    for number in 5..=8 {
        connection.notify(signed(&cancelled(number))).await;
    }
    assert!(matches!(events.next().await, Some(Event::Connected)));
    assert_eq!(told(&mut events).await, 8);
}

#[tokio::test(start_paused = true)]
async fn a_signed_notice_of_unknown_version_is_not_told() {
    let mut gateway = Gateway::new();
    let (handset, mut events, connection) = gateway.handset(options()).await;
    let mut bytes = approved_notice(5).encode().to_vec();
    assert_eq!(bytes[..2], [0x08, 1], "the version comes first");
    bytes[1] = 2;
    let digest = content_digest(&confirmation().encode());
    connection.notify(SignedNotice::sign(&keys().server, digest, bytes.into())).await;
    assert_eq!(untrusted(&mut events).await, Distrust::Content(ContentError::Version(2)));
    assert_eq!(handset.seen(), 4);
}

#[tokio::test(start_paused = true)]
async fn contents_that_cannot_be_are_not_shown() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection) = gateway.handset(options()).await;
    let good = confirmation().encode();

    let mut version = good.to_vec();
    version[1] = 2;
    connection.prompt(version.into(), 1, 3).await;
    assert_eq!(untrusted(&mut events).await, Distrust::Content(ContentError::Version(2)));

    let hidden = Bytes::from([&good[..], &[0xf8, 0x07, 1]].concat());
    connection.prompt(hidden, 1, 3).await;
    assert_eq!(untrusted(&mut events).await, Distrust::Content(ContentError::NotCanonical));

    connection.prompt(Bytes::from_static(b"\xff\xff"), 1, 3).await;
    assert!(matches!(
        untrusted(&mut events).await,
        Distrust::Content(ContentError::NotAMessage(_))
    ));

    let other = Confirmation { customer: "1234-567-891".parse().unwrap(), ..confirmation() };
    connection.prompt(other.encode(), 1, 3).await;
    assert_eq!(untrusted(&mut events).await, Distrust::NotForUs);

    let to = HandsetId { customer: "1234-567-891".parse().unwrap(), ..handset_id() };
    let server_nonce = ServerNonce([1; 32]);
    let prompt = Prompt { content: good, server_nonce, tries_left: 3, gateway_time_ms: NOW_MS };
    connection.push(Push::Prompt(to, prompt)).await;
    assert_eq!(untrusted(&mut events).await, Distrust::NotForUs);

    let short = v1::Prompt { server_nonce: Bytes::from_static(&[1; 31]), ..v1::Prompt::default() };
    let to = Some(v1::Identity::from(kessai_client::wire::Identity::Handset(handset_id())));
    let body = Some(v1::to_peer::Body::Prompt(short));
    connection.send(v1::ToPeer { request: 0, to, body }).await;
    assert!(matches!(untrusted(&mut events).await, Distrust::Message(_)));

    assert_eq!(handset.untrusted(), 6);
    assert!(connection.requests.try_recv().is_err(), "nothing is answered");
}

#[tokio::test(start_paused = true)]
async fn a_content_that_changes_after_it_was_shown_gets_no_proof() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, question) = asked_handset(&mut gateway).await;
    let altered = Confirmation { store_name: "別の店".parse().unwrap(), ..confirmation() };
    connection.prompt(altered.encode(), 0xee, 3).await;
    assert_eq!(untrusted(&mut events).await, Distrust::Altered(payment_id()));
    let content = confirmation().encode();
    let serve = async {
        let (call, proof) = connection.hear_proof().await;
        assert_eq!(proof.server_nonce, ServerNonce([0xa1; 32]), "not the altered prompt's");
        let auth = connection.auth(&content, &proof);
        assert!(keys().stored.verify(&auth, &proof.proof), "over what was shown");
        connection.verdict(&call, approve(&auth, 5)).await;
    };
    let secrets = secrets();
    let (answered, ()) = tokio::join!(handset.approve(&question, &secrets), serve);
    assert!(matches!(answered, Ok(Answered::Approved(_))));

    // Nor can the program around it be led to prove another content than it was asked about.
    let mut gateway = Gateway::new();
    let (handset, _events, _connection, mut question) = asked_handset(&mut gateway).await;
    question.digest = content_digest(&altered.encode());
    assert_eq!(handset.approve(&question, &secrets).await, Err(CallError::NotOpen));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_the_customer_tells_the_true_end() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, _question) = asked_handset(&mut gateway).await;
    let cancelled = notice(5, PaymentState::Cancelled, Reason::CancelledByCustomer);
    let serve = async {
        let call = connection.hear().await;
        let refuse = Request::Handset(handset_id(), HandsetRequest::Refuse(payment_id()));
        assert_eq!(call.body, refuse);
        drop(connection);
        let (mut connection, _) = gateway.attach().await;
        let call = connection.hear().await;
        assert_eq!(call.body, refuse, "sent again on the next connection");
        connection.answer(&call, Answer::Notice(signed(&cancelled))).await;
        let call = connection.hear().await;
        let forged = SignedNotice { notice: approved_notice(6).encode(), ..signed(&cancelled) };
        connection.answer(&call, Answer::Notice(forged)).await;
    };
    let calls = async {
        assert_eq!(handset.refuse(payment_id()).await, Ok(cancelled.clone()));
        handset.refuse(payment_id()).await
    };
    let (forged, ()) = tokio::join!(calls, serve);
    let signature = Distrust::Content(ContentError::Signature);
    assert_eq!(forged, Err(CallError::Untrusted(signature)));
    assert!(matches!(events.next().await, Some(Event::Disconnected(_))));
    assert!(matches!(events.next().await, Some(Event::Connected)));
    assert_eq!(told(&mut events).await, 5);
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_comes_too_late_or_is_refused_says_so() {
    let mut gateway = Gateway::new();
    let (handset, _events, mut connection, question) = asked_handset(&mut gateway).await;
    let expired = notice(5, PaymentState::Expired, Reason::ExpiredUnanswered);
    let serve = async {
        let (call, _) = connection.hear_proof().await;
        let refusal = Refusal::to_handset(Reason::ProofRefused, 0);
        connection.answer(&call, Answer::Refusal(refusal)).await;
        let (call, _) = connection.hear_proof().await;
        connection.answer(&call, Answer::Notice(signed(&expired))).await;
    };
    let secrets = secrets();
    let calls = async {
        let refused = handset.approve(&question, &secrets).await.unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::ProofRefused));
        handset.approve(&question, &secrets).await
    };
    let (late, ()) = tokio::join!(calls, serve);
    assert_eq!(late, Ok(Answered::Ended(expired)));
}

#[tokio::test(start_paused = true)]
async fn one_question_is_answered_by_one_call_at_a_time() {
    let mut gateway = Gateway::new();
    let (handset, _events, _connection, question) = asked_handset(&mut gateway).await;
    let secrets = secrets();
    let started_at = Instant::now();
    let (first, second) =
        tokio::join!(handset.approve(&question, &secrets), handset.approve(&question, &secrets));
    assert_eq!(second, Err(CallError::BeingAnswered));
    assert_eq!(first, Err(CallError::Deadline));
    assert_eq!(started_at.elapsed(), options().call_within);
    assert_eq!(handset.approve(&question, &secrets).await, Err(CallError::Deadline), "free again");
}

#[tokio::test(start_paused = true)]
async fn a_vanished_gateway_ends_an_approval_by_its_deadline() {
    let mut gateway = Gateway::new();
    let (handset, _events, connection, question) = asked_handset(&mut gateway).await;
    drop(connection);
    gateway.fail((0..200).map(|_| gone()));
    let started_at = Instant::now();
    assert_eq!(handset.approve(&question, &secrets()).await, Err(CallError::Deadline));
    assert_eq!(started_at.elapsed(), options().call_within);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_ends_for_good_ends_calls_and_events() {
    let mut gateway = Gateway::new();
    let (handset, mut events, mut connection, question) = asked_handset(&mut gateway).await;
    let why = ConnectError::Closed(CloseCode::NotEnrolled);
    gateway.fail([why.clone()]);
    let serve = async {
        connection.hear_proof().await;
        drop(connection);
    };
    let secrets = secrets();
    let (answered, ()) = tokio::join!(handset.approve(&question, &secrets), serve);
    assert!(matches!(answered, Err(CallError::Ended(_))), "{answered:?}");
    assert!(matches!(events.next().await, Some(Event::Disconnected(first)) if first != why));
    assert!(matches!(events.next().await, Some(Event::Disconnected(last)) if last == why));
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn events_that_are_not_read_are_bounded_and_come_again() {
    let mut gateway = Gateway::new();
    let (handset, mut events, connection) = gateway.handset(options()).await;
    let cancelled = |number| notice(number, PaymentState::Cancelled, Reason::CancelledByTerminal);
    for number in 5..=400 {
        let push = Push::Notice(handset_id(), signed(&cancelled(number)));
        let message = v1::ToPeer::from(&kessai_client::wire::Message::Push(push));
        if connection.messages.send(message).await.is_err() {
            break;
        }
    }
    // The connection is given up; nothing that was not told counts as seen.
    let (connection, seen) = gateway.attach().await;
    assert!((5..400).contains(&seen) && seen == handset.seen(), "{seen}");
    let mut next = 5;
    while let Some(event) = events.try_next() {
        if let Event::Told(notice) = event {
            assert_eq!(notice.number.get(), next);
            next += 1;
        }
    }
    assert_eq!(next, seen + 1);
    connection.notify(signed(&cancelled(next))).await;
    assert_eq!(told(&mut events).await, next);
}

#[tokio::test(start_paused = true)]
async fn no_secret_shows_in_debug_output() {
    let mut gateway = Gateway::new();
    let (handset, events, mut connection, question) = asked_handset(&mut gateway).await;
    let secrets = secrets();
    let serve = async {
        let (call, proof) = connection.hear_proof().await;
        let auth = connection.auth(&confirmation().encode(), &proof);
        connection.verdict(&call, try_again(&auth, 2, 9)).await;
        (call, proof)
    };
    let (answered, (call, proof)) = tokio::join!(handset.approve(&question, &secrets), serve);
    let shown = format!("{handset:?} {events:?} {question:?} {answered:?} {call:?} {proof:?}");
    let message = format!("{:?}", v1::ToGateway::from(&call));
    let mut canaries = vec![proof.proof.0, *secrets.expose_seed(), *secrets.client_key().expose()];
    let keys = keys();
    canaries.extend([*keys.stored.expose(), *keys.server.expose(), *keys.device.expose()]);
    for secret in canaries {
        let hexadecimal: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        for form in
            [hexadecimal, format!("{secret:?}"), format!("{:?}", Bytes::copy_from_slice(&secret))]
        {
            let form = form.trim_start_matches("b\"").trim_end_matches('"');
            assert!(!shown.contains(form) && !message.contains(form), "{shown} {message}");
        }
    }
}
