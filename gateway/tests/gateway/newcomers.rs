//! What the tests of doors have in common: activation strings, another merchant, a controller, a
//! hub, and enrolments of one's own making.

use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;
use kessai_client::terms::basket::Rounding;
use kessai_client::terms::collation::{
    ActivationCode, ChannelBinding, Password, PeerName, SpkiHash,
};
use kessai_client::terms::{Currency, MerchantName, StoreName};
use kessai_client::wire::frame::{self, Decoder};
use kessai_client::wire::{ALPN_ENROLMENT, Activation, Enrol, EnrolAnswer, Subject, v1};
use kessai_client::{
    EnrolError, HandsetFile, PeerFile, PeerKey, QuicOptions, endpoint, enrol_handset, enrol_peer,
};
use kessai_engine::{KeyPin, Merchant, RegisterChange, Store, TerminalKind};
use quinn::Connection;

use crate::support::raw::Setup;
use crate::support::{Shop, bounded};

/// A terminal of another merchant.
pub const ELSEWHERE: &str = "POS9";

pub fn customer(id: &str) -> Subject {
    Subject::Customer(id.parse().unwrap())
}

pub fn terminal(id: &str) -> Subject {
    Subject::Peer(PeerName::Terminal(id.parse().unwrap()))
}

pub fn controller() -> Subject {
    Subject::Peer(PeerName::Controller("CTL1".parse().unwrap()))
}

pub fn hub() -> Subject {
    Subject::Peer(PeerName::Hub("HUB1".parse().unwrap()))
}

/// The code that is given to everybody here.
pub fn code() -> ActivationCode {
    ActivationCode::from_bytes([42; 16])
}

pub fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

/// Opens a code for `subject`, and writes the string that it goes out in.
pub fn activate(shop: &Shop, subject: Subject) -> Activation {
    shop.gateway.activate(subject, code()).unwrap();
    Activation {
        gateway: shop.gateway.local_addr().to_string().parse().unwrap(),
        root: SpkiHash(shop.gateway.root_pin().0),
        subject,
        code: code(),
    }
}

pub fn own_endpoint() -> kessai_client::Endpoint {
    endpoint(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap()
}

pub async fn enrol_phone(
    activation: &Activation,
    text: &str,
    folder: &Path,
) -> Result<HandsetFile, EnrolError> {
    bounded(enrol_handset(&own_endpoint(), activation, &password(text), folder)).await
}

pub async fn enrol_station(activation: &Activation, folder: &Path) -> Result<PeerFile, EnrolError> {
    bounded(enrol_peer(&own_endpoint(), activation, folder)).await
}

pub async fn connector(file: &PeerFile) -> Arc<kessai_client::QuicConnector> {
    Arc::new(file.connector(own_endpoint(), &QuicOptions::default()).await.unwrap())
}

/// Enters [`ELSEWHERE`] with its merchant, the controller and the hub, none of them with a key.
pub fn enter_others(shop: &Shop) {
    let changes = [
        RegisterChange::Merchant(Merchant {
            id: "TANAKA1".parse().unwrap(),
            name: MerchantName::new("田中商店").unwrap(),
            invoice_number: None,
        }),
        RegisterChange::Store(Store {
            id: "GINZA1".parse().unwrap(),
            merchant: "TANAKA1".parse().unwrap(),
            name: StoreName::new("銀座店").unwrap(),
            currency: Currency::JPY,
            rounding: Rounding::Down,
            standing: kessai_engine::Standing::Active,
        }),
        RegisterChange::Terminal(kessai_engine::Terminal {
            id: ELSEWHERE.parse().unwrap(),
            store: "GINZA1".parse().unwrap(),
            kind: TerminalKind::PointOfSale,
            pin: None,
            standing: kessai_engine::Standing::Active,
            limits: kessai_engine::Limits::default(),
        }),
        RegisterChange::Controller(kessai_engine::Controller {
            id: "CTL1".parse().unwrap(),
            merchant: "SUZUKI1".parse().unwrap(),
            pin: None,
        }),
        RegisterChange::Hub(kessai_engine::Hub { id: "HUB1".parse().unwrap(), pin: None }),
    ];
    for change in changes {
        let slot = shop.gateway.journal().reserve().unwrap();
        shop.engine().enter_register(vec![(change, slot)], shop.gateway.now_ms()).unwrap();
    }
}

/// A connection that may enrol `key`.
pub async fn at_the_door(shop: &Shop, key: &PeerKey) -> Connection {
    let setup = Setup { alpn: vec![ALPN_ENROLMENT.to_vec()], ..Setup::of(key) };
    setup.connect(shop.gateway.local_addr()).await.unwrap()
}

pub fn channel(connection: &Connection) -> ChannelBinding {
    let mut channel = [0; 32];
    let label = b"EXPORTER-Channel-Binding";
    connection.export_keying_material(&mut channel, label, b"").unwrap();
    ChannelBinding(channel)
}

pub fn spki(key: &PeerKey) -> SpkiHash {
    SpkiHash(KeyPin(key.pin()).0)
}

/// Says `enrol` and hears the answer, as whoever keeps to the form, but perhaps to nothing else.
pub async fn say(connection: &Connection, enrol: &Enrol) -> EnrolAnswer {
    let mut bytes = BytesMut::new();
    frame::encode(&v1::Enrol::from(enrol), &mut bytes).unwrap();
    let (mut send, mut recv) = bounded(connection.open_bi()).await.unwrap();
    bounded(send.write_all(&bytes)).await.unwrap();
    send.finish().unwrap();
    let answer = bounded(recv.read_to_end(2_048)).await.unwrap();
    let mut answer = BytesMut::from(answer.as_slice());
    let message = Decoder::<v1::EnrolAnswer>::new().decode(&mut answer).unwrap().unwrap();
    assert!(answer.is_empty(), "one frame");
    EnrolAnswer::parse(&message).unwrap()
}
