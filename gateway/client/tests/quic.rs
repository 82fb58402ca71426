//! Connections over loopback to a small QUIC server: whom the client believes, and what it shows.

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

use bytes::Bytes;
use kessai_client::terms::collation::{ChannelBinding, ServerKey};
use kessai_client::terms::{DeviceId, PresentmentCode};
use kessai_client::wire::{
    ALPN, Answer, CloseCode, Handset as HandsetId, HandsetRequest, PresentedCode, Request,
    SERVER_NAME,
};
use kessai_client::{
    CallError, ConnectError, Connector, Fault, Handset, PeerKey, QuicConnector, QuicOptions,
    RootPin, Terminal, endpoint,
};
use server::{Root, Server};

fn connector(server: &Server, pin: RootPin, key: &PeerKey) -> Arc<QuicConnector> {
    let endpoint = endpoint("127.0.0.1:0".parse().unwrap()).unwrap();
    let options = QuicOptions::default();
    Arc::new(QuicConnector::new(endpoint, server.address(), pin, key, &options).unwrap())
}

/// Connects to a server that shows `chain`, and tells why that fails.
async fn refused(server: Server, pin: RootPin) -> ConnectError {
    let key = PeerKey::generate().unwrap();
    let connector = connector(&server, pin, &key);
    let (connected, _) = tokio::join!(connector.connect(), server.accept());
    connected.unwrap_err()
}

fn untrusted(error: &ConnectError) {
    assert!(matches!(error, ConnectError::Untrusted(_)), "{error:?}");
    assert_eq!(error.fault(), Fault::Gateway);
}

#[tokio::test]
async fn the_gateway_under_the_pinned_root_is_believed_and_both_see_the_same_connection() {
    let root = Root::new();
    let server = Server::new(root.chain(SERVER_NAME), &[ALPN]);
    let key = PeerKey::generate().unwrap();
    let connector = connector(&server, root.pin(), &key);
    let (link, accepted) = tokio::join!(connector.connect(), server.accept());
    let (link, connection) = (link.unwrap(), accepted.unwrap());
    let mut channel = [0; 32];
    connection.export_keying_material(&mut channel, b"EXPORTER-Channel-Binding", b"").unwrap();
    assert_eq!(link.channel().0, channel);
    assert_eq!(server::pin_of_peer(&connection), key.pin());
    assert_eq!(format!("{connector:?}").matches("127.0.0.1").count(), 1);
}

#[tokio::test]
async fn nobody_else_is() {
    let (root, other) = (Root::new(), Root::new());
    let server = |chain| Server::new(chain, &[ALPN]);
    // Another root than the pinned one.
    untrusted(&refused(server(other.chain(SERVER_NAME)), root.pin()).await);
    // An impostor who shows the pinned root along with a certificate of his own root.
    let mut chain = other.chain(SERVER_NAME);
    chain.0.push(root.certificate());
    untrusted(&refused(server(chain), root.pin()).await);
    let mut chain = other.chain(SERVER_NAME);
    chain.0[1] = root.certificate();
    untrusted(&refused(server(chain), root.pin()).await);
    // A certificate for another name, one that has expired, and one that stands alone.
    untrusted(&refused(server(root.chain("example")), root.pin()).await);
    untrusted(&refused(server(root.expired_chain()), root.pin()).await);
    let mut chain = root.chain(SERVER_NAME);
    chain.0.truncate(1);
    untrusted(&refused(server(chain), root.pin()).await);
}

