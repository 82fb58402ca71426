//! Payments for tests: one of each kind, with the books that fit them.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use kessai_engine::terms::{
    Amount, ApprovalNumber, Currency, CustomerId, Gtin, Line, MerchantId, PaymentId, ProductName,
    Reason, Reference, Rounding, StoreName, Tax, TerminalId,
};
use kessai_engine::{PaymentState, TerminalKind};

use crate::audit::{
    self, Books, BooksInMemory, CustomerEntry, Evidence, InStore, PaymentEntry, Testimony, Tries,
};
use crate::cost::GatewayCost;
use crate::course::Course;
use crate::fleet::Connections;
use crate::generator::{Effort, Limits, Start};
use crate::ledger::{Ledger, Order, Receipt, Record, Shown, Told};
use crate::life::Workload;
use crate::measure::Measures;
use crate::messages::Messages;
use crate::people::{Deed, Habit, Pace, Person};
use crate::report::{Circumstances, Config, Gateway, Report};
use crate::schedule::{Bounds, Rate, Skip, Spacing};
use crate::tally::{Summary, Tally};

pub(crate) fn yen(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

pub(crate) fn payment(number: u8) -> PaymentId {
    PaymentId::from_parts(1_700_000_000_000, [number; 10])
}

fn customer(number: u8) -> CustomerId {
    CustomerId::new(&format!("1000-000-{number:03}")).unwrap()
}

pub(crate) fn order(number: u8) -> Order {
    Order {
        number: number.into(),
        intended: Duration::from_millis(100),
        begun: Duration::from_millis(101),
        seat: number.into(),
        terminal: TerminalId::new("P0000001").unwrap(),
        kind: TerminalKind::PointOfSale,
        merchant: MerchantId::new("M00001").unwrap(),
        store_name: StoreName::new("みなとマート 本店").unwrap(),
        customer: customer(number),
        lines: vec![Line {
            code: Gtin::new("4901234567894").unwrap(),
            name: ProductName::new("緑茶 500ml").unwrap(),
            unit_price: yen(300),
            quantity: 1,
            discount: Amount::ZERO,
            tax: Tax::Exempt,
        }],
        rounding: Rounding::Down,
        total: yen(300),
        currency: Currency::JPY,
        charge: yen(300),
        person: Person { habit: Habit::Approves, steps: Vec::new(), clerk_gives_up_after: None },
        course: Course::plain(),
    }
}

pub(crate) fn shown<'a>(order: &'a Order, lines: &'a [Line]) -> Shown<'a> {
    Shown {
        customer: order.customer,
        terminal: order.terminal,
        store_name: order.store_name.as_str().into(),
        lines: lines.into(),
        price: order.price(),
        total: order.charge.of(Currency::JPY),
        exchange: None,
    }
}

/// The end of payment `number` as its till is told it.
pub(crate) fn told_approved(number: u8) -> Told {
    told(number, PaymentState::Captured, Reason::Approved)
}

fn told(number: u8, state: PaymentState, reason: Reason) -> Told {
    let approved = state == PaymentState::Captured;
    Told {
        at: Duration::from_millis(600),
        state,
        reason: Some(reason),
        amount: Some(yen(300).of(Currency::JPY)),
        captured: if approved { yen(300) } else { Amount::ZERO },
        refunded: Amount::ZERO,
        foreign: None,
        time_to_report: None,
        receipt: approved.then(|| Receipt {
            approval: ApprovalNumber::new(number.into()).unwrap(),
            reference: Reference::new(number.into()).unwrap(),
        }),
        notice: None,
    }
}

/// An approved payment of customer `number`.
pub(crate) fn record(number: u8) -> Record {
    ended(number, PaymentState::Captured, Reason::Approved)
}

/// A payment of customer `number` that ended so, and what people did to that end.
pub(crate) fn ended(number: u8, state: PaymentState, reason: Reason) -> Record {
    let ledger = Ledger::default();
    end(&ledger, number, state, reason);
    let (mut records, strays) = read(&ledger);
    assert_eq!(strays, Vec::<String>::new());
    records.remove(0).1
}

/// Writes a payment of customer `number` down that ended so, and what people did to that end.
pub(crate) fn end(ledger: &Ledger, number: u8, state: PaymentState, reason: Reason) {
    ledger.asked(payment(number), order(number));
    let at = Duration::from_millis;
    let order = order(number);
    let prompted =
        ledger.prompted(payment(number), &shown(&order, &order.lines), at(110), at(3_000));
    drop(prompted);
    let act = |deed| ledger.acted(payment(number), deed, at(590));
    match reason {
        Reason::Approved => act(Deed::Approve),
        Reason::CancelledByCustomer => act(Deed::Cancel),
        Reason::CancelledByTerminal => ledger.given_up(payment(number), at(590)),
        Reason::TriesExceeded => (0..3).for_each(|_| act(Deed::Mistype)),
        _ => {}
    }
    let to_terminal = match state {
        PaymentState::Declined => told(number, state, Reason::NotHonoured),
        _ => told(number, state, reason),
    };
    let to_customer = Told { notice: Some(1), ..told(number, state, reason) };
    drop(ledger.told_terminal(payment(number), order.terminal, to_terminal));
    drop(ledger.told_customer(payment(number), order.customer, to_customer));
    drop(ledger.over(payment(number)));
}

/// Reads all that was written down, in the order of the arrivals.
pub(crate) fn read(ledger: &Ledger) -> (Vec<(PaymentId, Record)>, Vec<String>) {
    let (mut records, mut strays) = (Vec::new(), ledger.strays());
    for part in 0..=u8::MAX {
        let found = ledger.read(part).unwrap();
        records.extend(found.records);
        strays.extend(found.strays);
    }
    records.sort_by_key(|(_, record)| record.order.number);
    (records, strays)
}

/// A run in memory, where anything can be changed about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorded {
    /// Every payment that was asked for, in the order of the arrivals.
    pub(crate) records: Vec<(PaymentId, Record)>,
    /// What must not have happened and belongs to no payment.
    pub(crate) strays: Vec<String>,
    /// What else is known of it.
    pub(crate) evidence: Evidence,
}

