//! Counts and times of a run: kept while it goes on, and taken anew from the ledger at its end.
//!
//! This and [`report`](crate::report) are the only places that compute with fractions.

mod kind;
mod times;

use std::collections::BTreeMap;
use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::Reason;

use crate::ledger::{Done, Record, Told};
use crate::people::Deed;
use crate::schedule::Skip;
use crate::timing;

pub use kind::Kind;
pub(crate) use times::milliseconds;
pub use times::{Quantiles, Times};

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The customer approved, whether or not the money went back later.
    Approved,
    /// The customer could not or might not pay.
    Declined,
    /// Customer or clerk called it off.
    Cancelled,
    /// Nobody answered in time.
    Expired,
    /// The gateway did not begin it, or gave no answer about it.
    Refused,
    /// The load generator did not begin it.
    Skipped,
}

impl Outcome {
    /// Every outcome, in the order of reports.
    pub const ALL: [Self; 6] = [
        Self::Approved,
        Self::Declined,
        Self::Cancelled,
        Self::Expired,
        Self::Refused,
        Self::Skipped,
    ];

    /// Names it in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Skipped => "skipped",
        }
    }
}

/// Names, as its reason, a payment whose till never got an answer.
pub const UNANSWERED: &str = "unanswered";

/// How many payments came to each outcome, by its name, for each reason.
pub type Reasons = BTreeMap<String, BTreeMap<String, u64>>;

/// What became of one payment, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// What became of it.
    pub outcome: Outcome,
    /// Why, as the customer knows it; a till knows less.
    pub reason: &'static str,
    /// What it took.
    pub split: Option<timing::Split>,
    /// When its till was told.
    pub ended_at: Option<Duration>,
    /// Whether it expired though its customer had answered early, or was taken back though its
    /// vending machine had reported early: machines were too slow.
    pub overtaken: bool,
    /// Of which kinds it is, in the order of [`Kind::ALL`].
    pub kinds: [bool; 6],
}

impl Summary {
    /// Sums up what is written down of a payment.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let last = record.standings().pop();
        let kinds = Kind::ALL.map(|kind| kind.has(&record.order, last.as_ref()));
        let Some(told) = record.terminal.first() else {
            let reason = record.refused.map_or(UNANSWERED, |(_, reason)| reason.name());
            return Self {
                outcome: Outcome::Refused,
                reason,
                split: None,
                ended_at: None,
                overtaken: false,
                kinds,
            };
        };
        let outcome = match told.state {
            PaymentState::Authorised
            | PaymentState::Captured
            | PaymentState::Reversed
            | PaymentState::Refunded => Outcome::Approved,
            PaymentState::Declined => Outcome::Declined,
            PaymentState::Cancelled => Outcome::Cancelled,
            PaymentState::Expired => Outcome::Expired,
            PaymentState::Pending => Outcome::Refused,
        };
        let known = record.first_and_last_told().and_then(|(first, _)| first.reason);
        let known = known.or(told.reason);
        Self {
            outcome,
            reason: known.map_or(UNANSWERED, Reason::name),
            split: timing::split(record),
            ended_at: Some(told.at),
            overtaken: is_overtaken(record, outcome),
            kinds,
        }
    }
}

/// Whether somebody's time ran out although they had used only half of it.
fn is_overtaken(record: &Record, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Expired => answered_early(record),
        Outcome::Approved => reported_early(record),
        Outcome::Declined | Outcome::Cancelled | Outcome::Refused | Outcome::Skipped => false,
    }
}

/// Whether a vending machine reported within the first half of its time, and was not paid.
fn reported_early(record: &Record) -> bool {
    let told = record.terminal.first();
    let half = told.and_then(|told| told.at.checked_add(told.time_to_report? / 2));
    let was_paid = |told: &Told| told.state != PaymentState::Reversed;
    half.is_some_and(|half| {
        record.attempts.iter().any(|attempt| {
            matches!(attempt.deed, Done::Dispensed(_))
                && attempt.at < half
                && !attempt.told().is_some_and(was_paid)
        })
    })
}

