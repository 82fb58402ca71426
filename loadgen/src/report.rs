//! The report of a run: for people as text, for programs as JSON.

mod page;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use kessai_engine::terms::Reason;
use serde::{Deserialize, Serialize};

use crate::cost::GatewayCost;
use crate::fleet::Connections;
use crate::generator::Effort;
use crate::life::Workload;
use crate::measure::{Measures, Timed};
use crate::messages::MessageLadder;
use crate::population::Partition;
use crate::statistics::Interval;
use crate::tally::{Kind, Outcome, Quantiles, Tally};

pub(crate) use page::effort;
pub use page::{Page, counts};

/// The version of the report as JSON: raised when a key changes its meaning or goes away.
pub const VERSION: u32 = 2;

/// The report as JSON has it: these keys are relied on, and there are no others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of these keys.
    pub version: u32,
    /// What was offered, by whom, over what.
    pub config: Config,
    /// Whether ledger and books agree.
    pub audit: Audit,
    /// How many payments there were.
    pub payments: Payments,
    /// How many tills were told an end within the run's time, a second.
    pub throughput_per_s: f64,
    /// What a payment took.
    pub latency_ms: Latency,
    /// How sure that is.
    pub intervals: Intervals,
    /// The three times of payments by what became of them.
    pub by_outcome: BTreeMap<String, OutcomeTimes>,
    /// What the load generator itself needed.
    pub generator: Effort,
    /// What a payment cost the gateway.
    pub gateway_cost: GatewayCost,
    /// What was sent and heard, message by message.
    pub ladder: MessageLadder,
    /// The seed that the run was drawn from.
    pub seed: u64,
    /// How long payments were offered.
    pub seconds: f64,
    /// Which gateway it was.
    pub gateway: Gateway,
    /// How many connections led to it, by who opened them.
    pub connections: Connections,
}

/// What a run's numbers depend on besides the gateway: runs that differ here are not compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// How many payments were offered a second, on average.
    pub rate_per_s: f64,
    /// How that changed.
    pub shape: String,
    /// How arrivals lay between each other.
    pub arrivals: String,
    /// For how long payments were to be offered.
    pub seconds: f64,
    /// What a person at the keyboard did to the rate meanwhile, and when: nothing in a measurement.
    pub by_hand: Vec<String>,
    /// Which part of the population was played, if it was not the whole.
    pub partition: Option<Partition>,
    /// When the first payment was to begin, if that was said.
    #[serde(with = "humantime_serde::option")]
    pub begin_at: Option<SystemTime>,
    /// How much faster than life people were.
    pub pace: f64,
    /// How many customers there were, in all parts.
    pub customers: u32,
    /// How many terminals, in all parts.
    pub terminals: u32,
    /// Who paid what, and how: the name of a preset, or the path of a file.
    pub preset: String,
    /// A digest of its values, as they were changed for the run.
    pub preset_digest: String,
}

/// Which gateway was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// Where it was reached.
    pub address: String,
    /// The version of its program.
    pub version: String,
}

/// Under which circumstances a run was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Circumstances {
    /// What was offered, by whom.
    pub config: Config,
    /// The seed that it was drawn from.
    pub seed: u64,
    /// How long payments were offered.
    pub span: Duration,
    /// Which gateway it was.
    pub gateway: Gateway,
    /// How many connections led to it.
    pub connections: Connections,
    /// What the load generator needed.
    pub generator: Effort,
    /// What a payment cost the gateway.
    pub gateway_cost: GatewayCost,
    /// What was sent and heard.
    pub ladder: MessageLadder,
}

/// Whether ledger and books agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Whether nothing was found.
    pub ok: bool,
    /// What was found, a sentence each.
    pub problems: Vec<String>,
    /// What was not looked at, and who can: nothing in a whole run.
    pub left_out: Vec<String>,
}

/// What no part of a population can say of itself.
pub(crate) const EXCHANGE_LEFT_OUT: &str = "the exchange position, which is common to all partitions: `kessai-loadgen audit` of what all of \
     them left judges it";

