//! Sets QUIC and TLS up for a connection that costs little and says little.

use std::sync::{Arc, LazyLock};

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, IdleTimeout, TransportConfig, VarInt};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;

use crate::error::ConnectError;
use crate::keys::{PeerKey, RootPin};
use crate::quic::verifier::PinnedRoot;
use crate::quic::{QuicLoad, QuicOptions};

/// Receive window of the connection and of its one stream, in bytes: refilled as it is read.
const RECEIVE_WINDOW: u32 = 16 << 10;
/// What may wait to be sent or acknowledged, in bytes: two of the longest frames.
const SEND_WINDOW: u64 = 64 << 10;
/// Both windows of a connection that speaks for many, in bytes: as the gateway has them.
const WINDOW_OF_MANY: u32 = 1 << 20;

/// One provider for all connectors of the process: each holds lists of algorithms.
static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

pub(super) fn client_config(
    root: RootPin,
    key: &PeerKey,
    options: &QuicOptions,
    protocol: &[u8],
) -> Result<ClientConfig, ConnectError> {
    let setup = |error: &dyn std::error::Error| ConnectError::Setup(error.to_string());
    let tls = tls_config(root, key, protocol).map_err(|error| setup(&error))?;
    let crypto = QuicClientConfig::try_from(tls).map_err(|error| setup(&error))?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport_config(options)));
    Ok(config)
}

fn tls_config(
    root: RootPin,
    key: &PeerKey,
    protocol: &[u8],
) -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::clone(&PROVIDER);
    let verifier = Arc::new(PinnedRoot::new(root, Arc::clone(&provider)));
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(vec![key.certificate()], key.private_key())?;
    tls.alpn_protocols = vec![protocol.to_vec()];
    // A resumed session would skip the proof of both sides' keys, and 0-RTT can be replayed.
    tls.resumption = Resumption::disabled();
    tls.enable_early_data = false;
    Ok(tls)
}

fn transport_config(options: &QuicOptions) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let idle_ms = u32::try_from(options.idle.as_millis()).unwrap_or(u32::MAX);
    let (receive, send) = match options.load {
        QuicLoad::One => (RECEIVE_WINDOW, SEND_WINDOW),
        QuicLoad::Many => (WINDOW_OF_MANY, u64::from(WINDOW_OF_MANY)),
    };
    transport
        // The gateway opens no streams.
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(receive))
        .receive_window(VarInt::from_u32(receive))
        .send_window(send)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle_ms))))
        .keep_alive_interval(options.keep_alive)
        .mtu_discovery_config(None)
        .send_fairness(false)
        .allow_spin(false);
    transport
}
