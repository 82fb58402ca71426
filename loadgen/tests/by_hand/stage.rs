//! A gateway, and who is there to be played.

use std::net::SocketAddr;
use std::path::Path;

use kessai_client::terms::collation::{ActivationCode, PeerName, SpkiHash};
use kessai_client::wire::{Activation, Subject};
use kessai_engine::terms::{Amount, Currency, Rounding};
use kessai_engine::{
    CustomerAdded, CustomerPolicy, Merchant, PolicySet, RegisterChange, Store, Terminal,
    TerminalKind,
};
use kessai_gateway::entropy::SystemEntropy;
use kessai_gateway::{Gateway, Keys, Node, Settings};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::shell::{Shell, finish};

pub(crate) const CUSTOMER: &str = "1234-567-890";
pub(crate) const TILL: &str = "POS00001";
pub(crate) const OTHER_TILL: &str = "POS00002";
pub(crate) const MACHINE: &str = "VEND0001";
pub(crate) const ABROAD: &str = "USD00001";
pub(crate) const PASSWORD: &str = "correct horse 7";

/// A gateway with a customer, and a shop that has two tills, a machine and a store abroad. None of
/// them has a key yet.
pub(crate) struct Stage {
    gateway: Option<Gateway>,
    settings: Settings,
    runtime: Runtime,
    folder: TempDir,
}

impl Stage {
    pub(crate) fn set() -> Self {
        Self::set_with(|_, _| {})
    }

    /// Sets it with other settings; the folder may be written to.
    pub(crate) fn set_with(change: impl FnOnce(&mut Settings, &Path)) -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: folder.path().join("data"),
            keys: folder.path().join("keys"),
            ..Settings::default()
        };
        change(&mut settings, folder.path());
        std::fs::create_dir(&settings.keys).unwrap();
        Keys::create(&settings.keys, &SystemEntropy).unwrap();
        let keys = Keys::load(&settings.keys).unwrap();
        Node::create(&settings, &SystemEntropy).unwrap();
        let node = Node::open(&settings, &keys, &SystemEntropy).unwrap();
        let gateway = runtime.block_on(async {
            let gateway = Gateway::start(&node, &settings, &keys).unwrap();
            enter(&gateway).await;
            gateway
        });
        let file = "code,name,price_minor,tax_rate_bp\n\
            9521000000377,おにぎり 鮭,105,1000\n4901234567894,緑茶,120,800\n";
        std::fs::write(folder.path().join("catalogue.csv"), file).unwrap();
        settings.listen = gateway.local_addr();
        Self { gateway: Some(gateway), settings, runtime, folder }
    }

    /// Stops the gateway.
    pub(crate) fn go_down(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            self.runtime.block_on(gateway.stop());
        }
    }

    /// Starts it again, where it was.
    pub(crate) fn come_up(&mut self) {
        let keys = Keys::load(&self.settings.keys).unwrap();
        let node = Node::open(&self.settings, &keys, &SystemEntropy).unwrap();
        let start = async { Gateway::start(&node, &self.settings, &keys).unwrap() };
        self.gateway = Some(self.runtime.block_on(start));
    }

    /// Decides what the customer may do.
    pub(crate) fn decide(&self, policy: CustomerPolicy) {
        let (engine, journal) = (self.gateway().engine(), self.gateway().journal());
        let set = PolicySet { customer: CUSTOMER.parse().unwrap(), policy };
        let slot = journal.reserve().unwrap();
        engine.set_policy(set, self.gateway().now_ms(), slot).unwrap();
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    /// Gives an activation string out, as `kessai` would.
    pub(crate) fn activate(&self, subject: Subject, code: u8) -> String {
        let code = ActivationCode::from_bytes([code; 16]);
        let gateway = self.gateway().local_addr().to_string().parse().unwrap();
        let root = SpkiHash(self.gateway().root_pin().0);
        self.gateway().activate(subject, code.clone()).unwrap();
        Activation { gateway, root, subject, code }.to_string()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Opens a till, or a machine, whose products are those of the stage.
    pub(crate) fn till(&self) -> Shell {
        self.open(TILL, &[])
    }

    pub(crate) fn open(&self, id: &str, more: &[&str]) -> Shell {
        let (folder, catalogue) = (self.path(id), self.path("catalogue.csv"));
        let arguments = ["terminal", "--dir", &folder, "--catalogue", &catalogue];
        Shell::open(&[&arguments[..], more].concat())
    }

    pub(crate) fn phone(&self) -> Shell {
        Shell::open(&["handset", "--dir", &self.path("phone")])
    }

    /// Enrols the till and the handset, by their commands.
    pub(crate) fn enrol(&self) {
        self.enrol_terminal(TILL);
        let activation = self.activate(customer(), 2);
        let typed = format!("123456\n{PASSWORD}\n{PASSWORD}\n");
        let enrol = ["handset", "enrol", "--dir", &self.path("phone"), &activation];
        let (code, said) = finish(&enrol, &typed);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("This password only counts up or down."), "{said}");
        assert!(said.contains("Enrolled as customer 1234-567-890."), "{said}");
        assert!(!said.contains(PASSWORD), "a password is not shown: {said}");
    }

    pub(crate) fn enrol_terminal(&self, id: &str) {
        let activation = self.activate(terminal(id), 1);
        let enrol = ["terminal", "enrol", "--dir", &self.path(id), &activation];
        let (code, said) = finish(&enrol, "");
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&format!("Enrolled as terminal {id}.")), "{said}");
    }

    pub(crate) fn balance(&self) -> u64 {
        let customer = self.gateway().engine().customer(&CUSTOMER.parse().unwrap()).unwrap();
        customer.balance.minor()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.go_down();
    }
}