/// How many payments there were, by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payments {
    /// All arrivals: the sum of the six below.
    pub offered: u64,
    /// The customer approved, whether or not the money went back later.
    pub approved: u64,
    /// The customer could not or might not pay.
    pub declined: u64,
    /// Customer or clerk called it off.
    pub cancelled: u64,
    /// Nobody answered in time.
    pub expired: u64,
    /// The gateway did not begin it, or gave no answer about it.
    pub refused: u64,
    /// The load generator did not begin it.
    pub skipped: u64,
    /// Machines were too slow: of the expired, the customer had answered early; of the approved, a
    /// vending machine had reported early and was not paid.
    pub overtaken: u64,
    /// Of the approved: some or all was given back.
    pub refunded: u64,
    /// Of the approved: taken back by its terminal, or when no machine reported.
    pub reversed: u64,
    /// Of the approved: a machine handed out a part, and was paid for that part.
    pub captured_in_part: u64,
    /// Of all that were begun: the customer showed a presentment code.
    pub with_code: u64,
    /// Of all that were begun: priced in another currency than the customer's.
    pub foreign: u64,
    /// Of all that were begun: at a vending machine.
    pub vending: u64,
    /// All of them by reason, as the customer knows it.
    pub by_reason: BTreeMap<String, u64>,
    /// The refused alone by reason.
    pub refused_for: BTreeMap<String, u64>,
}

/// What payments took, told apart as [`timing`](crate::timing) defines it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// What machines took, from the intended moment.
    pub machine: Quantiles,
    /// What people took.
    pub human: Quantiles,
}

/// Estimates with the bounds that hold the truth in 95 of 100 runs; none where too little was seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// How many payments ended a second, by the second in which they were meant to begin.
    pub throughput_per_s: Option<Interval>,
    /// Quantiles of what machines took, from the intended moment, in milliseconds.
    pub machine_ms: QuantileIntervals,
}

/// Quantiles with their bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct QuantileIntervals {
    /// Half of the times are at most this.
    pub p50: Option<Interval>,
    /// Nine of ten are.
    pub p90: Option<Interval>,
    /// 99 of a hundred are.
    pub p99: Option<Interval>,
    /// 999 of a thousand are.
    pub p999: Option<Interval>,
}

/// The three times of payments, as [`measure`](crate::measure) defines them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OutcomeTimes {
    /// From the intended moment to the answer.
    pub response_ms: Quantiles,
    /// From the beginning to the answer.
    pub service_ms: Quantiles,
    /// From the intended moment to the beginning.
    pub lag_ms: Quantiles,
}

impl Report {
    /// Reports a run.
    #[must_use]
    pub fn new(
        tally: &Tally,
        measures: &Measures,
        problems: Vec<String>,
        circumstances: Circumstances,
    ) -> Self {
        let Circumstances {
            config,
            seed,
            span,
            gateway,
            connections,
            generator,
            gateway_cost,
            ladder,
        } = circumstances;
        let left_out = config.partition.map(|_part| EXCHANGE_LEFT_OUT.to_owned());
        let left_out = left_out.into_iter().collect();
        Self {
            version: VERSION,
            config,
            audit: Audit { left_out, ..Audit::of(problems) },
            payments: Payments::of(tally),
            throughput_per_s: tally.throughput(),
            latency_ms: Latency {
                machine: tally.machine.quantiles(),
                human: tally.human.quantiles(),
            },
            intervals: Intervals::of(measures),
            by_outcome: OutcomeTimes::by_outcome(measures),
            generator,
            gateway_cost,
            ladder,
            seed,
            seconds: span.as_secs_f64(),
            gateway,
            connections,
        }
    }
}

impl Intervals {
    /// Bounds what a run measured.
    #[must_use]
    pub fn of(measures: &Measures) -> Self {
        Self {
            throughput_per_s: measures.throughput(),
            machine_ms: QuantileIntervals::of(measures),
        }
    }
}

impl OutcomeTimes {
    /// Sums the times of a run up, by the names of what became of payments.
    #[must_use]
    pub fn by_outcome(measures: &Measures) -> BTreeMap<String, Self> {
        let named =
            |(outcome, timed): (Outcome, &Timed)| (outcome.name().to_owned(), Self::of(timed));
        measures.timed().map(named).collect()
    }

    /// Sums three times up.
    pub(crate) fn of(timed: &Timed) -> Self {
        Self {
            response_ms: timed.response.quantiles(),
            service_ms: timed.service.quantiles(),
            lag_ms: timed.lag.quantiles(),
        }
    }
}

