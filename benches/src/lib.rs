//! A small world for the benches: one merchant, many customers, each with a handset.
//!
//! It measures nothing itself and knows no network: what is here is what engine and journal need
//! to make payments in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use bytes::Bytes;
use kessai_engine::terms::basket::Rounding;
use kessai_engine::terms::collation::{
    AuthMessage, ChannelBinding, ContentDigest, DeviceKey, HandsetNonce, HandsetSecrets, Proof,
    Salt, SealingKey, ServerNonce, content_digest, prove,
};
use kessai_engine::terms::{
    Amount, Currency, CustomerId, DeviceId, MerchantId, PaymentId, StoreId, TerminalId,
};
use kessai_engine::{
    Capture, Charge, Claim, CustomerAdded, DeviceAdded, Engine, KeyPin, Keyring, Layout, Limits,
    Merchant, NamedBy, Offer, RegisterChange, RequestDigest, Rules, Standing, Store, Terminal,
    TerminalKind, Terms, Way,
};
use kessai_journal::{Journal, JournalSlot};

/// The time at which everything in a bench happens, in milliseconds since the Unix epoch.
pub const NOW_MS: u64 = 1_800_000_000_000;

/// An engine with customers who can pay for ever.
pub struct World {
    /// The engine.
    pub engine: Arc<Engine>,
    /// Where its records go.
    pub journal: Journal,
    customers: u32,
    secrets: HandsetSecrets,
    confirmation: Bytes,
    digest: ContentDigest,
    count: AtomicU64,
}

impl World {
    /// Makes a world of `customers`, writing to `journal`.
    ///
    /// # Panics
    /// If the engine refuses what it should take.
    #[expect(clippy::expect_used, reason = "a bench that cannot set itself up has nothing to say")]
    #[must_use]
    pub fn new(journal: Journal, customers: u32) -> Self {
        let sealing = || SealingKey::new(1, [1; 32]);
        let layout = Layout::new(256, [2; 16]).expect("a power of two");
        let rules = Rules {
            open_per_customer: u8::MAX,
            open_per_terminal: u32::MAX,
            asks_per_minute: u32::MAX,
            ..Rules::default()
        };
        let engine = Engine::new(rules, layout, Keyring::new(vec![sealing()]), 3);
        let world = Self::on(Arc::new(engine), journal, customers);
        world.enter(&sealing(), NOW_MS);
        world
    }

    /// Makes a world of `customers` whom an engine knows already, or who are to be
    /// [entered](Self::enter) yet.
    #[must_use]
    pub fn on(engine: Arc<Engine>, journal: Journal, customers: u32) -> Self {
        let secrets = HandsetSecrets::from_parts([4; 32], DeviceKey::from_bytes([5; 32]));
        let confirmation = Bytes::from(vec![9; 300]);
        let digest = content_digest(&confirmation);
        Self { engine, journal, customers, secrets, confirmation, digest, count: AtomicU64::new(0) }
    }

    /// Enters the merchant and all customers.
    ///
    /// # Panics
    /// If the engine refuses them.
    #[expect(clippy::expect_used, reason = "a bench that cannot set itself up has nothing to say")]
    pub fn enter(&self, sealing: &SealingKey, now_ms: u64) {
        let register = register().into_iter().map(|change| (change, self.slot())).collect();
        self.engine.enter_register(register, now_ms).expect("a register");
        for number in 0..self.customers {
            let customer = customer(number);
            let balance = Amount::MAX;
            let added = CustomerAdded { customer, currency: Currency::JPY, balance };
            self.engine.add_customer(added, now_ms, self.slot()).expect("a customer");
            let device = device(number);
            let row = sealing.seal(&self.secrets.device_keys(), &customer, &device, 1, [6; 12]);
            let mut pin = [7; 32];
            pin[..4].copy_from_slice(&number.to_be_bytes());
            let added =
                DeviceAdded { customer, device, pin: KeyPin(pin), salt: Salt([8; 16]), row };
            self.engine.add_device(added, now_ms, self.slot()).expect("a handset");
        }
    }

