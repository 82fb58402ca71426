//! The report of a run: for people as text, for programs as JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::fleet::Connections;
use crate::tally::{Kind, Outcome, Quantiles, Tally};

/// The report as JSON has it: these keys are relied on, and there are no others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Whether ledger and books agree.
    pub audit: Audit,
    /// How many payments there were.
    pub payments: Payments,
    /// How many tills were told an end within the run's time, a second.
    pub throughput_per_s: f64,
    /// What a payment took.
    pub latency_ms: Latency,
    /// The seed that the run was drawn from.
    pub seed: u64,
    /// How long payments were offered.
    pub seconds: f64,
    /// Which gateway it was.
    pub gateway: Gateway,
    /// How many connections led to it, by who opened them.
    pub connections: Connections,
}

/// Which gateway was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gateway {
    /// Where it was reached.
    pub address: String,
    /// The version of its program.
    pub version: String,
}

/// Under which circumstances a run was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstances {
    /// The seed that it was drawn from.
    pub seed: u64,
    /// How long payments were offered.
    pub span: Duration,
    /// Which gateway it was.
    pub gateway: Gateway,
    /// How many connections led to it.
    pub connections: Connections,
}

/// Whether ledger and books agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Whether nothing was found.
    pub ok: bool,
    /// What was found, a sentence each.
    pub problems: Vec<String>,
}

/// How many payments there were, by what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
}

/// What payments took, told apart as [`timing`](crate::timing) defines it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// What machines took, from the intended moment.
    pub machine: Quantiles,
    /// What people took.
    pub human: Quantiles,
}

impl Report {
    /// Reports a run.
    #[must_use]
    pub fn new(tally: &Tally, problems: Vec<String>, circumstances: Circumstances) -> Self {
        let Circumstances { seed, span, gateway, connections } = circumstances;
        let mut by_reason = BTreeMap::new();
        for (_, reason, count) in tally.reasons() {
            let sum: &mut u64 = by_reason.entry(reason.to_owned()).or_default();
            *sum = sum.saturating_add(count);
        }
        Self {
            audit: Audit { ok: problems.is_empty(), problems },
            payments: Payments {
                offered: tally.all(),
                approved: tally.of(Outcome::Approved),
                declined: tally.of(Outcome::Declined),
                cancelled: tally.of(Outcome::Cancelled),
                expired: tally.of(Outcome::Expired),
                refused: tally.of(Outcome::Refused),
                skipped: tally.of(Outcome::Skipped),
                refunded: tally.of_kind(Kind::Refunded),
                reversed: tally.of_kind(Kind::Reversed),
                captured_in_part: tally.of_kind(Kind::CapturedInPart),
                with_code: tally.of_kind(Kind::WithCode),
                foreign: tally.of_kind(Kind::Foreign),
                vending: tally.of_kind(Kind::Vending),
                by_reason,
            },
            throughput_per_s: tally.throughput(),
            latency_ms: Latency {
                machine: tally.machine.quantiles(),
                human: tally.human.quantiles(),
            },
            seed,
            seconds: span.as_secs_f64(),
            gateway,
            connections,
        }
    }

    /// Writes the report as JSON.
    ///
    /// # Errors
    /// [`serde_json::Error`]; never for a report that [`Report::new`] made.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

/// The report for people, with what else a reader wants to know.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// What is reported.
    pub report: &'a Report,
    /// Its counts and times.
    pub tally: &'a Tally,
    /// What was run, in a line.
    pub heading: &'a str,
    /// Connections lost and calls without an answer, and the last of them in words.
    pub troubles: (u64, Option<&'a str>),
}

/// How many problems the page prints; all of them are in the JSON.
const PRINTED_PROBLEMS: usize = 20;

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { audit, payments, throughput_per_s, latency_ms, seconds, .. } = self.report;
        writeln!(f, "{}\n", self.heading)?;
        writeln!(f, "payments                          count    share")?;
        writeln!(f, "  offered                      {:>8}", payments.offered)?;
        for outcome in Outcome::ALL {
            self.outcome(f, outcome)?;
        }
        writeln!(f, "  of these")?;
        for (kind, count) in self.tally.kinds() {
            let share = share(count, payments.offered);
            writeln!(f, "    {:27}{count:>8}  {share:>6.1} %", kind.name())?;
        }
        writeln!(
            f,
            "\nthroughput   {throughput_per_s:.1} payments ended a second, over {seconds} s"
        )?;
        let lag = self.tally.lag.quantiles();
        writeln!(f, "\nlatency in ms        p50       p90       p99     p99.9       max")?;
        row(f, "machine", &latency_ms.machine)?;
        row(f, "human", &latency_ms.human)?;
        row(f, "own lag", &lag)?;
        f.write_str(
            "  machine: from the intended moment to the prompt, and from the last answer to the\n  \
             till's receipt; human: between the two; own lag: how late the load began a payment\n\n",
        )?;
        if self.tally.overtaken > 0 {
            writeln!(
                f,
                "too slow: {} payments expired though their customers had answered early\n",
                self.tally.overtaken
            )?;
        }
        if let (count, Some(last)) = self.troubles {
            writeln!(f, "troubles on the way: {count}, the last: {last}\n")?;
        }
        write_audit(f, audit)
    }
}

impl Page<'_> {
    fn outcome(&self, f: &mut fmt::Formatter<'_>, outcome: Outcome) -> fmt::Result {
        let offered = self.report.payments.offered;
        let count = self.tally.of(outcome);
        writeln!(f, "  {:29}{count:>8}  {:>6.1} %", outcome.name(), share(count, offered))?;
        let reasons: Vec<_> = self
            .tally
            .reasons()
            .filter(|(of, reason, _)| *of == outcome && *reason != outcome.name())
            .collect();
        for (_, reason, count) in reasons {
            writeln!(f, "    {reason:27}{count:>8}")?;
        }
        Ok(())
    }
}

