//! What must be so: whatever anybody was told is still so after the gateway was started again, no
//! payment is debited twice, and no yen comes or goes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use kessai_client::terms::CustomerId;
use kessai_client::wire::{Handset, Payment, PaymentState};
use kessai_engine::{self as engine, Engine};

use super::cast::BALANCE;
use super::heard::{Bought, Heard, RefundEnd, may_become};
use crate::audit::{BooksInMemory, PaymentEntry};

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Broken(pub(super) String);

impl From<String> for Broken {
    fn from(what: String) -> Self {
        Self(what)
    }
}

/// Compares what was told with what is.
pub(super) struct Judge {
    heard: Rc<Heard>,
    /// The engine that serves now, or served last.
    engine: RefCell<Option<Arc<Engine>>>,
    recoveries: RefCell<u64>,
}

impl Judge {
    pub(super) fn new(heard: &Rc<Heard>) -> Self {
        Self { heard: Rc::clone(heard), engine: RefCell::default(), recoveries: RefCell::default() }
    }

    /// Says whether the gateway has served before.
    pub(super) fn has_begun(&self) -> bool {
        self.engine.borrow().is_some()
    }

    /// How often the gateway was recovered from its disk.
    pub(super) fn recoveries(&self) -> u64 {
        *self.recoveries.borrow()
    }

    /// Takes note of the engine that serves from now on.
    pub(super) fn serves(&self, engine: &Arc<Engine>) {
        *self.engine.borrow_mut() = Some(Arc::clone(engine));
    }

    /// Judges an engine that was recovered just now.
    ///
    /// # Errors
    /// [`Broken`] names the first promise that it breaks.
    pub(super) fn recovered(&self, engine: &Engine) -> Result<(), Broken> {
        if self.has_begun() {
            let mut recoveries = self.recoveries.borrow_mut();
            *recoveries = recoveries.saturating_add(1);
        }
        let books = books(engine)?;
        check_money(&books)?;
        self.heard.each_bought(|payment, bought| {
            let entry = books.payments.get(&payment);
            bought.answers.iter().try_for_each(|answer| check_answer(answer, entry))
        })?;
        self.heard.each_notice(|customer, notice| {
            let entry = books.payments.get(&notice.payment).ok_or_else(|| {
                Broken(format!("{customer} was told of a payment that is not there: {notice:?}"))
            })?;
            let owed = books.customers.get(&customer).map_or(0, |customer| customer.notices);
            if notice.number.get() > owed || !may_become(notice.state, state(entry)) {
                return Err(Broken(format!("{customer} was told {notice:?}, but it is {entry:?}")));
            }
            Ok(())
        })
    }

    /// Judges the engine that serves, while everything goes on.
    ///
    /// # Errors
    /// [`Broken`] names the first promise that it breaks.
    pub(super) fn look(&self) -> Result<(), Broken> {
        if let Some(wrong) = self.heard.wrong() {
            return Err(Broken(wrong));
        }
        self.engine.borrow().as_ref().map_or(Ok(()), |engine| check_money(&books(engine)?))
    }

    /// Judges what is left when nothing goes wrong any more and everybody has been told.
    ///
    /// # Errors
    /// [`Broken`] names the first promise that is broken.
    pub(super) fn at_rest(&self) -> Result<(), Broken> {
        self.look()?;
        let engine = self.engine.borrow();
        let engine = engine.as_ref().ok_or_else(|| Broken("it never served".to_owned()))?;
        if engine.open_payments() > 0 {
            return Err(Broken(format!("{} payments never end", engine.open_payments())));
        }
        let books = books(engine)?;
        let mut expected: BTreeMap<CustomerId, u64> = BTreeMap::new();
        self.heard.each_bought(|payment, bought| {
            let Some(end) = &bought.end else {
                return Err(Broken(format!("the till never learns the end of {payment}")));
            };
            check_end(end, bought, books.payments.get(&payment))?;
            let paid = end.captured.minor().saturating_sub(end.refunded.minor());
            let spent = expected.entry(bought.customer).or_default();
            *spent =
                spent.saturating_add(if end.state == PaymentState::Reversed { 0 } else { paid });
            Ok(())
        })?;
        for (customer, entry) in &books.customers {
            let spent = expected.get(customer).copied().unwrap_or(0);
            if entry.balance.minor().checked_add(spent) != Some(BALANCE) {
                return Err(Broken(format!(
                    "{customer} has {} of {BALANCE} yen, but the tills know of {spent}",
                    entry.balance.minor()
                )));
            }
        }
        let devices = books.customers.keys().flat_map(|customer| {
            let devices = engine.devices(customer);
            devices.into_iter().map(|device| Handset { customer: *customer, device: device.id })
        });
        for handset in devices {
            let owed = engine.owed(&handset.customer, &handset.device, 0);
            let owed = owed.map_err(|reason| Broken(format!("{handset} is refused: {reason}")))?;
            let missed =
                owed.notices.iter().find(|owed| !self.heard.has_noticed(&handset, owed.notice));
            if let Some(missed) = missed {
                return Err(Broken(format!("{handset} was never told of {missed:?}")));
            }
        }
        Ok(())
    }
}

