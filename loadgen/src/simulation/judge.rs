//! The judge: a plain reference model beside the real engine. It is told what was asked, in the
//! order in which the gateway took it up, and predicts what must come of it.
//!
//! It trusts nothing that the engine says about itself. Which record a message depends on, it knows
//! from its own books; which records are on the disk, from the storage's own calls; what was ever
//! told, it keeps apart from the books, and holds against whatever recovery brings back.

use std::collections::VecDeque;

use kessai_engine::terms::collation::ServerNonce;
use kessai_engine::terms::ids::PaymentId;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{Collated, Engine, Freshness, Lsn, Opening, Owed, PaymentView, Standing};

use super::cast::Cast;
use super::message::{Answer, Purchase, Tell};

mod books;
mod ending;
mod facts;
mod opening;
mod proving;
mod whole;

use books::{Books, Stand};
use facts::Facts;
pub(super) use proving::{Proved, Prover};

/// What must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(super) struct Violation {
    pub(super) kind: Wrong,
    what: String,
}

/// What kind of promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wrong {
    /// Something that was told is not so any more.
    Lost,
    /// A payment was debited twice.
    Doubled,
    /// Something was refused for no reason.
    FalseRefusal,
    /// Anything else.
    Other,
}

impl Violation {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self::of(Wrong::Other, what)
    }

    pub(super) fn of(kind: Wrong, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}

impl From<String> for Violation {
    fn from(what: String) -> Self {
        Self::new(what)
    }
}

/// Where a payment must stand, or why nothing must be told.
type Predicted = Result<Stand, Reason>;

/// How many of the last batches are remembered: a disk that lies more often in a life is caught.
const LIES: usize = 64;

/// The reference model, with all that was told.
#[derive(Debug)]
pub(super) struct Judge {
    books: Books,
    facts: Facts,
    /// The latest record that is on the disk for sure.
    synced: Lsn,
    /// The latest one before each of the last batches, the newest first.
    before_batches: VecDeque<Lsn>,
}

impl Judge {
    /// Begins when everybody was entered and that is on the disk.
    pub(super) fn new(entered: Lsn) -> Self {
        Self {
            books: Books::new(entered),
            facts: Facts::default(),
            synced: entered,
            before_batches: VecDeque::new(),
        }
    }

    /// What is asked next is done at `now_ms` of the gateway's clock, with the memory's floor at
    /// `floor_ms`; the latest record is `at`.
    pub(super) const fn at(&mut self, now_ms: u64, floor_ms: u64, at: Lsn) {
        self.books.now_ms = now_ms;
        self.books.floor_ms = floor_ms;
        self.books.at = at;
    }

    pub(super) fn opened(
        &mut self,
        till: usize,
        asked: &Purchase,
        found: &Result<Opening, Reason>,
    ) -> Result<(), Violation> {
        let predicted = self.books.open(till, asked);
        self.agree("open", predicted, found)
    }

    pub(super) fn cancelled(
        &mut self,
        payment: &PaymentId,
        till: usize,
        found: &Result<Opening, Reason>,
    ) -> Result<(), Violation> {
        let predicted = self.books.cancel(payment, till);
        self.agree("cancel", predicted, found)
    }

    pub(super) fn refused(
        &mut self,
        payment: &PaymentId,
        customer: usize,
        found: &Result<Opening, Reason>,
    ) -> Result<(), Violation> {
        let predicted = self.books.cancel_by_customer(payment, customer);
        self.agree("refuse", predicted, found)
    }

    pub(super) fn asked(
        &self,
        payment: &PaymentId,
        till: usize,
        found: &Result<Opening, Reason>,
    ) -> Result<(), Violation> {
        let predicted = self.books.status(payment, till);
        self.agree("status", predicted, found)
    }

    pub(super) fn delivered(
        &mut self,
        payment: &PaymentId,
        (till, price): (usize, Option<u64>),
        cast: &Cast,
        found: &Result<Opening, Reason>,
    ) -> Result<(), Violation> {
        let predicted = self.books.deliver(payment, till, price, cast);
        self.agree("delivered", predicted, found)
    }