impl Deref for Recorded {
    type Target = Evidence;

    fn deref(&self) -> &Evidence {
        &self.evidence
    }
}

impl DerefMut for Recorded {
    fn deref_mut(&mut self) -> &mut Evidence {
        &mut self.evidence
    }
}

impl Recorded {
    /// Puts the run where the audit reads it.
    pub(crate) fn testimony(&self) -> Testimony {
        let ledger = Ledger::default();
        for (place, (payment, record)) in (0_u64..).zip(&self.records) {
            // The order in which they stand here is that of their arrivals.
            let mut record = record.clone();
            record.order.number = place;
            ledger.enter(*payment, record);
        }
        self.strays.iter().for_each(|stray| ledger.stray(stray.clone()));
        Testimony { ledger: Arc::new(ledger), evidence: self.evidence.clone() }
    }
}

/// Audits a run against books, by the way of every audit.
pub(crate) fn compare(recorded: &Recorded, books: &BooksInMemory) -> Vec<String> {
    audit::compare(&[recorded.testimony()], &spilled(books), |_| {}).unwrap()
}

/// Puts books where the audit reads them.
pub(crate) fn spilled(books: &BooksInMemory) -> Books {
    let BooksInMemory { payments, customers, merchants, exchange, problems, receipts } =
        books.clone();
    let mut spilled: Books =
        Books { customers, merchants, exchange, problems, receipts, ..Books::default() };
    spilled.payments.extend(payments);
    spilled
}

/// What the books hold of a payment that ended as `record` says.
pub(crate) fn entry(record: &Record) -> PaymentEntry {
    let (order, told) = (&record.order, &record.customer[0]);
    PaymentEntry {
        terminal: order.terminal,
        merchant: Some(order.merchant),
        price: Some(order.total.of(Currency::JPY)),
        customer: Some(order.customer),
        state: told.state,
        reason: told.reason,
        captured: told.captured,
        refunded: told.refunded,
        in_store: Some(InStore {
            price: order.price(),
            captured: told.captured,
            refunded: told.refunded,
        }),
        approval: told.receipt.map(|receipt| receipt.approval),
        reference: told.receipt.map(|receipt| receipt.reference),
        notice: Some(1),
    }
}

