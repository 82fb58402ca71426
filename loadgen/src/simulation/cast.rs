//! Who takes part: merchants with stores, tills and machines, customers with handsets, and who
//! carries whom. The same people in every seed; what they do differs.

use kessai_engine::terms::basket::Rounding;
use kessai_engine::terms::collation::{
    AuthMessage, ChannelBinding, ClientKey, ContentDigest, DeviceKey, HandsetNonce, HandsetSecrets,
    ROW_VERSION, Salt, SealingKey, ServerNonce, StoredKey, prove,
};
use kessai_engine::terms::ids::{CustomerId, DeviceId, MerchantId, PaymentId, StoreId, TerminalId};
use kessai_engine::terms::{Amount, Currency};
use kessai_engine::{
    Capture, CustomerAdded, DeviceAdded, KeyPin, Limits, Merchant, RegisterChange, Standing, Store,
    Terminal, TerminalKind,
};

use super::message::{Answer, Password};

/// What every customer has at first.
pub(super) const BALANCE: u64 = 20_000;

/// How many customers there are.
pub(super) const CUSTOMERS: usize = 8;

/// The merchant of each till; machines are the last of each merchant's.
const TILLS: [(usize, Capture); 7] = [
    (0, Capture::AtApproval),
    (0, Capture::AtApproval),
    (0, Capture::AtApproval),
    (0, Capture::OnDelivery),
    (1, Capture::AtApproval),
    (1, Capture::OnDelivery),
    (1, Capture::OnDelivery),
];

/// What handsets' keys are sealed under, as key number 1.
const SEALING_KEY: [u8; 32] = [0x6b; 32];

/// Who or what has a connection of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Carrier {
    /// A till by itself.
    Till(usize),
    /// All tills of a merchant.
    Controller(usize),
    /// A handset by itself.
    Phone(usize),
    /// Many handsets.
    Hub(usize),
    /// The processor.
    Processor,
}

/// A till or machine.
#[derive(Debug, Clone)]
pub(super) struct Till {
    pub(super) id: TerminalId,
    pub(super) store: StoreId,
    pub(super) merchant: MerchantId,
    /// The number of its merchant.
    pub(super) merchant_no: usize,
    pub(super) capture: Capture,
    pub(super) carrier: Carrier,
}

/// A handset, with what it knows and what its owner has in mind.
pub(super) struct Phone {
    /// The number of its owner.
    pub(super) customer: usize,
    pub(super) customer_id: CustomerId,
    pub(super) device: DeviceId,
    pub(super) carrier: Carrier,
    /// Made with the password.
    pub(super) right: ClientKey,
    /// Made with another one.
    pub(super) wrong: ClientKey,
    pub(super) stored: StoredKey,
    /// Possession alone.
    pub(super) key: DeviceKey,
    enrolled: DeviceAdded,
}

/// Everybody.
pub(super) struct Cast {
    pub(super) customers: Vec<CustomerId>,
    pub(super) tills: Vec<Till>,
    pub(super) phones: Vec<Phone>,
}

impl Cast {
    pub(super) fn new() -> Self {
        let customers: Vec<_> = (0..CUSTOMERS).map(customer_id).collect();
        let tills = TILLS.iter().enumerate().map(|(number, (merchant, capture))| Till {
            id: name("T", number),
            store: name("S", *merchant),
            merchant: name("M", *merchant),
            merchant_no: *merchant,
            capture: *capture,
            carrier: match merchant {
                0 => Carrier::Till(number),
                _ => Carrier::Controller(*merchant),
            },
        });
        // Every fourth customer has a second handset.
        let second = (0..CUSTOMERS).step_by(4);
        let owners = (0..CUSTOMERS).chain(second).enumerate();
        let phones = owners.map(|(number, customer)| Phone::new(number, customer)).collect();
        Self { tills: tills.collect(), phones, customers }
    }

    /// # Panics
    /// If there is no such till: numbers come from this cast.
    pub(super) fn till(&self, number: usize) -> &Till {
        self.tills.get(number).expect("a till of this cast")
    }

    /// # Panics
    /// If there is no such handset: numbers come from this cast.
    pub(super) fn phone(&self, number: usize) -> &Phone {
        self.phones.get(number).expect("a handset of this cast")
    }

