//! A gateway that is made up: it decides by the number of a payment, keeps books, and tells both
//! sides, but for one answer now and then.

use std::time::Duration;

use kessai_engine::terms::{
    Amount, ApprovalNumber, Currency, CustomerId, Gtin, Line, MerchantId, PaymentId, ProductName,
    Reason, Reference, Rounding, StoreName, Tax, TerminalId,
};
use kessai_engine::{PaymentState, TerminalKind};
use kessai_loadgen::audit::{
    Baseline, Books, CustomerEntry, Evidence, InStore, PaymentEntry, Testimony, Tries,
};
use kessai_loadgen::course::Course;
use kessai_loadgen::ledger::{Done, Heard, Ledger, Moment, Order, Prompted, Receipt, Shown, Told};
use kessai_loadgen::people::{Deed, Habit, Person};

use crate::wrong::Wrong;

/// How many customers come, one after the other.
const CUSTOMERS: u64 = 2_000;
/// At how many tills, each of a merchant of its own.
const TILLS: u64 = 250;
/// What everybody has.
const OPENING: u64 = 1_000_000_000;
/// How long customers have to answer.
const PROMPT: Duration = Duration::from_millis(300);

/// The gateway, and what everybody sees of it.
pub struct Gateway {
    ledger: Ledger,
    books: Books,
    before: Baseline,
}

/// What is known of one payment before anybody is told.
struct Decided {
    payment: PaymentId,
    order: Order,
    entry: PaymentEntry,
    /// The number of the customer's next notice.
    notice: u64,
}

