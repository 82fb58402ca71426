//! Many terminals over a controller's connection, many handsets over a hub's.

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

use kessai_client::terms::collation::{AuthMessage, content_digest, hub_channel_binding};
use kessai_client::terms::{DeviceId, PresentmentCode, Reason, TerminalId};
use kessai_client::wire::{
    Answer, CloseCode, Handset as HandsetId, HandsetRequest, Identity, PresentedCode, Prompt, Push,
    Refusal, Request, SignedNotice, TerminalRequest,
};
use kessai_client::{
    Answered, CallError, ConnectError, Controller, Event, Events, Handset, Hub, Question,
};
use support::{
    Connection, Gateway, NOW_MS, approve, approved_notice, captured, confirmation, handset_id,
    keys, options, payment_id, purchase, secrets, signed, try_again,
};

fn terminal_id(number: u8) -> TerminalId {
    format!("POS{number}").parse().unwrap()
}

async fn controller(gateway: &mut Gateway) -> (Controller, Connection) {
    let door = Arc::clone(&gateway.door);
    let connect = Controller::connect(door, "C1".parse().unwrap(), options());
    let serve = async {
        let mut connection = gateway.accept().await;
        let hello = connection.hear().await;
        let Request::Hello(greeting) = &hello.body else { panic!("{hello:?}") };
        assert_eq!(greeting.from, Some(Identity::Controller("C1".parse().unwrap())));
        connection.answer(&hello, Answer::Welcome(connection.greeting())).await;
        connection
    };
    let (controller, connection) = tokio::join!(connect, serve);
    (controller.unwrap(), connection)
}

#[tokio::test(start_paused = true)]
async fn terminals_share_a_connection_and_each_gets_its_own_answers() {
    let mut gateway = Gateway::new();
    let (controller, mut connection) = controller(&mut gateway).await;
    let (one, two) = (controller.terminal(terminal_id(1)), controller.terminal(terminal_id(2)));
    let (first, second) = (one.payment_id(), two.payment_id());
    let serve = async {
        let mut heard = Vec::new();
        for _ in 0..3 {
            let call = connection.hear().await;
            let Request::Terminal(id, request) = call.body.clone() else { panic!("{call:?}") };
            heard.push((id, request, call));
        }
        // In another order than they were asked.
        for (id, request, call) in heard.iter().rev() {
            let payment = match request {
                TerminalRequest::Open(purchase) => purchase.payment,
                TerminalRequest::Status(payment) | TerminalRequest::Cancel(payment) => *payment,
                other => panic!("{other:?}"),
            };
            assert_eq!(*id, terminal_id(if payment == first { 1 } else { 2 }));
            connection.answer(call, Answer::Payment(captured(payment))).await;
        }
    };
    let (paid, told, cancelled, ()) =
        tokio::join!(one.pay(purchase(first)), two.status(second), two.cancel(second), serve);
    assert_eq!(paid, Ok(captured(first)));
    assert_eq!((told, cancelled), (Ok(captured(second)), Ok(captured(second))));
    assert_eq!(gateway.attempts().len(), 1, "one connection");
}

#[tokio::test(start_paused = true)]
async fn what_one_terminal_is_refused_is_no_matter_to_the_others() {
    let mut gateway = Gateway::new();
    let (controller, mut connection) = controller(&mut gateway).await;
    let serve = async {
        for _ in 0..2 {
            let call = connection.hear().await;
            let Request::Terminal(id, _) = call.body else { panic!("{call:?}") };
            let answer = if id == terminal_id(9) {
                Answer::Refusal(Refusal::to_terminal(Reason::IdentityNotOfKey, 0))
            } else {
                Answer::Payment(captured(payment_id()))
            };
            connection.answer(&call, answer).await;
        }
        connection
    };
    let (foreign, own) = (controller.terminal(terminal_id(9)), controller.terminal(terminal_id(1)));
    let (refused, told, mut connection) =
        tokio::join!(foreign.status(payment_id()), own.status(payment_id()), serve);
    assert_eq!(refused.unwrap_err().reason(), Some(Reason::IdentityNotOfKey));
    assert_eq!(told, Ok(captured(payment_id())));
    // The connection ends with the last that uses it.
    drop((controller, foreign));
    let (status, call) = tokio::join!(own.status(payment_id()), async {
        let call = connection.hear().await;
        connection.answer(&call, Answer::Payment(captured(payment_id()))).await;
        call
    });
    assert!(status.is_ok(), "{call:?}");
    drop(own);
    assert!(connection.requests.recv().await.is_none());
}

