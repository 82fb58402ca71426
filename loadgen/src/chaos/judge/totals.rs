//! What each terminal turned over, by what it was told, beside what the gateway counted for it.

use std::collections::{BTreeMap, BTreeSet};

use kessai_engine::PaymentState;
use kessai_engine::terms::{Amount, Currency, Net, TerminalId};

use super::{Findings, Subject};
use crate::ledger::{Done, Ledger, Record};

/// Sums by terminal and currency.
pub(in crate::chaos) type Turnovers = BTreeMap<(TerminalId, Currency), Turnover>;

/// What a terminal turned over in a currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::chaos) struct Turnover {
    /// Payments that were captured, and what they came to.
    pub(in crate::chaos) captured: Flow,
    /// Captured payments that were taken back.
    pub(in crate::chaos) reversed: Flow,
    /// Refunds that were made there.
    pub(in crate::chaos) refunded: Flow,
}

/// So many, of so much together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::chaos) struct Flow {
    /// How many.
    pub(in crate::chaos) count: u64,
    /// What they came to, in minor units.
    pub(in crate::chaos) sum: Net,
}

impl Flow {
    fn count(&mut self, amount: Amount) {
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.checked_add(amount).unwrap_or(self.sum);
    }

    /// Adds what another day came to.
    pub(in crate::chaos) fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.checked_add(other.sum).unwrap_or(self.sum);
    }
}

/// Works out what every terminal turned over, once everything has ended.
#[must_use]
pub(in crate::chaos) fn own_turnovers(ledger: &Ledger) -> Turnovers {
    let mut turnovers = Turnovers::new();
    ledger.each(|_, record| count(record, &mut turnovers));
    turnovers
}

fn count(record: &Record, turnovers: &mut Turnovers) {
    let currency = record.order.currency;
    let own = turnovers.entry((record.order.terminal, currency)).or_default();
    let mut captured = None;
    for standing in record.standings() {
        match standing.state {
            PaymentState::Captured if captured.is_none() => {
                captured = Some(standing.captured);
                own.captured.count(standing.captured);
            }
            PaymentState::Reversed => {
                if let Some(captured) = captured {
                    own.reversed.count(captured);
                }
            }
            PaymentState::Captured
            | PaymentState::Refunded
            | PaymentState::Pending
            | PaymentState::Authorised
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => {}
        }
    }
    for attempt in record.attempts.iter().filter(|attempt| attempt.told().is_some()) {
        if let Done::Refunded(_, price) = attempt.deed {
            turnovers.entry((attempt.terminal, currency)).or_default().refunded.count(price);
        }
    }
}

/// Compares what terminals turned over with what the gateway counted.
pub(in crate::chaos) fn compare_turnovers(own: &Turnovers, books: &Turnovers) -> Findings {
    let mut findings = Findings::default();
    let keys: BTreeSet<_> = own.keys().chain(books.keys()).copied().collect();
    for key in keys {
        let of = |turnovers: &Turnovers| turnovers.get(&key).copied().unwrap_or_default();
        let (own, books) = (of(own), of(books));
        for (what, own, books) in [
            ("captured", own.captured, books.captured),
            ("reversed", own.reversed, books.reversed),
            ("refunded", own.refunded, books.refunded),
        ] {
            let (terminal, currency) = key;
            let sentence = || {
                let (code, own_sum, sum) = (currency.code(), own.sum.minor(), books.sum.minor());
                format!(
                    "it {what} {} of {own_sum} {code}, the gateway counted {} of {sum}",
                    own.count, books.count
                )
            };
            let is_more = (books.count, books.sum.minor()) > (own.count, own.sum.minor());
            if is_more {
                findings.double(Subject::Terminal(terminal), sentence());
            } else if books != own {
                findings.lose(Subject::Terminal(terminal), sentence());
            }
        }
    }
    findings
}
