//! The report of connections for people.

use std::collections::BTreeMap;
use std::fmt;

use super::attempts::AttemptsReport;
use super::report::{
    BackAfter, BystandersFound, ConnectionsReport, Found, HeldFound, MigrationFound, Opened,
    StormFound,
};
use super::usage::{Side, Stretch, Usage};
use crate::report::effort;
use crate::tally::Quantiles;

impl fmt::Display for ConnectionsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.origin.heading)?;
        match &self.found {
            Found::Handshakes(found) => attempts(f, "handshakes", &found.attempts)?,
            Found::Idle(found) | Found::LongLived(found) => held(f, found)?,
            Found::Storm(found) => storm(f, found)?,
            Found::Migration(found) => migration(f, found)?,
        }
        writeln!(f)?;
        usage(f, &self.usage)?;
        knocks(f, self)?;
        effort(f, &self.generator)?;
        sentences(f, "limits of the gateway that did what they are for", &self.limits_reached)?;
        if self.problems.is_empty() {
            return writeln!(f, "connections: ok");
        }
        sentences(f, "connections: NOT AS THEY SHOULD BE", &self.problems)
    }
}

/// Writes what became of attempts.
fn attempts(f: &mut fmt::Formatter<'_>, what: &str, report: &AttemptsReport) -> fmt::Result {
    let AttemptsReport { offered, done, failed, skipped, done_per_s, times, response_ms } = report;
    writeln!(f, "{what:24}{offered:>9}")?;
    writeln!(f, "  done                  {done:>9}")?;
    reasons(f, failed)?;
    reasons(f, skipped)?;
    if let Some(rate) = done_per_s {
        writeln!(f, "  done a second, 95 % sure: {rate:.1}")?;
    }
    writeln!(f, "  ms                     p50       p90       p99     p99.9       max")?;
    row(f, "response", &times.response_ms)?;
    row(f, "service", &times.service_ms)?;
    row(f, "own lag", &times.lag_ms)?;
    let sure = [("p50", response_ms.p50), ("p99", response_ms.p99)];
    for (name, interval) in sure {
        if let Some(interval) = interval {
            writeln!(f, "  response {name}, 95 % sure: {interval}")?;
        }
    }
    Ok(())
}

fn reasons(f: &mut fmt::Formatter<'_>, counts: &BTreeMap<String, u64>) -> fmt::Result {
    counts.iter().try_for_each(|(reason, count)| writeln!(f, "  {reason:22}{count:>9}"))
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, times: &Quantiles) -> fmt::Result {
    let Quantiles { p50, p90, p99, p999, max } = times;
    writeln!(f, "    {name:14}{p50:>10.2}{p90:>10.2}{p99:>10.2}{p999:>10.2}{max:>10.2}")
}

/// Writes how connections were opened.
fn opened(f: &mut fmt::Formatter<'_>, what: &str, report: &Opened) -> fmt::Result {
    let Opened { stood, missing, seconds, attempts: tried } = report;
    write!(f, "{what:24}{stood:>9}")?;
    match seconds {
        Some(seconds) => writeln!(f, "  in {seconds:.2} s")?,
        None => writeln!(f)?,
    }
    if *missing > 0 {
        writeln!(f, "  gave up               {missing:>9}")?;
    }
    attempts(f, "  attempts", tried)
}

fn held(f: &mut fmt::Formatter<'_>, report: &HeldFound) -> fmt::Result {
    opened(f, "opened", &report.opened)?;
    writeln!(f, "alive after {:>6.1} s     {:>9}", report.seconds, report.alive)?;
    lost(f, &report.lost)?;
    match &report.round_trips {
        Some(trips) => attempts(f, "round trips", trips),
        None => Ok(()),
    }
}

fn lost(f: &mut fmt::Formatter<'_>, counts: &BTreeMap<String, u64>) -> fmt::Result {
    writeln!(f, "lost                    {:>9}", counts.values().sum::<u64>())?;
    reasons(f, counts)
}

