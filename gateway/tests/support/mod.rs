//! A gateway with a shop, customers and their handsets, over real QUIC on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kessai_client::terms::basket::Rounding;
use kessai_client::terms::collation::{DeviceKey, HandsetSecrets, Salt};
use kessai_client::terms::{
    Amount, Currency, CustomerId, DeviceId, Gtin, Line, MerchantName, PaymentId, ProductName,
    StoreName, Tax,
};
use kessai_client::wire::{self, Notice, Payer, Purchase};
use kessai_client::{
    Backoff, Event, Events, Handset, Options, PeerKey, Question, QuicConnector, QuicOptions,
    RootPin, Terminal, endpoint,
};
use kessai_engine::{
    CustomerAdded, CustomerView, DeviceAdded, Engine, KeyPin, Merchant, RegisterChange, Store,
    TerminalKind,
};
use kessai_gateway::entropy::SystemEntropy;
use kessai_gateway::init::init;
use kessai_gateway::{Gateway, Keys, Node, Settings, StartError};
use kessai_journal::Journal;
use tempfile::TempDir;
use tokio::time::timeout;

pub mod owner;
pub mod raw;

/// How long anything in a test may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits, but not for ever.
pub async fn bounded<F: Future>(what: F) -> F::Output {
    timeout(PATIENCE, what).await.expect("it takes too long")
}

/// A handset as its owner holds it.
pub struct Phone {
    pub id: wire::Handset,
    pub key: PeerKey,
    pub secrets: HandsetSecrets,
}

/// The terminals, in the order of [`Shop::tills`]; the last one is a vending machine.
pub const TILLS: [&str; 3] = ["POS1", "POS2", "VEND1"];

/// The rich customer, with two handsets.
pub const RICH: &str = "090-1111-1111";
/// The poor customer, with one.
pub const POOR: &str = "090-2222-2222";
/// Whom nobody knows.
pub const NOBODY: &str = "090-9999-9999";

/// Everybody who was enrolled: [`TILLS`], and the handsets of the rich and the poor.
pub struct People {
    pub tills: Vec<PeerKey>,
    pub phones: Vec<Phone>,
}

/// A running gateway and everybody around it.
pub struct Shop {
    pub gateway: Gateway,
    pub settings: Settings,
    pub people: People,
    folder: TempDir,
}

/// Makes configuration, keys and data in a folder, small and quick.
pub fn made(folder: &TempDir) -> (Settings, Keys) {
    let configuration = init(&folder.path().join("kessai"), &SystemEntropy).unwrap();
    let mut settings = Settings::load(&configuration).unwrap();
    settings.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    settings.journal.segment_mib = 1;
    let keys = Keys::load(&settings.keys).unwrap();
    (settings, keys)
}

impl Shop {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mut settings, keys) = made(&folder);
        change(&mut settings);
        let node = Node::open(&settings, &keys, &SystemEntropy).unwrap();
        let people = enrol(node.engine(), node.journal(), &keys).await;
        let gateway = Gateway::start(&node, &settings, &keys).unwrap();
        Self { gateway, settings, people, folder }
    }

    /// Stops the gateway, and starts it again on the same port and data.
    pub async fn restart(self) -> Self {
        self.restart_with(|_| {}).await
    }

    /// The same with other settings.
    pub async fn restart_with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let Self { gateway, mut settings, people, folder } = self;
        change(&mut settings);
        settings.listen = gateway.local_addr();
        bounded(gateway.stop()).await;
        let keys = Keys::load(&settings.keys).unwrap();
        let node = Node::open(&settings, &keys, &SystemEntropy).unwrap();
        let gateway = bounded(async {
            loop {
                match Gateway::start(&node, &settings, &keys) {
                    Ok(gateway) => break gateway,
                    // The task that held the socket ends a moment after the gateway.
                    Err(StartError::Listen { .. }) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        })
        .await;
        Self { gateway, settings, people, folder }
    }

    pub fn engine(&self) -> &Engine {
        self.gateway.engine()
    }

    pub fn customer(&self, id: &str) -> CustomerView {
        self.engine().customer(&id.parse().unwrap()).unwrap()
    }

    pub async fn till(&self, number: usize) -> Terminal {
        let connector = connector(&self.people.tills[number], &self.gateway);
        till(TILLS[number], connector).await
    }

    /// Connects a handset that has seen notices up to `seen`.
    pub async fn phone(&self, number: usize, seen: u64) -> (Handset, Events) {
        let phone = &self.people.phones[number];
        handset(phone, connector(&phone.key, &self.gateway), seen).await
    }

    pub fn secrets(&self, number: usize) -> &HandsetSecrets {
        &self.people.phones[number].secrets
    }

    /// The books must add up, hold nothing back, and owe the merchant `yen`.
    pub fn check_books(&self, owed: i128) {
        check_books(self.engine(), owed);
    }
}

pub fn check_books(engine: &Engine, owed: i128) {
    let books = engine.books().unwrap();
    assert_eq!(books.problems, Vec::<String>::new());
    let yen = books.currencies[&Currency::JPY];
    assert_eq!(yen.held.minor(), 0, "nothing is pending");
    assert_eq!(yen.tallies.minor(), owed);
    assert_eq!(yen.balances.minor() + yen.tallies.minor(), yen.funded.minor());
}

pub fn options() -> Options {
    let (first, most) = (Duration::from_millis(5), Duration::from_millis(50));
    Options { backoff: Backoff { first, most }, sendings: 1_000, ..Options::default() }
}

