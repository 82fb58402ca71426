//! The audit: does the ledger of a run agree with the gateway's books, to the yen?
//!
//! It is made after a drain, when nothing moves any more. It takes the gateway's word for nothing:
//! what terminals and customers were told, and what people did, comes from the load generator's
//! own [`ledger`](crate::ledger). Whatever does not agree becomes a sentence.
//!
//! A run may have millions of payments: ledger and books are divided alike by the payment's id, and
//! memory holds one part of each ([`spill`](crate::spill)). What concerns several payments at once
//! is put aside meanwhile, in few words: visits by customer, references by themselves, and sums.

mod acts;
mod books;
mod customers;
mod kept;
mod pairs;
mod payment;
mod problems;
mod receipts;
mod references;
mod steps;
mod sums;
mod together;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use kessai_engine::terms::{CustomerId, PaymentId, TerminalId};
use serde::{Deserialize, Serialize};

use crate::ledger::{Attempt, Ledger, Moment, Portion, Record, Telling};
use crate::spill::{Spill, SpillError};
use customers::Visit;
use problems::Problems;
use references::References;
use sums::Sums;
use together::Together;

pub use books::{
    Baseline, Books, BooksInMemory, CustomerEntry, InStore, PaymentEntry, Positions, Tallies,
};
pub use receipts::Held;
pub(crate) use sums::kept;
pub use together::{Share, missing};

/// How many wrong passwords the gateway is set to bear: the last of them declines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// For one payment.
    pub a_payment: usize,
    /// In a row, over all payments of a customer.
    pub in_row: usize,
}

/// How often a customer is asked by plain id before being left in peace for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budgets {
    /// Asks within a minute.
    pub asks_per_minute: u32,
    /// Unanswered or refused ones within the window.
    pub mute_after: u8,
    /// The window.
    pub window: Duration,
}

/// One process's account of a run: every payment that it asked for, and what it knows besides.
#[derive(Debug, Clone)]
pub struct Testimony {
    /// Every payment that was asked for.
    pub ledger: Arc<Ledger>,
    /// What else is known of the run.
    pub evidence: Evidence,
}

/// What the load generator knows of a run without the gateway, besides its ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// From when on payments are those of the run, by the gateway's clock.
    ///
    /// # Units
    /// Milliseconds since the Unix epoch.
    pub from_ms: u64,
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
    /// The receipts of the gateway's journal that terminals hold.
    pub held: Vec<Held>,
    /// Whose payments these are, if others played the rest of the population; none if nobody did.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// From when on.
    pub from: Moment,
    /// Until when everybody of them was back.
    pub until: Moment,
    /// Who could not.
    pub of: CutOff,
}

/// Who was cut off from the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// Compares ledgers and books, and says what does not agree: nothing, if all is well. Lends every
/// record on the way.
///
/// Several testimonies are of one population and one gateway: of runs one after the other, or of
/// processes that each played a share of it. Where shares are [missing](missing()), what was exchanged
/// is left out, for it is common to all of them.
///
/// # Errors
/// [`SpillError`] if not everything was written down, or it cannot be read: then nothing is known.
pub fn compare(
    testimonies: &[Testimony],
    books: &Books,
    mut look: impl FnMut(&Record),
) -> Result<Vec<String>, SpillError> {
    let mut testimonies: Vec<&Testimony> = testimonies.iter().collect();
    testimonies.sort_by_key(|testimony| testimony.evidence.from_ms);
    let mut problems = Problems::default();
    let Some(together) = Together::of(&testimonies) else { return Ok(Vec::new()) };
    problems.extend(testimonies.iter().flat_map(|testimony| testimony.ledger.strays()));
    problems.extend(books.problems.iter().map(|problem| format!("the books say: {problem}")));
    receipts::faults(&testimonies, &books.receipts, &mut problems);
    let mut crossing = Crossing::default();
    for part in 0..=u8::MAX {
        let mut views = views(books, part, &mut problems)?;
        for (run, Testimony { ledger, evidence }) in testimonies.iter().enumerate() {
            let Portion { records, strays } = ledger.read(part)?;
            problems.extend(strays);
            for (payment, record) in &records {
                let view = views.remove(payment);
                for fault in payment::faults(record, view.as_ref(), evidence) {
                    problems.add(|| format!("payment {payment}: {fault}"));
                }
                crossing.note(*payment, record, run);
                look(record);
            }
        }
        let mut unasked: Vec<_> =
            views.iter().filter(|(_, view)| together.has(view)).map(|(id, _)| id).collect();
        unasked.sort_unstable();
        problems.extend(unasked.into_iter().map(|payment| {
            format!("payment {payment}: it is in the books, and nobody asked for it")
        }));
    }
    crossing.references.faults(&mut problems)?;
    customers::faults(&crossing.visits, &together, &books.customers, &mut problems)?;
    problems.extend(crossing.sums.faults(&together, books));
    Ok(problems.tell())
}

/// What the books hold of the payments of one part.
fn views(
    books: &Books,
    part: u8,
    problems: &mut Problems,
) -> Result<HashMap<PaymentId, PaymentEntry>, SpillError> {
    let mut views = HashMap::new();
    books.payments.read(part, |(payment, view)| match views.entry(payment) {
        Entry::Vacant(vacant) => drop(vacant.insert(view)),
        Entry::Occupied(_) => {
            problems.add(|| format!("payment {payment}: it is in the books twice"));
        }
    })?;
    Ok(views)
}

/// What concerns several payments at once.
#[derive(Debug, Default)]
struct Crossing {
    references: References,
    visits: Spill<Visit>,
    sums: Sums,
}

impl Crossing {
    fn note(&mut self, payment: PaymentId, record: &Record, run: usize) {
        self.references.add(payment, acts::references(record));
        self.visits.put(&Visit::of(record, run));
        self.sums.add(record);
    }
}

#[cfg(test)]
mod tests;
