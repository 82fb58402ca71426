//! What the unit tests of several modules need.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use kessai_engine::terms::basket::Rounding;
use kessai_engine::terms::collation::{
    ChannelBinding, ContentDigest, DeviceKey, HandsetSecrets, Salt, SealingKey,
};
use kessai_engine::terms::receipt::ReceiptKey;
use kessai_engine::terms::{
    Amount, Currency, CustomerId, DeviceId, Gtin, MerchantName, PaymentId, ProductName, StoreName,
    Tax, TerminalId,
};
use kessai_engine::{
    BusinessDate, Calendar, Capture, Charge, CustomerAdded, DeviceAdded, Engine, KeyPin, Keyring,
    Layout, Limits, Lsn, Merchant, NamedBy, PaymentState, PaymentView, Peer, RegisterChange,
    RequestDigest, Rules, Standing, Store, Terminal, TerminalKind, Terms,
};
use kessai_journal::{
    ChainKey, Journal, JournalOptions, SimulatedDisk, SimulatedStorage, Stepped, SteppedWriter,
};
use kessai_wire::{CloseCode, Handset, Message, Payer, Purchase, RequestId, SoftwareName};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::dispatch::{Dispatch, Options};
use crate::entropy::SystemEntropy;
use crate::losses::{Found, Losses, RecordName};
use crate::notify::{Notification, Notifier};
use crate::outgoing::{Close, Outgoing, QUEUE, Queued, queue_of};
use crate::rates::Rates;
use crate::receipts::Receipts;
use crate::reply::{Audience, InFlight, Reply};
use crate::session::{Reception, Session, Way};

/// A connection that only remembers how it was closed.
#[derive(Debug, Default)]
pub(crate) struct Closed(Mutex<Option<CloseCode>>);

impl Closed {
    pub(crate) fn code(&self) -> Option<CloseCode> {
        *self.0.lock().unwrap()
    }
}

impl Close for Closed {
    fn close(&self, code: CloseCode) {
        self.0.lock().unwrap().get_or_insert(code);
    }
}

/// A stream, and where what is sent over it comes out.
pub(crate) fn stream() -> (Outgoing, mpsc::Receiver<Queued>) {
    Outgoing::new(Arc::new(Closed::default()), QUEUE)
}

/// A terminal's reply over `stream`.
pub(crate) fn reply(number: u64, stream: &Outgoing) -> Reply {
    let counted = InFlight::default().begin(1);
    Reply::new(RequestId::new(number).unwrap(), stream.clone(), Audience::Shop, counted)
}

/// The time at which all test payments are opened.
pub(crate) const NOW_MS: u64 = 1_750_000_000_000;

pub(crate) fn payment(number: u8) -> PaymentId {
    PaymentId::from_parts(NOW_MS, [number; 10])
}

pub(crate) fn terminal(id: &str) -> TerminalId {
    id.parse().unwrap()
}

/// A payment of 500 yen, asked for with content number `request`.
pub(crate) fn terms(id: u8, at: &str, request: u8) -> Terms {
    Terms {
        payment: payment(id),
        terminal: terminal(at),
        store: "STORE1".parse().unwrap(),
        merchant: "MERCHANT1".parse().unwrap(),
        charge: Charge {
            amount: Amount::new(500).unwrap(),
            currency: Currency::JPY,
            foreign: None,
        },
        capture: Capture::AtApproval,
        named_by: NamedBy::Id,
        request: RequestDigest([request; 32]),
        content: ContentDigest([request; 32]),
    }
}

/// How that payment stands in `state`.
pub(crate) fn view(terms: Terms, state: PaymentState) -> PaymentView {
    PaymentView {
        payment: terms.payment,
        terminal: terms.terminal,
        terms: Some(terms),
        customer: Some("C-1".parse().unwrap()),
        state,
        reason: None,
        captured: Amount::ZERO,
        captured_price: Amount::ZERO,
        refunded: Amount::ZERO,
        refunded_price: Amount::ZERO,
        refunds: 0,
        approval: None,
        reference: None,
        notice: 1,
        opened_at_ms: NOW_MS,
        changed_at_ms: NOW_MS + 1_000,
        deadline_ms: NOW_MS + 60_000,
        business_date: business_date(),
        after: Lsn::NONE,
    }
}

pub(crate) fn business_date() -> BusinessDate {
    Calendar::default().date(NOW_MS)
}

/// A clock that the test sets.
#[derive(Debug)]
pub(crate) struct SetClock(AtomicU64);

