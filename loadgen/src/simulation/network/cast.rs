//! Who takes part: one merchant with tills and a machine, customers with handsets, and the machines
//! that these run on, beside that of the gateway.

use kessai_client::terms::collation::{DeviceKey, HandsetSecrets, ROW_VERSION, Salt, SealingKey};
use kessai_client::wire;
use kessai_client::{PeerKey, Randomness};
use kessai_engine::terms::basket::Rounding;
use kessai_engine::terms::{Amount, Currency, CustomerId, DeviceId, TerminalId};
use kessai_engine::{
    AdminError, CustomerAdded, DeviceAdded, Engine, KeyPin, Limits, Lsn, Merchant, RegisterChange,
    RegisterError, Standing, Store, Terminal, TerminalKind,
};
use kessai_journal::Journal;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::keys::{self, SEALING_KEY};
use crate::simulation::chance::{Chance, Of};

/// How many machines there are beside the gateway's.
pub(super) const MACHINES: usize = 4;

/// The machines that tills run on; handsets run on the others.
const SHOPS: usize = 2;

/// How many tills there are; the last one is a vending machine.
const TILLS: usize = 4;

/// How many customers there are; the first has a second handset.
const CUSTOMERS: usize = 5;

/// What every customer has at first, in yen.
pub(super) const BALANCE: u64 = 10_000;

/// What a peer's life is drawn from: what the cast has drawn for its keys does not come again.
pub(super) fn behind_the_keys(seed: u64, of: Of) -> Chance {
    let mut chance = Chance::new(seed, of);
    chance.bytes::<96>();
    chance
}

/// What a peer needs to connect.
pub(super) struct Peer {
    /// The machine that it runs on.
    pub(super) machine: usize,
    pub(super) key: PeerKey,
    /// What its QUIC endpoint draws from.
    pub(super) endpoint_seed: [u8; 32],
    /// What its client draws from.
    pub(super) randomness: Randomness,
}

impl Peer {
    fn new(machine: usize, chance: &mut Chance) -> Self {
        let key = keys::of_peer(chance);
        let endpoint_seed = chance.bytes();
        let randomness = Randomness::new(draw_from(chance.bytes()));
        Self { machine, key, endpoint_seed, randomness }
    }
}

/// Gives the bytes that follow from `secret`, on and on.
fn draw_from(secret: [u8; 32]) -> impl Fn(&mut [u8]) + Send + Sync {
    use rand::{Rng, SeedableRng};
    let stream = Mutex::new(rand_chacha::ChaCha8Rng::from_seed(secret));
    move |out| stream.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(out)
}

/// A till or machine.
pub(super) struct Till {
    pub(super) number: usize,
    pub(super) id: TerminalId,
    pub(super) kind: TerminalKind,
    pub(super) peer: Peer,
}

/// A handset, with what its owner knows.
pub(super) struct Phone {
    pub(super) number: usize,
    pub(super) id: wire::Handset,
    /// Made with the password.
    pub(super) right: HandsetSecrets,
    /// Made with another one.
    pub(super) wrong: HandsetSecrets,
    pub(super) peer: Peer,
}

/// Everybody.
pub(super) struct Cast {
    pub(super) customers: Vec<CustomerId>,
    pub(super) tills: Vec<Till>,
    pub(super) phones: Vec<Phone>,
}

/// Why somebody cannot be entered.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntryError {
    #[error("the journal has no room")]
    Full,
    #[error(transparent)]
    Register(#[from] RegisterError),
    #[error(transparent)]
    Admin(#[from] AdminError),
}

impl Cast {
    /// Makes everybody up; only keys and chance differ from seed to seed.
    pub(super) fn new(seed: u64) -> Self {
        let customers: Vec<_> = (0..CUSTOMERS).map(customer_id).collect();
        let tills = (0..TILLS).map(|number| Till {
            number,
            id: format!("T{number}").parse().expect("a terminal's id"),
            kind: match number {
                3 => TerminalKind::Vending,
                _ => TerminalKind::PointOfSale,
            },
            peer: Peer::new(number % SHOPS, &mut Chance::new(seed, Of::Till(number))),
        });
        let owners = customers.iter().chain(customers.first());
        let phones = owners.enumerate().map(|(number, customer)| {
            let mark = u8::try_from(number).unwrap_or(u8::MAX);
            let machine = SHOPS + number % (MACHINES - SHOPS);
            Phone {
                number,
                id: wire::Handset { customer: *customer, device: DeviceId([mark; 16]) },
                right: secrets(mark, 0x40),
                wrong: secrets(mark, 0x41),
                peer: Peer::new(machine, &mut Chance::new(seed, Of::Phone(number))),
            }
        });
        Self { tills: tills.collect(), phones: phones.collect(), customers }
    }

    /// Enters everybody into an empty engine, and returns the last record of it.
    ///
    /// # Errors
    /// [`EntryError`], which nothing here should lead to.
    pub(super) fn enter(&self, engine: &Engine, journal: &Journal) -> Result<Lsn, EntryError> {
        let slot = || journal.reserve().ok_or(EntryError::Full);
        let at_ms = super::time::BEGINNING_MS;
        for change in self.register() {
            engine.enter_register(vec![(change, slot()?)], at_ms)?;
        }
        let balance = Amount::new(BALANCE).unwrap_or(Amount::ZERO);
        for customer in self.customers.iter().copied() {
            let added = CustomerAdded { customer, currency: Currency::JPY, balance };
            engine.add_customer(added, at_ms, slot()?)?;
        }
        let sealing = SealingKey::new(1, SEALING_KEY);
        let mut last = Lsn::NONE;
        for phone in &self.phones {
            let wire::Handset { customer, device } = phone.id;
            let keys = phone.right.device_keys();
            let row = sealing.seal(&keys, &customer, &device, ROW_VERSION, [device.0[0]; 12]);
            let pin = KeyPin(phone.peer.key.pin());
            let added = DeviceAdded { customer, device, pin, salt: Salt([1; 16]), row };
            last = engine.add_device(added, at_ms, slot()?)?;
        }
        Ok(last)
    }

    fn register(&self) -> Vec<RegisterChange> {
        let merchant = "SUZUKI".parse().expect("a merchant's id");
        let store = "UENO".parse().expect("a store's id");
        let mut changes = vec![
            RegisterChange::Merchant(Merchant {
                id: merchant,
                name: "鈴木商店".parse().expect("a name"),
                invoice_number: None,
            }),
            RegisterChange::Store(Store {
                id: store,
                merchant,
                name: "上野店".parse().expect("a name"),
                currency: Currency::JPY,
                rounding: Rounding::Down,
                standing: Standing::Active,
            }),
        ];
        changes.extend(self.tills.iter().map(|till| {
            RegisterChange::Terminal(Terminal {
                id: till.id,
                store,
                kind: till.kind,
                pin: Some(KeyPin(till.peer.key.pin())),
                standing: Standing::Active,
                limits: Limits::default(),
            })
        }));
        changes
    }
}

/// What a handset makes of a password.
fn secrets(mark: u8, password: u8) -> HandsetSecrets {
    HandsetSecrets::from_parts([mark ^ password; 32], DeviceKey::from_bytes([mark ^ 0x80; 32]))
}

fn customer_id(number: usize) -> CustomerId {
    format!("1234-567-{number:03}").parse().expect("a customer's id")
}
