//! The load generator's own record of a run: what was asked for, what people did, and everything
//! that either side was told.
//!
//! It never looks into the gateway. The [`audit`](crate::audit) compares the two afterwards.
//!
//! A run may have millions of payments: what is written down of those that are over goes to disk
//! ([`spill`](crate::spill)), and memory holds those that are open. What is told of a payment later
//! is put behind its record, and entered when that is read.

mod attempt;
mod event;
mod order;
mod record;
mod standing;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kessai_engine::terms::{Amount, CustomerId, PaymentId, Reason, TerminalId};

use crate::people::{Deed, Person};
use crate::spill::{Spill, SpillError};

pub use attempt::{Attempt, Done, Heard, Slip};
pub(crate) use event::part as part_of_payment;
use event::{Event, Written};
pub(crate) use order::is_quoted;
pub use order::{Order, Shown};
pub use record::{Foreign, Moment, Receipt, Record, Telling, Told};
pub use standing::Standing;

/// How many parts of the memory there are, so that tasks seldom wait for each other.
const PARTS: usize = 64;

/// Which records stay in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retention {
    /// Those of payments that are not over.
    #[default]
    Open,
    /// All of them: for who looks at everything again and again while the run goes on.
    All,
}

/// Keeps the records of a run, shared by all tasks of it.
#[derive(Debug)]
pub struct Ledger {
    parts: Box<[Mutex<HashMap<PaymentId, Record>>]>,
    over: Spill<Written>,
    strays: Mutex<Vec<String>>,
    telling: Telling,
    retention: Retention,
}

/// What a prompt means to the customer who gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompted {
    /// The first: this is what the customer is going to do.
    First(Person),
    /// One seen before, or of a payment that is over: nobody does anything more about it. Whether it
    /// was ever asked for is found when it is read.
    Again,
    /// Nobody asked this customer for it: nothing is done.
    Unasked,
}

/// What is written down of the payments of one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Portion {
    /// Every payment, in the order of the arrivals.
    pub records: Vec<(PaymentId, Record)>,
    /// What must not have happened to any of them.
    pub strays: Vec<String>,
}

/// Says whether a telling was the last that a payment waited for.
#[derive(Debug, Clone)]
pub enum Progress {
    /// Everybody knows how it ended now, and nothing more is going to happen.
    Finished(Box<Record>),
    /// Somebody still waits, or nobody did.
    Open,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new(Telling::default(), Retention::default())
    }
}

