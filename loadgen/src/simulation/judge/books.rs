//! The judge's own small books: one list of customers, one of payments, and what merchants are
//! owed. No shards, no records, no holds: what is held is added up anew each time.
//!
//! Every change notes what was there before and the record that goes with it, so that a crash can
//! be followed: what never became durable is taken back.

use std::collections::BTreeMap;

use kessai_engine::terms::collation::ServerNonce;
use kessai_engine::terms::ids::PaymentId;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{Freshness, Lsn, NamedBy, PaymentState, Standing};

use crate::simulation::cast::{BALANCE, CUSTOMERS};
use crate::simulation::message::{Purchase, Standpoint};

const DAY_MS: u64 = 86_400_000;
const JAPAN_MS: u64 = 9 * 3_600_000;

/// A payment as the judge sees it.
#[derive(Debug, Clone)]
pub(super) struct Payment {
    pub(super) till: usize,
    /// None if a cancel came first.
    pub(super) asked: Option<Purchase>,
    pub(super) state: PaymentState,
    pub(super) reason: Option<Reason>,
    pub(super) wrong: u8,
    /// What can be answered, by handset: nonce and connection. Dies with the process.
    pub(super) prompts: BTreeMap<usize, (ServerNonce, u64)>,
    pub(super) captured: u64,
    pub(super) refunded: u64,
    pub(super) deadline_ms: u64,
    /// The business day of its latest record.
    pub(super) day: u64,
    pub(super) notice: u64,
    /// Its latest record.
    pub(super) after: Lsn,
}

/// A customer as the judge sees them.
#[derive(Debug, Clone)]
pub(super) struct Customer {
    pub(super) balance: u64,
    pub(super) wrong_in_row: u8,
    pub(super) standing: Standing,
    pub(super) notices: u64,
    /// Payments that are pending or authorised.
    pub(super) waiting: Vec<PaymentId>,
    /// What was moved, by reference; negative if taken.
    pub(super) transfers: BTreeMap<u64, i64>,
    /// The latest record that changed the customer.
    pub(super) after: Lsn,
}

/// A refund as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refund {
    pub(super) payment: PaymentId,
    pub(super) till: usize,
    pub(super) price: u64,
}

/// Where a payment stands after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulation) struct Stand {
    pub(in crate::simulation) state: PaymentState,
    pub(in crate::simulation) reason: Option<Reason>,
    pub(in crate::simulation) captured: u64,
    pub(in crate::simulation) refunded: u64,
    pub(in crate::simulation) notice: u64,
    pub(in crate::simulation) freshness: Freshness,
}

/// What stood there before a change.
#[derive(Debug)]
enum Before {
    Payment(PaymentId, Option<Box<Payment>>),
    Customer(usize, Box<Customer>),
    Refund(PaymentId),
    Owed(usize, u64),
    Funded(u64),
}

/// All that the judge keeps.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) now_ms: u64,
    /// The id time below which nothing new is opened.
    pub(super) floor_ms: u64,
    /// The record that goes with the changes that are made now.
    pub(super) at: Lsn,
    customers: Vec<Customer>,
    payments: BTreeMap<PaymentId, Payment>,
    refunds: BTreeMap<PaymentId, Refund>,
    /// What each merchant is owed.
    owed: BTreeMap<usize, u64>,
    /// Credits less debits.
    funded: u64,
    history: Vec<(Lsn, Before)>,
}

impl Books {
    /// Everybody as they are entered at first.
    pub(super) fn new(entered: Lsn) -> Self {
        let customer = Customer {
            balance: BALANCE,
            wrong_in_row: 0,
            standing: Standing::Active,
            notices: 0,
            waiting: Vec::new(),
            transfers: BTreeMap::new(),
            after: entered,
        };
        Self {
            now_ms: 0,
            floor_ms: 0,
            at: entered,
            customers: vec![customer; CUSTOMERS],
            payments: BTreeMap::new(),
            refunds: BTreeMap::new(),
            owed: BTreeMap::new(),
            funded: BALANCE.saturating_mul(u64::try_from(CUSTOMERS).unwrap_or(0)),
            history: Vec::new(),
        }
    }

    pub(super) const fn day(&self) -> u64 {
        self.now_ms.saturating_add(JAPAN_MS) / DAY_MS
    }

    pub(super) fn customer(&self, number: usize) -> Option<&Customer> {
        self.customers.get(number)
    }

    pub(super) fn customers(&self) -> impl Iterator<Item = (usize, &Customer)> {
        self.customers.iter().enumerate()
    }

    pub(super) fn payment(&self, id: &PaymentId) -> Option<&Payment> {
        self.payments.get(id)
    }

    pub(super) fn payments(&self) -> impl Iterator<Item = (&PaymentId, &Payment)> {
        self.payments.iter()
    }

    pub(super) fn refund(&self, id: &PaymentId) -> Option<&Refund> {
        self.refunds.get(id)
    }

    pub(super) fn owed(&self) -> &BTreeMap<usize, u64> {
        &self.owed
    }

    pub(super) const fn funded(&self) -> u64 {
        self.funded
    }