impl Config {
    /// Says what a workload depends on.
    #[must_use]
    pub fn of(workload: &Workload, customers: u32, terminals: u32) -> Self {
        Self {
            rate_per_s: workload.rate.payments(),
            shape: workload.form.to_string(),
            arrivals: workload.spacing.to_string(),
            seconds: workload.span.as_secs_f64(),
            by_hand: Vec::new(),
            partition: None,
            begin_at: None,
            pace: workload.pace.times(),
            customers,
            terminals,
            preset: workload.scenario.name().to_owned(),
            preset_digest: workload.scenario.digest(),
        }
    }
}

impl Audit {
    /// Says that these problems were found.
    #[must_use]
    pub const fn of(problems: Vec<String>) -> Self {
        Self { ok: problems.is_empty(), problems, left_out: Vec::new() }
    }
}

impl Payments {
    fn of(tally: &Tally) -> Self {
        let (mut by_reason, mut refused_for) = (BTreeMap::new(), BTreeMap::new());
        for (outcome, reason, count) in tally.reasons() {
            if outcome == Outcome::Refused {
                refused_for.insert(reason.to_owned(), count);
            }
            let sum: &mut u64 = by_reason.entry(reason.to_owned()).or_default();
            *sum = sum.saturating_add(count);
        }
        Self {
            offered: tally.all(),
            approved: tally.of(Outcome::Approved),
            declined: tally.of(Outcome::Declined),
            cancelled: tally.of(Outcome::Cancelled),
            expired: tally.of(Outcome::Expired),
            refused: tally.of(Outcome::Refused),
            skipped: tally.of(Outcome::Skipped),
            overtaken: tally.overtaken,
            refunded: tally.of_kind(Kind::Refunded),
            reversed: tally.of_kind(Kind::Reversed),
            captured_in_part: tally.of_kind(Kind::CapturedInPart),
            with_code: tally.of_kind(Kind::WithCode),
            foreign: tally.of_kind(Kind::Foreign),
            vending: tally.of_kind(Kind::Vending),
            by_reason,
            refused_for,
        }
    }

    /// Adds what another process counted.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let Self {
            offered,
            approved,
            declined,
            cancelled,
            expired,
            refused,
            skipped,
            overtaken,
            refunded,
            reversed,
            captured_in_part,
            with_code,
            foreign,
            vending,
            by_reason,
            refused_for,
        } = other;
        for (sum, more) in [
            (&mut self.offered, offered),
            (&mut self.approved, approved),
            (&mut self.declined, declined),
            (&mut self.cancelled, cancelled),
            (&mut self.expired, expired),
            (&mut self.refused, refused),
            (&mut self.skipped, skipped),
            (&mut self.overtaken, overtaken),
            (&mut self.refunded, refunded),
            (&mut self.reversed, reversed),
            (&mut self.captured_in_part, captured_in_part),
            (&mut self.with_code, with_code),
            (&mut self.foreign, foreign),
            (&mut self.vending, vending),
        ] {
            *sum = sum.saturating_add(*more);
        }
        for (sums, more) in [(&mut self.by_reason, by_reason), (&mut self.refused_for, refused_for)]
        {
            for (reason, more) in more {
                let sum = sums.entry(reason.clone()).or_default();
                *sum = sum.saturating_add(*more);
            }
        }
        self
    }

    /// Counts the arrivals that came to this outcome.
    #[must_use]
    pub const fn of_outcome(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Approved => self.approved,
            Outcome::Declined => self.declined,
            Outcome::Cancelled => self.cancelled,
            Outcome::Expired => self.expired,
            Outcome::Refused => self.refused,
            Outcome::Skipped => self.skipped,
        }
    }

    /// Counts the payments that their customers had no money for.
    #[must_use]
    pub fn short_of_funds(&self) -> u64 {
        self.by_reason.get(Reason::InsufficientFunds.name()).copied().unwrap_or_default()
    }

    /// Counts the payments of a kind.
    #[must_use]
    pub const fn of_kind(&self, kind: Kind) -> u64 {
        match kind {
            Kind::WithCode => self.with_code,
            Kind::Foreign => self.foreign,
            Kind::Vending => self.vending,
            Kind::CapturedInPart => self.captured_in_part,
            Kind::Reversed => self.reversed,
            Kind::Refunded => self.refunded,
        }
    }
}

impl QuantileIntervals {
    fn of(measures: &Measures) -> Self {
        let of = |share| measures.response_quantile(share).map(|found| found.interval);
        Self { p50: of(0.5), p90: of(0.9), p99: of(0.99), p999: of(0.999) }
    }
}

#[cfg(test)]
mod tests;
