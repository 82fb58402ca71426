//! Who tries to enrol without being asked to, and who poses as the gateway.

use std::net::SocketAddr;
use std::sync::Arc;

use kessai_client::terms::collation::{
    ActivationCode, ChannelBinding, DeviceKey, HandsetSecrets, PeerName, Salt, SpkiHash,
};
use kessai_client::terms::{CustomerId, DeviceId, Reason};
use kessai_client::wire::v1::{self, to_gateway::Body};
use kessai_client::wire::{
    self, ALPN_ENROLMENT, CloseCode, Enrol, EnrolAnswer, EnrolHandset, EnrolPeer, Handset, Refusal,
};
use kessai_client::{ConnectError, EnrolError, HandsetFile, PeerKey};
use kessai_engine::KeyPin;
use kessai_gateway::ATTEMPTS;
use quinn::crypto::rustls::QuicServerConfig;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;

use crate::newcomers::{activate, at_the_door, channel, code, customer, enrol_phone, say, spki};
use crate::support::raw::{Raw, Setup, close_code};
use crate::support::{POOR, RICH, Shop, bounded};

fn refused(answer: EnrolAnswer) -> Refusal {
    match answer {
        EnrolAnswer::Refused(refusal) => refusal,
        other @ EnrolAnswer::Enrolled { .. } => panic!("{other:?}"),
    }
}

/// What an attempt may get wrong.
struct Attempt {
    customer: CustomerId,
    device: DeviceId,
    code: ActivationCode,
}

impl Attempt {
    fn right() -> Self {
        let device = DeviceId([200; 16]);
        Self { customer: RICH.parse().unwrap(), device, code: code() }
    }

    fn enrol(&self, channel: &ChannelBinding, spki: &SpkiHash) -> EnrolHandset {
        let secrets = HandsetSecrets::from_parts([9; 32], DeviceKey::from_bytes([8; 32]));
        let handset = Handset { customer: self.customer, device: self.device };
        let bound = (channel, spki);
        EnrolHandset::new(handset, Salt([7; 16]), secrets.device_keys(), &self.code, bound)
    }
}

#[tokio::test]
async fn the_fifth_attempt_may_succeed_and_the_sixth_may_not() {
    let shop = Shop::start().await;
    let wrong = Attempt { code: ActivationCode::from_bytes([0; 16]), ..Attempt::right() };
    for (failures, is_enrolled) in [(ATTEMPTS, false), (ATTEMPTS - 1, true)] {
        activate(&shop, customer(RICH));
        let before = shop.engine().state_hash();
        let key = PeerKey::generate().unwrap();
        for _ in 0..failures {
            let connection = at_the_door(&shop, &key).await;
            let request = wrong.enrol(&channel(&connection), &spki(&key));
            let answer = say(&connection, &Enrol::Handset(Box::new(request))).await;
            assert_eq!(refused(answer).reason, Reason::EnrolmentRefused);
        }
        assert_eq!(shop.engine().state_hash(), before);
        let connection = at_the_door(&shop, &key).await;
        let request = Attempt::right().enrol(&channel(&connection), &spki(&key));
        let answer = say(&connection, &Enrol::Handset(Box::new(request))).await;
        assert_eq!(matches!(answer, EnrolAnswer::Enrolled { .. }), is_enrolled, "{answer:?}");
    }
}