fn books(engine: &Engine) -> Result<BooksInMemory, Broken> {
    BooksInMemory::read(engine)
        .map_err(|error| Broken(format!("the books cannot be added up: {error}")))
}

/// Money is conserved, each customer's as well: what was debited for payments is what is missing.
fn check_money(books: &BooksInMemory) -> Result<(), Broken> {
    if let Some(problem) = books.problems.first() {
        return Err(Broken(problem.clone()));
    }
    let mut paid: BTreeMap<CustomerId, u64> = BTreeMap::new();
    for entry in books.payments.values() {
        if let Some(customer) = entry.customer
            && entry.state != engine::PaymentState::Reversed
        {
            let kept = entry.captured.minor().saturating_sub(entry.refunded.minor());
            let paid = paid.entry(customer).or_default();
            *paid = paid.saturating_add(kept);
        }
    }
    books.customers.iter().try_for_each(|(customer, entry)| {
        let paid = paid.get(customer).copied().unwrap_or(0);
        if entry.balance.minor().checked_add(paid) == Some(BALANCE) {
            return Ok(());
        }
        let balance = entry.balance.minor();
        Err(Broken(format!("{customer} has {balance} of {BALANCE} yen after paying {paid}")))
    })
}

/// What a till was told of a payment is so, or was before what is so now.
fn check_answer(answer: &Payment, entry: Option<&PaymentEntry>) -> Result<(), Broken> {
    let broken = || Err(Broken(format!("a till was told {answer:?}, but it is {entry:?}")));
    let Some(entry) = entry else { return broken() };
    let numbered = answer.approval.map(|approval| approval.number);
    let fits = may_become(answer.state, state(entry))
        && (numbered.is_none() || numbered == entry.approval)
        && answer.captured <= entry.captured
        && answer.refunded <= entry.refunded;
    if fits { Ok(()) } else { broken() }
}

/// What a till was told at last is so, the whole of it.
fn check_end(end: &Payment, bought: &Bought, entry: Option<&PaymentEntry>) -> Result<(), Broken> {
    check_answer(end, entry)?;
    let exact = entry.is_some_and(|entry| {
        (end.state, end.captured, end.refunded) == (state(entry), entry.captured, entry.refunded)
    });
    let made = bought.refunds.values().filter(|(_, end)| *end == Some(RefundEnd::Made));
    let given_back: u64 = made.map(|(amount, _)| amount.minor()).sum();
    if exact && end.refunded.minor() == given_back && end.captured <= bought.price {
        return Ok(());
    }
    Err(Broken(format!(
        "the till knows {end:?} with {given_back} yen given back, but it is {entry:?}"
    )))
}

/// How a payment stands, as tills and handsets say it.
fn state(entry: &PaymentEntry) -> PaymentState {
    match entry.state {
        engine::PaymentState::Pending => PaymentState::Pending,
        engine::PaymentState::Authorised => PaymentState::Authorised,
        engine::PaymentState::Captured => PaymentState::Captured,
        engine::PaymentState::Reversed => PaymentState::Reversed,
        engine::PaymentState::Refunded if entry.refunded == entry.captured => {
            PaymentState::Refunded
        }
        engine::PaymentState::Refunded => PaymentState::PartlyRefunded,
        engine::PaymentState::Declined => PaymentState::Declined,
        engine::PaymentState::Cancelled => PaymentState::Cancelled,
        engine::PaymentState::Expired => PaymentState::Expired,
    }
}
