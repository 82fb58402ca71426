//! How long a snapshot takes while nothing else happens, how large it is, and how fast an engine
//! starts from it.
//!
//! `cargo run --release -p kessai-engine --example restart -- CUSTOMERS PAYMENTS`
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    reason = "a measurement reads the clock, and stops where something is wrong"
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use kessai_engine::terms::basket::Rounding;
use kessai_engine::terms::collation::{
    AuthMessage, ChannelBinding, ContentDigest, DeviceKey, HandsetNonce, HandsetSecrets, Salt,
    SealingKey, ServerNonce, content_digest, prove,
};
use kessai_engine::terms::{Amount, Currency, CustomerId, DeviceId, PaymentId};
use kessai_engine::{
    Capture, Charge, Claim, Collated, CustomerAdded, DeviceAdded, Engine, Entry, KeyPin, Keyring,
    Layout, Limits, Lsn, Merchant, NamedBy, Offer, RegisterChange, RequestDigest, Rules, Slot,
    Standing, Store, Terminal, TerminalKind, Terms, Way,
};

const NOW_MS: u64 = 1_800_000_000_000;

/// Numbers records and forgets them.
struct Counted<'a>(&'a AtomicU64);

impl Slot for Counted<'_> {
    fn push(self, _entry: Entry) -> Lsn {
        Lsn(self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1))
    }
}

/// An engine with nobody in it.
fn empty() -> Engine {
    let rules =
        Rules { open_per_terminal: u32::MAX, asks_per_minute: u32::MAX, ..Rules::default() };
    let layout = Layout::new(256, [2; 16]).expect("a power of two");
    Engine::new(rules, layout, Keyring::new(vec![SealingKey::new(1, [1; 32])]), 3)
}

fn customer(number: u32) -> CustomerId {
    CustomerId::new(&format!("{number:010}")).expect("digits make an id")
}

fn device(number: u32) -> DeviceId {
    DeviceId(u128::from(number).to_be_bytes())
}

fn register() -> [RegisterChange; 3] {
    let (id, store) = ("M1".parse().expect("an id"), "S1".parse().expect("an id"));
    let name = "Bench".parse().expect("a name");
    [
        RegisterChange::Merchant(Merchant { id, name, invoice_number: None }),
        RegisterChange::Store(Store {
            id: store,
            merchant: id,
            name: "Bench".parse().expect("a name"),
            currency: Currency::JPY,
            rounding: Rounding::Down,
            standing: Standing::Active,
        }),
        RegisterChange::Terminal(Terminal {
            id: "T1".parse().expect("an id"),
            store,
            kind: TerminalKind::PointOfSale,
            pin: None,
            standing: Standing::Active,
            limits: Limits::default(),
        }),
    ]
}

/// Enters people with a handset each.
fn enter(engine: &Engine, customers: u32, secrets: &HandsetSecrets, records: &AtomicU64) {
    let changes = register().map(|change| (change, Counted(records)));
    engine.enter_register(changes.into(), NOW_MS).expect("a register");
    let (sealing, keys) = (SealingKey::new(1, [1; 32]), secrets.device_keys());
    for number in 0..customers {
        let (customer, device) = (customer(number), device(number));
        let added = CustomerAdded { customer, currency: Currency::JPY, balance: Amount::MAX };
        engine.add_customer(added, NOW_MS, Counted(records)).expect("a customer");
        let row = sealing.seal(&keys, &customer, &device, 1, [6; 12]);
        let mut pin = [7; 32];
        pin[..4].copy_from_slice(&number.to_be_bytes());
        let added = DeviceAdded { customer, device, pin: KeyPin(pin), salt: Salt([8; 16]), row };
        engine.add_device(added, NOW_MS, Counted(records)).expect("a handset");
    }
}

fn offer(number: u32, payer: u32, confirmation: &Bytes, content: ContentDigest) -> Offer {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&number.to_be_bytes());
    let amount = Amount::new(1_080).expect("an amount");
    let terms = Terms {
        payment: PaymentId::from_parts(NOW_MS, random),
        terminal: "T1".parse().expect("an id"),
        store: "S1".parse().expect("an id"),
        merchant: "M1".parse().expect("an id"),
        charge: Charge { amount, currency: Currency::JPY, foreign: None },
        capture: Capture::AtApproval,
        named_by: NamedBy::Id,
        request: RequestDigest([0; 32]),
        content,
    };
    Offer {
        terms,
        customer: customer(payer),
        expires_at_ms: NOW_MS.saturating_add(60_000),
        received_at_ms: NOW_MS,
        unpriced: None,
        confirmation: confirmation.clone(),
    }
}

/// Makes payments, each approved.
fn pay(
    engine: &Engine,
    customers: u32,
    payments: u32,
    secrets: &HandsetSecrets,
    records: &AtomicU64,
) {
    let confirmation = Bytes::from(vec![9; 300]);
    let content = content_digest(&confirmation);
    let (channel, server_nonce, handset_nonce) =
        (ChannelBinding([1; 32]), ServerNonce([2; 32]), HandsetNonce([3; 32]));
    let client = secrets.client_key();
    let auth = AuthMessage::new(content, channel, server_nonce, handset_nonce);
    let proof = prove(&client, &client.stored_key(), &auth);
    for number in 0..payments {
        let payer = number.checked_rem(customers).unwrap_or(0);
        let offer = offer(number, payer, &confirmation, content);
        let payment = offer.terms.payment;
        engine.open(offer, NOW_MS, Counted(records)).expect("opened");
        engine.prompt(payment, device(payer), channel, server_nonce, NOW_MS);
        let claim = Claim {
            payment,
            customer: customer(payer),
            device: device(payer),
            channel,
            server_nonce,
            handset_nonce,
            proof,
            way: Way::Own,
            answered_at_ms: NOW_MS,
            shown_at_ms: None,
        };
        let collated = engine.collate(&claim, ServerNonce([4; 32]), NOW_MS, Counted(records));
        assert!(matches!(collated, Ok(Collated::Approved { .. })), "not approved");
    }
}

/// What this process has of the machine's memory, in mebibytes.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) / 1_024
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse().expect("a number"));
    let customers = numbers.next().unwrap_or(100_000);
    let payments = numbers.next().unwrap_or(200_000);
    let secrets = HandsetSecrets::from_parts([4; 32], DeviceKey::from_bytes([5; 32]));
    let (engine, records) = (empty(), AtomicU64::new(0));
    let before = resident_mib();
    enter(&engine, customers, &secrets, &records);
    println!("{customers} customers with handsets: {} MiB", resident_mib().saturating_sub(before));
    let before = resident_mib();
    pay(&engine, customers, payments, &secrets, &records);
    println!("{payments} payments: {} MiB", resident_mib().saturating_sub(before));

    let begun = Instant::now();
    let (mut chunks, mut chunk, mut length) = (Vec::new(), Vec::new(), 0_usize);
    let mut snapshot = engine.snapshot().expect("no other is made");
    while snapshot.next_chunk(&mut chunk) {
        length = length.saturating_add(chunk.len());
        chunks.push(std::mem::take(&mut chunk));
    }
    drop(snapshot);
    let records = records.load(Ordering::Relaxed);
    println!("snapshot of {records} records: {:?}, {} MiB", begun.elapsed(), length >> 20);

    let again = empty();
    let begun = Instant::now();
    for chunk in &chunks {
        again.load(chunk).expect("it was made just now");
    }
    println!("start from it: {:?}", begun.elapsed());
    assert_eq!(again.state_hash(), engine.state_hash());
}