    /// The handsets of a customer, by their numbers.
    pub(super) fn phones_of(&self, customer: usize) -> impl Iterator<Item = usize> + '_ {
        let own = move |(_, phone): &(usize, &Phone)| phone.customer == customer;
        self.phones.iter().enumerate().filter(own).map(|(number, _)| number)
    }

    /// Finds a customer's number.
    pub(super) fn customer_no(&self, customer: &CustomerId) -> Option<usize> {
        self.customers.iter().position(|other| other == customer)
    }

    /// The register as it is entered at first.
    pub(super) fn register(&self) -> Vec<RegisterChange> {
        let mut merchants: Vec<_> = self.tills.iter().map(|till| till.merchant).collect();
        merchants.dedup();
        let mut stores: Vec<_> =
            self.tills.iter().map(|till| (till.store, till.merchant)).collect();
        stores.dedup();
        let merchants = merchants.into_iter().map(|id| {
            let (name, invoice_number) = (text("Merchant"), None);
            RegisterChange::Merchant(Merchant { id, name, invoice_number })
        });
        let stores = stores.into_iter().map(|(id, merchant)| {
            RegisterChange::Store(Store {
                id,
                merchant,
                name: text("Store"),
                currency: Currency::JPY,
                rounding: Rounding::Down,
                standing: Standing::Active,
            })
        });
        let tills = self.tills.iter().map(|till| {
            RegisterChange::Terminal(Terminal {
                id: till.id,
                store: till.store,
                kind: match till.capture {
                    Capture::AtApproval => TerminalKind::PointOfSale,
                    Capture::OnDelivery => TerminalKind::Vending,
                },
                pin: None,
                standing: Standing::Active,
                limits: Limits::default(),
            })
        });
        merchants.chain(stores).chain(tills).collect()
    }

    /// The customers as they are entered at first.
    pub(super) fn opening(&self) -> impl Iterator<Item = CustomerAdded> + '_ {
        let balance = Amount::new(BALANCE).unwrap_or(Amount::ZERO);
        let currency = Currency::JPY;
        self.customers.iter().map(move |customer| CustomerAdded {
            customer: *customer,
            currency,
            balance,
        })
    }

    /// The handsets as they are enrolled at first.
    pub(super) fn enrolments(&self) -> impl Iterator<Item = DeviceAdded> + '_ {
        self.phones.iter().map(|phone| phone.enrolled.clone())
    }
}

impl Phone {
    fn new(number: usize, customer: usize) -> Self {
        let mark = u8::try_from(number).unwrap_or(u8::MAX);
        let (customer_id, device) = (customer_id(customer), DeviceId([mark; 16]));
        let secrets = secrets(mark, 0x40);
        let keys = secrets.device_keys();
        let row = sealing_key().seal(&keys, &customer_id, &device, ROW_VERSION, [mark; 12]);
        let (pin, salt) = (KeyPin([mark; 32]), Salt([mark; 16]));
        Self {
            customer,
            customer_id,
            device,
            carrier: match number % 3 {
                0 => Carrier::Hub(0),
                _ => Carrier::Phone(number),
            },
            right: secrets.client_key(),
            wrong: self::secrets(mark, 0x41).client_key(),
            stored: secrets.client_key().stored_key(),
            key: DeviceKey::from_bytes([mark ^ 0x80; 32]),
            enrolled: DeviceAdded { customer: customer_id, device, pin, salt, row },
        }
    }
}

impl Phone {
    /// What stands for one of its connections.
    pub(super) fn channel(&self, line: u64) -> ChannelBinding {
        let mut bytes = [0; 32];
        let (own, rest) = bytes.split_at_mut(16);
        own.copy_from_slice(self.device.as_bytes());
        let (number, _) = rest.split_at_mut(8);
        number.copy_from_slice(&line.to_be_bytes());
        ChannelBinding(bytes)
    }

    /// Answers a prompt as its owner has typed.
    pub(super) fn answer(
        &self,
        payment: PaymentId,
        (content, server_nonce, line): (ContentDigest, ServerNonce, u64),
        password: Password,
        handset_nonce: HandsetNonce,
    ) -> Answer {
        let auth = AuthMessage::new(content, self.channel(line), server_nonce, handset_nonce);
        let client_key = match password {
            Password::Right => &self.right,
            Password::Wrong => &self.wrong,
        };
        let proof = prove(client_key, &self.stored, &auth);
        let tag = match self.carrier {
            Carrier::Hub(_) => Some(self.key.vouch(&auth, &proof).0),
            Carrier::Till(_) | Carrier::Controller(_) | Carrier::Phone(_) | Carrier::Processor => {
                None
            }
        };
        Answer { payment, server_nonce, handset_nonce, proof: proof.0, tag, password }
    }
}

/// What a handset makes of its owner's password.
fn secrets(mark: u8, password: u8) -> HandsetSecrets {
    HandsetSecrets::from_parts([mark ^ password; 32], DeviceKey::from_bytes([mark ^ 0x80; 32]))
}

pub(super) fn sealing_key() -> SealingKey {
    SealingKey::new(1, SEALING_KEY)
}

/// The id of a customer, also of one whom nobody has entered.
pub(super) fn customer_id(number: usize) -> CustomerId {
    format!("1234-567-{number:03}").parse().expect("a customer id")
}

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(kind: &str, number: usize) -> T {
    format!("{kind}{number}").parse().expect("an id of a letter and a number")
}

fn text<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a name")
}