/// One payment of each kind, by a customer of its own, with the books that fit; the seventh
/// customer is poor, and another payment was refused.
pub(crate) fn world() -> (Recorded, BooksInMemory) {
    let kinds = [
        (PaymentState::Captured, Reason::Approved),
        (PaymentState::Declined, Reason::InsufficientFunds),
        (PaymentState::Declined, Reason::TriesExceeded),
        (PaymentState::Cancelled, Reason::CancelledByCustomer),
        (PaymentState::Cancelled, Reason::CancelledByTerminal),
        (PaymentState::Expired, Reason::ExpiredUnanswered),
        (PaymentState::Captured, Reason::Approved),
    ];
    let tries = Tries { a_payment: 3, in_row: 5 };
    let evidence = Evidence { tries, prompt: Duration::from_millis(500), ..Evidence::default() };
    let mut evidence = Recorded { evidence, ..Recorded::default() };
    let mut books = BooksInMemory::default();
    for (number, (state, reason)) in (1..).zip(kinds) {
        let record = ended(number, state, reason);
        let opening = if reason == Reason::InsufficientFunds { 299 } else { 1_000 };
        let captured = record.customer[0].captured;
        let before = CustomerEntry::new(yen(opening));
        let balance = yen(opening).checked_sub(captured).unwrap();
        let customer = CustomerEntry { balance, notices: 1, ..before };
        let owed = books.merchants.entry((record.order.merchant, Currency::JPY)).or_default();
        *owed = owed.checked_add(captured).unwrap();
        evidence.before.customers.insert(record.order.customer, before);
        books.payments.insert(payment(number), entry(&record));
        books.customers.insert(record.order.customer, customer);
        evidence.records.push((payment(number), record));
    }
    let ledger = Ledger::default();
    ledger.asked(payment(8), order(8));
    drop(ledger.refused(payment(8), Reason::Busy, Duration::ZERO));
    evidence.records.extend(read(&ledger).0);
    (evidence, books)
}

/// A report of [`world`], over two seconds.
pub(crate) fn report() -> Report {
    let (tally, mut measures) = (tally(), Measures::new(Duration::from_secs(2)));
    for (_, record) in &world().0.records {
        measures.add(record, Summary::of(record).outcome);
    }
    let workload = Workload {
        rate: Rate::per_second(20.0).unwrap(),
        form: "ramp:30".parse().unwrap(),
        spacing: Spacing::Uniform,
        span: Duration::from_secs(2),
        pace: Pace::new(10.0).unwrap(),
        scenario: Arc::default(),
        seed: 42,
        bounds: Bounds::default(),
    };
    let circumstances = Circumstances {
        config: Config::of(&workload, 40, 8),
        seed: 42,
        span: Duration::from_secs(2),
        gateway: Gateway { address: "127.0.0.1:7443".into(), version: "0.1.0".into() },
        connections: Connections { controllers: 8, handsets: 40, ..Connections::default() },
        generator: Effort::new(&Start::now().spent(), &tally, &Limits::default()),
        gateway_cost: GatewayCost {
            payments: Some(8),
            cpu_s: Some(0.000_4),
            syncs: Some(1.25),
            written_bytes: Some(5_120.0),
            datagrams: None,
            resident_bytes: Some(192 << 20),
        },
        ladder: Messages::default().ladder(),
    };
    Report::new(&tally, &measures, Vec::new(), circumstances)
}

/// The counts of [`world`], and an arrival that was late.
pub(crate) fn tally() -> Tally {
    let mut tally = Tally::new(Duration::from_secs(2));
    for (_, record) in &world().0.records {
        tally.add(&Summary::of(record));
    }
    tally.skip(Skip::Late);
    tally
}
