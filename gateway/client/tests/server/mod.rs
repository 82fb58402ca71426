//! A QUIC server with a root and certificates of its own.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::{Bytes, BytesMut};
use kessai_client::RootPin;
use kessai_client::terms::DeviceId;
use kessai_client::terms::collation::{ActivationCode, ChannelBinding, ServerNonce, SpkiHash};
use kessai_client::wire::frame::{self, Decoder};
use kessai_client::wire::{
    Answer, Call, CloseCode, Enrol, EnrolAnswer, Handset, HandsetRequest, Limits, Message, Prompt,
    Push, Request, SoftwareName, Welcome, v1,
};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream, VarInt};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData, date_time_ymd,
};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs::default_provider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};

/// Certificates as a server shows them, and the key of the first.
pub struct Chain(pub Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

pub struct Root {
    key: KeyPair,
    parameters: CertificateParams,
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

impl Root {
    pub fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "test root");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self { key: KeyPair::generate().unwrap(), parameters }
    }

    pub fn pin(&self) -> RootPin {
        RootPin(sha256(&self.key.subject_public_key_info()))
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        self.parameters.self_signed(&self.key).unwrap().der().clone()
    }

    pub fn chain(&self, name: &str) -> Chain {
        self.sign(&CertificateParams::new(vec![name.to_owned()]).unwrap())
    }

    pub fn expired_chain(&self) -> Chain {
        let mut parameters = CertificateParams::new(vec!["kessai".to_owned()]).unwrap();
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(2021, 1, 1);
        self.sign(&parameters)
    }

    fn sign(&self, parameters: &CertificateParams) -> Chain {
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.parameters, &self.key);
        let certificate = parameters.signed_by(&key, &issuer).unwrap().der().clone();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        Chain(vec![certificate, self.certificate()], key)
    }
}

pub struct Server(Endpoint);

impl Server {
    pub fn new(chain: Chain, protocols: &[&[u8]]) -> Self {
        let provider = Arc::new(default_provider());
        let verifier = Arc::new(AnyKey(provider.signature_verification_algorithms));
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.0, chain.1)
            .unwrap();
        tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let crypto = Arc::new(QuicServerConfig::try_from(tls).unwrap());
        let config = quinn::ServerConfig::with_crypto(crypto);
        Self(Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap())
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub async fn accept(&self) -> Result<Connection, ConnectionError> {
        self.0.accept().await.unwrap().await
    }

    /// Refuses a connection before anybody is known.
    pub async fn turn_away(&self) {
        self.0.accept().await.unwrap().refuse();
    }

    /// Takes a connection with its stream.
    pub async fn talk(&self) -> Talk {
        let connection = self.accept().await.unwrap();
        let (send, receive) = connection.accept_bi().await.unwrap();
        Talk { connection, send, receive, buffer: BytesMut::new() }
    }
}

/// An enrolment that was asked for, and who may answer it.
pub struct Asked {
    pub enrol: Enrol,
    pub connection: Connection,
    pub send: SendStream,
}

impl Server {
    /// Takes a connection of enrolment, with the whole of what is said on it.
    pub async fn enrolment(&self) -> Asked {
        let connection = self.accept().await.unwrap();
        let (send, mut receive) = connection.accept_bi().await.unwrap();
        let said = receive.read_to_end(4096).await.unwrap();
        let mut buffer = BytesMut::from(&said[..]);
        let message = Decoder::<v1::Enrol>::new().decode(&mut buffer).unwrap().unwrap();
        assert!(buffer.is_empty(), "one message, and no more");
        Asked { enrol: Enrol::parse(&message).unwrap(), connection, send }
    }
}

impl Asked {
    /// Whether it was made with this code, for this connection and the key that came on it.
    pub fn holds(&self, code: &ActivationCode) -> bool {
        let channel = channel_of(&self.connection);
        let spki = SpkiHash(pin_of_peer(&self.connection));
        match &self.enrol {
            Enrol::Handset(handset) => handset.verify(code, &channel, &spki),
            Enrol::Peer(peer) => peer.verify(code, &channel, &spki),
        }
    }

    /// Answers, and tells with which code the client then closes.
    pub async fn answer(mut self, answer: EnrolAnswer) -> u32 {
        let mut bytes = BytesMut::new();
        frame::encode(&v1::EnrolAnswer::from(&answer), &mut bytes).unwrap();
        self.say(&bytes).await
    }