/// Writes what the audit found.
fn write_audit(f: &mut fmt::Formatter<'_>, audit: &Audit) -> fmt::Result {
    if audit.ok {
        return f.write_str(
            "audit: ok\n  every payment ended once, both sides were told every step alike, \
             customers, merchants\n  and the exchange agree with the books to the yen, nothing is \
             held\n",
        );
    }
    writeln!(f, "audit: FAILED, {} problems", audit.problems.len())?;
    for problem in audit.problems.iter().take(PRINTED_PROBLEMS) {
        writeln!(f, "  - {problem}")?;
    }
    match audit.problems.len().saturating_sub(PRINTED_PROBLEMS) {
        0 => Ok(()),
        more => writeln!(f, "  ... and {more} more; --json FILE lists all"),
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, times: &Quantiles) -> fmt::Result {
    let Quantiles { p50, p90, p99, p999, max } = times;
    writeln!(f, "  {name:12}{p50:>10.2}{p90:>10.2}{p99:>10.2}{p999:>10.2}{max:>10.2}")
}

#[expect(clippy::as_conversions, reason = "counts below 2^53 are exact as fractions")]
fn share(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 * 100.0 / of as f64 }
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

#[cfg(test)]
mod tests {
    use super::{Circumstances, Gateway, Page, Report};
    use crate::fleet::Connections;
    use crate::sample;
    use crate::schedule::Skip;
    use crate::tally::{Summary, Tally};
    use std::time::Duration;

    fn tally() -> Tally {
        let mut tally = Tally::new(Duration::from_secs(2));
        for (_, record) in &sample::world().0.records {
            tally.add(&Summary::of(record));
        }
        tally.skip(Skip::Late);
        tally
    }

    fn report(problems: Vec<String>) -> Report {
        let circumstances = Circumstances {
            seed: 42,
            span: Duration::from_secs(2),
            gateway: Gateway { address: "127.0.0.1:7443".into(), version: "0.1.0".into() },
            connections: Connections { controllers: 8, handsets: 40, ..Connections::default() },
        };
        Report::new(&tally(), problems, circumstances)
    }

    fn keys(value: &serde_json::Value, path: &str, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) if !path.ends_with("by_reason") => {
                for (name, field) in fields {
                    keys(field, &format!("{path}.{name}"), found);
                }
            }
            _ => found.push(path.to_owned()),
        }
    }

    #[test]
    fn the_json_has_the_keys_that_others_rely_on_and_no_others() {
        let report = report(vec!["wrong".to_owned()]);
        let json: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        let mut found = Vec::new();
        keys(&json, "", &mut found);
        found.sort();
        let quantiles =
            |of| ["max", "p50", "p90", "p99", "p999"].map(|q| format!(".latency_ms.{of}.{q}"));
        let payments = [
            "approved",
            "by_reason",
            "cancelled",
            "declined",
            "expired",
            "offered",
            "refused",
            "skipped",
            "refunded",
            "reversed",
            "captured_in_part",
            "with_code",
            "foreign",
            "vending",
        ];
        let mut expected = vec![".audit.ok".to_owned(), ".audit.problems".to_owned()];
        expected.extend(quantiles("human"));
        expected.extend(quantiles("machine"));
        expected.extend(payments.map(|key| format!(".payments.{key}")));
        expected.extend([".seconds", ".seed", ".throughput_per_s"].map(str::to_owned));
        let carried = ["controllers", "handsets", "hubs", "terminals"];
        expected.extend(carried.map(|kind| format!(".connections.{kind}")));
        expected.extend([".gateway.address", ".gateway.version"].map(str::to_owned));
        expected.sort();
        assert_eq!(found, expected);
        assert_eq!(json["audit"]["ok"], false);
        assert_eq!(json["audit"]["problems"][0], "wrong");
        assert_eq!(json["payments"]["by_reason"]["insufficient_funds"], 1);
        assert_eq!((&json["seed"], &json["seconds"]), (&42.into(), &2.0.into()));
        assert_eq!(json["connections"]["controllers"], 8);
    }

    #[test]
    fn offered_is_the_sum() {
        let payments = report(Vec::new()).payments;
        let sum = payments.approved
            + payments.declined
            + payments.cancelled
            + payments.expired
            + payments.refused
            + payments.skipped;
        assert_eq!((payments.offered, sum), (9, 9));
        assert_eq!(payments.by_reason.values().sum::<u64>(), 9);
    }

    #[test]
    fn the_page_says_what_was_found() {
        let tally = tally();
        let page = |problems: Vec<String>| {
            let report = report(problems);
            let troubles = (2, Some("a line was lost"));
            Page { report: &report, tally: &tally, heading: "a demo", troubles }.to_string()
        };
        let good = page(Vec::new());
        for words in
            ["a demo", "audit: ok", "tries_exceeded", "skipped_late", "22.2 %", "a line was lost"]
        {
            assert!(good.contains(words), "{words}: {good}");
        }
        let bad = page((0..25).map(|n| format!("problem {n}")).collect());
        assert!(bad.contains("audit: FAILED, 25 problems") && !bad.contains("audit: ok"), "{bad}");
        assert!(bad.contains("problem 19") && !bad.contains("problem 20"), "{bad}");
        assert!(bad.contains("and 5 more"), "{bad}");
    }
}