#[tokio::test]
async fn every_fault_is_refused_alike_and_leaves_no_trace() {
    let shop = Shop::start().await;
    activate(&shop, customer(RICH));
    let before = shop.engine().state_hash();
    let key = PeerKey::generate().unwrap();
    let elsewhere = at_the_door(&shop, &key).await;
    let other_key = PeerKey::generate().unwrap();
    let stranger: CustomerId = "090-9999-9999".parse().unwrap();
    let of = |attempt: Attempt, channel: &ChannelBinding, spki: &SpkiHash| {
        Enrol::Handset(Box::new(attempt.enrol(channel, spki)))
    };
    let mut answers = Vec::new();
    for fault in 0..8 {
        // Each of them alone would exceed what one code bears.
        activate(&shop, customer(RICH));
        let connection = at_the_door(&shop, &key).await;
        let (here, own) = (channel(&connection), spki(&key));
        let enrol = match fault {
            0 => of(
                Attempt { code: ActivationCode::from_bytes([1; 16]), ..Attempt::right() },
                &here,
                &own,
            ),
            // A code is open, but for somebody else; or the customer does not exist at all.
            1 => of(Attempt { customer: POOR.parse().unwrap(), ..Attempt::right() }, &here, &own),
            2 => of(Attempt { customer: stranger, ..Attempt::right() }, &here, &own),
            3 => of(Attempt::right(), &channel(&elsewhere), &own),
            4 => of(Attempt::right(), &here, &spki(&other_key)),
            5 => {
                // Made for one device, sent for another.
                let mut request = Attempt::right().enrol(&here, &own);
                request.handset.device = DeviceId([201; 16]);
                Enrol::Handset(Box::new(request))
            }
            6 => {
                let mut request = Attempt::right().enrol(&here, &own);
                request.keys = HandsetSecrets::from_parts([1; 32], DeviceKey::from_bytes([1; 32]))
                    .device_keys();
                Enrol::Handset(Box::new(request))
            }
            _ => {
                let peer = PeerName::Terminal("POS1".parse().unwrap());
                Enrol::Peer(EnrolPeer::new(peer, &code(), &here, &own))
            }
        };
        answers.push(refused(say(&connection, &enrol).await));
    }
    for answer in &answers {
        assert_eq!(answer, &answers[0], "who guesses learns nothing");
        assert_eq!(answer.reason, Reason::EnrolmentRefused);
    }
    assert_eq!(shop.engine().state_hash(), before);
    assert!(shop.engine().peer(&KeyPin(key.pin())).is_none());
    // None of them has spoilt the code that is open now.
    let connection = at_the_door(&shop, &key).await;
    let right = of(Attempt::right(), &channel(&connection), &spki(&key));
    assert!(matches!(say(&connection, &right).await, EnrolAnswer::Enrolled { .. }));
}

/// A key speaks for one: nobody takes the key, or the place, of somebody else by enrolling it again.
#[tokio::test]
async fn a_key_that_speaks_for_somebody_is_not_enrolled_for_another() {
    let shop = Shop::start().await;
    activate(&shop, customer(POOR));
    let before = shop.engine().state_hash();
    let key = &shop.people.tills[0];
    let connection = at_the_door(&shop, key).await;
    let attempt = Attempt { customer: POOR.parse().unwrap(), ..Attempt::right() };
    let request = attempt.enrol(&channel(&connection), &spki(key));
    let answer = say(&connection, &Enrol::Handset(Box::new(request))).await;
    assert_eq!(refused(answer).reason, Reason::EnrolmentRefused);
    assert_eq!(shop.engine().state_hash(), before);
    Raw::till(key, shop.gateway.local_addr(), "POS1").await;
}

