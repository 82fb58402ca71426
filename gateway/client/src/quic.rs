//! Makes connections over the network: QUIC, TLS 1.3, the gateway known by its root, the peer by
//! its key.
//!
//! Many connectors may share one endpoint, that is one UDP socket: connections are told apart by
//! their ids.
//!
//! # Source
//! RFC 9000, RFC 9001, RFC 9266; docs/PROTOCOL.md, "Transport".

mod enrolment;
mod link;
mod settings;
mod socket;
mod verifier;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use kessai_terms::collation::ChannelBinding;
use kessai_wire::{ALPN, CloseCode, GatewayAddress, SERVER_NAME};
use quinn::crypto::rustls::HandshakeData;
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, EndpointConfig, TransportErrorCode, VarInt,
};

use crate::connector::{Connecting, Connector};
use crate::error::ConnectError;
use crate::keys::{PeerKey, RootPin};
use crate::link::Link;

pub(crate) use enrolment::exchange;
pub(crate) use link::QuicLink;

/// Says how a connection is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuicOptions {
    /// How often to make a sign of life when nothing is said; never, if none. The gateway gives a
    /// silent connection up after the time that it names in Welcome, by default 30 s.
    pub keep_alive: Option<Duration>,
    /// After how long a silence of the gateway the connection is given up.
    pub idle: Duration,
    /// For how many peers the connection speaks.
    pub load: QuicLoad,
}

/// Says for how many peers a connection speaks, and so how much may be on the way on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuicLoad {
    /// For one terminal or handset: a few messages, in windows of some KiB.
    One,
    /// For many, as a store controller or a carrier hub: windows of 1 MiB.
    Many,
}

impl Default for QuicOptions {
    fn default() -> Self {
        Self {
            keep_alive: Some(Duration::from_secs(10)),
            idle: Duration::from_secs(30),
            load: QuicLoad::One,
        }
    }
}

/// Opens a UDP socket for many connections. It needs a tokio runtime.
///
/// The socket asks for receive and send buffers of 4 MiB, as the system's default overflows when
/// thousands of connections share it. It takes what the system grants: on Linux no more than
/// `net.core.rmem_max` and `net.core.wmem_max`, which whoever runs that many should raise. A single
/// peer does well with any.
///
/// # Errors
/// [`std::io::Error`] if the address cannot be bound, or there is no tokio runtime.
pub fn endpoint(bind: SocketAddr) -> std::io::Result<Endpoint> {
    let runtime = quinn::default_runtime()
        .ok_or_else(|| std::io::Error::other("an endpoint needs a tokio runtime"))?;
    Endpoint::new(EndpointConfig::default(), None, socket::bind(bind)?, runtime)
}

/// Moves an endpoint, with all connections on it, to another UDP socket, as when a machine changes
/// networks. The gateway lets a handset, a controller and a hub go on from their new address; it
/// closes the connection of a terminal, which makes a new one.
///
/// # Errors
/// [`std::io::Error`] if the address cannot be bound; everything is as before then.
///
/// # Source
/// RFC 9000, section 9.
pub fn rebind(endpoint: &Endpoint, bind: SocketAddr) -> std::io::Result<()> {
    endpoint.rebind(socket::bind(bind)?)
}

/// Connects to one gateway with one key.
#[derive(Clone)]
pub struct QuicConnector {
    endpoint: Endpoint,
    gateway: SocketAddr,
    config: ClientConfig,
}

impl fmt::Debug for QuicConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuicConnector").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

impl QuicConnector {
    /// Prepares connections from `endpoint` to the gateway at `gateway`, which must show a
    /// certificate under `root`, with `key` as this peer's own.
    ///
    /// # Errors
    /// [`ConnectError::Setup`] if the key cannot be used.
    pub fn new(
        endpoint: Endpoint,
        gateway: SocketAddr,
        root: RootPin,
        key: &PeerKey,
        options: &QuicOptions,
    ) -> Result<Self, ConnectError> {
        let config = settings::client_config(root, key, options, ALPN)?;
        Ok(Self { endpoint, gateway, config })
    }

    async fn open(&self) -> Result<Link, ConnectError> {
        let (connection, channel) =
            dial(&self.endpoint, self.config.clone(), self.gateway, ALPN).await?;
        // The gateway hears of the stream with its first frame, the Hello.
        let (send, receive) = connection.open_bi().await.map_err(|error| why(&error))?;
        Ok(Link::from_quic(channel, QuicLink::new(connection, send, receive)))
    }
}

