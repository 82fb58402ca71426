//! A peer that keeps to nothing: raw QUIC, and frames of our choice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kessai_client::PeerKey;
use kessai_client::terms::collation::ChannelBinding;
use kessai_client::terms::{Reason, TerminalId};
use kessai_client::wire::frame::{self, Decoder};
use kessai_client::wire::v1::{self, ToGateway, ToPeer, to_gateway::Body, to_peer};
use kessai_client::wire::{ALPN, CloseCode, Handset, Identity, SERVER_NAME};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, IdleTimeout, RecvStream, SendStream,
    TransportConfig, VarInt,
};
use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionStore, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::bounded;

/// How a raw peer connects.
pub struct Setup<'a> {
    pub key: Option<&'a PeerKey>,
    pub alpn: Vec<Vec<u8>>,
    /// How much it is willing to receive unread.
    pub window: u32,
    pub sessions: Option<Arc<dyn ClientSessionStore>>,
}

impl<'a> Setup<'a> {
    pub fn of(key: &'a PeerKey) -> Self {
        Self { key: Some(key), alpn: vec![ALPN.to_vec()], window: 1 << 20, sessions: None }
    }

    fn config(self) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let trusting = Arc::new(Trusting(Arc::clone(&provider)));
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(trusting);
        let mut tls = match self.key {
            None => builder.with_no_client_auth(),
            Some(key) => {
                let pair = KeyPair::from_pem(&key.to_pem().unwrap()).unwrap();
                let certificate = CertificateParams::default().self_signed(&pair).unwrap();
                let secret = PrivatePkcs8KeyDer::from(pair.serialize_der());
                builder
                    .with_client_auth_cert(vec![certificate.der().clone()], secret.into())
                    .unwrap()
            }
        };
        tls.alpn_protocols = self.alpn;
        tls.enable_early_data = true;
        if let Some(sessions) = self.sessions {
            tls.resumption = Resumption::store(sessions);
        }
        let mut transport = TransportConfig::default();
        transport
            .stream_receive_window(VarInt::from_u32(self.window))
            .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(30_000))))
            .keep_alive_interval(Some(Duration::from_millis(50)));
        let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        config.transport_config(Arc::new(transport));
        config
    }

    pub async fn connect(self, gateway: SocketAddr) -> Result<Connection, ConnectionError> {
        let endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let config = self.config();
        bounded(endpoint.connect_with(config, gateway, SERVER_NAME).unwrap()).await
    }
}

/// Believes every server.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Waits until the gateway closes, and tells with which code.
pub async fn close_code(connection: &Connection) -> CloseCode {
    match bounded(connection.closed()).await {
        ConnectionError::ApplicationClosed(close) => {
            CloseCode::from_number(close.error_code.into_inner()).expect("one of ours")
        }
        other => panic!("{other:?}"),
    }
}

/// A connection with its first stream.
pub struct Raw {
    pub connection: Connection,
    pub send: SendStream,
    pub recv: RecvStream,
    unread: BytesMut,
    request: u64,
    from: Option<v1::Identity>,
}

impl Raw {
    /// Connects, without a greeting.
    pub async fn silent(setup: Setup<'_>, gateway: SocketAddr, from: Option<Identity>) -> Self {
        let connection = setup.connect(gateway).await.unwrap();
        let (send, recv) = bounded(connection.open_bi()).await.unwrap();
        let from = from.map(v1::Identity::from);
        Self { connection, send, recv, unread: BytesMut::new(), request: 0, from }
    }

    /// Connects and greets.
    pub async fn greeted(setup: Setup<'_>, gateway: SocketAddr, from: Option<Identity>) -> Self {
        let mut raw = Self::silent(setup, gateway, from).await;
        let hello = v1::Hello { versions: vec![1], software: "raw".into(), receipt: None };
        match raw.ask(Body::Hello(hello)).await {
            to_peer::Body::Welcome(_) => raw,
            other => panic!("{other:?}"),
        }
    }

    pub async fn till(key: &PeerKey, gateway: SocketAddr, id: &str) -> Self {
        let id: TerminalId = id.parse().unwrap();
        Self::greeted(Setup::of(key), gateway, Some(Identity::Terminal(id))).await
    }

    pub async fn phone(key: &PeerKey, gateway: SocketAddr, id: Handset) -> Self {
        Self::greeted(Setup::of(key), gateway, Some(Identity::Handset(id))).await
    }

    /// The next request with this body, as a well-behaved peer would send it.
    pub fn request(&mut self, body: Body) -> ToGateway {
        self.request += 1;
        let route = Bytes::from_static(b"0");
        ToGateway { request: self.request, from: self.from.clone(), route, body: Some(body) }
    }

    pub async fn send(&mut self, message: &ToGateway) {
        let mut bytes = BytesMut::new();
        frame::encode(message, &mut bytes).unwrap();
        self.send_bytes(&bytes).await;
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        bounded(self.send.write_all(bytes)).await.unwrap();
    }

    /// The next message, whatever it is.
    pub async fn next(&mut self) -> ToPeer {
        loop {
            if let Some(message) = Decoder::<ToPeer>::new().decode(&mut self.unread).unwrap() {
                return message;
            }
            let chunk = bounded(self.recv.read_chunk(1 << 16, true)).await.unwrap();
            self.unread.extend_from_slice(&chunk.expect("the stream goes on").bytes);
        }
    }

    /// Sends a request and waits for its answer; pushes that come meanwhile are dropped.
    pub async fn ask(&mut self, body: Body) -> to_peer::Body {
        let request = self.request(body);
        self.send(&request).await;
        loop {
            let message = self.next().await;
            if message.request == request.request {
                return message.body.unwrap();
            }
            assert_eq!(message.request, 0, "an answer to nothing");
        }
    }

    /// Sends a request that must be refused, and tells why it was.
    pub async fn refusal(&mut self, body: Body) -> Reason {
        reason(&self.ask(body).await)
    }

    /// Waits for the next prompt.
    pub async fn prompt(&mut self) -> v1::Prompt {
        loop {
            if let Some(to_peer::Body::Prompt(prompt)) = self.next().await.body {
                return prompt;
            }
        }
    }

    pub async fn attach(&mut self) {
        let attach = v1::Attach { seen: u64::MAX, hub_proof: Bytes::new() };
        match self.ask(Body::Attach(attach)).await {
            to_peer::Body::Attached(_) => {}
            other => panic!("{other:?}"),
        }
    }

    pub fn channel(&self) -> ChannelBinding {
        let mut channel = [0; 32];
        let label = b"EXPORTER-Channel-Binding";
        self.connection.export_keying_material(&mut channel, label, b"").unwrap();
        ChannelBinding(channel)
    }

    pub async fn close_code(&self) -> CloseCode {
        close_code(&self.connection).await
    }
}

/// Why an answer refuses.
pub fn reason(answer: &to_peer::Body) -> Reason {
    match answer {
        to_peer::Body::Refusal(refusal) => {
            Reason::from_number(u16::try_from(refusal.reason).unwrap()).unwrap()
        }
        other => panic!("{other:?}"),
    }
}
