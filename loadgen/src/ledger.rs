//! The load generator's own record of a run: what was asked for, what people did, and everything
//! that either side was told.
//!
//! It never looks into the gateway. The [`audit`](crate::audit) compares the two afterwards.

mod attempt;
mod order;
mod record;
mod standing;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kessai_engine::terms::{Amount, CustomerId, PaymentId, Reason, TerminalId};

use crate::people::{Deed, Person};

pub use attempt::{Attempt, Done, Heard, Slip};
pub(crate) use order::is_quoted;
pub use order::{Order, Shown};
pub use record::{Moment, Receipt, Record, Telling, Told};
pub use standing::Standing;

/// How many parts the ledger has, so that tasks seldom wait for each other.
const PARTS: usize = 64;

/// Keeps the records of a run, shared by all tasks of it.
#[derive(Debug)]
pub struct Ledger {
    parts: Box<[Mutex<HashMap<PaymentId, Record>>]>,
    strays: Mutex<Vec<String>>,
    telling: Telling,
}

/// What a prompt means to the customer who gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompted {
    /// The first: this is what the customer is going to do.
    First(Person),
    /// One seen before: the customer is at it already.
    Again,
    /// Nobody asked this customer for it: nothing is done.
    Unasked,
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
        Self::new(Telling::default())
    }
}