#[tokio::test]
async fn a_server_without_our_protocol_is_left() {
    let root = Root::new();
    for protocols in [&[&b"h3"[..]][..], &[]] {
        let server = Server::new(root.chain(SERVER_NAME), protocols);
        let error = refused(server, root.pin()).await;
        assert!(
            matches!(error, ConnectError::Greeting(_) | ConnectError::Untrusted(_)),
            "{protocols:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_terminal_talks_over_the_network_and_comes_back() {
    let root = Root::new();
    let server = Server::new(root.chain(SERVER_NAME), &[ALPN]);
    let key = PeerKey::generate().unwrap();
    let connector = connector(&server, root.pin(), &key);
    let payload = Bytes::from(vec![0x5a; 1_000]);
    let serve = async {
        let mut talk = server.talk().await;
        talk.welcome().await;
        for _ in 0..20 {
            talk.echo().await;
        }
        // Nearly the longest frame, through windows that are far smaller.
        talk.prompt(vec![0x5a; 65_000].into()).await;
        talk.echo().await;
        // Lost before the answer: asked again on the next connection.
        talk.hear().await;
        talk.close(CloseCode::ShuttingDown);
        let mut talk = server.talk().await;
        talk.welcome().await;
        talk.echo().await;
        // Bytes that are no frame end the connection, and the next one works again.
        talk.send(&[0xff; 8]).await;
        assert_eq!(talk.closed_with().await, CloseCode::FrameTooLong.number());
        let mut talk = server.talk().await;
        talk.welcome().await;
        talk.hear().await;
        talk.close(CloseCode::NotEnrolled);
    };
    let till = async {
        let options = kessai_client::Options::default();
        let terminal =
            Terminal::connect(connector, "POS00001".parse().unwrap(), options).await.unwrap();
        for _ in 0..22 {
            terminal.echo(payload.clone()).await.unwrap();
        }
        terminal.echo(payload.clone()).await.unwrap_err()
    };
    let (error, ()) = tokio::join!(till, serve);
    let over = ConnectError::Closed(CloseCode::NotEnrolled);
    assert_eq!(error, CallError::Ended(over));
}

#[tokio::test]
async fn a_code_is_bound_to_the_connection_as_its_server_sees_it() {
    let root = Root::new();
    let server = Server::new(root.chain(SERVER_NAME), &[ALPN]);
    let connector = connector(&server, root.pin(), &PeerKey::generate().unwrap());
    let key = ServerKey::from_bytes([0x55; 32]);
    let code = PresentmentCode::new(3, 14_159_265).unwrap();
    let id = HandsetId { customer: "1234-567-890".parse().unwrap(), device: DeviceId([1; 16]) };
    let serve = async {
        let mut talk = server.talk().await;
        talk.welcome().await;
        assert_eq!(talk.attach().await, (id, 0));
        for channel in [talk.channel(), ChannelBinding([0; 32])] {
            let call = talk.hear().await;
            assert_eq!(call.body, Request::Handset(id, HandsetRequest::PresentCode));
            let signed = PresentedCode::sign(&key, &channel, code, 1_790_000_060_000);
            talk.answer(&call, Answer::Code(signed)).await;
        }
        talk
    };
    let customer = async {
        let options = kessai_client::Options::default();
        let connect = Handset::connect(connector, id, key.clone(), 0, options);
        let (handset, _events) = connect.await.unwrap();
        let presented = handset.present_code().await.unwrap();
        (presented.code, handset.present_code().await)
    };
    let ((presented, elsewhere), _talk) = tokio::join!(customer, serve);
    assert_eq!(presented.grouped(), "314 159 2653");
    assert!(matches!(elsewhere, Err(CallError::Untrusted(_))), "{elsewhere:?}");
}

#[tokio::test]
async fn a_peer_that_is_not_wanted_learns_it_at_once() {
    let root = Root::new();
    let server = Server::new(root.chain(SERVER_NAME), &[ALPN]);
    let connector = connector(&server, root.pin(), &PeerKey::generate().unwrap());
    let options = kessai_client::Options::default();
    let connect = Terminal::connect(connector, "POS00001".parse().unwrap(), options);
    let serve = async {
        let talk = server.talk().await;
        talk.close(CloseCode::NotEnrolled);
    };
    let (connected, ()) = tokio::join!(connect, serve);
    assert_eq!(connected.unwrap_err(), ConnectError::Closed(CloseCode::NotEnrolled));
}

#[tokio::test]
async fn an_endpoint_that_nobody_answers_is_unreachable() {
    let root = Root::new();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = endpoint("127.0.0.1:0".parse().unwrap()).unwrap();
    let options =
        QuicOptions { idle: std::time::Duration::from_millis(50), ..QuicOptions::default() };
    let key = PeerKey::generate().unwrap();
    let address = silent.local_addr().unwrap();
    let connector = QuicConnector::new(endpoint, address, root.pin(), &key, &options).unwrap();
    let error = connector.connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
    assert_eq!(error.fault(), Fault::Network);
}
