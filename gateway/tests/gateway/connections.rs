//! Who gets a connection, and what ends one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kessai_client::PeerKey;
use kessai_client::wire::frame;
use kessai_client::wire::v1::{self, ToGateway, to_gateway::Body, to_peer};
use kessai_client::wire::{ALPN, CloseCode};
use kessai_engine::{KeyPin, RegisterChange};
use quinn::ConnectionError;
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

use crate::support::raw::{Raw, Setup, close_code};
use crate::support::{Shop, TILLS, bounded};

fn hello() -> Body {
    Body::Hello(v1::Hello { versions: vec![1], software: "raw".into(), receipt: None })
}

fn echo(length: usize) -> Body {
    Body::Echo(v1::Echo { payload: vec![7; length].into() })
}

async fn pos1(shop: &Shop) -> Raw {
    Raw::till(&shop.people.tills[0], shop.gateway.local_addr(), "POS1").await
}

/// A connection of the first till that has not said Hello.
async fn silent(shop: &Shop) -> Raw {
    Raw::silent(Setup::of(&shop.people.tills[0]), shop.gateway.local_addr(), None).await
}

#[tokio::test]
async fn a_key_that_nobody_enrolled_is_turned_away() {
    let shop = Shop::start().await;
    let stranger = PeerKey::generate().unwrap();
    let connection = Setup::of(&stranger).connect(shop.gateway.local_addr()).await.unwrap();
    assert_eq!(close_code(&connection).await, CloseCode::NotEnrolled);
}

/// The TLS alert that a connection ended with.
fn alert(error: &ConnectionError) -> Option<u64> {
    match error {
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code).checked_sub(0x100),
        _ => None,
    }
}