fn device(number: u8) -> HandsetId {
    HandsetId { device: DeviceId([number; 16]), ..handset_id() }
}

async fn hub(gateway: &mut Gateway) -> (Hub, Connection) {
    let door = Arc::clone(&gateway.door);
    let connect = Hub::connect(door, "H1".parse().unwrap(), options());
    let (hub, connection) = tokio::join!(connect, gateway.welcome_hub());
    (hub.unwrap(), connection)
}

/// Attaches a device, which has seen as many notices as its number says.
async fn attached(hub: &Hub, connection: &mut Connection, number: u8) -> (Handset, Events) {
    let (server, key) = (keys().server.clone(), keys().device.clone());
    let connect = hub.handset(device(number), server, key, u64::from(number), options());
    let (connected, attach) = tokio::join!(connect, connection.hear_hub_attach());
    assert_eq!(attach, (device(number), u64::from(number)));
    let (handset, mut events) = connected.unwrap();
    assert!(matches!(events.next().await, Some(Event::Connected)));
    (handset, events)
}

async fn asked(connection: &Connection, to: HandsetId, nonce: u8, events: &mut Events) -> Question {
    let prompt = Prompt {
        content: confirmation().encode(),
        server_nonce: [nonce; 32].into(),
        tries_left: 3,
        gateway_time_ms: NOW_MS,
    };
    connection.push(Push::Prompt(to, prompt)).await;
    match events.next().await {
        Some(Event::Asked(question)) => *question,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn handsets_share_a_connection_and_each_is_asked_for_itself() {
    let mut gateway = Gateway::new();
    let (hub, mut connection) = hub(&mut gateway).await;
    let (_one, mut first) = attached(&hub, &mut connection, 1).await;
    let (two, mut second) = attached(&hub, &mut connection, 2).await;
    assert_eq!(gateway.attempts().len(), 1, "one connection");
    let question = asked(&connection, device(2), 0xa1, &mut second).await;
    assert!(first.try_next().is_none());
    // A push to a handset that is not here troubles nobody.
    connection.push(Push::Notice(device(3), signed(&approved_notice(4)))).await;
    connection.push(Push::Notice(device(1), signed(&approved_notice(2)))).await;
    assert!(matches!(first.next().await, Some(Event::Told(notice)) if notice.number.get() == 2));

    let serve = async {
        for verdict in 0..2 {
            let (call, proof) = connection.hear_proof().await;
            let Request::Handset(id, _) = call.body else { panic!("{call:?}") };
            assert_eq!(id, device(2));
            // Bound to the hub's connection and to this device on it.
            let nonce = connection.hub_nonce.unwrap();
            let channel = hub_channel_binding(&connection.channel, &id.device, &nonce);
            let digest = content_digest(&confirmation().encode());
            let auth = AuthMessage::new(digest, channel, proof.server_nonce, proof.handset_nonce);
            assert!(keys().stored.verify(&auth, &proof.proof));
            assert!(keys().device.verify_vouch(&auth, &proof.proof, &proof.hub_tag.unwrap()));
            let verdict = if verdict == 0 { try_again(&auth, 2, 0xa2) } else { approve(&auth, 3) };
            connection.verdict(&call, verdict).await;
        }
    };
    let secrets = secrets();
    let prove = async {
        let again = two.approve(&question, &secrets).await;
        assert_eq!(again, Ok(Answered::TryAgain { tries_left: 2 }));
        two.approve(&question, &secrets).await
    };
    let (answered, ()) = tokio::join!(prove, serve);
    assert_eq!(answered, Ok(Answered::Approved(approved_notice(3))));
    assert_eq!(two.seen(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_code_through_a_hub_is_signed_for_the_handset_and_not_for_the_hub() {
    let mut gateway = Gateway::new();
    let (hub, mut connection) = hub(&mut gateway).await;
    let (one, _events) = attached(&hub, &mut connection, 1).await;
    let code = PresentmentCode::new(0, 7).unwrap();
    let nonce = connection.hub_nonce.unwrap();
    let own = hub_channel_binding(&connection.channel, &device(1).device, &nonce);
    let others = hub_channel_binding(&connection.channel, &device(2).device, &nonce);
    let channels = [own, others, connection.channel];
    let serve = async {
        for channel in channels {
            let call = connection.hear().await;
            assert_eq!(call.body, Request::Handset(device(1), HandsetRequest::PresentCode));
            let signed = PresentedCode::sign(&keys().server, &channel, code, NOW_MS + 60_000);
            connection.answer(&call, Answer::Code(signed)).await;
        }
    };
    let calls = async {
        assert_eq!(one.present_code().await.map(|presented| presented.code), Ok(code));
        for _ in 1..channels.len() {
            let refused = one.present_code().await;
            assert!(matches!(refused, Err(CallError::Untrusted(_))), "{refused:?}");
        }
    };
    tokio::join!(calls, serve);
}

#[tokio::test(start_paused = true)]
async fn a_lost_hub_comes_back_and_its_handsets_attach_anew() {
    let mut gateway = Gateway::new();
    let (hub, mut connection) = hub(&mut gateway).await;
    let (one, mut first) = attached(&hub, &mut connection, 1).await;
    let question = asked(&connection, device(1), 0xa1, &mut first).await;
    drop(connection);
    assert!(matches!(first.next().await, Some(Event::Disconnected(_))));
    // With another exporter and another nonce, and so with another proof.
    let mut connection = gateway.welcome_hub().await;
    assert_eq!(connection.hear_hub_attach().await, (device(1), 1));
    assert!(matches!(first.next().await, Some(Event::Connected)));
    let prompt = Prompt {
        content: confirmation().encode(),
        server_nonce: [0xb1; 32].into(),
        tries_left: 3,
        gateway_time_ms: NOW_MS,
    };
    let serve = async {
        connection.push(Push::Prompt(device(1), prompt)).await;
        let (call, proof) = connection.hear_proof().await;
        assert_eq!(proof.server_nonce, [0xb1; 32].into());
        let nonce = connection.hub_nonce.unwrap();
        let channel = hub_channel_binding(&connection.channel, &device(1).device, &nonce);
        let digest = content_digest(&confirmation().encode());
        let auth = AuthMessage::new(digest, channel, proof.server_nonce, proof.handset_nonce);
        assert!(keys().stored.verify(&auth, &proof.proof));
        connection.verdict(&call, approve(&auth, 2)).await;
    };
    let secrets = secrets();
    let (answered, ()) = tokio::join!(one.approve(&question, &secrets), serve);
    assert_eq!(answered, Ok(Answered::Approved(approved_notice(2))));
}

#[tokio::test(start_paused = true)]
async fn a_handset_that_the_gateway_refuses_leaves_the_others_attached() {
    let mut gateway = Gateway::new();
    let (hub, mut connection) = hub(&mut gateway).await;
    let (one, _events) = attached(&hub, &mut connection, 1).await;
    let (server, key) = (keys().server.clone(), keys().device.clone());
    let connect = hub.handset(device(2), server, key, 0, options());
    let refuse = async {
        let call = connection.hear().await;
        let refusal = Refusal::to_handset(Reason::ProofRefused, 0);
        connection.answer(&call, Answer::Refusal(refusal)).await;
    };
    let (refused, ()) = tokio::join!(connect, refuse);
    let error = refused.unwrap_err();
    let ConnectError::Refused(refusal) = error else { panic!("{error:?}") };
    assert_eq!(refusal.reason, Reason::ProofRefused);
    let serve = async {
        let call = connection.hear().await;
        let Request::Handset(id, HandsetRequest::Refuse(_)) = call.body else { panic!("{call:?}") };
        assert_eq!(id, device(1));
        let notice: SignedNotice = signed(&approved_notice(2));
        connection.answer(&call, Answer::Notice(notice)).await;
    };
    let (told, ()) = tokio::join!(one.refuse(payment_id()), serve);
    assert_eq!(told, Ok(approved_notice(2)));
}

#[tokio::test(start_paused = true)]
async fn the_newest_connection_of_a_handset_ends_the_older() {
    let mut gateway = Gateway::new();
    let (hub, mut connection) = hub(&mut gateway).await;
    let (older, mut events) = attached(&hub, &mut connection, 1).await;
    let (_newer, _newer_events) = attached(&hub, &mut connection, 1).await;
    let superseded = ConnectError::Closed(CloseCode::Superseded);
    match events.next().await {
        Some(Event::Disconnected(why)) => assert_eq!(why, superseded),
        other => panic!("{other:?}"),
    }
    assert!(events.next().await.is_none(), "for good");
    assert_eq!(older.refuse(payment_id()).await, Err(CallError::Ended(superseded)));
}

#[tokio::test(start_paused = true)]
async fn a_handset_whose_events_are_not_read_comes_back_and_the_others_stay() {
    let mut gateway = Gateway::new();
    let (hub, mut connection) = hub(&mut gateway).await;
    let (_idle, mut unread) = attached(&hub, &mut connection, 1).await;
    let (_other, mut events) = attached(&hub, &mut connection, 2).await;
    let flood = async {
        let mut number = 2;
        loop {
            tokio::select! {
                biased;
                attach = connection.hear_hub_attach() => break attach,
                () = tokio::time::sleep(Duration::from_millis(1)) => {}
            }
            connection.push(Push::Notice(device(1), signed(&approved_notice(number)))).await;
            number += 1;
        }
    };
    let (back, seen) = flood.await;
    assert_eq!(back, device(1));
    assert!(seen > 1);
    connection.push(Push::Notice(device(2), signed(&approved_notice(3)))).await;
    assert!(matches!(events.next().await, Some(Event::Told(_))), "the other one stays");
    assert!(matches!(unread.next().await, Some(Event::Told(_))), "and nothing is lost");
}

#[tokio::test(start_paused = true)]
async fn whom_the_gateway_takes_for_no_hub_learns_it_at_once() {
    let mut gateway = Gateway::new();
    let door = Arc::clone(&gateway.door);
    let connect = Hub::connect(door, "H1".parse().unwrap(), options());
    let (refused, _connection) = tokio::join!(connect, gateway.welcome());
    assert!(matches!(refused, Err(ConnectError::Greeting(_))), "{refused:?}");

    let door = Arc::clone(&gateway.door);
    let (server, key) = (keys().server.clone(), keys().device.clone());
    let connect = Handset::connect_through_hub(door, handset_id(), server, key, 0, options());
    let (refused, _connection) = tokio::join!(connect, gateway.welcome());
    assert!(matches!(refused, Err(ConnectError::Greeting(_))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_revoked_ends_its_handsets() {
    let mut gateway = Gateway::new();
    let (hub, mut connection) = hub(&mut gateway).await;
    let (_one, mut events) = attached(&hub, &mut connection, 1).await;
    connection.close(CloseCode::NotEnrolled);
    let over = ConnectError::Closed(CloseCode::NotEnrolled);
    let mut last = None;
    while let Some(event) = events.next().await {
        if let Event::Disconnected(why) = event {
            last = Some(why);
        }
    }
    assert_eq!(last, Some(over.clone()));
    let (server, key) = (keys().server.clone(), keys().device.clone());
    let refused = hub.handset(device(2), server, key, 0, options()).await;
    assert_eq!(refused.unwrap_err(), over);
}
