//! A handset asks nothing on a new connection before it has attached there: the gateway would not
//! know it.

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

use bytes::Bytes;
use kessai_client::terms::collation::{
    AuthMessage, ChannelBinding, ServerNonce, content_digest, hub_channel_binding,
};
use kessai_client::terms::{PresentmentCode, Reason};
use kessai_client::wire::{
    Answer, Call, HandsetRequest, PresentedCode, ProofResult, Refusal, Request,
};
use kessai_client::{Answered, CallError, ConnectError, Event, Events, Handset, Hub, Question};
use support::{
    Connection, Gateway, NOW_MS, approve, approved_notice, confirmation, handset_id, keys, options,
    payment_id, secrets, signed,
};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::{Instant, timeout};

/// Says whose connection the handset speaks over.
#[derive(Clone, Copy, Debug)]
enum Way {
    Own,
    Hub,
}

impl Way {
    /// Takes a connection, and the request to attach, which is not answered.
    async fn greet(self, gateway: &mut Gateway) -> (Connection, Call) {
        let mut connection = match self {
            Self::Own => gateway.welcome().await,
            Self::Hub => gateway.welcome_hub().await,
        };
        let call = connection.hear().await;
        assert!(is_attach(&call), "{self:?}: {call:?}");
        (connection, call)
    }

    async fn attach(self, gateway: &mut Gateway) -> Connection {
        let (connection, call) = self.greet(gateway).await;
        connection.answer(&call, Answer::Attached { latest: 4 }).await;
        connection
    }

    /// A handset that has attached.
    async fn handset(self, gateway: &mut Gateway) -> (Handset, Events, Connection) {
        let door = Arc::clone(&gateway.door);
        let (id, server, device) = (handset_id(), keys().server.clone(), keys().device.clone());
        let connect = async {
            match self {
                Self::Own => Handset::connect(door, id, server, 4, options()).await,
                Self::Hub => {
                    let hub = Hub::connect(door, "H1".parse().unwrap(), options()).await.unwrap();
                    hub.handset(id, server, device, 4, options()).await
                }
            }
        };
        let (connected, connection) = tokio::join!(connect, self.attach(gateway));
        let (handset, mut events) = connected.unwrap();
        assert!(matches!(events.next().await, Some(Event::Connected)));
        (handset, events, connection)
    }

    /// What is bound to the handset on this connection.
    fn channel(self, connection: &Connection) -> ChannelBinding {
        match self {
            Self::Own => connection.channel,
            Self::Hub => {
                let nonce = connection.hub_nonce.unwrap();
                hub_channel_binding(&connection.channel, &handset_id().device, &nonce)
            }
        }
    }
}

fn is_attach(call: &Call) -> bool {
    matches!(call.body, Request::Handset(_, HandsetRequest::Attach { .. }))
}

async fn asked(connection: &Connection, events: &mut Events) -> Question {
    connection.prompt(confirmation().encode(), 0xa1, 3).await;
    match events.next().await {
        Some(Event::Asked(question)) => *question,
        other => panic!("{other:?}"),
    }
}

async fn lost(connection: Connection, events: &mut Events) {
    drop(connection);
    assert!(matches!(events.next().await, Some(Event::Disconnected(_))));
}

/// The gateway hears nothing, though everybody has time for it.
async fn hears_nothing(connection: &mut Connection) {
    let heard = timeout(Duration::from_secs(5), connection.requests.recv()).await;
    assert!(heard.is_err(), "{heard:?}");
}

/// Answers a request as it comes, and tells how it is called.
async fn answer(connection: &Connection, channel: ChannelBinding, call: &Call) -> &'static str {
    let (name, answer) = match &call.body {
        Request::Echo(payload) => ("echo", Answer::Echo(payload.clone())),
        Request::Handset(_, HandsetRequest::PresentCode) => {
            let code = PresentmentCode::new(0, 7).unwrap();
            let signed = PresentedCode::sign(&keys().server, &channel, code, NOW_MS + 60_000);
            ("code", Answer::Code(signed))
        }
        Request::Handset(_, HandsetRequest::Recent) => ("recent", Answer::Recent(Vec::new())),
        Request::Handset(_, HandsetRequest::Refuse(_)) => {
            ("refuse", Answer::Notice(signed(&approved_notice(5))))
        }
        Request::Handset(_, HandsetRequest::Prove(proof)) => {
            assert_eq!(proof.server_nonce, ServerNonce([0xb1; 32]), "the new one");
            let digest = content_digest(&confirmation().encode());
            let auth = AuthMessage::new(digest, channel, proof.server_nonce, proof.handset_nonce);
            let verdict = approve(&auth, 5);
            ("prove", Answer::ProofResult(ProofResult { payment: payment_id(), verdict }))
        }
        Request::Hello(_) | Request::Terminal(..) | Request::Handset(..) => panic!("{call:?}"),
    };
    connection.answer(call, answer).await;
    name
}

