//! QUIC as the gateway speaks it: small windows, few streams, no datagrams.
//!
//! The library's defaults let one connection claim 250 MB of receive buffers. What a connection
//! may cost is bounded here, before anybody is known.
//!
//! # Source
//! RFC 9000; docs/PROTOCOL.md, "Transport".

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use kessai_wire::limits::MAX_STREAMS;
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicServerConfig};
use quinn::{Connection, EndpointConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt};
use quinn_proto::HashedConnectionIdGenerator;
use socket2::SockRef;

use crate::clock::Lent;
use crate::entropy::{Entropy, draw};
use crate::keys::Keys;
use crate::settings::Connections;

/// Receive window of a whole connection, in bytes: two frames of the greatest length. It bounds
/// what anybody may send before it is read, whatever the streams promise.
const RECEIVE_WINDOW: u32 = 64 << 10;
/// What may wait to be sent or acknowledged on one connection, in bytes.
const SEND_WINDOW: u64 = 256 << 10;
/// Both windows of a connection that is known to speak for many, in bytes.
const WINDOW_OF_MANY: u32 = 1 << 20;
/// Receive window of one stream, in bytes: it cannot be changed once the peer is known, so it is
/// what a stream of many may need, and the connection's window holds everybody else.
const STREAM_WINDOW: u32 = WINDOW_OF_MANY;

/// Makes the listener's side of QUIC, whose tokens age by `time`.
///
/// # Errors
/// [`NoInitialCipherSuite`] if the TLS configuration lacks the suite that QUIC begins with.
pub(crate) fn server_config(
    tls: rustls::ServerConfig,
    connections: &Connections,
    time: Lent,
) -> Result<ServerConfig, NoInitialCipherSuite> {
    let mut transport = TransportConfig::default();
    let idle_ms = u32::try_from(connections.idle.as_millis()).unwrap_or(u32::MAX);
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle_ms))))
        .mtu_discovery_config(None)
        .send_fairness(false)
        .allow_spin(false);
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config
        .transport_config(Arc::new(transport))
        .time_source(Arc::new(time))
        .migration(true)
        .max_incoming(connections.handshakes.saturating_mul(4))
        .incoming_buffer_size(16 << 10)
        .incoming_buffer_size_total(16 << 20);
    Ok(config)
}

/// Gives a connection the windows of one that speaks for many.
pub(crate) fn widen(connection: &Connection) {
    connection.set_receive_window(VarInt::from_u32(WINDOW_OF_MANY));
    connection.set_send_window(u64::from(WINDOW_OF_MANY));
}

/// What may wait in the socket in each direction, in bytes: one socket serves all connections, and
/// the system's default drops what comes together from a few thousand of them.
const SOCKET_BUFFER: usize = 4 << 20;

/// Binds the UDP socket with room for many connections, as far as the system grants it.
///
/// # Errors
/// If the address cannot be listened at.
pub(crate) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    let buffers = SockRef::from(&socket);
    let granted = buffers
        .set_recv_buffer_size(SOCKET_BUFFER)
        .and_then(|()| buffers.set_send_buffer_size(SOCKET_BUFFER));
    if let Err(error) = granted {
        tracing::warn!(%error, "the socket keeps the system's buffers");
    }
    Ok(socket)
}

/// The least time between two resets. A restart leaves as many peers to be told as there were
/// connections, and each reset is smaller than the packet that it answers.
const RESET_INTERVAL: Duration = Duration::from_micros(100);

/// Makes what holds for the socket: keys of resets and of connection ids that outlive a restart, so
/// that peers learn of one in a packet instead of a time-out. What QUIC draws but for secrets, as
/// which packet numbers are left out, follows from `entropy`.
///
/// # Source
/// RFC 9000, section 10.3.
#[must_use]
pub(crate) fn endpoint_config(keys: &Keys, entropy: &dyn Entropy) -> EndpointConfig {
    let reset = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, keys.reset_key().as_ref());
    let ids = keys.connection_id_key();
    let mut config = EndpointConfig::new(Arc::new(reset));
    config
        .cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)))
        .rng_seed(Some(draw(entropy)))
        .min_reset_interval(RESET_INTERVAL);
    config
}
