//! The report to look at: one file, drawn here, that loads nothing and runs nothing.

mod frame;
mod numbers;
mod over_time;
mod spectrum;

use std::fmt::{self, Write};

use super::RunResult;
use crate::generator::Effort;
use crate::measure::Measures;
use crate::report::Audit;
use crate::tally::Outcome;
use frame::Frame;
use over_time::OverTime;
use spectrum::Spectrum;

const STYLE: &str = include_str!("html/style.css");

/// How many problems the page names; all of them are in `result.json`.
const NAMED_PROBLEMS: usize = 20;

/// What a run came to, as a page for browsers.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) result: &'a RunResult,
    pub(super) measures: &'a Measures,
}

impl fmt::Display for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunResult { report, heading, troubles, .. } = self.result;
        let heading = Escaped(heading);
        write!(
            f,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{heading}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>{heading}</h1>\n"
        )?;
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
        numbers::circumstances(f, self.result)?;
        f.write_str("</main>\n</body>\n</html>\n")
    }
}

impl Document<'_> {
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
             when it was begun. Where the two part, the load generator had to wait.",
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

/// Writes a plot with its legend, once for each size of screen.
fn figure(
    f: &mut fmt::Formatter<'_>,
    (title, legend): (&str, &[(&str, &str)]),
    note: &str,
    draw: impl Fn(&mut fmt::Formatter<'_>, &Frame) -> fmt::Result,
) -> fmt::Result {
    write!(f, "<h2>{title}</h2>\n<figure>\n<ul class=\"legend\">")?;
    for (class, name) in legend {
        write!(f, "<li><i class=\"{class}\"></i>{name}</li>")?;
    }
    f.write_str("</ul>\n")?;
    for frame in [&Frame::WIDE, &Frame::NARROW] {
        let Frame { class, width, height, .. } = frame;
        writeln!(
            f,
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"{title}\">"
        )?;
        draw(f, frame)?;
        f.write_str("</svg>\n")?;
    }
    writeln!(f, "<figcaption>{note}</figcaption>\n</figure>")
}

/// Writes what the audit found.
fn audit(f: &mut fmt::Formatter<'_>, audit: &Audit) -> fmt::Result {
    let Audit { ok, problems } = audit;
    if *ok {
        return verdict(
            f,
            "passed",
            "Audit: ok. Every payment ended once, both sides were told every step alike, and the \
             books agree to the yen.",
        );
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

fn verdict(f: &mut fmt::Formatter<'_>, class: &str, words: &str) -> fmt::Result {
    writeln!(f, "<p class=\"verdict {class}\">{words}</p>")
}

fn sentences<'a>(
    f: &mut fmt::Formatter<'_>,
    sentences: impl Iterator<Item = &'a String>,
) -> fmt::Result {
    f.write_str("<ul>\n")?;
    for sentence in sentences {
        writeln!(f, "<li>{}</li>", Escaped(sentence))?;
    }
    f.write_str("</ul>\n")
}

/// Words as HTML has them: whatever they are, they stay words.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