pub(crate) fn terminal(id: &str) -> Subject {
    Subject::Peer(PeerName::Terminal(id.parse().unwrap()))
}

pub(crate) fn customer() -> Subject {
    Subject::Customer(CUSTOMER.parse().unwrap())
}

pub(crate) async fn enter(gateway: &Gateway) {
    let (engine, journal, now_ms) = (gateway.engine(), gateway.journal(), gateway.now_ms());
    let slot = || journal.reserve().unwrap();
    let merchant = "M1".parse().unwrap();
    let store = |id: &str, name: &str, currency| {
        RegisterChange::Store(Store {
            id: id.parse().unwrap(),
            merchant,
            name: name.parse().unwrap(),
            currency,
            rounding: Rounding::Down,
            standing: kessai_engine::Standing::Active,
        })
    };
    let terminal = |id: &str, store: &str, kind| {
        RegisterChange::Terminal(Terminal {
            id: id.parse().unwrap(),
            store: store.parse().unwrap(),
            kind,
            pin: None,
            standing: kessai_engine::Standing::Active,
            limits: kessai_engine::Limits::default(),
        })
    };
    let changes = [
        RegisterChange::Merchant(Merchant {
            id: merchant,
            name: "Kessai Mart".parse().unwrap(),
            invoice_number: Some("T7123456789012".parse().unwrap()),
        }),
        store("S1", "渋谷店", Currency::JPY),
        store("S2", "Honolulu", Currency::from_code("USD").unwrap()),
        terminal(TILL, "S1", TerminalKind::PointOfSale),
        terminal(OTHER_TILL, "S1", TerminalKind::PointOfSale),
        terminal(MACHINE, "S1", TerminalKind::Vending),
        terminal(ABROAD, "S2", TerminalKind::PointOfSale),
    ];
    let changes = changes.into_iter().map(|change| (change, slot())).collect();
    engine.enter_register(changes, now_ms).unwrap();
    let added = CustomerAdded {
        customer: CUSTOMER.parse().unwrap(),
        currency: Currency::JPY,
        balance: Amount::new(1_000).unwrap(),
    };
    let after = engine.add_customer(added, now_ms, slot()).unwrap();
    journal.when_durable(after).await;
}
