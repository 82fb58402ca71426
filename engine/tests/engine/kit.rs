//! A small world to try the engine in: a recorder in the journal's place, a street with shops, and
//! people with handsets.

mod world;

use std::sync::Arc;

use bytes::Bytes;
use kessai_engine::terms::basket::Rounding;
use kessai_engine::terms::collation::{
    AuthMessage, ChannelBinding, ContentDigest, DeviceKey, HandsetNonce, HandsetSecrets,
    ROW_VERSION, Salt, SealingKey, ServerNonce, Signature, content_digest, prove,
};
use kessai_engine::terms::ids::{CustomerId, DeviceId, MerchantId, PaymentId, StoreId, TerminalId};
use kessai_engine::terms::money::{Amount, Currency, Rate};
use kessai_engine::terms::text::TransferReference;
use kessai_engine::{
    Capture, Charge, Claim, DeviceAdded, Engine, Entry, ForeignPrice, KeyPin, Keyring, Layout,
    Limits, Lsn, Merchant, NamedBy, Offer, RegisterChange, Rekeyed, RequestDigest, Rules, Slot,
    Standing, Store, Terminal, TerminalKind, Terms, Trail, Way,
};
pub(crate) use world::World;

#[expect(clippy::disallowed_types, reason = "the recorder stands in the journal's place")]
type Mutex<T> = std::sync::Mutex<T>;

/// Sunday, 22 November 2026, a minute past noon in Japan.
pub(crate) const NOON_MS: u64 = 1_795_316_460_000;
/// How long an offer can be confirmed.
pub(crate) const PROMPT_MS: u64 = 60_000;
/// When handsets say that they show what they are asked.
pub(crate) const SHOWN_MS: u64 = NOON_MS + 1_200;
/// When their answers come in.
pub(crate) const ANSWERED_MS: u64 = NOON_MS + 4_700;
/// What every customer has at first.
pub(crate) const BALANCE: u64 = 10_000;
/// What handsets' keys are sealed under, as key number 1.
pub(crate) const SEALING_KEY: [u8; 32] = [0x6b; 32];
/// The connection that handsets use unless a test says otherwise.
pub(crate) const HOME: ChannelBinding = ChannelBinding([0xc1; 32]);

/// When handsets are asked and answer, if they are asked at noon.
pub(crate) const TRAIL: Trail =
    Trail { prompted_at_ms: NOON_MS, shown_at_ms: Some(SHOWN_MS), answered_at_ms: ANSWERED_MS };

pub(crate) const TILL: &str = "T1";
pub(crate) const OTHER_TILL: &str = "T2";
pub(crate) const MACHINE: &str = "V1";
/// Charges in dollars.
pub(crate) const HARBOUR_TILL: &str = "U1";

/// Takes records as the journal does: numbers them in the order in which they come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<Entry>>>);

/// One place with the recorder.
pub(crate) struct RecorderSlot(Recorder);

impl Recorder {
    pub(crate) fn slot(&self) -> RecorderSlot {
        RecorderSlot(self.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap().clone()
    }
}

impl Slot for RecorderSlot {
    fn push(self, entry: Entry) -> Lsn {
        let mut entries = self.0.0.lock().unwrap();
        entries.push(entry);
        Lsn(entries.len() as u64)
    }
}

/// A customer with one handset; number `n` has the keys that `n` makes.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) customer: CustomerId,
    pub(crate) device: DeviceId,
    pub(crate) pin: KeyPin,
    pub(crate) secrets: HandsetSecrets,
}

pub(crate) fn person(n: u8) -> Person {
    Person {
        customer: format!("1234-567-{n:03}").parse().unwrap(),
        device: DeviceId([n; 16]),
        pin: KeyPin([n; 32]),
        secrets: HandsetSecrets::from_parts([n ^ 0x40; 32], DeviceKey::from_bytes([n ^ 0x80; 32])),
    }
}

impl Person {
    /// The same customer with another handset, which has the keys that `n` makes.
    pub(crate) fn with_handset(&self, n: u8) -> Self {
        Self { customer: self.customer, ..person(n) }
    }

    /// The same handset with the keys that `n` makes.
    pub(crate) fn with_keys(&self, n: u8) -> Self {
        Self { customer: self.customer, device: self.device, ..person(n) }
    }

    /// Answers the prompt `nonce` for what `offer` shows, with the right password.
    pub(crate) fn claim(&self, offer: &Offer, nonce: ServerNonce) -> Claim {
        self.claim_for(offer.terms.payment, offer.terms.content, HOME, nonce)
    }

    /// Answers with a wrong password.
    pub(crate) fn mistyped(&self, offer: &Offer, nonce: ServerNonce) -> Claim {
        let secrets = HandsetSecrets::from_parts([0xee; 32], DeviceKey::from_bytes([0xee; 32]));
        Self { secrets, ..self.clone() }.claim(offer, nonce)
    }

