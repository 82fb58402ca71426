//! Holds everything that terminals and handsets were told against the books that a gateway
//! recovered.
//!
//! The books may be further than what was told: a payment goes on where its answer was cut off.
//! They may never be behind it, nor beside it. Nothing else may move the money, so that each
//! customer's balance is what it was before, less what the payments in the books came to.

mod totals;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use kessai_engine::PaymentState;
use kessai_engine::terms::{Amount, CustomerId, Money, Net, PaymentId, Reason, TerminalId};

use crate::audit::{Baseline, BooksInMemory, PaymentEntry, kept};
use crate::ledger::{Done, Heard, Ledger, Record, Told};

pub(super) use totals::{Flow, Turnover, Turnovers, compare_turnovers, own_turnovers};

/// What a finding is about: found again at the next restart, it is the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A payment.
    Payment(PaymentId),
    /// A customer's money.
    Customer(CustomerId),
    /// A terminal's totals.
    Terminal(TerminalId),
    /// The journal as a whole.
    Journal,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payment(payment) => write!(f, "payment {payment}"),
            Self::Customer(customer) => write!(f, "customer {customer}"),
            Self::Terminal(terminal) => write!(f, "terminal {terminal}"),
            Self::Journal => f.write_str("the journal"),
        }
    }
}

/// What does not agree, by what it is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Told, and not in the books, or otherwise there.
    pub lost: BTreeMap<Subject, String>,
    /// In the books though nobody asked for it or it was refused, or taken twice.
    pub doubled: BTreeMap<Subject, String>,
}

impl Findings {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty()
    }

    /// Adds what was found another time. What is known already stays as it was found first.
    pub fn add(&mut self, other: Self) {
        for (subject, sentence) in other.lost {
            self.lost.entry(subject).or_insert(sentence);
        }
        for (subject, sentence) in other.doubled {
            self.doubled.entry(subject).or_insert(sentence);
        }
    }

    /// Every finding in a sentence.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        let lost = self.lost.iter().map(|found| ("lost", found));
        let doubled = self.doubled.iter().map(|found| ("doubled", found));
        lost.chain(doubled).map(|(kind, (subject, fault))| format!("{kind}: {subject}: {fault}"))
    }

    pub(super) fn lose(&mut self, subject: Subject, sentence: String) {
        self.lost.entry(subject).or_insert(sentence);
    }

    pub(super) fn double(&mut self, subject: Subject, sentence: String) {
        self.doubled.entry(subject).or_insert(sentence);
    }
}

/// How much of the past is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything: the balances as well.
    All,
    /// Payments whose ids were made from then on.
    ///
    /// # Units
    /// Milliseconds since the Unix epoch.
    Since(u64),
}

impl Scope {
    fn has(self, payment: &PaymentId) -> bool {
        match self {
            Self::All => true,
            Self::Since(from_ms) => payment.unix_ms() >= from_ms,
        }
    }
}

/// Compares all that was told with books in which nobody can move anything: those of a gateway that
/// has recovered, and that nobody can reach yet.
#[must_use]
pub fn compare(
    ledger: &Ledger,
    before: &Baseline,
    books: &BooksInMemory,
    scope: Scope,
) -> Findings {
    let mut findings = Findings::default();
    let mut asked = BTreeSet::new();
    ledger.each(|payment, record| {
        if scope.has(payment) {
            asked.insert(*payment);
            judge(*payment, record, books.payments.get(payment), &mut findings);
        }
        asked.extend(record.slips.iter().map(|slip| slip.payment));
    });
    for (payment, view) in &books.payments {
        if scope.has(payment) && !asked.contains(payment) && view.price.is_some() {
            let subject = Subject::Payment(*payment);
            findings.double(subject, "it is in the books, and nobody asked for it".to_owned());
        }
    }
    if scope == Scope::All {
        balances(before, books, &mut findings);
    }
    findings
}

/// Judges one payment.
fn judge(
    payment: PaymentId,
    record: &Record,
    view: Option<&PaymentEntry>,
    findings: &mut Findings,
) {
    let subject = Subject::Payment(payment);
    let answers = record.attempts.iter().filter_map(|attempt| attempt.told());
    let at_tills = record.terminal.iter().chain(answers);
    let Some(view) = view else {
        if at_tills.chain(&record.customer).next().is_some() {
            let sentence = "somebody was told of it, and the books do not know it";
            findings.lose(subject, sentence.to_owned());
        }
        return;
    };
    let store = Side::store(view);
    let customer = Side::customer(view);
    for (who, told, side) in at_tills
        .map(|told| ("its till", told, &store))
        .chain(record.customer.iter().map(|told| ("its customer", told, &customer)))
    {
        if let Some(fault) = side.fault(told) {
            findings.lose(subject, format!("{who} was told {}, but {fault}", words(told)));
        }
    }
    if record.notices().last().zip(view.notice).is_some_and(|(last, known)| *last > known) {
        findings.lose(subject, "its customer saw a later notice than the books have".to_owned());
    }
    excess(subject, record, view, findings);
}