/// Whether the customer answered within the first half of the time to answer.
fn answered_early(record: &Record) -> bool {
    let half = record.prompted.and_then(|at| at.checked_add(record.time_to_answer / 2));
    let ends = |deed: &Deed| *deed != Deed::Mistype;
    half.is_some_and(|half| record.acts.iter().any(|(at, deed)| ends(deed) && *at < half))
}

/// Counts and times of a run.
#[derive(Debug, Clone)]
pub struct Tally {
    span: Duration,
    reasons: BTreeMap<(Outcome, &'static str), u64>,
    kinds: [u64; 6],
    ended_in_span: u64,
    /// Payments for which machines were too slow: see [`Summary::overtaken`].
    pub overtaken: u64,
    /// What machines took, in microseconds.
    pub machine: Times,
    /// What people took, in microseconds.
    pub human: Times,
    /// How late the load generator itself began payments, in microseconds.
    pub lag: Times,
}

impl Tally {
    /// Begins to count a run whose arrivals lie in its first `span`.
    #[must_use]
    pub fn new(span: Duration) -> Self {
        Self {
            span,
            reasons: BTreeMap::new(),
            kinds: [0; 6],
            ended_in_span: 0,
            overtaken: 0,
            machine: Times::default(),
            human: Times::default(),
            lag: Times::default(),
        }
    }

    /// Counts a payment.
    pub fn add(&mut self, summary: &Summary) {
        self.count(summary.outcome, summary.reason);
        for (count, is_one) in self.kinds.iter_mut().zip(summary.kinds) {
            *count = count.saturating_add(u64::from(is_one));
        }
        if let Some(split) = summary.split {
            self.machine.add(split.machine);
            if let Some(human) = split.human {
                self.human.add(human);
            }
        }
        self.overtaken = self.overtaken.saturating_add(u64::from(summary.overtaken));
        if summary.ended_at.is_some_and(|at| at <= self.span) {
            self.ended_in_span = self.ended_in_span.saturating_add(1);
        }
    }

    /// Counts an arrival that was not begun.
    pub fn skip(&mut self, skip: Skip) {
        self.count(Outcome::Skipped, skip.name());
    }

    /// Takes over what another tally counted that no record tells: skipped arrivals, and lateness.
    pub(crate) fn take_skips(&mut self, other: &Self) {
        for ((outcome, reason), count) in &other.reasons {
            if *outcome == Outcome::Skipped {
                self.reasons.insert((*outcome, reason), *count);
            }
        }
        self.lag = other.lag.clone();
    }

    fn count(&mut self, outcome: Outcome, reason: &'static str) {
        let count = self.reasons.entry((outcome, reason)).or_default();
        *count = count.saturating_add(1);
    }

    /// Counts the arrivals that came to this outcome.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.reasons.iter().filter(|((of, _), _)| *of == outcome).map(|(_, count)| count).sum()
    }

    /// Lends the counts of payments by kind: of those that were begun, whatever became of them.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().zip(self.kinds)
    }

    /// Counts the payments of a kind.
    #[must_use]
    pub fn of_kind(&self, kind: Kind) -> u64 {
        self.kinds().filter(|(of, _)| *of == kind).map(|(_, count)| count).sum()
    }

    /// Counts all arrivals whose outcome is known.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.reasons.values().sum()
    }

    /// The share of arrivals that the load generator was too slow to begin.
    #[must_use]
    pub fn late_share(&self) -> f64 {
        let late = (Outcome::Skipped, Skip::Late.name());
        share(self.reasons.get(&late).copied().unwrap_or_default(), self.all())
    }

    /// Lends the counts by outcome and reason, in the order of outcomes.
    pub fn reasons(&self) -> impl Iterator<Item = (Outcome, &'static str, u64)> {
        self.reasons.iter().map(|((outcome, reason), count)| (*outcome, *reason, *count))
    }

    /// The counts by outcome and reason, by their names.
    #[must_use]
    pub fn named_reasons(&self) -> Reasons {
        let mut named = Reasons::new();
        for (outcome, reason, count) in self.reasons() {
            let of_outcome = named.entry(outcome.name().to_owned()).or_default();
            of_outcome.insert(reason.to_owned(), count);
        }
        named
    }

    /// How many tills were told an end within the span, a second. What was told later is not
    /// counted: a gateway that falls behind shows less than it was offered.
    ///
    /// # Units
    /// Payments a second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        rate(self.ended_in_span, self.span)
    }
}