async fn handshake_alert(setup: Setup<'_>, shop: &Shop) -> Option<u64> {
    match setup.connect(shop.gateway.local_addr()).await {
        Err(error) => alert(&error),
        // A client is done before the server has seen its certificate.
        Ok(connection) => alert(&bounded(connection.closed()).await),
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let shop = Shop::start().await;
    let setup = Setup { key: None, ..Setup::of(&shop.people.tills[0]) };
    assert_eq!(handshake_alert(setup, &shop).await, Some(116), "certificate_required");
}

#[tokio::test]
async fn another_protocol_or_none_is_refused() {
    let shop = Shop::start().await;
    let key = &shop.people.tills[0];
    for alpn in
        [vec![], vec![b"h3".to_vec()], vec![b"kessai/2".to_vec(), b"kessai-enrol/2".to_vec()]]
    {
        let setup = Setup { alpn, ..Setup::of(key) };
        assert_eq!(handshake_alert(setup, &shop).await, Some(120), "no_application_protocol");
    }
    let both = Setup { alpn: vec![b"h3".to_vec(), ALPN.to_vec()], ..Setup::of(key) };
    both.connect(shop.gateway.local_addr()).await.unwrap();
}

/// Remembers whether a ticket was ever offered.
#[derive(Debug, Default)]
struct Tickets(Mutex<u32>);

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _server: ServerName<'static>, _group: NamedGroup) {}

    fn kx_hint(&self, _server: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _server: ServerName<'static>, _value: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _server: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _server: ServerName<'static>, _value: Tls13ClientSessionValue) {
        *self.0.lock().unwrap() += 1;
    }

    fn take_tls13_ticket(&self, _server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

/// Without a ticket there is neither resumption nor 0-RTT: both would skip the client's key.
#[tokio::test]
async fn no_ticket_is_ever_offered() {
    let shop = Shop::start().await;
    let tickets = Arc::new(Tickets::default());
    let sessions: Arc<dyn ClientSessionStore> = Arc::<Tickets>::clone(&tickets);
    let setup = Setup { sessions: Some(sessions), ..Setup::of(&shop.people.tills[0]) };
    let mut raw = Raw::greeted(setup, shop.gateway.local_addr(), None).await;
    for _ in 0..3 {
        raw.ask(echo(1)).await;
    }
    assert_eq!(*tickets.0.lock().unwrap(), 0);
}

#[tokio::test]
async fn a_frame_that_is_declared_too_long_closes_before_its_body_is_sent() {
    let shop = Shop::start().await;
    for length in [&[0x81, 0x80, 0x02][..], &[0xff, 0xff, 0x7f], &[0xff, 0xff, 0xff]] {
        let mut raw = pos1(&shop).await;
        raw.send_bytes(length).await;
        assert_eq!(raw.close_code().await, CloseCode::FrameTooLong);
    }
    // The longest that is allowed is read, and found to be nothing.
    let mut raw = pos1(&shop).await;
    raw.send_bytes(&[0x80, 0x80, 0x02]).await;
    raw.send_bytes(&vec![0xff; 32 << 10]).await;
    assert_eq!(raw.close_code().await, CloseCode::Protocol);
}

#[tokio::test]
async fn a_frame_that_is_not_finished_in_time_closes() {
    let shop =
        Shop::start_with(|settings| settings.connections.frame = Duration::from_millis(100)).await;
    let mut raw = pos1(&shop).await;
    raw.send_bytes(&[40, 8, 1]).await;
    assert_eq!(raw.close_code().await, CloseCode::TooSlow);
}

#[tokio::test]
async fn a_stream_that_ends_inside_a_frame_closes() {
    let shop = Shop::start().await;
    let mut raw = pos1(&shop).await;
    raw.send_bytes(&[40, 8, 1]).await;
    raw.send.finish().unwrap();
    assert_eq!(raw.close_code().await, CloseCode::Protocol);
}

#[tokio::test]
async fn what_breaks_the_protocol_closes() {
    let shop = Shop::start().await;
    let unknown = |raw: &mut Raw| {
        let mut request = raw.request(echo(1));
        request.body = None;
        request
    };

    let mut raw = pos1(&shop).await;
    let request = unknown(&mut raw);
    raw.send(&request).await;
    assert_eq!(raw.close_code().await, CloseCode::UnknownMessage, "no body that we know");

    // A body of a kind that comes in a later version.
    let mut raw = pos1(&shop).await;
    let known = frame_of(&unknown(&mut raw));
    let mut later = BytesMut::new();
    later.put_u8(u8::try_from(known.len() - 1 + 4).unwrap());
    later.extend_from_slice(&known[1..]);
    later.extend_from_slice(&[0x92, 0x03, 1, 0]);
    raw.send_bytes(&later).await;
    assert_eq!(raw.close_code().await, CloseCode::UnknownMessage, "field 50");

    let mut raw = pos1(&shop).await;
    let request = ToGateway { request: 0, ..raw.request(echo(1)) };
    raw.send(&request).await;
    assert_eq!(raw.close_code().await, CloseCode::Protocol, "request 0");

    let mut raw = silent(&shop).await;
    let request = raw.request(echo(1));
    raw.send(&request).await;
    assert_eq!(raw.close_code().await, CloseCode::Protocol, "no Hello first");

    let mut raw = pos1(&shop).await;
    let request = raw.request(hello());
    raw.send(&request).await;
    assert_eq!(raw.close_code().await, CloseCode::Protocol, "a second Hello");

    let mut raw = silent(&shop).await;
    let request = raw.request(Body::Hello(v1::Hello { versions: vec![2], ..Default::default() }));
    raw.send(&request).await;
    assert_eq!(raw.close_code().await, CloseCode::VersionUnsupported);

    let mut raw = pos1(&shop).await;
    raw.send_bytes(b"\x10GET / HTTP/1.1\r\n").await;
    assert_eq!(raw.close_code().await, CloseCode::Protocol, "no message at all");
}

fn frame_of(message: &ToGateway) -> Bytes {
    let mut bytes = BytesMut::new();
    frame::encode(message, &mut bytes).unwrap();
    bytes.freeze()
}

#[tokio::test]
async fn who_does_not_greet_in_time_is_closed() {
    let shop = Shop::start_with(|settings| {
        settings.connections.handshake = Duration::from_millis(200);
    })
    .await;
    let raw = silent(&shop).await;
    assert_eq!(raw.close_code().await, CloseCode::HandshakeTimeout, "not a word");
    // A Hello that was refused is none.
    let mut raw = silent(&shop).await;
    let refused = Body::Hello(v1::Hello::default());
    raw.refusal(refused).await;
    assert_eq!(raw.close_code().await, CloseCode::HandshakeTimeout, "no Hello that counts");
}

/// A peer may open a stream for one request, end its side, and read the answer to the end.
#[tokio::test]
async fn a_further_stream_is_answered_to_the_end() {
    let shop = Shop::start().await;
    let mut raw = pos1(&shop).await;
    let request = raw.request(echo(500));
    for _ in 0..20 {
        let (mut send, mut recv) = bounded(raw.connection.open_bi()).await.unwrap();
        bounded(send.write_all(&frame_of(&request))).await.unwrap();
        send.finish().unwrap();
        let answer = bounded(recv.read_to_end(4_096)).await.unwrap();
        let mut answer = BytesMut::from(answer.as_slice());
        let decoder = frame::Decoder::<v1::ToPeer>::new();
        let echoed = decoder.decode(&mut answer).unwrap().unwrap();
        assert!(
            matches!(echoed.body, Some(to_peer::Body::Echo(echo)) if echo.payload.len() == 500)
        );
        assert!(answer.is_empty());
    }
}

#[tokio::test]
async fn who_does_not_read_what_it_asked_for_is_closed() {
    let shop =
        Shop::start_with(|settings| settings.connections.idle = Duration::from_millis(400)).await;
    let setup = Setup { window: 2_048, ..Setup::of(&shop.people.tills[0]) };
    let mut raw = Raw::greeted(setup, shop.gateway.local_addr(), None).await;
    for _ in 0..8 {
        let request = raw.request(echo(1_024));
        raw.send(&request).await;
    }
    assert_eq!(raw.close_code().await, CloseCode::TooSlow);
}

#[tokio::test]
async fn the_newest_connection_of_a_handset_ends_the_older_one() {
    let shop = Shop::start().await;
    let (address, phone) = (shop.gateway.local_addr(), &shop.people.phones[0]);
    let mut first = Raw::phone(&phone.key, address, phone.id).await;
    first.attach().await;
    let mut second = Raw::phone(&phone.key, address, phone.id).await;
    second.attach().await;
    assert_eq!(first.close_code().await, CloseCode::Superseded);
    second.attach().await;
    assert!(second.connection.close_reason().is_none(), "to attach again is no other connection");
    // The other handset of the same customer is another peer.
    let other = &shop.people.phones[1];
    let mut other = Raw::phone(&other.key, address, other.id).await;
    other.attach().await;
    second.ask(echo(1)).await;
}

#[tokio::test]
async fn the_connection_of_a_key_that_is_taken_back_is_closed() {
    let shop = Shop::start().await;
    let mut raw = pos1(&shop).await;
    raw.ask(echo(1)).await;
    let register = shop.engine().register();
    let place = register.place(&TILLS[0].parse().unwrap()).unwrap();
    let renewed = kessai_engine::Terminal { pin: Some(KeyPin([9; 32])), ..place.terminal.clone() };
    let slot = shop.gateway.journal().reserve().unwrap();
    let change = RegisterChange::Terminal(renewed);
    shop.engine().enter_register(vec![(change, slot)], shop.gateway.now_ms()).unwrap();
    assert_eq!(raw.close_code().await, CloseCode::NotEnrolled);
    let again = Setup::of(&shop.people.tills[0]).connect(shop.gateway.local_addr()).await.unwrap();
    assert_eq!(close_code(&again).await, CloseCode::NotEnrolled);
}

#[tokio::test]
async fn a_stop_is_announced_and_then_closes() {
    let shop = Shop::start().await;
    let mut raw = pos1(&shop).await;
    let address = shop.gateway.local_addr();
    let stopping = tokio::spawn(shop.gateway.stop());
    let push = raw.next().await;
    assert_eq!(push.request, 0);
    assert!(matches!(push.body, Some(to_peer::Body::Draining(_))), "{push:?}");
    assert_eq!(raw.close_code().await, CloseCode::ShuttingDown);
    bounded(stopping).await.unwrap();
    // The port is free again, as soon as the task that held it has ended.
    bounded(async {
        while std::net::UdpSocket::bind(address).is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