impl Ledger {
    /// Begins one for a run in which customers are told so much.
    #[must_use]
    pub fn new(telling: Telling) -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { parts, strays: Mutex::default(), telling }
    }

    /// Writes down that a till is about to ask for a payment.
    pub fn asked(&self, payment: PaymentId, order: Order) {
        let twice = self.part(&payment, |part| part.insert(payment, Record::new(order)).is_some());
        if twice {
            self.stray(format!("two tills made the same payment id {payment}"));
        }
    }

    /// Writes down that `customer` was asked to confirm what is `shown`, with `time_to_answer`.
    #[must_use]
    pub fn prompted(
        &self,
        payment: PaymentId,
        shown: &Shown<'_>,
        at: Moment,
        time_to_answer: Duration,
    ) -> Prompted {
        let found = self.part(&payment, |part| {
            let record = part.get_mut(&payment)?;
            if record.order.customer != shown.customer {
                return None;
            }
            let wrong = record.order.differs(shown);
            let first = record.prompted.is_none();
            record.prompted.get_or_insert(at);
            record.time_to_answer = time_to_answer;
            let person = record.order.person.clone();
            Some((wrong, if first { Prompted::First(person) } else { Prompted::Again }))
        });
        match found {
            Some((None, prompted)) => prompted,
            Some((Some(what), prompted)) => {
                self.stray(format!("payment {payment} was shown to its customer with {what}"));
                prompted
            }
            None => {
                let customer = shown.customer;
                self.stray(format!(
                    "customer {customer} was asked to confirm payment {payment}, \
                     which no till had asked of them"
                ));
                Prompted::Unasked
            }
        }
    }

    /// Writes down what a customer is doing at this moment.
    pub fn acted(&self, payment: PaymentId, deed: Deed, at: Moment) {
        self.part(&payment, |part| {
            if let Some(record) = part.get_mut(&payment) {
                record.acts.push((at, deed));
            }
        });
    }

    /// Writes down that the clerk is giving a payment up at this moment.
    pub fn given_up(&self, payment: PaymentId, at: Moment) {
        self.part(&payment, |part| {
            if let Some(record) = part.get_mut(&payment) {
                record.given_up = Some(at);
            }
        });
    }

    /// Writes down what a terminal was told.
    pub fn told_terminal(&self, payment: PaymentId, terminal: TerminalId, told: Told) -> Progress {
        self.change(payment, &format_args!("terminal {terminal}"), |record| {
            record.terminal.push(told);
        })
    }

    /// Writes down what a customer was told.
    pub fn told_customer(&self, payment: PaymentId, customer: CustomerId, told: Told) -> Progress {
        self.change(payment, &format_args!("customer {customer}"), |record| {
            if record.order.customer == customer {
                record.customer.push(told);
            } else {
                record.misled.push(customer);
            }
        })
    }

    /// Writes down that the gateway refused to begin a payment.
    pub fn refused(&self, payment: PaymentId, reason: Reason, at: Moment) -> Progress {
        self.change(payment, &"a terminal", |record| record.refused = Some((at, reason)))
    }

    /// Writes down what is about to be done about an approved payment.
    pub fn attempted(&self, payment: PaymentId, at: Moment, terminal: TerminalId, deed: Done) {
        self.part(&payment, |part| {
            if let Some(record) = part.get_mut(&payment) {
                record.attempts.push(Attempt {
                    at,
                    terminal,
                    deed,
                    answers: Vec::new(),
                    answered: None,
                });
            }
        });
    }

    /// Writes down what came of what was done last about an approved payment.
    pub fn heard(&self, payment: PaymentId, heard: Heard, at: Moment) -> Progress {
        self.change(payment, &"a terminal", |record| {
            if let Some(attempt) = record.attempts.last_mut() {
                attempt.answers.push(heard);
                attempt.answered.get_or_insert(at);
            }
        })
    }

    /// Writes down that a code was sent that is none, on the way to or after a payment.
    pub fn slipped(&self, payment: PaymentId, slip: Slip) {
        self.part(&payment, |part| {
            if let Some(record) = part.get_mut(&payment) {
                record.slips.push(slip);
            }
        });
    }

    /// Writes down that its tills have done all about a payment that they were going to do.
    pub fn over(&self, payment: PaymentId) -> Progress {
        self.change(payment, &"nobody", |record| record.is_over = true)
    }

    /// Copies what is written down of a payment.
    #[must_use]
    pub fn record(&self, payment: &PaymentId) -> Option<Record> {
        self.part(payment, |part| part.get(payment).cloned())
    }

    /// Says what a till has left to give back of a payment: what was captured, and what is left.
    #[must_use]
    pub fn refundable(&self, payment: &PaymentId) -> Option<(Amount, Amount)> {
        let last = self.part(payment, |part| part.get(payment)?.standings().last().copied())?;
        Some((last.captured, last.captured.checked_sub(last.refunded).ok()?))
    }

    /// Writes down something that must not happen and belongs to no payment.
    pub fn stray(&self, sentence: String) {
        self.strays.lock().unwrap_or_else(PoisonError::into_inner).push(sentence);
    }

    /// Says whether somebody already knows that the payment has ended: then nobody answers it.
    #[must_use]
    pub fn has_ended(&self, payment: &PaymentId) -> bool {
        self.part(payment, |part| {
            part.get(payment).is_some_and(|record| !record.customer.is_empty())
        })
    }

    /// Looks at every record, one after the other, while more is written down.
    pub fn each(&self, mut look: impl FnMut(&PaymentId, &Record)) {
        for part in &self.parts {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            part.iter().for_each(|(payment, record)| look(payment, record));
        }
    }

    /// Copies everything that was written down: the records, and what must not have happened.
    #[must_use]
    pub fn copy(&self) -> (Vec<(PaymentId, Record)>, Vec<String>) {
        let mut records = Vec::new();
        self.each(|payment, record| records.push((*payment, record.clone())));
        records.sort_unstable_by_key(|(_, record)| record.order.number);
        (records, self.strays.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn change(
        &self,
        payment: PaymentId,
        who: &dyn std::fmt::Display,
        write: impl FnOnce(&mut Record),
    ) -> Progress {
        let progress = self.part(&payment, |part| {
            let record = part.get_mut(&payment)?;
            let before = record.is_finished(self.telling);
            write(record);
            Some(if !before && record.is_finished(self.telling) {
                Progress::Finished(Box::new(record.clone()))
            } else {
                Progress::Open
            })
        });
        progress.unwrap_or_else(|| {
            self.stray(format!("{who} was told of payment {payment}, which nobody asked for"));
            Progress::Open
        })
    }

    fn part<R>(
        &self,
        payment: &PaymentId,
        look: impl FnOnce(&mut HashMap<PaymentId, Record>) -> R,
    ) -> R {
        // The last byte of an id is random.
        let [.., last] = payment.as_bytes();
        let place = usize::from(*last) % PARTS;
        #[expect(clippy::expect_used, reason = "the remainder is below the number of parts")]
        let part = self.parts.get(place).expect("the ledger has this part");
        look(&mut part.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::{Ledger, Progress, Prompted};
    use crate::people::Deed;
    use crate::sample;
    use kessai_engine::terms::{Currency, Reason};
    use std::time::Duration;

    const AT: Duration = Duration::from_millis(5);

    #[test]
    fn a_payment_is_finished_once_when_both_sides_know() {
        let ledger = Ledger::default();
        let (payment, order) = (sample::payment(1), sample::order(1));
        let (terminal, customer) = (order.terminal, order.customer);
        ledger.asked(payment, order);
        let told = sample::told_approved(1);
        let noticed = super::Told { notice: Some(1), ..told.clone() };
        let progress = ledger.told_customer(payment, customer, noticed);
        assert!(matches!(progress, Progress::Open));
        let progress = ledger.told_terminal(payment, terminal, told.clone());
        assert!(matches!(progress, Progress::Open), "the till may still do something about it");
        assert!(matches!(ledger.over(payment), Progress::Finished(_)));
        let progress = ledger.told_terminal(payment, terminal, told);
        assert!(matches!(progress, Progress::Open), "told again, finished once");
        let (records, strays) = ledger.copy();
        assert_eq!((records[0].1.terminal.len(), records[0].1.customer.len()), (2, 1));
        assert_eq!(strays, Vec::<String>::new());
    }

    #[test]
    fn a_refusal_finishes_a_payment() {
        let ledger = Ledger::default();
        ledger.asked(sample::payment(1), sample::order(1));
        let progress = ledger.refused(sample::payment(1), Reason::Busy, AT);
        assert!(matches!(progress, Progress::Finished(_)));
    }

    #[test]
    fn only_the_first_prompt_finds_a_person() {
        let ledger = Ledger::default();
        let order = sample::order(1);
        let lines = order.lines.clone();
        let shown = sample::shown(&order, &lines);
        ledger.asked(sample::payment(1), order.clone());
        let prompt = || ledger.prompted(sample::payment(1), &shown, AT, AT);
        assert_eq!(prompt(), Prompted::First(order.person.clone()));
        assert_eq!(prompt(), Prompted::Again);
        ledger.acted(sample::payment(1), Deed::Approve, AT);
        ledger.given_up(sample::payment(1), AT);
        let (records, strays) = ledger.copy();
        assert_eq!(records[0].1.acts, [(AT, Deed::Approve)]);
        assert_eq!(records[0].1.given_up, Some(AT));
        assert_eq!(strays, Vec::<String>::new());
    }

    #[test]
    fn what_nobody_asked_for_is_written_down() {
        let ledger = Ledger::default();
        let order = sample::order(1);
        let shown = sample::shown(&order, &order.lines);
        assert_eq!(ledger.prompted(sample::payment(9), &shown, AT, AT), Prompted::Unasked);
        let told = sample::told_approved(1);
        let _open = ledger.told_customer(sample::payment(9), order.customer, told.clone());
        let _open = ledger.told_terminal(sample::payment(9), order.terminal, told);
        ledger.asked(sample::payment(1), order.clone());
        ledger.asked(sample::payment(1), order.clone());
        assert_eq!(ledger.copy().1.len(), 4);
    }

    #[test]
    fn another_price_another_shop_or_other_goods_on_the_handset_are_seen() {
        let order = sample::order(1);
        let check = |change: &dyn Fn(&mut super::Shown<'_>), expected: usize| {
            let ledger = Ledger::default();
            ledger.asked(sample::payment(1), order.clone());
            let mut shown = sample::shown(&order, &order.lines);
            change(&mut shown);
            let _person = ledger.prompted(sample::payment(1), &shown, AT, AT);
            assert_eq!(ledger.copy().1.len(), expected, "{shown:?}");
        };
        check(&|_| {}, 0);
        check(&|shown| shown.total = sample::yen(1).of(Currency::JPY), 1);
        check(&|shown| shown.price = sample::yen(300).of(Currency::USD), 1);
        check(&|shown| shown.exchange = Some(("157.2".parse().unwrap(), 0)), 1);
        check(&|shown| shown.store_name = "another", 1);
        check(&|shown| shown.lines = &[], 1);
        check(&|shown| shown.customer = sample::order(2).customer, 1);
    }
}