    pub(crate) fn claim_for(
        &self,
        payment: PaymentId,
        content: ContentDigest,
        channel: ChannelBinding,
        server_nonce: ServerNonce,
    ) -> Claim {
        let handset_nonce = HandsetNonce([0x4a; 32]);
        let auth = AuthMessage::new(content, channel, server_nonce, handset_nonce);
        let client_key = self.secrets.client_key();
        let proof = prove(&client_key, &client_key.stored_key(), &auth);
        let (customer, device) = (self.customer, self.device);
        Claim {
            payment,
            customer,
            device,
            channel,
            server_nonce,
            handset_nonce,
            proof,
            way: Way::Own,
            answered_at_ms: ANSWERED_MS,
            shown_at_ms: Some(SHOWN_MS),
        }
    }

    /// The tag that the handset puts on `claim` for what `offer` shows.
    pub(crate) fn tag(&self, claim: &Claim, offer: &Offer) -> Signature {
        self.secrets.device_keys().device.vouch(&auth(claim, offer.terms.content), &claim.proof)
    }
}

/// The same claim as a hub passes it on.
pub(crate) fn relayed(claim: &Claim, tag: Signature) -> Claim {
    Claim { way: Way::Hub { tag }, ..claim.clone() }
}

/// What the proof of `claim` covers if the handset was shown `content`.
pub(crate) fn auth(claim: &Claim, content: ContentDigest) -> AuthMessage {
    AuthMessage::new(content, claim.channel, claim.server_nonce, claim.handset_nonce)
}