impl Connector for QuicConnector {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(self.open())
    }
}

/// Looks a gateway up, for connections from `endpoint`.
///
/// # Errors
/// [`ConnectError::Unreachable`] if there is no such host, or none that the endpoint can reach.
pub async fn resolve(
    endpoint: &Endpoint,
    gateway: &GatewayAddress,
) -> Result<SocketAddr, ConnectError> {
    let unreachable = |error: std::io::Error| ConnectError::Unreachable(error.to_string());
    // A socket of IPv6 reaches both kinds, one of IPv4 its own.
    let ipv4_only = endpoint.local_addr().map_err(unreachable)?.is_ipv4();
    tokio::net::lookup_host(gateway.as_str())
        .await
        .map_err(unreachable)?
        .find(|address| address.is_ipv4() || !ipv4_only)
        .ok_or_else(|| ConnectError::Unreachable(format!("{gateway} has no address to use")))
}

/// Connects, and makes sure that it is the gateway which answers, in this protocol.
async fn dial(
    endpoint: &Endpoint,
    config: ClientConfig,
    gateway: SocketAddr,
    protocol: &[u8],
) -> Result<(Connection, ChannelBinding), ConnectError> {
    let connection = endpoint
        .connect_with(config, gateway, SERVER_NAME)
        .map_err(|error| ConnectError::Setup(error.to_string()))?
        .await
        .map_err(|error| why(&error))?;
    check_protocol(&connection, protocol)?;
    let channel = channel_binding(&connection)?;
    Ok((connection, channel))
}

/// Checks that the gateway chose our protocol, whatever the TLS library insists on.
fn check_protocol(connection: &Connection, protocol: &[u8]) -> Result<(), ConnectError> {
    let chosen = connection
        .handshake_data()
        .and_then(|data| data.downcast::<HandshakeData>().ok())
        .and_then(|data| data.protocol);
    if chosen.as_deref() == Some(protocol) {
        return Ok(());
    }
    connection.close(VarInt::from_u32(CloseCode::Protocol.number()), b"");
    Err(ConnectError::Greeting("it speaks another protocol".into()))
}

/// # Source
/// RFC 9266 section 4; in TLS 1.3 an empty context is the same as none.
fn channel_binding(connection: &Connection) -> Result<ChannelBinding, ConnectError> {
    let mut channel = [0; 32];
    connection
        .export_keying_material(&mut channel, b"EXPORTER-Channel-Binding", b"")
        .map_err(|_| ConnectError::Setup("the connection has no channel binding".into()))?;
    Ok(ChannelBinding(channel))
}

/// QUIC's error codes from here on carry a TLS alert in their low byte.
///
/// # Source
/// RFC 9001 section 4.8.
const CRYPTO_ERRORS: u64 = 0x100;

/// Says in our words why a connection ended.
fn why(error: &ConnectionError) -> ConnectError {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            CloseCode::from_number(close.error_code.into_inner()).map_or_else(
                || ConnectError::Unreachable(format!("closed with {}", close.error_code)),
                ConnectError::Closed,
            )
        }
        // Found on this side: a certificate that does not stand under the root, above all.
        ConnectionError::TransportError(error)
            if (CRYPTO_ERRORS..CRYPTO_ERRORS << 1).contains(&u64::from(error.code)) =>
        {
            ConnectError::Untrusted(error.reason.clone())
        }
        // Found on the other side.
        ConnectionError::ConnectionClosed(close)
            if (CRYPTO_ERRORS..CRYPTO_ERRORS << 1).contains(&u64::from(close.error_code)) =>
        {
            ConnectError::Greeting(format!("it breaks the handshake off: {}", close.error_code))
        }
        ConnectionError::ConnectionClosed(close)
            if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
        {
            ConnectError::TurnedAway
        }
        ConnectionError::LocallyClosed => ConnectError::Setup("the endpoint was closed".into()),
        ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::ConnectionClosed(_)
        | ConnectionError::Reset
        | ConnectionError::TimedOut
        | ConnectionError::CidsExhausted => ConnectError::Unreachable(error.to_string()),
    }
}