pub fn yen(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

pub fn payment(number: u64) -> PaymentId {
    // Spread as the random part of a real one is.
    let [a, b, c, d, e, f, g, h] = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    PaymentId::from_parts(1_700_000_000_000 + number, [a, b, c, d, e, f, g, h, 7, a ^ b ^ c])
}

pub fn customer(number: u64) -> CustomerId {
    format!("{:04}-000-000", number % CUSTOMERS).parse().unwrap()
}

fn till(number: u64) -> TerminalId {
    format!("P{:04}", number % TILLS).parse().unwrap()
}

pub fn merchant(number: u64) -> MerchantId {
    format!("M{:04}", number % TILLS).parse().unwrap()
}

/// How a payment ends: six of ten are approved and stay so.
fn decide(number: u64) -> (PaymentState, Reason) {
    match number % 10 {
        0..=5 => (PaymentState::Captured, Reason::Approved),
        6 => (PaymentState::Refunded, Reason::Approved),
        7 => (PaymentState::Declined, Reason::TriesExceeded),
        8 => (PaymentState::Cancelled, Reason::CancelledByCustomer),
        _ => (PaymentState::Expired, Reason::ExpiredUnanswered),
    }
}

fn order(number: u64) -> Order {
    let total = yen(100 + number % 900);
    let intended = Duration::from_micros(100) * u32::try_from(number).unwrap();
    Order {
        number,
        intended,
        begun: intended,
        seat: usize::try_from(number % CUSTOMERS).unwrap(),
        terminal: till(number),
        kind: TerminalKind::PointOfSale,
        merchant: merchant(number),
        store_name: StoreName::new("みなとマート 本店").unwrap(),
        customer: customer(number),
        lines: vec![Line {
            code: Gtin::new("4901234567894").unwrap(),
            name: ProductName::new("緑茶 500ml").unwrap(),
            unit_price: total,
            quantity: 1,
            discount: Amount::ZERO,
            tax: Tax::Exempt,
        }],
        rounding: Rounding::Down,
        total,
        currency: Currency::JPY,
        charge: total,
        person: Person { habit: Habit::Approves, steps: Vec::new(), clerk_gives_up_after: None },
        course: Course::plain(),
    }
}

impl Decided {
    fn new(number: u64, notice: u64) -> Self {
        let (order, (state, reason)) = (order(number), decide(number));
        let is_approved = matches!(state, PaymentState::Captured | PaymentState::Refunded);
        let captured = if is_approved { order.total } else { Amount::ZERO };
        let refunded = if state == PaymentState::Refunded { yen(50) } else { Amount::ZERO };
        let steps = if state == PaymentState::Refunded { 2 } else { 1 };
        let entry = PaymentEntry {
            terminal: order.terminal,
            merchant: Some(order.merchant),
            price: Some(order.price()),
            customer: Some(order.customer),
            state,
            reason: Some(reason),
            captured,
            refunded,
            in_store: Some(InStore { price: order.price(), captured, refunded }),
            approval: is_approved.then(|| ApprovalNumber::wrapping(number)),
            reference: is_approved.then(|| Reference::wrapping(2 * number)),
            notice: Some(notice + steps - 1),
        };
        Self { payment: payment(number), order, entry, notice }
    }

    fn at(&self) -> Moment {
        self.order.intended + Duration::from_millis(400)
    }

    /// What its till is told first.
    fn told(&self) -> Told {
        let PaymentEntry { state, reason, captured, .. } = self.entry;
        let state = if state == PaymentState::Refunded { PaymentState::Captured } else { state };
        let is_declined = state == PaymentState::Declined;
        let receipt = self.entry.approval.zip(self.entry.reference);
        Told {
            at: self.at(),
            state,
            reason: if is_declined { Some(Reason::NotHonoured) } else { reason },
            amount: self.entry.price,
            captured,
            refunded: Amount::ZERO,
            foreign: None,
            time_to_report: None,
            receipt: receipt.map(|(approval, reference)| Receipt { approval, reference }),
            notice: None,
        }
    }

    /// What its customer is told of that.
    fn noticed(&self) -> Told {
        Told { reason: self.entry.reason, notice: Some(self.notice), ..self.told() }
    }

    /// What both are told of the refund.
    fn refunded(&self, told: Told) -> Told {
        let PaymentEntry { state, reason, refunded, .. } = self.entry;
        let notice = told.notice.map(|notice| notice + 1);
        Told { at: self.at() + PROMPT, state, reason, refunded, notice, ..told }
    }
}

impl Gateway {
    pub fn new() -> Self {
        let mut before = Baseline::default();
        for number in 0..CUSTOMERS {
            before.customers.insert(customer(number), CustomerEntry::new(yen(OPENING)));
        }
        let books = Books { customers: before.customers.clone(), ..Books::default() };
        Self { ledger: Ledger::default(), books, before }
    }

    /// Takes one payment from beginning to end, with something wrong about it or nothing.
    pub fn take(&mut self, number: u64, wrong: Option<Wrong>) {
        let notices = self.books.customers[&customer(number)].notices;
        let mut decided = Decided::new(number, notices + 1);
        self.ask(&decided);
        let (mut told, mut noticed) = (decided.told(), decided.noticed());
        let (mut to_refund, mut of_refund) =
            (decided.refunded(told.clone()), decided.refunded(noticed.clone()));
        if let Some(wrong) = wrong {
            wrong.alter(&mut told, &mut noticed);
            wrong.alter(&mut to_refund, &mut of_refund);
            wrong.falsify(&mut decided.entry);
        }
        let (ledger, payment) = (&self.ledger, decided.payment);
        let Order { customer, terminal, .. } = decided.order;
        if wrong != Some(Wrong::AnswerLost) {
            drop(ledger.told_terminal(payment, terminal, told));
        }
        if wrong != Some(Wrong::NoticeLost) {
            let to = wrong.map_or(customer, |wrong| wrong.addressee(customer));
            drop(ledger.told_customer(payment, to, noticed));
        }
        if decided.entry.state == PaymentState::Refunded {
            let done = Done::Refunded(crate::gateway::payment(1 << 40 | number), yen(50));
            ledger.attempted(payment, to_refund.at, terminal, done);
            let reference = Some(Reference::wrapping(2 * number + 1));
            let at = to_refund.at;
            drop(ledger.heard(payment, Heard::Told(to_refund, reference), at));
            drop(ledger.told_customer(payment, customer, of_refund));
        }
        drop(ledger.over(payment));
        self.book(number, &decided, wrong);
    }

    /// The till asks, the customer is shown it, and does what leads to its end.
    fn ask(&self, decided: &Decided) {
        let Decided { payment, order, entry, .. } = decided;
        self.ledger.asked(*payment, order.clone());
        let shown = Shown {
            customer: order.customer,
            terminal: order.terminal,
            store_name: order.store_name.as_str().into(),
            lines: order.lines.as_slice().into(),
            price: order.price(),
            total: order.price(),
            exchange: None,
        };
        let at = order.intended + Duration::from_millis(10);
        let prompted = self.ledger.prompted(*payment, &shown, at, PROMPT);
        assert!(matches!(prompted, Prompted::First(_)));
        let act = |deed| self.ledger.acted(*payment, deed, at);
        match entry.state {
            PaymentState::Captured | PaymentState::Refunded => act(Deed::Approve),
            PaymentState::Declined => (0..3).for_each(|_| act(Deed::Mistype)),
            PaymentState::Cancelled => act(Deed::Cancel),
            _ => {}
        }
    }

    /// Writes it into the books, once.
    fn book(&mut self, number: u64, decided: &Decided, wrong: Option<Wrong>) {
        let entry = decided.entry;
        if wrong == Some(Wrong::EntryLost) {
            return;
        }
        self.books.payments.extend([(decided.payment, entry)]);
        let row = self.books.customers.get_mut(&customer(number)).unwrap();
        row.notices = decided.notice.max(entry.notice.unwrap());
        let owed = self.books.merchants.entry((merchant(number), Currency::JPY)).or_default();
        let moves = if wrong == Some(Wrong::DebitedTwice) { 2 } else { 1 };
        for _ in 0..moves {
            row.balance = row.balance.checked_sub(entry.captured).unwrap();
        }
        row.balance = row.balance.checked_add(entry.refunded).unwrap();
        *owed = owed.checked_add(entry.captured).unwrap().checked_sub(entry.refunded).unwrap();
        match wrong {
            Some(Wrong::OpenedTwice) => {
                self.books.payments.extend([(payment(1 << 41 | number), entry)]);
            }
            Some(Wrong::StillHeld) => row.held = yen(1),
            Some(Wrong::TallyAltered) => *owed = owed.checked_add(yen(1)).unwrap(),
            _ => {}
        }
    }

    /// Everything ends here: what was seen of it, and the books.
    pub fn close(self) -> (Testimony, Books) {
        let tries = Tries { a_payment: 3, in_row: 1_000 };
        let evidence =
            Evidence { before: self.before, tries, prompt: PROMPT, ..Evidence::default() };
        (Testimony { ledger: self.ledger.into(), evidence }, self.books)
    }
}