    /// What the open payments of a customer wait for.
    pub(super) fn held(&self, customer: usize) -> u64 {
        let waiting = self.customers.get(customer).map(|customer| &customer.waiting);
        let waiting = waiting.into_iter().flatten().filter_map(|id| self.payments.get(id));
        waiting.filter_map(|payment| payment.asked).map(|asked| asked.price).sum()
    }

    /// The payments of a customer that are pending, the earliest first.
    pub(super) fn pending(&self, customer: usize) -> Vec<(PaymentId, Purchase)> {
        let waiting = self.customers.get(customer).map(|customer| &customer.waiting);
        let waiting = waiting.into_iter().flatten().filter_map(|id| {
            let payment = self.payments.get(id)?;
            let asked = payment.asked.filter(|_| payment.state == PaymentState::Pending)?;
            Some((*id, asked))
        });
        waiting.collect()
    }

    /// The pending payments of a customer that one by code takes the place of.
    pub(super) fn displaced_by(&self, asked: &Purchase) -> Vec<(PaymentId, Purchase)> {
        let mut pending = self.pending(asked.customer);
        match asked.named_by {
            NamedBy::Id => pending.clear(),
            NamedBy::Code => pending.retain(|(_, other)| other.named_by == NamedBy::Id),
        }
        pending
    }

    /// How many payments are pending in all.
    pub(super) fn open_payments(&self) -> usize {
        self.customers().map(|(number, _)| self.pending(number).len()).sum()
    }

    /// Checks that no money came or went, by the judge's own sums.
    pub(super) fn is_conserved(&self) -> bool {
        let balances: u64 = self.customers.iter().map(|customer| customer.balance).sum();
        balances.saturating_add(self.owed.values().sum()) == self.funded
    }

    /// Where a payment stands.
    pub(super) fn stand(&self, id: &PaymentId, freshness: Freshness) -> Option<Stand> {
        let Payment { state, reason, captured, refunded, notice, .. } = *self.payments.get(id)?;
        Some(Stand { state, reason, captured, refunded, notice, freshness })
    }

    /// A payment as it could be told, with `told`'s numbers where the books keep none.
    pub(super) fn standpoint(&self, told: &Standpoint) -> Option<Standpoint> {
        let Payment { state, captured, refunded, notice, .. } =
            *self.payments.get(&told.payment)?;
        Some(Standpoint { state, captured, refunded, notice, ..*told })
    }

    /// Enters a payment.
    pub(super) fn enter(&mut self, id: PaymentId, payment: Payment) {
        let before = self.payments.insert(id, payment).map(Box::new);
        self.history.push((self.at, Before::Payment(id, before)));
    }

    /// Changes a payment, and notes that it did.
    pub(super) fn change(&mut self, id: &PaymentId, change: impl FnOnce(&mut Payment)) {
        let Some(payment) = self.payments.get_mut(id) else { return };
        self.history.push((self.at, Before::Payment(*id, Some(Box::new(payment.clone())))));
        payment.after = self.at;
        change(payment);
    }

    /// Changes what can be answered, which nobody keeps.
    pub(super) fn prompt(&mut self, id: &PaymentId, phone: usize, prompt: (ServerNonce, u64)) {
        if let Some(payment) = self.payments.get_mut(id) {
            payment.prompts.insert(phone, prompt);
        }
    }

    /// Changes a customer, and notes that it did.
    pub(super) fn alter(&mut self, number: usize, alter: impl FnOnce(&mut Customer)) {
        let Some(customer) = self.customers.get_mut(number) else { return };
        self.history.push((self.at, Before::Customer(number, Box::new(customer.clone()))));
        customer.after = self.at;
        alter(customer);
    }

    pub(super) fn enter_refund(&mut self, id: PaymentId, refund: Refund) {
        self.refunds.insert(id, refund);
        self.history.push((self.at, Before::Refund(id)));
    }

    /// Changes what a merchant is owed.
    pub(super) fn owe(&mut self, merchant: usize, change: impl FnOnce(u64) -> u64) {
        let owed = self.owed.entry(merchant).or_default();
        self.history.push((self.at, Before::Owed(merchant, *owed)));
        *owed = change(*owed);
    }

    /// Changes what was put in.
    pub(super) fn fund(&mut self, amount: i64) {
        self.history.push((self.at, Before::Funded(self.funded)));
        self.funded = self.funded.saturating_add_signed(amount);
    }

    /// Takes back all that goes with records behind `last`, as a crash did, and forgets what dies
    /// with the process.
    pub(super) fn take_back(&mut self, last: Lsn) {
        while self.history.last().is_some_and(|(at, _)| *at > last) {
            match self.history.pop().map(|(_, before)| before) {
                Some(Before::Payment(id, Some(payment))) => {
                    self.payments.insert(id, *payment);
                }
                Some(Before::Payment(id, None)) => {
                    self.payments.remove(&id);
                }
                Some(Before::Customer(number, customer)) => {
                    if let Some(place) = self.customers.get_mut(number) {
                        *place = *customer;
                    }
                }
                Some(Before::Refund(id)) => {
                    self.refunds.remove(&id);
                }
                Some(Before::Owed(merchant, owed)) => {
                    self.owed.insert(merchant, owed);
                }
                Some(Before::Funded(funded)) => self.funded = funded,
                None => {}
            }
        }
        for payment in self.payments.values_mut() {
            payment.prompts.clear();
        }
    }
}
