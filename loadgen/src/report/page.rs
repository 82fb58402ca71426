//! The report for people.

use std::fmt::{self, Write};

use super::{Audit, Intervals, QuantileIntervals, Report};
use crate::cost::GatewayCost;
use crate::generator::Effort;
use crate::tally::{Kind, Outcome, Quantiles, Reasons, Tally, share};

/// The report for people, with what else a reader wants to know.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// What is reported.
    pub report: &'a Report,
    /// What was run, in a line.
    pub heading: &'a str,
    /// Why payments came to their outcomes.
    pub reasons: &'a Reasons,
    /// Connections lost and calls without an answer, and the last of them in words.
    pub troubles: (u64, Option<&'a str>),
}

/// The share of payments without funds above which a run is no longer one of people who shop: of a
/// mixed population one in seven is poor.
const MANY_SHORT: f64 = 0.25;

/// How many problems the page prints; all of them are in the JSON.
const PRINTED_PROBLEMS: usize = 20;

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { audit, payments, throughput_per_s, latency_ms, generator, seconds, .. } =
            self.report;
        writeln!(f, "{}\n", self.heading)?;
        let by_hand = &self.report.config.by_hand;
        if !by_hand.is_empty() {
            writeln!(f, "the rate was changed by hand: {}\n", by_hand.join("; "))?;
        }
        writeln!(f, "payments                          count    share")?;
        writeln!(f, "  offered                      {:>8}", payments.offered)?;
        for outcome in Outcome::ALL {
            self.outcome(f, outcome)?;
        }
        writeln!(f, "  of these")?;
        for kind in Kind::ALL {
            let count = payments.of_kind(kind);
            let share = percent(count, payments.offered);
            writeln!(f, "    {:27}{count:>8}  {share:>6.1} %", kind.name())?;
        }
        writeln!(
            f,
            "\nthroughput   {throughput_per_s:.1} payments ended a second, over {seconds} s"
        )?;
        writeln!(f, "\nlatency in ms        p50       p90       p99     p99.9       max")?;
        row(f, "machine", &latency_ms.machine)?;
        row(f, "human", &latency_ms.human)?;
        row(f, "own lag", &generator.lag_ms)?;
        sureness(f, &self.report.intervals)?;
        f.write_str(
            "  machine: from the intended moment to the prompt, and from the last answer to the\n  \
             till's receipt; human: between the two; own lag: how late the load began a payment\n\n",
        )?;
        effort(f, generator)?;
        cost(f, &self.report.gateway_cost)?;
        if share(payments.short_of_funds(), payments.offered) > MANY_SHORT {
            writeln!(
                f,
                "short of money: {:.0} % were declined for want of funds, which costs a gateway \
                 less than a\n  debit; a population with --wealth plenty pays\n",
                percent(payments.short_of_funds(), payments.offered)
            )?;
        }
        if payments.overtaken > 0 {
            writeln!(
                f,
                "too slow: {} payments expired though their customers had answered early, or were \
                 taken\n  back though their vending machines had reported early\n",
                payments.overtaken
            )?;
        }
        if let (count, Some(last)) = self.troubles {
            writeln!(f, "troubles on the way: {count}, the last: {last}\n")?;
        }
        write!(f, "{audit}")
    }
}

impl Page<'_> {
    fn outcome(&self, f: &mut fmt::Formatter<'_>, outcome: Outcome) -> fmt::Result {
        let payments = &self.report.payments;
        let (count, name) = (payments.of_outcome(outcome), outcome.name());
        writeln!(f, "  {name:29}{count:>8}  {:>6.1} %", percent(count, payments.offered))?;
        let reasons = self.reasons.get(name).into_iter().flatten();
        for (reason, count) in reasons.filter(|(reason, _)| *reason != name) {
            writeln!(f, "    {reason:27}{count:>8}")?;
        }
        Ok(())
    }
}