    pub(super) fn reversed(
        &mut self,
        payment: &PaymentId,
        till: usize,
        cast: &Cast,
        found: &Result<Opening, Reason>,
    ) -> Result<(), Violation> {
        let predicted = self.books.reverse(payment, till, cast);
        self.agree("reverse", predicted, found)
    }

    pub(super) fn refunded(
        &mut self,
        refund: &PaymentId,
        of: (&PaymentId, usize),
        price: u64,
        cast: &Cast,
        found: &Result<Opening, Reason>,
    ) -> Result<(), Violation> {
        let predicted = self.books.give_refund(refund, of, price, cast);
        self.agree("refund", predicted, found)
    }

    pub(super) fn expired(&mut self, view: &PaymentView) -> Result<(), Violation> {
        let predicted = self.books.expire(&view.payment);
        self.agree("expire", predicted, &Ok(first(view)))
    }

    /// Checks that nothing is left whose time is over.
    pub(super) fn nothing_due(&self) -> Result<(), Violation> {
        match self.books.due().first() {
            None => Ok(()),
            Some(payment) => Err(Violation::new(format!("{payment} should have expired"))),
        }
    }

    /// A handset has come back: all that waits for its customer is asked.
    pub(super) fn attached(&self, customer: usize, owed: &Owed) -> Result<(), Violation> {
        let waiting = self.books.pending(customer).into_iter().map(|(id, _)| id).collect();
        let latest = self.books.customer(customer).map(|customer| customer.notices);
        let predicted: (Vec<_>, _) = (waiting, latest);
        let found = (owed.prompts.clone(), Some(owed.latest));
        self.same("attach", &customer, &predicted, &found, Wrong::Other)
    }

    /// A handset may answer for a payment from now on.
    pub(super) fn prompted(&mut self, payment: &PaymentId, by: Prover, nonce: ServerNonce) {
        self.books.prompt(payment, by.phone, (nonce, by.line));
    }

    pub(super) fn proved(
        &mut self,
        by: Prover,
        (answer, next): (&Answer, ServerNonce),
        cast: &Cast,
        found: &Result<Collated, Reason>,
    ) -> Result<(), Violation> {
        let predicted = self.books.prove(by, answer, next, cast);
        let told = match found {
            Err(reason) => Err(*reason),
            Ok(Collated::Approved { view, .. } | Collated::Declined { view, .. }) => {
                Ok(Proved::Stands(stand(view, Freshness::First)))
            }
            Ok(Collated::Ended { view, freshness }) => Ok(Proved::Stands(stand(view, *freshness))),
            Ok(Collated::Mismatched { tries_left, .. }) => Ok(Proved::TryAgain(*tries_left)),
            Ok(Collated::Stale { .. }) => Ok(Proved::Stale),
        };
        self.same("prove", &answer.payment, &predicted, &told, refused(&predicted, &told))
    }

    /// A proof came for a payment that ended long ago.
    pub(super) fn proved_late(
        &mut self,
        payment: &PaymentId,
        customer: usize,
        found: &Result<Opening, Reason>,
    ) -> Result<(), Violation> {
        let predicted = self.books.answered_late(payment, customer);
        self.agree("prove", predicted, found)
    }

    pub(super) fn transferred(
        &mut self,
        (customer, reference, amount): (usize, u64, i64),
        found: Option<Freshness>,
    ) -> Result<(), Violation> {
        let predicted = self.books.transfer(customer, reference, amount);
        let wrong = if found.is_none() { Wrong::FalseRefusal } else { Wrong::Other };
        self.same("transfer", &reference, &predicted, &found, wrong)
    }

    pub(super) fn unblocked(&mut self, customer: usize) {
        self.books.unblock(customer);
    }

    pub(super) fn set_standing(&mut self, customer: usize, standing: Standing) {
        self.books.set_standing(customer, standing);
    }

    /// The latest record that tells of a payment.
    pub(super) fn basis(&self, payment: &PaymentId) -> Lsn {
        self.books.payment(payment).map_or(Lsn::NONE, |payment| payment.after)
    }

