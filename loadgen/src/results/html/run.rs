//! The page of a run.

use std::fmt;

use super::over_time::OverTime;
use super::spectrum::Spectrum;
use super::{Escaped, figure, numbers, page, sentences, verdict};
use crate::generator::Effort;
use crate::measure::Measures;
use crate::report::Audit;
use crate::results::RunResult;
use crate::tally::Outcome;

/// How many problems the page names; all of them are in `result.json`.
const NAMED_PROBLEMS: usize = 20;

/// What a run came to, as a page for browsers.
#[derive(Debug)]
pub(in crate::results) struct RunDocument<'a> {
    pub(in crate::results) result: &'a RunResult,
    pub(in crate::results) measures: &'a Measures,
}

impl fmt::Display for RunDocument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        page(f, &self.result.origin.heading, |f| self.body(f))
    }
}

impl RunDocument<'_> {
    fn body(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunResult { report, troubles, .. } = self.result;
        audit(f, &report.audit)?;
        effort(f, &report.generator)?;
        if let Some(last) = &troubles.last {
            let (count, last) = (troubles.count, Escaped(last));
            verdict(f, "warned", &format!("Troubles on the way: {count}, the last: {last}"))?;
        }
        numbers::times(f, report)?;
        self.plots(f)?;
        numbers::cost(f, &report.gateway_cost)?;
        numbers::outcomes(f, self.result)?;
        numbers::by_outcome(f, report)?;
        numbers::circumstances(f, self.result)
    }

    fn plots(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let over_time = OverTime(self.measures.seconds());
        let intervals = &self.result.report.intervals.machine_ms;
        let Some(spectrum) = Spectrum::of(self.measures, intervals) else {
            return f.write_str("<p>No payment was answered: there is nothing to draw.</p>\n");
        };
        let outcomes = Outcome::ALL.map(|outcome| (outcome.name(), outcome.name()));
        figure(
            f,
            ("Payments by the second in which they were meant to begin", &outcomes),
            "Every payment stands in the second that the seed gave it, however late it ended.",
            |f, frame| over_time.rates(f, frame),
        )?;
        figure(
            f,
            (
                "Times by percentile",
                &[("response", "response"), ("service", "service"), ("bounds", "95 % sure")],
            ),
            "Response counts from the moment at which a payment was meant to begin, service from \
             when it was begun. Where the two part, the load generator began late.",
            |f, frame| spectrum.draw(f, frame),
        )?;
        figure(
            f,
            ("Response times over time", &[("heat", "payments"), ("p50", "p50"), ("p99", "p99")]),
            "The denser, the more payments of that second took so long.",
            |f, frame| over_time.heat(f, frame),
        )
    }
}

/// Writes what the audit found.
fn audit(f: &mut fmt::Formatter<'_>, audit: &Audit) -> fmt::Result {
    let Audit { ok, problems, left_out } = audit;
    if *ok {
        verdict(
            f,
            "passed",
            "Audit: ok. Every payment ended once, both sides were told every step alike, and the \
             books agree to the yen.",
        )?;
        return left_out
            .iter()
            .try_for_each(|what| verdict(f, "warned", &format!("Not judged: {}", Escaped(what))));
    }
    let count = problems.len();
    verdict(f, "failed", &format!("Audit: FAILED, {count} problems"))?;
    sentences(f, problems.iter().take(NAMED_PROBLEMS))?;
    match count.saturating_sub(NAMED_PROBLEMS) {
        0 => Ok(()),
        more => writeln!(f, "<p>… and {more} more, in result.json.</p>"),
    }
}

/// Writes whether the load generator kept up.
fn effort(f: &mut fmt::Formatter<'_>, effort: &Effort) -> fmt::Result {
    if effort.kept_up() {
        return verdict(f, "passed", "Load generator: kept up.");
    }
    verdict(f, "warned", "Load generator: WAS THE LIMIT, so this is no capacity of the gateway.")?;
    sentences(f, effort.limited_by.iter())
}