    pub async fn say(&mut self, bytes: &[u8]) -> u32 {
        for piece in bytes.chunks(5) {
            self.send.write_all(piece).await.unwrap();
        }
        self.send.finish().unwrap();
        closed_with(&self.connection).await
    }
}

/// The pin of the key that the client proved to hold.
pub fn pin_of_peer(connection: &Connection) -> [u8; 32] {
    let chain = connection.peer_identity().unwrap();
    let chain = chain.downcast::<Vec<CertificateDer<'static>>>().unwrap();
    let parsed = ParsedCertificate::try_from(&chain[0]).unwrap();
    sha256(&parsed.subject_public_key_info())
}

fn channel_of(connection: &Connection) -> ChannelBinding {
    let mut channel = [0; 32];
    connection.export_keying_material(&mut channel, b"EXPORTER-Channel-Binding", b"").unwrap();
    ChannelBinding(channel)
}

pub struct Talk {
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    buffer: BytesMut,
}

impl Talk {
    pub async fn hear(&mut self) -> Call {
        loop {
            if let Some(message) = Decoder::<v1::ToGateway>::new().decode(&mut self.buffer).unwrap()
            {
                return Call::parse(&message).unwrap();
            }
            let chunk = self.receive.read_chunk(4096, true).await.unwrap().unwrap();
            self.buffer.extend_from_slice(&chunk.bytes);
        }
    }

    pub async fn welcome(&mut self) {
        let hello = self.hear().await;
        let welcome = Welcome {
            version: 1,
            gateway_time_ms: 1_790_000_000_000,
            route: Bytes::new(),
            limits: Limits { max_frame_bytes: 32_768, max_in_flight: 64, idle_timeout_ms: 30_000 },
            gateway: SoftwareName::new("test").unwrap(),
            hub_nonce: None,
        };
        self.answer(&hello, Answer::Welcome(welcome)).await;
    }

    pub async fn answer(&mut self, call: &Call, answer: Answer) {
        self.tell(&Message::Answer(call.request, answer)).await;
    }

    /// Lets a handset attach, and tells which, and what it has seen.
    pub async fn attach(&mut self) -> (Handset, u64) {
        let call = self.hear().await;
        let Request::Handset(id, HandsetRequest::Attach { seen, hub_proof: None }) = call.body
        else {
            panic!("not an attach: {call:?}")
        };
        self.answer(&call, Answer::Attached { latest: seen }).await;
        (id, seen)
    }

    pub async fn echo(&mut self) {
        let call = self.hear().await;
        let Request::Echo(payload) = &call.body else { panic!("not an echo: {call:?}") };
        self.answer(&call, Answer::Echo(payload.clone())).await;
    }

    pub async fn prompt(&mut self, content: Bytes) {
        let customer = "1234-567-890".parse().unwrap();
        let handset = Handset { customer, device: DeviceId([1; 16]) };
        let server_nonce = ServerNonce([2; 32]);
        let prompt = Prompt { content, server_nonce, tries_left: 3, gateway_time_ms: 1 };
        self.tell(&Message::Push(Push::Prompt(handset, prompt))).await;
    }

    /// In small pieces, as a network may deliver it.
    async fn tell(&mut self, message: &Message) {
        let mut bytes = BytesMut::new();
        frame::encode(&v1::ToPeer::from(message), &mut bytes).unwrap();
        for piece in bytes.chunks(300) {
            self.send(piece).await;
        }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.send.write_all(bytes).await.unwrap();
    }

    /// What is bound to this connection, as its server sees it.
    pub fn channel(&self) -> ChannelBinding {
        channel_of(&self.connection)
    }

    pub fn close(self, code: CloseCode) {
        self.connection.close(VarInt::from_u32(code.number()), b"");
    }

    /// Where the client is now.
    pub fn address(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    /// Waits until the client closes, and tells with which code.
    pub async fn closed_with(&self) -> u32 {
        closed_with(&self.connection).await
    }
}

pub async fn closed_with(connection: &Connection) -> u32 {
    match connection.closed().await {
        ConnectionError::ApplicationClosed(close) => {
            u32::try_from(close.error_code.into_inner()).unwrap()
        }
        other => panic!("{other}"),
    }
}

#[derive(Debug)]
struct AnyKey(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("not spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