    /// The latest record that tells of a customer.
    pub(super) fn basis_of_customer(&self, customer: usize) -> Lsn {
        self.books.customer(customer).map_or(Lsn::NONE, |customer| customer.after)
    }

    /// All up to `lsn` came to the disk.
    pub(super) fn note_synced(&mut self, lsn: Lsn) {
        self.before_batches.truncate(LIES);
        self.before_batches.push_front(self.synced);
        self.synced = self.synced.max(lsn);
    }

    /// Says whether a journal that ends with `last` lacks at most so many of the last batches.
    pub(super) fn lacks_at_most(&self, batches: usize, last: Lsn) -> bool {
        let before = self.before_batches.iter().take(batches).next_back();
        last >= before.copied().unwrap_or(self.synced)
    }

    /// Says whether there is such a payment.
    pub(super) fn knows(&self, payment: &PaymentId) -> bool {
        self.books.payment(payment).is_some()
    }

    /// A message leaves that tells what depends on the record `basis`.
    pub(super) fn note_told(&mut self, tell: &Tell, basis: Lsn) -> Result<(), Violation> {
        if basis > self.synced {
            let (what, synced) = (basis.0, self.synced.0);
            return Err(Violation::new(format!(
                "told before it was durable: {tell:?} depends on record {what}, and only {synced} \
                 are on the disk"
            )));
        }
        self.facts.note(tell)
    }

    fn agree(
        &self,
        command: &str,
        predicted: Predicted,
        found: &Result<Opening, Reason>,
    ) -> Result<(), Violation> {
        let told = found.as_ref().map(|found| stand(&found.view, found.freshness));
        let told = told.map_err(|reason| *reason).map(|told| match predicted {
            // The archive does not number notices.
            Ok(Stand { notice, .. }) if told.notice == 0 => Stand { notice, ..told },
            Ok(_) | Err(_) => told,
        });
        let payment = found.as_ref().ok().map(|found| found.view.payment);
        self.same(command, &payment, &predicted, &told, refused(&predicted, &told))
    }

    /// Compares what came of a command, and what is cheap to compare after each: no money came or
    /// went, and nothing was recorded unless something changed.
    fn same<T: PartialEq + std::fmt::Debug>(
        &self,
        command: &str,
        about: &impl std::fmt::Debug,
        predicted: &T,
        found: &T,
        wrong: Wrong,
    ) -> Result<(), Violation> {
        if predicted != found {
            let what = format!(
                "{command} of {about:?}: the model says {predicted:?}, the engine {found:?}"
            );
            return Err(Violation::of(wrong, what));
        }
        if self.books.is_conserved() {
            Ok(())
        } else {
            Err(Violation::new(format!("{command} of {about:?}: money came or went")))
        }
    }

    /// Checks what is cheap to check after each command, in the engine itself.
    pub(super) fn check_quickly(&self, engine: &Engine, cast: &Cast) -> Result<(), Violation> {
        let open = usize::try_from(engine.open_payments()).unwrap_or(usize::MAX);
        if open != self.books.open_payments() {
            let counted = self.books.open_payments();
            return Err(Violation::new(format!("{open} payments count as open, {counted} are")));
        }
        self.check_customers(engine, cast)
    }
}

/// What it is if these two are not the same.
const fn refused<T>(predicted: &Result<T, Reason>, found: &Result<T, Reason>) -> Wrong {
    match (predicted, found) {
        (Ok(_), Err(_)) => Wrong::FalseRefusal,
        (Ok(_) | Err(_), _) => Wrong::Other,
    }
}

fn stand(view: &PaymentView, freshness: Freshness) -> Stand {
    Stand {
        state: view.state,
        reason: view.reason,
        captured: view.captured.minor(),
        refunded: view.refunded.minor(),
        notice: view.notice,
        freshness,
    }
}

fn first(view: &PaymentView) -> Opening {
    Opening { view: view.clone(), freshness: Freshness::First, displaced: Vec::new() }
}