/// What the audit found.
impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ok, problems, left_out } = self;
        if *ok {
            let sums = if left_out.is_empty() {
                "customers, merchants\n  and the exchange"
            } else {
                "customers\n  and merchants"
            };
            writeln!(
                f,
                "audit: ok\n  every payment ended once, both sides were told every step alike, \
                 {sums} agree with the books to the yen, nothing is held"
            )?;
            return left_out.iter().try_for_each(|what| writeln!(f, "  not judged: {what}"));
        }
        writeln!(f, "audit: FAILED, {} problems", problems.len())?;
        for problem in problems.iter().take(PRINTED_PROBLEMS) {
            writeln!(f, "  - {problem}")?;
        }
        match problems.len().saturating_sub(PRINTED_PROBLEMS) {
            0 => Ok(()),
            more => writeln!(f, "  ... and {more} more; --json FILE lists all"),
        }
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, times: &Quantiles) -> fmt::Result {
    let Quantiles { p50, p90, p99, p999, max } = times;
    writeln!(f, "  {name:12}{p50:>10.2}{p90:>10.2}{p99:>10.2}{p999:>10.2}{max:>10.2}")
}

/// Writes the bounds of what was estimated, where enough was seen.
fn sureness(f: &mut fmt::Formatter<'_>, intervals: &Intervals) -> fmt::Result {
    let Intervals { throughput_per_s, machine_ms } = intervals;
    let QuantileIntervals { p50, p90, p99, p999 } = machine_ms;
    let known =
        [("ended/s", throughput_per_s), ("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999)];
    let known: Vec<_> = known
        .into_iter()
        .filter_map(|(name, interval)| interval.map(|interval| format!("{name} {interval}")))
        .collect();
    if known.is_empty() {
        Ok(())
    } else {
        writeln!(f, "  machine, 95 % sure: {}", known.join(", "))
    }
}

/// Writes whether the load generator kept up.
pub(crate) fn effort(f: &mut fmt::Formatter<'_>, effort: &Effort) -> fmt::Result {
    let cpu = effort.cpu_share.map_or_else(
        || "processor time unknown".to_owned(),
        |share| format!("{:.0} % of all processors", share * 100.0),
    );
    if effort.kept_up() {
        return writeln!(f, "load generator: kept up, with {cpu}\n");
    }
    writeln!(f, "load generator: WAS THE LIMIT, so this is no capacity of the gateway")?;
    for limit in &effort.limited_by {
        writeln!(f, "  - {limit}")?;
    }
    writeln!(f)
}

/// Writes what a payment cost the gateway, where that tells anything.
fn cost(f: &mut fmt::Formatter<'_>, cost: &GatewayCost) -> fmt::Result {
    let GatewayCost { payments: _, cpu_s, syncs, written_bytes, datagrams, resident_bytes } = *cost;
    let known = [
        cpu_s.map(|seconds| format!("{:.3} ms of processor time", seconds * 1_000.0)),
        syncs.map(|count| format!("{count:.2} syncs")),
        written_bytes.map(|bytes| format!("{bytes:.0} bytes written")),
        datagrams.map(|count| format!("{count:.1} datagrams")),
    ];
    let known: Vec<_> = known.into_iter().flatten().collect();
    if !known.is_empty() {
        writeln!(f, "gateway: {} a payment", known.join(", "))?;
    }
    if let Some(bytes) = resident_bytes {
        writeln!(f, "gateway: {} MiB in memory at the end", bytes >> 20)?;
    }
    if known.is_empty() && resident_bytes.is_none() { Ok(()) } else { writeln!(f) }
}

fn percent(count: u64, of: u64) -> f64 {
    share(count, of) * 100.0
}

/// Writes counts in one line, for a run without a screen.
#[must_use]
pub fn counts(tally: &Tally) -> String {
    let mut line = String::new();
    for outcome in Outcome::ALL {
        let count = tally.of(outcome);
        if count > 0 {
            let comma = if line.is_empty() { "" } else { ", " };
            // Writing into memory cannot fail.
            let _done = write!(line, "{comma}{count} {}", outcome.name());
        }
    }
    line
}