/// Finds money that moved though it was not to.
fn excess(subject: Subject, record: &Record, view: &PaymentEntry, findings: &mut Findings) {
    let Some(store) = view.in_store else { return };
    if let Some((_, reason)) = record.refused
        && !view.captured.is_zero()
    {
        let sentence = format!("its till was refused ({}), and it was debited", reason.name());
        findings.double(subject, sentence);
    }
    let (mut told, mut asked) = (Net::default(), Net::default());
    for attempt in &record.attempts {
        let Done::Refunded(_, price) = attempt.deed else { continue };
        let is_told = attempt.answers.iter().any(|heard| matches!(heard, Heard::Told(..)));
        let is_refused = attempt.answers.iter().any(|heard| matches!(heard, Heard::Refused(_)));
        if is_told {
            told = told.checked_add(price).unwrap_or(told);
        }
        if !is_refused {
            asked = asked.checked_add(price).unwrap_or(asked);
        }
    }
    let refunded = Net::from(store.refunded);
    if refunded.minor() < told.minor() {
        let (told, books) = (told.minor(), refunded.minor());
        findings.lose(subject, format!("refunds of {told} were told, the books have {books}"));
    }
    if refunded.minor() > asked.minor() {
        let (asked, books) = (asked.minor(), refunded.minor());
        findings.double(subject, format!("refunds of {asked} were asked for, made were {books}"));
    }
}

/// A payment as one side of it sees it in the books.
struct Side<'a> {
    view: &'a PaymentEntry,
    price: Option<Money>,
    captured: Amount,
    refunded: Amount,
    /// Whether this side is told every reason.
    knows_reasons: bool,
}

impl<'a> Side<'a> {
    fn customer(view: &'a PaymentEntry) -> Self {
        let PaymentEntry { price, captured, refunded, .. } = *view;
        Self { view, price, captured, refunded, knows_reasons: true }
    }

    fn store(view: &'a PaymentEntry) -> Self {
        let none = Amount::ZERO;
        let price = view.in_store.map(|store| store.price);
        let captured = view.in_store.map_or(none, |store| store.captured);
        let refunded = view.in_store.map_or(none, |store| store.refunded);
        Self { view, price, captured, refunded, knows_reasons: false }
    }

    /// Says what of a telling the books contradict.
    fn fault(&self, told: &Told) -> Option<String> {
        let view = self.view;
        if !may_follow(told.state, view.state) {
            return Some(format!("the books say {:?}", view.state));
        }
        let receipt = view.approval.zip(view.reference);
        if told.receipt.is_some()
            && told.receipt.map(|told| (told.approval, told.reference)) != receipt
        {
            return Some("the books have other receipt numbers".to_owned());
        }
        if told.amount.is_some() && told.amount != self.price {
            return Some("the books have another price".to_owned());
        }
        let is_captured = matches!(told.state, PaymentState::Captured | PaymentState::Refunded);
        if is_captured && told.captured != self.captured {
            return Some(format!("the books debit {}", self.captured.minor()));
        }
        if told.refunded.minor() > self.refunded.minor() {
            return Some(format!("the books gave {} back", self.refunded.minor()));
        }
        let is_same = told.state == view.state && told.refunded == self.refunded;
        if is_same && self.knows_reasons && told.reason != view.reason {
            return Some(format!("the books give {}", view.reason.map_or("none", Reason::name)));
        }
        None
    }
}

/// Whether a payment that was told to stand at `told` may have come to stand at `now`.
///
/// # Source
/// docs/ARCHITECTURE.md: the states of a payment. Worked out here and not asked of the engine.
const fn may_follow(told: PaymentState, now: PaymentState) -> bool {
    use PaymentState::{
        Authorised, Cancelled, Captured, Declined, Expired, Pending, Refunded, Reversed,
    };
    match told {
        Pending => true,
        Authorised => matches!(now, Authorised | Captured | Refunded | Reversed),
        Captured => matches!(now, Captured | Refunded | Reversed),
        Refunded => matches!(now, Refunded),
        Reversed => matches!(now, Reversed),
        Declined => matches!(now, Declined),
        Cancelled => matches!(now, Cancelled),
        Expired => matches!(now, Expired),
    }
}

fn words(told: &Told) -> String {
    let (captured, refunded) = (told.captured.minor(), told.refunded.minor());
    format!("{:?} with {captured} debited and {refunded} given back", told.state)
}

/// Says what is wrong with an answer to a request that had been answered before.
pub(super) fn repeated_otherwise(told: &Told, again: &Told) -> Option<String> {
    let same = told.receipt == again.receipt || told.receipt.is_none();
    let kept = told.captured == again.captured || told.state == PaymentState::Authorised;
    if may_follow(told.state, again.state) && same && kept && told.amount == again.amount {
        return None;
    }
    Some(format!("it was told {} and then {}", words(told), words(again)))
}

/// Each customer has what they had before, less what their payments in the books came to.
fn balances(before: &Baseline, books: &BooksInMemory, findings: &mut Findings) {
    let mut spent: BTreeMap<CustomerId, Net> = BTreeMap::new();
    for view in books.payments.values() {
        let kept = kept(view.state, view.captured, view.refunded);
        if let Some(customer) = view.customer {
            let sum = spent.entry(customer).or_default();
            *sum = sum.checked_add(kept).unwrap_or(*sum);
        }
    }
    for (customer, was) in &before.customers {
        let subject = Subject::Customer(*customer);
        let Some(now) = books.customers.get(customer) else {
            findings.lose(subject, "the books do not know it".to_owned());
            continue;
        };
        let spent = spent.get(customer).copied().unwrap_or_default();
        let due = Net::from(was.balance).checked_sub(spent).unwrap_or_default().minor();
        let has = Net::from(now.balance).minor();
        let sentence = || format!("by its payments it has {due} yen, by its balance {has}");
        if has < due {
            findings.double(subject, sentence());
        } else if has > due {
            findings.lose(subject, sentence());
        }
    }
}

#[cfg(test)]
mod tests;
