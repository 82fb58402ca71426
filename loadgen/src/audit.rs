//! The audit: does the ledger of a run agree with the gateway's books, to the yen?
//!
//! It is made after a drain, when nothing moves any more. It takes the gateway's word for nothing:
//! what terminals and customers were told, and what people did, comes from the load generator's
//! own [`ledger`](crate::ledger). Whatever does not agree becomes a sentence.

mod acts;
mod books;
mod payment;
mod steps;
mod sums;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kessai_engine::terms::{CustomerId, MerchantId, PaymentId, TerminalId};

use crate::ledger::{Attempt, Moment, Record, Telling};

pub use books::{Baseline, Books, CustomerEntry, InStore, PaymentEntry, Positions, Tallies};
pub(crate) use sums::kept;

/// How many wrong passwords the gateway is set to bear: the last of them declines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tries {
    /// For one payment.
    pub a_payment: usize,
    /// In a row, over all payments of a customer.
    pub in_row: usize,
}

/// How often a customer is asked by plain id before being left in peace for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    /// Asks within a minute.
    pub asks_per_minute: u32,
    /// Unanswered or refused ones within the window.
    pub mute_after: u8,
    /// The window.
    pub window: Duration,
}

/// The share of a population that one of several processes played: what it answers for. The
/// exchange position is common to all of them, and no process alone can judge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Which of them, from 1.
    pub number: u32,
    /// Of how many.
    pub of: u32,
    /// The terminals that are of this share and of no other.
    pub terminals: BTreeSet<TerminalId>,
    /// The merchants that they belong to, with no terminals in other shares.
    pub merchants: BTreeSet<MerchantId>,
}

/// What the load generator knows of a run without the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Every payment that was asked for, in the order of the arrivals.
    pub records: Vec<(PaymentId, Record)>,
    /// What must not have happened and belongs to no payment.
    pub strays: Vec<String>,
    /// What the books held before.
    pub before: Baseline,
    /// How many wrong passwords are borne.
    pub tries: Tries,
    /// How long customers have to answer.
    pub prompt: Duration,
    /// When customers are left in peace; none if the gateway does not say it.
    pub budgets: Option<Budgets>,
    /// When who could not reach the gateway, because somebody saw to that.
    pub outages: Vec<Outage>,
    /// What others played beside it, if they did; none if it was the whole.
    pub share: Option<Share>,
}

impl Evidence {
    /// Which steps of its payments a customer must have been told of: whoever was cut off at any time
    /// learned of the latest.
    fn telling(&self, customer: &CustomerId) -> Telling {
        self.telling_between(customer, Moment::ZERO, Moment::MAX)
    }

    /// Which steps of a payment its customer must have been told of: whoever was cut off while it went
    /// on learned of the latest.
    fn telling_of(&self, record: &Record) -> Telling {
        let told = record.terminal.iter().chain(&record.customer);
        let answered = record.attempts.iter().filter_map(Attempt::told);
        let last = told.chain(answered).map(|told| told.at).max().unwrap_or(Moment::MAX);
        self.telling_between(&record.order.customer, record.order.begun, last)
    }

    fn telling_between(&self, customer: &CustomerId, from: Moment, until: Moment) -> Telling {
        let silenced = |outage: &Outage| outage.silenced(customer, from, until);
        if self.outages.iter().any(silenced) { Telling::Latest } else { Telling::Every }
    }
}

/// A time in which some could not reach the gateway, however long they tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// From when on.
    pub from: Moment,
    /// Until when everybody of them was back.
    pub until: Moment,
    /// Who could not.
    pub of: CutOff,
}

/// Who was cut off from the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CutOff {
    /// Everybody.
    Everybody,
    /// The handsets of these customers.
    Handsets(BTreeSet<CustomerId>),
    /// These tills and machines.
    Tills(BTreeSet<TerminalId>),
}

impl Outage {
    /// Whether a customer may have missed something between the two because of it. What a gateway
    /// that was down for everybody had not told yet may come at any time after.
    fn silenced(&self, customer: &CustomerId, from: Moment, until: Moment) -> bool {
        match &self.of {
            CutOff::Everybody => true,
            CutOff::Handsets(of) => {
                of.contains(customer) && self.from <= until && from <= self.until
            }
            CutOff::Tills(_) => false,
        }
    }
}

/// Compares ledger and books, and says what does not agree: nothing, if all is well.
#[must_use]
pub fn compare(evidence: &Evidence, books: &Books) -> Vec<String> {
    let mut problems = evidence.strays.clone();
    problems.extend(books.problems.iter().map(|problem| format!("the books say: {problem}")));
    let mut references = BTreeMap::new();
    for (payment, record) in &evidence.records {
        let view = books.payments.get(payment);
        for fault in payment::faults(record, view, evidence) {
            problems.push(format!("payment {payment}: {fault}"));
        }
        for reference in acts::references(record) {
            if let Some(other) = references.insert(reference, payment) {
                problems
                    .push(format!("payments {other} and {payment} share reference {reference}"));
            }
        }
    }
    let asked: BTreeSet<_> = evidence.records.iter().map(|(payment, _)| payment).collect();
    let own = |terminal: &TerminalId| {
        evidence.share.as_ref().is_none_or(|share| share.terminals.contains(terminal))
    };
    let of_ours = books.payments.iter().filter(|(_, entry)| own(&entry.terminal));
    let mut unasked: Vec<_> =
        of_ours.map(|(payment, _)| payment).filter(|payment| !asked.contains(payment)).collect();
    unasked.sort_unstable();
    for payment in unasked {
        problems.push(format!("payment {payment}: it is in the books, and nobody asked for it"));
    }
    problems.extend(sums::faults(evidence, books));
    problems
}

#[cfg(test)]
mod tests;
