//! The gateway's books as far as the audit reads them, in rows of its own: filled from the engine
//! of a gateway in this process, or from what the administration of another one tells.

use std::collections::{BTreeMap, HashMap};

use kessai_engine::terms::{
    Amount, AmountError, ApprovalNumber, Currency, CustomerId, MerchantId, Money, Net, PaymentId,
    Reason, Reference, TerminalId,
};
use kessai_engine::{CustomerView, Engine, PaymentState, PaymentView};
use kessai_gateway::admin::rows::{JournalReceiptRow, ReceiptStanding};
use serde::{Deserialize, Serialize};

use crate::ledger::part_of_payment;
use crate::spill::{Parted, Spill};

/// The gateway's books, as far as the audit reads them; `P` holds the payments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books<P = Spill<(PaymentId, PaymentEntry)>> {
    /// Every payment that was opened in the run.
    pub payments: P,
    /// Every customer of the run.
    pub customers: BTreeMap<CustomerId, CustomerEntry>,
    /// What each merchant is owed.
    pub merchants: Tallies,
    /// What exchanging customers' money into merchants' currencies has come to.
    pub exchange: Positions,
    /// What the books themselves find wrong.
    pub problems: Vec<String>,
    /// How the records that terminals hold receipts of stand in the gateway's journal.
    pub receipts: Vec<(JournalReceiptRow, ReceiptStanding)>,
}

/// Books for judges that look at few payments, and often.
pub type BooksInMemory = Books<HashMap<PaymentId, PaymentEntry>>;

impl Parted for (PaymentId, PaymentEntry) {
    fn part(&self) -> u8 {
        part_of_payment(&self.0)
    }
}

/// What each merchant is owed, by currency.
pub type Tallies = BTreeMap<(MerchantId, Currency), Net>;

/// What was bought (positive) or sold of each currency.
pub type Positions = BTreeMap<Currency, Net>;

/// What the books held before the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Every customer of the run.
    #[serde(with = "super::pairs")]
    pub customers: BTreeMap<CustomerId, CustomerEntry>,
    /// What each merchant was owed.
    #[serde(with = "super::pairs")]
    pub merchants: Tallies,
    /// What exchanging had come to.
    #[serde(with = "super::pairs")]
    pub exchange: Positions,
}

/// A customer as the books hold them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerEntry {
    /// What the processor keeps for them, in yen.
    pub balance: Amount,
    /// The part of it that open payments wait for.
    pub held: Amount,
    /// Wrong passwords since the last right one.
    pub wrong_in_row: u8,
    /// How many notices they were ever owed.
    pub notices: u64,
}

/// A payment as the books hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentEntry {
    /// The till that opened it or called it off.
    pub terminal: TerminalId,
    /// Who is paid; none, like the price, if a cancel overtook the open.
    pub merchant: Option<MerchantId>,
    /// What the customer is charged.
    pub price: Option<Money>,
    /// The payer.
    pub customer: Option<CustomerId>,
    /// Where it stands.
    pub state: PaymentState,
    /// Why it stands there; none while it is pending.
    pub reason: Option<Reason>,
    /// What was debited.
    pub captured: Amount,
    /// What was given back after that.
    pub refunded: Amount,
    /// The same in the store's currency; none, like the price, if a cancel overtook the open.
    pub in_store: Option<InStore>,
    /// For the receipt, once approved.
    pub approval: Option<ApprovalNumber>,
    /// For the bank, once approved.
    pub reference: Option<Reference>,
    /// The number of the latest notice that the customer is owed about it, 0 if there is none; not
    /// known of a payment that has left the memory.
    pub notice: Option<u64>,
}

/// What a payment came to for its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InStore {
    /// What was charged.
    pub price: Money,
    /// What was captured of it.
    pub captured: Amount,
    /// What was given back of that.
    pub refunded: Amount,
}

impl<P: Default + Extend<(PaymentId, PaymentEntry)>> Books<P> {
    /// Copies the books of an engine in which nothing moves.
    ///
    /// # Errors
    /// [`AmountError`] if a sum leaves its range.
    pub fn read(engine: &Engine) -> Result<Self, AmountError> {
        let sums = engine.books()?;
        let exchange = sums.currencies.iter().map(|(currency, sums)| (*currency, sums.exchange));
        let exchange = exchange.collect();
        let (merchants, problems) = (sums.merchants, sums.problems);
        let mut books = Self { merchants, exchange, problems, ..Self::default() };
        engine.each_payment(|view| books.payments.extend([(view.payment, view.into())]));
        engine.each_customer(|view| {
            books.customers.insert(view.customer, (&view).into());
        });
        Ok(books)
    }
}

impl CustomerEntry {
    /// Is a customer who has just been entered.
    #[must_use]
    pub const fn new(balance: Amount) -> Self {
        Self { balance, held: Amount::ZERO, wrong_in_row: 0, notices: 0 }
    }
}

impl From<&CustomerView> for CustomerEntry {
    fn from(view: &CustomerView) -> Self {
        let CustomerView { balance, held, wrong_in_row, notices, .. } = *view;
        Self { balance, held, wrong_in_row, notices }
    }
}

impl From<&PaymentView> for PaymentEntry {
    fn from(view: &PaymentView) -> Self {
        let terms = view.terms.as_ref();
        Self {
            terminal: view.terminal,
            merchant: terms.map(|terms| terms.merchant),
            price: terms.map(|terms| terms.charge.amount.of(terms.charge.currency)),
            customer: view.customer,
            state: view.state,
            reason: view.reason,
            captured: view.captured,
            refunded: view.refunded,
            in_store: terms.map(|terms| InStore {
                price: terms.charge.price().of(terms.charge.price_currency()),
                captured: view.captured_price,
                refunded: view.refunded_price,
            }),
            approval: view.approval,
            reference: view.reference,
            notice: Some(view.notice),
        }
    }
}
