//! One connection for its own sake, over loopback to a small QUIC server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

mod server;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kessai_client::terms::DeviceId;
use kessai_client::wire::{ALPN, Answer, CloseCode, Handset, Identity, Request, SERVER_NAME};
use kessai_client::{
    ConnectError, Endpoint, Fault, PeerKey, Presence, QuicConnector, QuicOptions, endpoint, rebind,
};
use server::{Root, Server};

const LONG: Duration = Duration::from_secs(20);

struct Stage {
    server: Server,
    endpoint: Endpoint,
    connector: Arc<QuicConnector>,
}

fn stage() -> Stage {
    let root = Root::new();
    let server = Server::new(root.chain(SERVER_NAME), &[ALPN]);
    let endpoint = endpoint("127.0.0.1:0".parse().unwrap()).unwrap();
    let (key, options) = (PeerKey::generate().unwrap(), QuicOptions::default());
    let connector =
        QuicConnector::new(endpoint.clone(), server.address(), root.pin(), &key, &options);
    Stage { server, endpoint, connector: Arc::new(connector.unwrap()) }
}

fn handset() -> Handset {
    Handset { customer: "1234-567-890".parse().unwrap(), device: DeviceId([1; 16]) }
}

impl Stage {
    async fn open(&self) -> (Presence, server::Talk) {
        let opening = Presence::open(self.connector.clone(), Identity::Handset(handset()), LONG);
        let welcoming = async {
            let mut talk = self.server.talk().await;
            talk.welcome().await;
            talk
        };
        let (presence, talk) = tokio::join!(opening, welcoming);
        (presence.unwrap(), talk)
    }
}

#[tokio::test]
async fn it_greets_attaches_and_echoes_and_tells_how_it_was_lost() {
    let stage = stage();
    let (mut presence, mut talk) = stage.open().await;
    assert_eq!(presence.welcome().limits.idle_timeout_ms, 30_000);
    let (attached, seen) = tokio::join!(presence.attach(handset(), 7), talk.attach());
    attached.unwrap();
    assert_eq!(seen, (handset(), 7));
    let (echoed, ()) = tokio::join!(presence.echo(Bytes::from_static(b"x")), talk.echo());
    assert!(echoed.unwrap() < LONG);
    talk.close(CloseCode::Superseded);
    assert_eq!(presence.lost().await, ConnectError::Closed(CloseCode::Superseded));
}

#[tokio::test]
async fn it_says_that_it_goes() {
    let stage = stage();
    let (presence, talk) = stage.open().await;
    presence.close();
    assert_eq!(talk.closed_with().await, CloseCode::Done.number());
}

/// Whoever gave an echo up must not take its answer for that of the next.
#[tokio::test]
async fn an_answer_that_nobody_waits_for_is_dropped() {
    let stage = stage();
    let (mut presence, mut talk) = stage.open().await;
    let given_up = {
        let echo = presence.echo(Bytes::from_static(b"first"));
        let heard = talk.hear();
        tokio::select! {
            biased;
            echoed = echo => panic!("nobody has answered: {echoed:?}"),
            call = heard => call,
        }
    };
    let Request::Echo(payload) = given_up.body.clone() else { panic!("{given_up:?}") };
    talk.answer(&given_up, Answer::Echo(payload)).await;
    let (echoed, ()) = tokio::join!(presence.echo(Bytes::from_static(b"second")), talk.echo());
    echoed.unwrap();
}

#[tokio::test]
async fn who_is_refused_at_the_door_is_told_so() {
    let stage = stage();
    let opening = Presence::open(stage.connector.clone(), Identity::Handset(handset()), LONG);
    let (refused, ()) = tokio::join!(opening, stage.server.turn_away());
    let refused = refused.unwrap_err();
    assert_eq!((refused.fault(), refused.is_final()), (Fault::Network, false));
    assert_eq!(refused, ConnectError::TurnedAway);
}

#[tokio::test]
async fn a_connection_goes_on_from_another_address() {
    let stage = stage();
    let (mut presence, mut talk) = stage.open().await;
    let before = stage.endpoint.local_addr().unwrap();
    assert_eq!(talk.address(), before);
    rebind(&stage.endpoint, "127.0.0.1:0".parse().unwrap()).unwrap();
    let (echoed, ()) = tokio::join!(presence.echo(Bytes::from_static(b"x")), talk.echo());
    echoed.unwrap();
    let after = stage.endpoint.local_addr().unwrap();
    assert_ne!(after, before);
    assert_eq!(talk.address(), after, "the server has followed");
}