#[tokio::test]
async fn an_impostor_hears_nothing() {
    let shop = Shop::start().await;
    // It takes enrolments, and has a key; but not one under the root.
    let pair = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["kessai".to_owned()]).unwrap().self_signed(&pair).unwrap();
    let secret = PrivatePkcs8KeyDer::from(pair.serialize_der());
    let chain = vec![certificate.der().clone()];
    let tls = kessai_gateway::tls::server_config(chain, secret.into()).unwrap();
    let crypto = Arc::new(QuicServerConfig::try_from(tls).unwrap());
    let config = quinn::ServerConfig::with_crypto(crypto);
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let impostor = quinn::Endpoint::server(config, here).unwrap();
    let mut activation = activate(&shop, customer(RICH));
    activation.gateway = impostor.local_addr().unwrap().to_string().parse().unwrap();
    let listening = tokio::spawn(async move {
        let incoming = impostor.accept().await.unwrap();
        match incoming.await {
            Err(_) => None,
            Ok(connection) => match connection.accept_bi().await {
                Err(_) => None,
                Ok((_, mut recv)) => Some(recv.read_to_end(2_048).await),
            },
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let result = enrol_phone(&activation, "sakura-7", folder.path()).await;
    assert!(
        matches!(result, Err(EnrolError::Connect(ConnectError::Untrusted(_)))),
        "{:?}",
        result.err()
    );
    assert!(bounded(listening).await.unwrap().is_none(), "not a byte was said to it");
    assert!(HandsetFile::open(folder.path()).is_err());

    // Another gateway, with a root of its own and a code of the same value: it enrols nobody.
    let other = Shop::start().await;
    let theirs = activate(&other, customer(RICH));
    let before = other.engine().state_hash();
    activation.gateway = theirs.gateway.clone();
    let result = enrol_phone(&activation, "sakura-7", folder.path()).await;
    assert!(matches!(result, Err(EnrolError::Connect(ConnectError::Untrusted(_)))));
    assert_eq!(other.engine().state_hash(), before);
    // The true one still takes the code: the failures have cost no attempt.
    enrol_phone(&activate(&shop, customer(RICH)), "sakura-7", folder.path()).await.unwrap();
}

#[tokio::test]
async fn one_source_may_not_try_too_often() {
    let shop = Shop::start_with(|settings| {
        settings.connections.enrolments_per_source_per_minute = 2;
    })
    .await;
    let key = PeerKey::generate().unwrap();
    for _ in 0..2 {
        let connection = at_the_door(&shop, &key).await;
        let request = Attempt::right().enrol(&channel(&connection), &spki(&key));
        let answer = say(&connection, &Enrol::Handset(Box::new(request))).await;
        assert_eq!(refused(answer).reason, Reason::EnrolmentRefused);
    }
    let connection = at_the_door(&shop, &key).await;
    assert_eq!(close_code(&connection).await, CloseCode::Busy, "before it has said a word");
    Raw::till(&shop.people.tills[0], shop.gateway.local_addr(), "POS1").await;
}

#[tokio::test]
async fn a_connection_that_enrols_cannot_pay() {
    let shop = Shop::start().await;
    let before = shop.engine().state_hash();
    // The key of a live terminal makes no difference.
    let setup = Setup { alpn: vec![ALPN_ENROLMENT.to_vec()], ..Setup::of(&shop.people.tills[0]) };
    let mut raw = Raw::silent(setup, shop.gateway.local_addr(), None).await;
    let hello = Body::Hello(v1::Hello { versions: vec![1], software: "raw".into(), receipt: None });
    let request = raw.request(hello);
    raw.send(&request).await;
    assert_eq!(raw.close_code().await, CloseCode::Protocol);
    assert_eq!(shop.engine().state_hash(), before);
}

#[tokio::test]
async fn a_connection_that_pays_cannot_enrol() {
    let shop = Shop::start().await;
    activate(&shop, customer(RICH));
    let before = shop.engine().state_hash();
    // Not instead of a greeting.
    let key = &shop.people.tills[0];
    let raw = Raw::silent(Setup::of(key), shop.gateway.local_addr(), None).await;
    let request = Attempt::right().enrol(&raw.channel(), &spki(key));
    let bytes = framed(&Enrol::Handset(Box::new(request)));
    let mut raw = raw;
    raw.send_bytes(&bytes).await;
    assert_eq!(raw.close_code().await, CloseCode::Protocol);
    // Nor after one.
    let mut raw = Raw::till(key, shop.gateway.local_addr(), "POS1").await;
    let request = Attempt::right().enrol(&raw.channel(), &spki(key));
    let bytes = framed(&Enrol::Handset(Box::new(request)));
    raw.send_bytes(&bytes).await;
    assert_eq!(raw.close_code().await, CloseCode::Protocol);
    assert_eq!(shop.engine().state_hash(), before);
}

fn framed(enrol: &Enrol) -> bytes::Bytes {
    let mut bytes = bytes::BytesMut::new();
    wire::frame::encode(&v1::Enrol::from(enrol), &mut bytes).unwrap();
    bytes.freeze()
}

#[tokio::test]
async fn a_message_of_enrolment_that_is_too_long_closes_before_its_body_is_sent() {
    let shop = Shop::start().await;
    let key = PeerKey::generate().unwrap();
    let connection = at_the_door(&shop, &key).await;
    let (mut send, _recv) = bounded(connection.open_bi()).await.unwrap();
    // 1025 bytes.
    bounded(send.write_all(&[0x81, 0x08])).await.unwrap();
    assert_eq!(close_code(&connection).await, CloseCode::FrameTooLong);
}