/// What a count is of another, as a fraction; 0 of nothing.
#[must_use]
#[expect(clippy::as_conversions, reason = "counts below 2^53 are exact as fractions")]
pub fn share(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 / of as f64 }
}

/// How many of something there were a second.
#[must_use]
#[expect(clippy::as_conversions, reason = "a count below 2^53 is exact as a fraction")]
pub fn rate(count: u64, span: Duration) -> f64 {
    if span.is_zero() { 0.0 } else { count as f64 / span.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Summary, Tally, UNANSWERED};
    use crate::ledger::{Attempt, Done, Heard};
    use crate::people::Deed;
    use crate::sample;
    use crate::schedule::Skip;
    use kessai_engine::PaymentState;
    use kessai_engine::terms::Reason;
    use std::time::Duration;

    #[test]
    fn outcomes_and_reasons_are_as_the_customer_knows_them() {
        let check = |state, reason, outcome| {
            let summary = Summary::of(&sample::ended(1, state, reason));
            assert_eq!((summary.outcome, summary.reason), (outcome, reason.name()));
        };
        check(PaymentState::Captured, Reason::Approved, Outcome::Approved);
        check(PaymentState::Declined, Reason::InsufficientFunds, Outcome::Declined);
        check(PaymentState::Cancelled, Reason::CancelledByCustomer, Outcome::Cancelled);
        check(PaymentState::Expired, Reason::ExpiredUnanswered, Outcome::Expired);
        let mut late = sample::ended(1, PaymentState::Expired, Reason::ExpiredUnanswered);
        late.acts.push((Duration::from_millis(1_500), Deed::Approve));
        assert!(Summary::of(&late).overtaken);
        late.acts[0].0 = Duration::from_millis(1_700);
        assert!(!Summary::of(&late).overtaken, "the second half of 3 s began at 1610 ms");
        let mut unpaid = sample::ended(1, PaymentState::Authorised, Reason::Approved);
        unpaid.terminal[0].time_to_report = Some(Duration::from_secs(2));
        unpaid.attempts.push(Attempt {
            at: Duration::from_millis(1_000),
            terminal: unpaid.order.terminal,
            deed: Done::Dispensed(unpaid.order.total),
            answers: vec![Heard::Refused(Reason::StateForbids)],
            answered: Some(Duration::from_millis(3_000)),
        });
        assert!(Summary::of(&unpaid).overtaken);
        unpaid.attempts[0].at = Duration::from_millis(2_900);
        assert!(!Summary::of(&unpaid).overtaken, "it reported late itself");
        let (evidence, _) = sample::world();
        let refused = Summary::of(&evidence.records.last().unwrap().1);
        assert_eq!((refused.outcome, refused.reason), (Outcome::Refused, "busy"));
        let mut unanswered = sample::record(1);
        unanswered.terminal.clear();
        let summary = Summary::of(&unanswered);
        assert_eq!((summary.outcome, summary.reason), (Outcome::Refused, UNANSWERED));
    }

    #[test]
    fn all_arrivals_are_counted_once() {
        let mut tally = Tally::new(Duration::from_millis(500));
        let (evidence, _) = sample::world();
        for (_, record) in &evidence.records {
            tally.add(&Summary::of(record));
        }
        tally.skip(Skip::Late);
        let counts = Outcome::ALL.map(|outcome| tally.of(outcome));
        assert_eq!(counts, [2, 2, 2, 1, 1, 1]);
        assert_eq!(tally.all(), 9);
        assert_eq!(tally.reasons().map(|(_, _, count)| count).sum::<u64>(), 9);
        assert_eq!(tally.throughput(), 0.0, "all ends were told at 600 ms, after the span");
        let mut tally = Tally::new(Duration::from_millis(600));
        tally.add(&Summary::of(&sample::record(1)));
        tally.add(&Summary::of(&sample::record(2)));
        assert!((tally.throughput() - 2.0 / 0.6).abs() < 1e-9);
    }
}