#[tokio::test(start_paused = true)]
async fn whatever_a_handset_asks_waits_until_it_has_attached_anew() {
    for way in [Way::Own, Way::Hub] {
        let mut gateway = Gateway::new();
        let (handset, mut events, connection) = way.handset(&mut gateway).await;
        let question = asked(&connection, &mut events).await;
        lost(connection, &mut events).await;

        let secrets = secrets();
        let ask = async {
            tokio::join!(
                handset.echo(Bytes::from_static(b"there?")),
                handset.present_code(),
                handset.recent(),
                handset.refuse(payment_id()),
                handset.approve(&question, &secrets),
            )
        };
        let serve = async {
            let (mut connection, attach) = way.greet(&mut gateway).await;
            // With this, everything could be asked at once.
            connection.prompt(confirmation().encode(), 0xb1, 3).await;
            hears_nothing(&mut connection).await;
            connection.answer(&attach, Answer::Attached { latest: 4 }).await;
            let channel = way.channel(&connection);
            let mut heard = Vec::new();
            for _ in 0..5 {
                let call = connection.hear().await;
                heard.push(answer(&connection, channel, &call).await);
            }
            heard.sort_unstable();
            assert_eq!(heard, ["code", "echo", "prove", "recent", "refuse"], "{way:?}");
            connection
        };
        let ((echo, code, recent, refused, approved), _connection) = tokio::join!(ask, serve);
        assert!(echo.is_ok() && code.is_ok(), "{way:?}: {echo:?} {code:?}");
        assert_eq!(recent, Ok(Vec::new()));
        assert_eq!(refused, Ok(approved_notice(5)));
        assert_eq!(approved, Ok(Answered::Approved(approved_notice(5))));
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_the_attachment_waits_no_longer_than_its_deadline() {
    for way in [Way::Own, Way::Hub] {
        let mut gateway = Gateway::new();
        let (handset, mut events, connection) = way.handset(&mut gateway).await;
        lost(connection, &mut events).await;

        let asked_at = Instant::now();
        let (code, recent, (mut connection, _attach)) =
            tokio::join!(handset.present_code(), handset.recent(), way.greet(&mut gateway));
        assert_eq!(asked_at.elapsed(), options().call_within);
        assert_eq!(code.unwrap_err(), CallError::Deadline);
        assert_eq!(recent, Err(CallError::Deadline));
        let asked = connection.requests.try_recv();
        assert_eq!(asked.unwrap_err(), TryRecvError::Empty, "{way:?}: none of it went out");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attachment_that_is_never_answered_is_asked_for_again() {
    let mut gateway = Gateway::new();
    let (handset, mut events, connection) = Way::Own.handset(&mut gateway).await;
    lost(connection, &mut events).await;
    let (mut connection, _attach) = Way::Own.greet(&mut gateway).await;
    assert!(matches!(events.next().await, Some(Event::Connected)));
    assert!(connection.requests.recv().await.is_none(), "it is given up");
    match events.next().await {
        Some(Event::Disconnected(why)) => assert_eq!(why, ConnectError::TimedOut),
        other => panic!("{other:?}"),
    }
    let _connection = Way::Own.attach(&mut gateway).await;
    assert!(matches!(events.next().await, Some(Event::Connected)));
    drop(handset);

    // Through a hub, whose connection stands for the others.
    let mut gateway = Gateway::new();
    let (_handset, mut events, connection) = Way::Hub.handset(&mut gateway).await;
    lost(connection, &mut events).await;
    let (mut connection, _attach) = Way::Hub.greet(&mut gateway).await;
    let again = connection.hear().await;
    assert!(is_attach(&again), "{again:?}");
    assert_eq!(gateway.attempts().len(), 2, "over the same connection");
}

#[tokio::test(start_paused = true)]
async fn what_waits_outlives_an_attachment_that_is_refused_for_the_moment() {
    for way in [Way::Own, Way::Hub] {
        let mut gateway = Gateway::new();
        let (handset, mut events, connection) = way.handset(&mut gateway).await;
        lost(connection, &mut events).await;
        let serve = async {
            let (mut connection, attach) = way.greet(&mut gateway).await;
            let busy = Refusal::to_handset(Reason::Busy, 0);
            connection.answer(&attach, Answer::Refusal(busy)).await;
            let mut connection = match way {
                Way::Own => way.attach(&mut gateway).await,
                Way::Hub => {
                    let attach = connection.hear().await;
                    assert!(is_attach(&attach), "{attach:?}");
                    connection.answer(&attach, Answer::Attached { latest: 4 }).await;
                    connection
                }
            };
            let channel = way.channel(&connection);
            for _ in 0..2 {
                let call = connection.hear().await;
                answer(&connection, channel, &call).await;
            }
            connection
        };
        let (code, recent, _connection) =
            tokio::join!(handset.present_code(), handset.recent(), serve);
        assert!(code.is_ok(), "{way:?}: {code:?}");
        assert_eq!(recent, Ok(Vec::new()), "{way:?}");
    }
}