impl SetClock {
    pub(crate) fn advance(&self, by_ms: u64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A gateway without a network, whose journal becomes durable when the test says so: terminals
/// `POS1` and `POS2`, and customer `C-1` with 1000 yen and handsets 1 and 2.
pub(crate) struct World {
    pub(crate) reception: Arc<Reception>,
    pub(crate) clock: Arc<SetClock>,
    pub(crate) secrets: HandsetSecrets,
    connections: u64,
    /// What the journal is on.
    pub(crate) disk: SimulatedDisk,
    writer: SteppedWriter<SimulatedStorage>,
    /// Who was called because no handset was there.
    pub(crate) calls: Arc<Calls>,
}

/// A connection as the test holds it.
pub(crate) struct Line {
    pub(crate) session: Session,
    pub(crate) stream: Outgoing,
    pub(crate) way: Way,
    pub(crate) closed: Arc<Closed>,
    messages: mpsc::Receiver<Queued>,
}

impl Line {
    /// What has been sent over it since the last time.
    pub(crate) fn sent(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.messages.try_recv().ok()).map(|queued| queued.message).collect()
    }
}

pub(crate) fn customer() -> CustomerId {
    "C-1".parse().unwrap()
}

/// Handset number `number` of the only customer.
pub(crate) fn handset(number: u8) -> Handset {
    Handset { customer: customer(), device: DeviceId([number; 16]) }
}

pub(crate) fn peer_of(handset: Handset) -> Peer {
    Peer::Handset(handset.customer, handset.device)
}

fn yen(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

/// One bottle of tea for `price` yen.
pub(crate) fn purchase(number: u8, price: u64) -> Purchase {
    Purchase {
        payment: payment(number),
        payer: Payer::Customer(customer()),
        lines: vec![kessai_engine::terms::Line {
            code: Gtin::complete("490177701868").unwrap(),
            name: ProductName::new("Tea").unwrap(),
            unit_price: yen(price),
            quantity: 1,
            discount: Amount::ZERO,
            tax: Tax::Exempt,
        }],
        claimed_total: yen(price),
        currency: Currency::JPY,
        capture: kessai_wire::Capture::AtApproval,
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_rules(Rules::default())
    }

    pub(crate) fn with_rules(rules: Rules) -> Self {
        Self::made(rules, Losses::volatile())
    }

    /// One that is stopped since [`NOW_MS`], because a record is lost.
    pub(crate) fn stopped() -> Self {
        let mut losses = Losses::volatile();
        let lost = RecordName { epoch: 2, lsn: 1_000 };
        losses.note(Found {
            since_ms: NOW_MS,
            returned_by: "terminal POS1".into(),
            lowest: lost,
            highest: lost,
            kept: RecordName { epoch: 2, lsn: 900 },
        });
        Self::made(Rules::default(), losses)
    }

    fn made(rules: Rules, losses: Losses) -> Self {
        let disk = SimulatedDisk::new(1);
        let storage = disk.storage();
        let replay = |_, _| Ok::<_, Infallible>(());
        let options = JournalOptions::default();
        let (journal, writer, recovered) =
            Journal::open_stepped(storage, &options, ChainKey([7; 32]), replay).unwrap();
        let layout = Layout::new(4, [9; 16]).unwrap();
        let engine = Engine::new(rules, layout, Keyring::new(vec![sealing()]), 1);
        let secrets = HandsetSecrets::from_parts([5; 32], DeviceKey::from_bytes([6; 32]));
        enter_register(&engine, &journal);
        enrol(&engine, &journal, &secrets, &[handset(1), handset(2)]);
        let clock = Arc::new(SetClock(AtomicU64::new(NOW_MS)));
        let calls = Arc::new(Calls::default());
        let key = ReceiptKey::from_bytes([9; 32]);
        let epoch = Some(recovered.epoch);
        let (receipts, _checking) =
            Receipts::new(journal, epoch, key, losses, Arc::<SetClock>::clone(&clock));
        let dispatch = Dispatch::new(
            Arc::new(engine),
            receipts,
            Arc::<SetClock>::clone(&clock),
            Arc::new(SystemEntropy),
            Options {
                prompt_ms: 60_000,
                code_ms: 60_000,
                status_per_minute: 600,
                codes_per_minute: 30,
                wrong_codes_per_minute: 10,
            },
            Arc::<Calls>::clone(&calls),
            Arc::new(Rates::load(None).unwrap()),
        );
        let name = SoftwareName::new("test").unwrap();
        let reception = Arc::new(Reception { dispatch, name, idle_ms: 30_000 });
        let mut world = Self { reception, clock, secrets, connections: 0, disk, writer, calls };
        world.make_durable();
        world
    }

    pub(crate) fn dispatch(&self) -> &Dispatch {
        &self.reception.dispatch
    }

    /// A connection of `peer`.
    pub(crate) fn connect(&mut self, peer: Peer) -> Line {
        self.connections += 1;
        let closed = Arc::new(Closed::default());
        let (stream, messages) = Outgoing::new(Arc::<Closed>::clone(&closed), queue_of(&peer));
        let channel = ChannelBinding([u8::try_from(self.connections).unwrap(); 32]);
        let way =
            Way { connection: self.connections, channel, pushes: stream.clone(), guest: None };
        let session = Session::new(Arc::clone(&self.reception), peer, None, way.clone());
        Line { session, stream, way, closed, messages }
    }

    /// Enrols another customer with this handset.
    pub(crate) fn enrol(&mut self, handset: Handset) {
        enrol(self.dispatch().engine(), self.dispatch().journal(), &self.secrets, &[handset]);
        self.make_durable();
    }

    /// Makes durable what is queued, and lets due effects happen.
    pub(crate) fn make_durable(&mut self) {
        self.sync();
        self.deliver();
    }

    /// Makes durable what is queued.
    pub(crate) fn sync(&mut self) {
        let mut now = Duration::ZERO;
        loop {
            match self.writer.step(now) {
                Stepped::Gathering(until) => now = until,
                Stepped::Worked(_) => {}
                Stepped::Idle | Stepped::Ended => break,
            }
        }
    }

    /// Lets due effects happen.
    pub(crate) fn deliver(&self) {
        let deliver = pin!(self.reception.dispatch.deliver());
        let pending = deliver.poll(&mut Context::from_waker(Waker::noop()));
        assert!(pending.is_pending(), "it goes on for ever");
    }
}

fn sealing() -> SealingKey {
    SealingKey::new(1, [3; 32])
}

fn enter_register(engine: &Engine, journal: &Journal) {
    let pos = |id: &str, pin: u8| {
        RegisterChange::Terminal(Terminal {
            id: terminal(id),
            store: "STORE1".parse().unwrap(),
            kind: TerminalKind::PointOfSale,
            pin: Some(KeyPin([pin; 32])),
            standing: Standing::Active,
            limits: Limits::default(),
        })
    };
    let changes = vec![
        RegisterChange::Merchant(Merchant {
            id: "MERCHANT1".parse().unwrap(),
            name: MerchantName::new("Suzuki").unwrap(),
            invoice_number: None,
        }),
        RegisterChange::Store(Store {
            id: "STORE1".parse().unwrap(),
            merchant: "MERCHANT1".parse().unwrap(),
            name: StoreName::new("Ueno").unwrap(),
            currency: Currency::JPY,
            rounding: Rounding::Down,
            standing: Standing::Active,
        }),
        pos("POS1", 101),
        pos("POS2", 102),
    ];
    let changes = changes.into_iter().map(|change| (change, journal.reserve().unwrap()));
    engine.enter_register(changes.collect(), NOW_MS).unwrap();
}

/// Enters the customer of `handsets` with 1000 yen, and enrols them all.
fn enrol(engine: &Engine, journal: &Journal, secrets: &HandsetSecrets, handsets: &[Handset]) {
    let slot = || journal.reserve().unwrap();
    let customer = handsets[0].customer;
    let added = CustomerAdded { customer, currency: Currency::JPY, balance: yen(1_000) };
    engine.add_customer(added, NOW_MS, slot()).unwrap();
    for &Handset { customer, device } in handsets {
        let row = sealing().seal(&secrets.device_keys(), &customer, &device, 1, [0; 12]);
        let mut pin = KeyPin([device.0[0]; 32]);
        pin.0[..3].copy_from_slice(customer.as_str().as_bytes());
        let added = DeviceAdded { customer, device, pin, salt: Salt([0; 16]), row };
        engine.add_device(added, NOW_MS, slot()).unwrap();
    }
}

/// Counts the calls to customers whose handset is not there.
#[derive(Debug, Default)]
pub(crate) struct Calls(AtomicU64);

impl Calls {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Notifier for Calls {
    fn notify(&self, _notification: Notification) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