fn storm(f: &mut fmt::Formatter<'_>, report: &StormFound) -> fmt::Result {
    let StormFound { outage_s, within_s, dropped, back, back_s, bystanders, .. } = report;
    opened(f, "opened", &report.opened)?;
    writeln!(f, "lost at once            {dropped:>9}  for {outage_s} s")?;
    opened(f, "back", back)?;
    let BackAfter { p50, p90, p99, all } = back_s;
    write!(f, "back after, in s, of first attempts within {within_s} s:")?;
    for (share, after) in [("50 %", p50), ("90 %", p90), ("99 %", p99), ("all", all)] {
        match after {
            Some(seconds) => write!(f, "  {share} {seconds:.2}")?,
            None => write!(f, "  {share} never")?,
        }
    }
    writeln!(f)?;
    if let Some(BystandersFound { pairs, before, during }) = bystanders {
        writeln!(f, "\npayments of {pairs} others, before the storm and in it")?;
        attempts(f, "  before", before)?;
        attempts(f, "  in the storm", during)?;
    }
    Ok(())
}

fn migration(f: &mut fmt::Formatter<'_>, report: &MigrationFound) -> fmt::Result {
    opened(f, "opened", &report.opened)?;
    writeln!(f, "alive after {:>3} moves    {:>9}", report.moves, report.survived)?;
    lost(f, &report.lost)?;
    attempts(f, "first round trips", &report.round_trips)
}

/// Writes what it cost both sides.
fn usage(f: &mut fmt::Formatter<'_>, usage: &Usage) -> fmt::Result {
    if let Some(opening) = &usage.opening {
        stretch(f, "while they were opened", opening)?;
    }
    stretch(f, "then", &usage.measured)?;
    let each = [
        ("the gateway's memory", usage.gateway_bytes_per_connection),
        ("the load generator's", usage.generator_bytes_per_connection),
    ];
    for (whose, bytes) in each {
        if let Some(bytes) = bytes {
            writeln!(f, "  {whose} grew by {bytes} bytes for each connection")?;
        }
    }
    if let Some(ms) = usage.gateway_cpu_ms_per_handshake {
        writeln!(f, "  a handshake cost the gateway {ms:.3} ms of processor time")?;
    }
    Ok(())
}

fn stretch(f: &mut fmt::Formatter<'_>, when: &str, stretch: &Stretch) -> fmt::Result {
    writeln!(f, "{when}, {:.1} s", stretch.seconds)?;
    for (whose, side) in [("gateway", &stretch.gateway), ("load generator", &stretch.generator)] {
        let Side { cpu_s, resident_before_bytes: before, resident_after_bytes: after } = side;
        let known = [
            cpu_s.map(|seconds| format!("{seconds:.2} s of processor time")),
            before
                .zip(*after)
                .map(|(before, after)| format!("memory {} to {} MiB", before >> 20, after >> 20)),
        ];
        let known: Vec<_> = known.into_iter().flatten().collect();
        if !known.is_empty() {
            writeln!(f, "  {whose}: {}", known.join(", "))?;
        }
    }
    Ok(())
}

/// Writes what the gateway counted of those who knocked.
fn knocks(f: &mut fmt::Formatter<'_>, report: &ConnectionsReport) -> fmt::Result {
    let knocks = &report.knocks;
    let counts = [
        ("completed", knocks.completed),
        ("failed", knocks.failed),
        ("asked to prove their address first", knocks.retried),
        ("turned away for want of room", knocks.refused_crowded),
        ("turned away by address", knocks.refused_source),
    ];
    let told: Vec<_> = counts
        .into_iter()
        .filter_map(|(what, count)| Some(format!("{} {what}", count.filter(|count| *count > 0)?)))
        .collect();
    if told.is_empty() { Ok(()) } else { writeln!(f, "at its door: {}", told.join(", ")) }
}

fn sentences(f: &mut fmt::Formatter<'_>, heading: &str, sentences: &[String]) -> fmt::Result {
    if sentences.is_empty() {
        return Ok(());
    }
    writeln!(f, "{heading}")?;
    sentences.iter().try_for_each(|sentence| writeln!(f, "  - {sentence}"))
}
