//! What was done to a gateway, and what was found, while it goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::Reason;

use super::fault::Fault;
use super::health::Receipts;
use super::judge::Findings;
use super::report::FailedSyncs;
use crate::audit::Outage;
use crate::ledger::{Heard, Ledger, Record};

/// What was done, and what was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    pub(super) kills: u64,
    pub(super) kills_while_starting: u64,
    pub(super) faults: BTreeMap<Fault, u64>,
    /// What starts took.
    pub(super) starts: Vec<Duration>,
    pub(super) outages: Vec<Outage>,
    pub(super) failed_syncs: Option<FailedSyncs>,
    pub(super) asked_again: u64,
    pub(super) receipts: Receipts,
    pub(super) findings: Findings,
    /// What was found and belongs to no payment, customer or terminal.
    pub(super) problems: Vec<String>,
}

impl Log {
    pub(super) fn found(&self) -> usize {
        let Findings { lost, doubled } = &self.findings;
        lost.len().saturating_add(doubled.len()).saturating_add(self.problems.len())
    }

    /// Counts a fault.
    pub(super) fn happened(&mut self, fault: Fault) {
        let count = self.faults.entry(fault).or_default();
        *count = count.saturating_add(1);
    }

    /// Says how often anything happened.
    pub(super) fn happenings(&self) -> u64 {
        self.faults.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    pub(super) fn last_start(&self) -> Duration {
        self.starts.last().copied().unwrap_or_default()
    }
}

/// What terminals and handsets hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Answers at tills and notices on handsets.
    pub(super) acknowledged: u64,
    /// Payments that did not begin, by reason.
    pub(super) refused: BTreeMap<Reason, u64>,
    /// Of these, and of the declines, those for reasons that cannot have been.
    pub(super) false_refusals: u64,
    /// When the last answer came, counted as the ledger does.
    pub(super) last_at: Duration,
}

impl Held {
    pub(super) fn count(ledger: &Ledger) -> Self {
        let mut held = Self::default();
        ledger.each(|_, record| held.add(record));
        held
    }

    fn add(&mut self, record: &Record) {
        let later = record.attempts.iter().flat_map(|attempt| &attempt.answers);
        let later = later.filter_map(|heard| match heard {
            Heard::Told(told, _) => Some(told),
            Heard::Refused(_) => None,
        });
        for told in record.terminal.iter().chain(later).chain(&record.customer) {
            self.acknowledged = self.acknowledged.saturating_add(1);
            self.last_at = self.last_at.max(told.at);
        }
        if let Some((_, reason)) = record.refused {
            let count = self.refused.entry(reason).or_default();
            *count = count.saturating_add(1);
        }
        let declined =
            record.first_and_last_told().filter(|(told, _)| told.state == PaymentState::Declined);
        let declined = declined.and_then(|(told, _)| told.reason);
        let refused = record.refused.map(|(_, reason)| reason);
        if refused.is_some_and(|reason| !may_refuse(reason))
            || declined.is_some_and(|reason| !may_decline(reason))
        {
            self.false_refusals = self.false_refusals.saturating_add(1);
        }
    }
}

/// Whether a payment of ours may be refused so: by a gateway that is busy, stopping, full or new,
/// for what lives in memory alone is gone after a kill.
pub(super) const fn may_refuse(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ShuttingDown
            | Reason::Busy
            | Reason::TooManyRequests
            | Reason::TooManyPending
            | Reason::StorageLow
            | Reason::CodeNotValid
    )
}

/// Whether a payment of ours may be declined so. That funds are short and passwords wrong is
/// checked by the audit, one by one.
const fn may_decline(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::InsufficientFunds
            | Reason::TriesExceeded
            | Reason::TriesExhausted
            | Reason::PromptOpen
    )
}

#[cfg(test)]
mod tests {
    use super::Held;
    use crate::ledger::{Ledger, Retention, Telling};
    use crate::sample;
    use kessai_engine::PaymentState;
    use kessai_engine::terms::Reason;
    use std::time::Duration;

    #[test]
    fn what_is_held_is_counted_and_refusals_are_told_apart() {
        let ledger = Ledger::new(Telling::Every, Retention::All);
        for (number, reason) in (1..).zip([Reason::Busy, Reason::PaymentIdReused]) {
            ledger.asked(sample::payment(number), sample::order(number));
            drop(ledger.refused(sample::payment(number), reason, Duration::ZERO));
        }
        sample::end(&ledger, 3, PaymentState::Captured, Reason::Approved);
        sample::end(&ledger, 4, PaymentState::Declined, Reason::InsufficientFunds);
        sample::end(&ledger, 5, PaymentState::Declined, Reason::CustomerUnknown);
        let held = Held::count(&ledger);
        assert_eq!((held.acknowledged, held.false_refusals), (6, 2));
        assert_eq!(held.refused.len(), 2);
        assert_eq!(held.last_at, Duration::from_millis(600));
    }
}