    /// Takes a place in the journal, as soon as there is one.
    #[must_use]
    pub fn slot(&self) -> JournalSlot {
        loop {
            if let Some(slot) = self.journal.reserve() {
                return slot;
            }
            thread::yield_now();
        }
    }

    /// Makes an offer that nobody has had before.
    #[must_use]
    pub fn offer(&self, now_ms: u64) -> Offer {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&number.to_be_bytes());
        let payer = u32::try_from(number % u64::from(self.customers)).unwrap_or_default();
        let terms = Terms {
            payment: PaymentId::from_parts(now_ms, random),
            terminal: terminal(),
            store: store(),
            merchant: merchant(),
            charge: Charge { amount: price(), currency: Currency::JPY, foreign: None },
            capture: Capture::AtApproval,
            named_by: NamedBy::Id,
            request: RequestDigest([0; 32]),
            content: self.digest,
        };
        Offer {
            terms,
            customer: customer(payer),
            expires_at_ms: now_ms.saturating_add(60_000),
            received_at_ms: now_ms,
            unpriced: None,
            confirmation: self.confirmation.clone(),
        }
    }

    /// Answers a prompt for `payment` as the handset of `payer` would.
    #[must_use]
    pub fn claim(&self, payment: PaymentId, payer: CustomerId, now_ms: u64) -> Claim {
        let number = payer.as_str().parse().unwrap_or_default();
        let (channel, server_nonce, handset_nonce) =
            (ChannelBinding([1; 32]), ServerNonce([2; 32]), HandsetNonce([3; 32]));
        let device = device(number);
        self.engine.prompt(payment, device, channel, server_nonce, now_ms);
        let auth = AuthMessage::new(self.digest, channel, server_nonce, handset_nonce);
        let client = self.secrets.client_key();
        let proof: Proof = prove(&client, &client.stored_key(), &auth);
        let (customer, way) = (payer, Way::Own);
        Claim {
            payment,
            customer,
            device,
            channel,
            server_nonce,
            handset_nonce,
            proof,
            way,
            answered_at_ms: now_ms,
            shown_at_ms: None,
        }
    }
}

fn register() -> [RegisterChange; 3] {
    #[expect(clippy::expect_used, reason = "constants of the right form")]
    let name = |text: &str| text.parse().expect("a name");
    [
        RegisterChange::Merchant(Merchant {
            id: merchant(),
            name: name("Bench"),
            invoice_number: None,
        }),
        RegisterChange::Store(Store {
            id: store(),
            merchant: merchant(),
            name: name("Bench"),
            currency: Currency::JPY,
            rounding: Rounding::Down,
            standing: Standing::Active,
        }),
        RegisterChange::Terminal(Terminal {
            id: terminal(),
            store: store(),
            kind: TerminalKind::PointOfSale,
            pin: None,
            standing: Standing::Active,
            limits: Limits::default(),
        }),
    ]
}

#[expect(clippy::expect_used, reason = "digits make an id")]
fn customer(number: u32) -> CustomerId {
    CustomerId::new(&format!("{number:010}")).expect("an id")
}

fn device(number: u32) -> DeviceId {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    DeviceId(id)
}

#[expect(clippy::expect_used, reason = "a constant of the right form")]
fn merchant() -> MerchantId {
    MerchantId::new("M1").expect("an id")
}

#[expect(clippy::expect_used, reason = "a constant of the right form")]
fn store() -> StoreId {
    StoreId::new("S1").expect("an id")
}

#[expect(clippy::expect_used, reason = "a constant of the right form")]
fn terminal() -> TerminalId {
    TerminalId::new("T1").expect("an id")
}

#[expect(clippy::expect_used, reason = "a constant of the right size")]
fn price() -> Amount {
    Amount::new(1_080).expect("an amount")
}