pub fn connector_to(key: &PeerKey, address: SocketAddr, root: KeyPin) -> Arc<QuicConnector> {
    let own = endpoint(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let options = QuicOptions::default();
    Arc::new(QuicConnector::new(own, address, RootPin(root.0), key, &options).unwrap())
}

fn connector(key: &PeerKey, gateway: &Gateway) -> Arc<QuicConnector> {
    connector_to(key, gateway.local_addr(), gateway.root_pin())
}

pub async fn till(id: &str, connector: Arc<QuicConnector>) -> Terminal {
    bounded(Terminal::connect(connector, id.parse().unwrap(), options())).await.unwrap()
}

pub async fn handset(phone: &Phone, connector: Arc<QuicConnector>, seen: u64) -> (Handset, Events) {
    let server = phone.secrets.device_keys().server.clone();
    bounded(Handset::connect(connector, phone.id, server, seen, options())).await.unwrap()
}

/// Waits for the next question.
pub async fn asked(events: &mut Events) -> Question {
    loop {
        match bounded(events.next()).await.expect("the handset lives") {
            Event::Asked(question) => return *question,
            Event::Connected | Event::Disconnected(_) => {}
            other @ (Event::Told(_) | Event::Untrusted(_)) => panic!("{other:?}"),
        }
    }
}

/// Waits for the next notice.
pub async fn told(events: &mut Events) -> Notice {
    loop {
        match bounded(events.next()).await.expect("the handset lives") {
            Event::Told(notice) => return *notice,
            Event::Connected | Event::Disconnected(_) => {}
            other @ (Event::Asked(_) | Event::Untrusted(_)) => panic!("{other:?}"),
        }
    }
}

/// Secrets of somebody who has the handset, but not the password.
pub fn wrong_secrets() -> HandsetSecrets {
    HandsetSecrets::from_parts([0; 32], DeviceKey::from_bytes([0; 32]))
}

pub fn yen(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

/// One bottle of tea for `price` yen.
pub fn purchase(payment: PaymentId, customer: &str, price: u64) -> Purchase {
    Purchase {
        payment,
        payer: Payer::Customer(customer.parse().unwrap()),
        lines: vec![Line {
            code: Gtin::complete("490177701868").unwrap(),
            name: ProductName::new("濃いお茶 525ml").unwrap(),
            unit_price: yen(price),
            quantity: 1,
            discount: Amount::ZERO,
            tax: Tax::Exempt,
        }],
        claimed_total: yen(price),
        currency: Currency::JPY,
        capture: wire::Capture::AtApproval,
    }
}

/// Enters merchant, store and [`TILLS`]; the rich customer with 10000 yen and two handsets, the
/// poor one with 100 yen and one. Durable when it returns.
pub async fn enrol(engine: &Engine, journal: &Journal, keys: &Keys) -> People {
    let slot = || journal.reserve().unwrap();
    let tills: Vec<_> = TILLS.iter().map(|_| PeerKey::generate().unwrap()).collect();
    let mut changes = vec![
        RegisterChange::Merchant(Merchant {
            id: "SUZUKI1".parse().unwrap(),
            name: MerchantName::new("鈴木商店").unwrap(),
            invoice_number: None,
        }),
        RegisterChange::Store(Store {
            id: "UENO1".parse().unwrap(),
            merchant: "SUZUKI1".parse().unwrap(),
            name: StoreName::new("上野店").unwrap(),
            currency: Currency::JPY,
            rounding: Rounding::Down,
            standing: kessai_engine::Standing::Active,
        }),
    ];
    for (id, key) in TILLS.iter().zip(&tills) {
        let kind = match *id {
            "VEND1" => TerminalKind::Vending,
            _ => TerminalKind::PointOfSale,
        };
        changes.push(RegisterChange::Terminal(kessai_engine::Terminal {
            id: id.parse().unwrap(),
            store: "UENO1".parse().unwrap(),
            kind,
            pin: Some(KeyPin(key.pin())),
            standing: kessai_engine::Standing::Active,
            limits: kessai_engine::Limits::default(),
        }));
    }
    for change in changes {
        engine.enter_register(vec![(change, slot())], 1).unwrap();
    }
    let mut phones = Vec::new();
    let mut last = None;
    for (customer, balance, devices) in [(RICH, 10_000, 2), (POOR, 100, 1)] {
        let customer: CustomerId = customer.parse().unwrap();
        let balance = yen(balance);
        let added = CustomerAdded { customer, currency: Currency::JPY, balance };
        engine.add_customer(added, 1, slot()).unwrap();
        for _ in 0..devices {
            let phone = phone(customer, u8::try_from(phones.len() + 1).unwrap());
            let device = phone.id.device;
            let row = keys.current_sealing_key().seal(
                &phone.secrets.device_keys(),
                &customer,
                &device,
                1,
                [device.0[0]; 12],
            );
            let pin = KeyPin(phone.key.pin());
            let added = DeviceAdded { customer, device, pin, salt: Salt([1; 16]), row };
            last = Some(engine.add_device(added, 1, slot()).unwrap());
            phones.push(phone);
        }
    }
    bounded(journal.when_durable(last.unwrap())).await;
    People { tills, phones }
}

fn phone(customer: CustomerId, number: u8) -> Phone {
    Phone {
        id: wire::Handset { customer, device: DeviceId([number; 16]) },
        key: PeerKey::generate().unwrap(),
        secrets: secrets_of(number),
    }
}

/// The secrets of handset number `number`, counted from 1.
pub fn secrets_of(number: u8) -> HandsetSecrets {
    HandsetSecrets::from_parts([number; 32], DeviceKey::from_bytes([number + 100; 32]))
}