impl Ledger {
    /// Begins one for a run in which customers are told so much.
    #[must_use]
    pub fn new(telling: Telling, retention: Retention) -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        let (over, strays) = (Spill::default(), Mutex::default());
        Self { parts, over, strays, telling, retention }
    }

    /// Opens what was [kept](Self::keep) of a run that is over, with the strays of it.
    ///
    /// # Errors
    /// [`SpillError`] if it is not there as a whole.
    pub fn open(folder: &Path, strays: Vec<String>) -> Result<Self, SpillError> {
        let strays = Mutex::new(strays);
        Ok(Self { over: Spill::open(folder)?, strays, ..Self::default() })
    }

    /// Copies all records to a folder, those in memory as well; [`strays`](Self::strays) are not
    /// among them.
    ///
    /// # Errors
    /// [`SpillError`].
    pub fn keep(&self, folder: &Path) -> Result<(), SpillError> {
        for part in &self.parts {
            let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
            for (payment, record) in part.drain() {
                self.over.put(&Written::Record(payment, Box::new(record)));
            }
        }
        self.over.keep(folder)
    }

    /// Writes down that a till is about to ask for a payment.
    pub fn asked(&self, payment: PaymentId, order: Order) {
        let twice = self.part(&payment, |part| part.insert(payment, Record::new(order)).is_some());
        if twice {
            self.stray(made_twice(payment));
        }
    }

    /// Writes down all that is known of a payment that is over.
    pub fn enter(&self, payment: PaymentId, record: Record) {
        self.over.put(&Written::Record(payment, Box::new(record)));
    }

    /// Writes down that a customer was asked to confirm what is `shown`, with `time_to_answer`.
    #[must_use]
    pub fn prompted(
        &self,
        payment: PaymentId,
        shown: &Shown<'_>,
        at: Moment,
        time_to_answer: Duration,
    ) -> Prompted {
        let customer = shown.customer;
        let event = Event::Prompted(shown.clone(), at, time_to_answer);
        let (_, prompted) = self.write(payment, event, |record| {
            if record.order.customer != customer {
                Prompted::Unasked
            } else if record.prompted.is_none() {
                Prompted::First(record.order.person.clone())
            } else {
                Prompted::Again
            }
        });
        prompted.unwrap_or(Prompted::Again)
    }

    /// Writes down what a customer is doing at this moment.
    pub fn acted(&self, payment: PaymentId, deed: Deed, at: Moment) {
        drop(self.change(payment, Event::Acted(at, deed)));
    }

    /// Writes down that the clerk is giving a payment up at this moment.
    pub fn given_up(&self, payment: PaymentId, at: Moment) {
        drop(self.change(payment, Event::GivenUp(at)));
    }

    /// Writes down what a terminal was told.
    pub fn told_terminal(&self, payment: PaymentId, terminal: TerminalId, told: Told) -> Progress {
        self.change(payment, Event::Terminal(terminal, told))
    }

    /// Writes down what a customer was told.
    pub fn told_customer(&self, payment: PaymentId, customer: CustomerId, told: Told) -> Progress {
        self.change(payment, Event::Customer(customer, told))
    }

    /// Writes down that the gateway refused to begin a payment.
    pub fn refused(&self, payment: PaymentId, reason: Reason, at: Moment) -> Progress {
        self.change(payment, Event::Refused(at, reason))
    }

    /// Writes down what is about to be done about an approved payment.
    pub fn attempted(&self, payment: PaymentId, at: Moment, terminal: TerminalId, deed: Done) {
        let attempt = Attempt { at, terminal, deed, answers: Vec::new(), answered: None };
        drop(self.change(payment, Event::Attempted(attempt)));
    }

    /// Writes down what came of what was done last about an approved payment, and when.
    pub fn heard(&self, payment: PaymentId, heard: Heard, at: Moment) -> Progress {
        self.change(payment, Event::Heard(heard, at))
    }

    /// Writes down that a code was sent that is none, on the way to or after a payment.
    pub fn slipped(&self, payment: PaymentId, slip: Slip) {
        drop(self.change(payment, Event::Slipped(slip)));
    }

    /// Writes down that its tills have done all about a payment that they were going to do.
    pub fn over(&self, payment: PaymentId) -> Progress {
        self.change(payment, Event::Over)
    }

    /// Copies what is written down of a payment that is not over.
    #[must_use]
    pub fn record(&self, payment: &PaymentId) -> Option<Record> {
        self.part(payment, |part| part.get(payment).cloned())
    }

    /// Says what a till has left to give back of a payment that is not over: what was captured, and
    /// what is left.
    #[must_use]
    pub fn refundable(&self, payment: &PaymentId) -> Option<(Amount, Amount)> {
        let last = self.part(payment, |part| part.get(payment)?.standings().last().copied())?;
        Some((last.captured, last.captured.checked_sub(last.refunded).ok()?))
    }

    /// Writes down something that must not happen and belongs to no payment.
    pub fn stray(&self, sentence: String) {
        self.strays.lock().unwrap_or_else(PoisonError::into_inner).push(sentence);
    }

    /// Copies what must not have happened and belongs to no payment.
    #[must_use]
    pub fn strays(&self) -> Vec<String> {
        self.strays.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says whether somebody already knows that the payment has ended: then nobody answers it.
    #[must_use]
    pub fn has_ended(&self, payment: &PaymentId) -> bool {
        self.part(payment, |part| {
            part.get(payment).is_none_or(|record| !record.customer.is_empty())
        })
    }

    /// Looks at every record in memory, one after the other, while more is written down.
    pub fn each(&self, mut look: impl FnMut(&PaymentId, &Record)) {
        for part in &self.parts {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            part.iter().for_each(|(payment, record)| look(payment, record));
        }
    }

    /// Reads everything that was written down of the payments of one part of 256.
    ///
    /// # Errors
    /// [`SpillError`] if not all of it was written, or it cannot be read.
    pub fn read(&self, number: u8) -> Result<Portion, SpillError> {
        let (mut records, mut strays) = (HashMap::new(), Vec::new());
        if let Some(part) = self.parts.get(usize::from(number) % PARTS) {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            let own = part.iter().filter(|(payment, _)| event::part(payment) == number);
            records.extend(own.map(|(payment, record)| (*payment, record.clone())));
        }
        self.over.read(number, |written| match written {
            Written::Record(payment, record) => match records.entry(payment) {
                Entry::Vacant(vacant) => drop(vacant.insert(*record)),
                Entry::Occupied(_) => strays.push(made_twice(payment)),
            },
            Written::Event(payment, event) => match records.get_mut(&payment) {
                Some(record) => strays.extend(event.enter(payment, record)),
                None => strays.push(event.of_nobody(payment)),
            },
        })?;
        let mut records: Vec<_> = records.into_iter().collect();
        records.sort_unstable_by_key(|(payment, record)| (record.order.number, *payment));
        Ok(Portion { records, strays })
    }

    fn change(&self, payment: PaymentId, event: Event<'_>) -> Progress {
        self.write(payment, event, |_| ()).0
    }

    /// Enters an event into the record of its payment, after a look at that. If nothing more is
    /// going to happen, the record leaves the memory; if it has left, the event goes after it.
    fn write<R>(
        &self,
        payment: PaymentId,
        event: Event<'_>,
        look: impl FnOnce(&Record) -> R,
    ) -> (Progress, Option<R>) {
        let (progress, seen, stray) = self.part(&payment, |part| {
            let Entry::Occupied(mut found) = part.entry(payment) else {
                self.over.put(&Written::Event(payment, event.into_owned()));
                return (Progress::Open, None, None);
            };
            let seen = look(found.get());
            let was_finished = found.get().is_finished(self.telling);
            let stray = event.enter(payment, found.get_mut());
            let is_finished = found.get().is_finished(self.telling);
            let record = if is_finished && found.get().is_over && self.retention == Retention::Open
            {
                let written = Written::Record(payment, Box::new(found.remove()));
                self.over.put(&written);
                written.into_record()
            } else if is_finished && !was_finished {
                Some(Box::new(found.get().clone()))
            } else {
                None
            };
            let progress = match record.filter(|_| !was_finished) {
                Some(record) => Progress::Finished(record),
                None => Progress::Open,
            };
            (progress, Some(seen), stray)
        });
        if let Some(stray) = stray {
            self.stray(stray);
        }
        (progress, seen)
    }

    fn part<R>(
        &self,
        payment: &PaymentId,
        look: impl FnOnce(&mut HashMap<PaymentId, Record>) -> R,
    ) -> R {
        let place = usize::from(event::part(payment)) % PARTS;
        #[expect(clippy::expect_used, reason = "the remainder is below the number of parts")]
        let part = self.parts.get(place).expect("the ledger has this part");
        look(&mut part.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn made_twice(payment: PaymentId) -> String {
    format!("two tills made the same payment id {payment}")
}

#[cfg(test)]
mod tests;