pub(crate) fn nonce(n: u64) -> ServerNonce {
    let mut bytes = [0x5e; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    ServerNonce(bytes)
}

pub(crate) fn yen(amount: u64) -> Amount {
    Amount::new(amount).unwrap()
}

/// What balances are raised for.
pub(crate) fn pay_in() -> TransferReference {
    "入金 2026-11".parse().unwrap()
}

/// One of many things that balances are raised or lowered for.
pub(crate) fn transfer(serial: u64) -> TransferReference {
    format!("振替 {serial}").parse().unwrap()
}

pub(crate) fn terminal(id: &str) -> TerminalId {
    id.parse().unwrap()
}

pub(crate) fn payment_id(serial: u16) -> PaymentId {
    payment_made(serial, NOON_MS)
}

/// The id of that number, made at that time.
pub(crate) fn payment_made(serial: u16, made_ms: u64) -> PaymentId {
    let mut random = [0; 10];
    random[..2].copy_from_slice(&serial.to_be_bytes());
    PaymentId::from_parts(made_ms, random)
}

/// An offer of `amount` yen to `person`, captured at approval. Another serial is another payment;
/// the same arguments are the same request.
pub(crate) fn offer(serial: u16, terminal_id: &str, person: &Person, amount: u64) -> Offer {
    let (store, merchant) = address(terminal_id);
    let text = format!("{serial} {terminal_id} {} {amount}", person.customer);
    let confirmation = Bytes::from(text.into_bytes());
    let content = content_digest(&confirmation);
    let terms = Terms {
        payment: payment_id(serial),
        terminal: terminal(terminal_id),
        store,
        merchant,
        named_by: NamedBy::Id,
        charge: Charge { amount: yen(amount), currency: Currency::JPY, foreign: None },
        capture: Capture::AtApproval,
        request: RequestDigest(content.0),
        content,
    };
    let (customer, expires_at_ms) = (person.customer, NOON_MS + PROMPT_MS);
    let (received_at_ms, unpriced) = (NOON_MS - 3, None);
    Offer { terms, customer, received_at_ms, expires_at_ms, unpriced, confirmation }
}

/// The same offer, to a customer who showed a presentment code.
pub(crate) fn with_code(mut offer: Offer) -> Offer {
    offer.terms.named_by = NamedBy::Code;
    offer.terms.request.0[31] ^= 0xc0;
    offer
}

/// An offer of `cents` dollars and cents at the harbour, at 150 yen a dollar.
pub(crate) fn abroad(serial: u16, person: &Person, cents: u64) -> Offer {
    let rate: Rate = "150.00".parse().unwrap();
    let yen = rate.convert(yen(cents), Currency::USD, Currency::JPY).unwrap();
    let mut offer = offer(serial, HARBOUR_TILL, person, yen.minor());
    offer.terms.charge.foreign = Some(ForeignPrice {
        price: self::yen(cents),
        currency: Currency::USD,
        rate,
        markup_basis_points: 150,
    });
    offer
}

/// An offer by the vending machine, captured on delivery.
pub(crate) fn vended(serial: u16, person: &Person, amount: u64) -> Offer {
    let mut offer = offer(serial, MACHINE, person, amount);
    offer.terms.capture = Capture::OnDelivery;
    offer
}

fn address(terminal_id: &str) -> (StoreId, MerchantId) {
    let (store, merchant) = if terminal_id == HARBOUR_TILL { ("S2", "M2") } else { ("S1", "M1") };
    (store.parse().unwrap(), merchant.parse().unwrap())
}

/// The shops of the street.
pub(crate) fn street() -> Vec<RegisterChange> {
    let merchant = |id: &str, name: &str| {
        RegisterChange::Merchant(Merchant {
            id: id.parse().unwrap(),
            name: name.parse().unwrap(),
            invoice_number: Some("T7123456789012".parse().unwrap()),
        })
    };
    let store = |id: &str, merchant: &str, name: &str, currency| {
        RegisterChange::Store(Store {
            id: id.parse().unwrap(),
            merchant: merchant.parse().unwrap(),
            name: name.parse().unwrap(),
            currency,
            rounding: Rounding::Down,
            standing: Standing::Active,
        })
    };
    let kinds = [
        (TILL, TerminalKind::PointOfSale),
        (OTHER_TILL, TerminalKind::PointOfSale),
        (MACHINE, TerminalKind::Vending),
        (HARBOUR_TILL, TerminalKind::PointOfSale),
    ];
    let terminals = kinds.into_iter().zip(0xf0..).map(|((id, kind), pin)| {
        RegisterChange::Terminal(Terminal {
            id: terminal(id),
            store: address(id).0,
            kind,
            pin: Some(KeyPin([pin; 32])),
            standing: Standing::Active,
            limits: Limits::default(),
        })
    });
    let merchants = [merchant("M1", "Minato Shoten"), merchant("M2", "Harbour Goods")];
    let stores = [
        store("S1", "M1", "Minato Shoten, Ekimae", Currency::JPY),
        store("S2", "M2", "Harbour Goods, Pier 4", Currency::USD),
    ];
    merchants.into_iter().chain(stores).chain(terminals).collect()
}

/// Rules by which nobody is asked or declined too often.
pub(crate) fn patient() -> Rules {
    Rules {
        asks_per_minute: u32::MAX,
        mute_after: 0,
        declines_per_terminal_per_minute: u32::MAX,
        ..Rules::default()
    }
}

pub(crate) fn sealing_key() -> SealingKey {
    SealingKey::new(1, SEALING_KEY)
}

pub(crate) fn layout() -> Layout {
    Layout::new(4, [7; 16]).unwrap()
}

pub(crate) fn enrolment(person: &Person) -> DeviceAdded {
    let keys = person.secrets.device_keys();
    let (customer, device, pin) = (person.customer, person.device, person.pin);
    let row = sealing_key().seal(&keys, &customer, &device, ROW_VERSION, [3; 12]);
    DeviceAdded { customer, device, pin, salt: Salt([device.0[0]; 16]), row }
}

/// The change to the keys that `person` has, as version `version`.
pub(crate) fn rekeying(person: &Person, version: u32) -> Rekeyed {
    let keys = person.secrets.device_keys();
    let (customer, device, pin) = (person.customer, person.device, person.pin);
    let row = sealing_key().seal(&keys, &customer, &device, version, [4; 12]);
    Rekeyed { customer, device, pin, salt: Salt([pin.0[0]; 16]), row }
}

/// A fresh engine that starts from a snapshot and the entries behind its beginning.
pub(crate) fn loaded(chunks: &[Vec<u8>], entries: &[Entry], rules: Rules) -> Engine {
    let engine = Engine::new(rules, layout(), Keyring::new(vec![sealing_key()]), 44);
    for chunk in chunks {
        engine.load(chunk).unwrap();
    }
    for entry in entries {
        engine.replay(entry).unwrap();
    }
    engine
}

/// All chunks of a snapshot that nothing happens during.
pub(crate) fn chunks(engine: &Engine) -> Vec<Vec<u8>> {
    let mut snapshot = engine.snapshot().unwrap();
    let next = || {
        let mut chunk = Vec::new();
        snapshot.next_chunk(&mut chunk).then_some(chunk)
    };
    std::iter::from_fn(next).collect()
}

/// A fresh engine that the entries were replayed into, each through its encoding.
pub(crate) fn replayed(entries: &[Entry], rules: Rules) -> Engine {
    let engine = Engine::new(rules, layout(), Keyring::new(vec![sealing_key()]), 43);
    for entry in entries {
        let mut bytes = Vec::new();
        entry.encode_into(&mut bytes);
        engine.replay(&Entry::decode(&bytes).unwrap()).unwrap();
    }
    engine
}
