//! The numbers of a run as tables.

use std::fmt;

use super::Escaped;
use crate::cost::GatewayCost;
use crate::maximum::Trial;
use crate::report::{Config, QuantileIntervals, Report};
use crate::results::{Host, Origin, Program, RunResult};
use crate::search::Mark;
use crate::statistics::Interval;
use crate::tally::{Outcome, Quantiles, share};

/// Writes what payments took, with bounds where enough was seen.
pub(super) fn times(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let Report { throughput_per_s, latency_ms, intervals, generator, .. } = report;
    begin(f, "What it took", &["", "estimate", "95 % sure"])?;
    let QuantileIntervals { p50, p90, p99, p999 } = intervals.machine_ms;
    let Quantiles { p50: m50, p90: m90, p99: m99, p999: m999, max } = latency_ms.machine;
    bounded(f, "ended a second, in time", *throughput_per_s, None)?;
    if let Some(interval) = intervals.throughput_per_s {
        bounded(f, "ended a second, at last", interval.estimate, Some(interval))?;
    }
    for (name, estimate, interval) in [
        ("machines, p50, ms", m50, p50),
        ("machines, p90, ms", m90, p90),
        ("machines, p99, ms", m99, p99),
        ("machines, p99.9, ms", m999, p999),
        ("machines, longest, ms", max, None),
        ("people, p50, ms", latency_ms.human.p50, None),
        ("own lag, p99, ms", generator.lag_ms.p99, None),
    ] {
        bounded(f, name, estimate, interval)?;
    }
    f.write_str("</table></div>\n")
}

fn bounded(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    estimate: f64,
    interval: Option<Interval>,
) -> fmt::Result {
    let bounds = interval.map_or_else(
        || "—".to_owned(),
        |Interval { low, high, .. }| format!("{low:.2} to {high:.2}"),
    );
    row(f, name, &[format!("{estimate:.2}"), bounds])
}

/// Writes what became of payments.
pub(super) fn outcomes(f: &mut fmt::Formatter<'_>, result: &RunResult) -> fmt::Result {
    let RunResult { report: Report { payments, .. }, reasons, .. } = result;
    begin(f, "What became of payments", &["", "count", "share"])?;
    let percent = |count| format!("{:.2} %", share(count, payments.offered) * 100.0);
    row(f, "offered", &[payments.offered.to_string(), String::new()])?;
    for outcome in Outcome::ALL {
        let count = payments.of_outcome(outcome);
        row(f, outcome.name(), &[count.to_string(), percent(count)])?;
        let reasons = reasons.get(outcome.name()).into_iter().flatten();
        for (reason, count) in reasons.filter(|(reason, _)| *reason != outcome.name()) {
            let (name, count) = (Escaped(reason), *count);
            let share = percent(count);
            writeln!(
                f,
                "<tr class=\"detail\"><th>{name}</th><td>{count}</td><td>{share}</td></tr>"
            )?;
        }
    }
    f.write_str("</table></div>\n")
}

/// Writes the three times of payments by what became of them.
pub(super) fn by_outcome(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    begin(
        f,
        "Three times by outcome, in milliseconds",
        &["", "p50", "p90", "p99", "p99.9", "longest"],
    )?;
    for (outcome, times) in &report.by_outcome {
        let times =
            [("response", times.response_ms), ("service", times.service_ms), ("lag", times.lag_ms)];
        for (name, Quantiles { p50, p90, p99, p999, max }) in times {
            let numbers = [p50, p90, p99, p999, max].map(|time| format!("{time:.2}"));
            row(f, &format!("{outcome}, {name}"), &numbers)?;
        }
    }
    f.write_str("</table></div>\n")
}

/// Writes what a payment cost the gateway, where that tells anything.
pub(super) fn cost(f: &mut fmt::Formatter<'_>, cost: &GatewayCost) -> fmt::Result {
    let GatewayCost { payments: _, cpu_s, syncs, written_bytes, datagrams, resident_bytes } = *cost;
    let known = [
        ("processor time, ms", cpu_s.map(|seconds| format!("{:.3}", seconds * 1_000.0))),
        ("syncs", syncs.map(|count| format!("{count:.2}"))),
        ("bytes written", written_bytes.map(|bytes| format!("{bytes:.0}"))),
        ("datagrams", datagrams.map(|count| format!("{count:.1}"))),
        ("memory at the end, MiB", resident_bytes.map(|bytes| (bytes >> 20).to_string())),
    ];
    if known.iter().all(|(_, number)| number.is_none()) {
        return Ok(());
    }
    begin(f, "What a payment cost the gateway", &["", "a payment"])?;
    for (name, number) in known {
        row(f, name, &[number.unwrap_or_else(|| "—".to_owned())])?;
    }
    f.write_str("</table></div>\n")
}

/// Writes what was run, by what, on what.
pub(super) fn circumstances(f: &mut fmt::Formatter<'_>, result: &RunResult) -> fmt::Result {
    let RunResult { report, origin, .. } = result;
    let Config { rate_per_s, shape, arrivals, seconds, pace, customers, terminals, .. } =
        &report.config;
    let Config { preset, preset_digest, by_hand, partition, .. } = &report.config;
    let partition = partition.map(|part| format!(", of which partition {part} was played"));
    let by_hand = if by_hand.is_empty() { "nothing".to_owned() } else { by_hand.join("; ") };
    let gateway = &report.gateway;
    begin(f, "What was run", &[])?;
    for (name, value) in [
        ("gateway", format!("{}, version {}", gateway.address, gateway.version)),
        ("rate", format!("{rate_per_s} payments a second, {shape}, {arrivals}")),
        ("changed by hand", by_hand),
        ("time", format!("{seconds} s, people {pace} times as fast as in life")),
        (
            "who",
            format!(
                "{customers} customers, {terminals} terminals{}",
                partition.unwrap_or_default()
            ),
        ),
        ("preset", format!("{preset}, digest {preset_digest}")),
        ("seed", report.seed.to_string()),
    ] {
        words(f, name, &value)?;
    }
    f.write_str("</table></div>\n")?;
    self::origin(f, origin)
}

/// Writes how a result came to be.
pub(super) fn origin(f: &mut fmt::Formatter<'_>, origin: &Origin) -> fmt::Result {
    let Origin { started_at, program: Program { version, commit }, host, .. } = origin;
    let Host { name, cpu, cores, memory_bytes, kernel } = host;
    let unknown = || "unknown".to_owned();
    let or = |known: &Option<String>| known.clone().unwrap_or_else(unknown);
    let mebibytes = memory_bytes.map(|bytes| format!("{} MiB", bytes / (1 << 20)));
    begin(f, "How it was made", &[])?;
    for (name, value) in [
        ("begun", humantime::format_rfc3339_seconds(*started_at).to_string()),
        ("load generator", format!("version {version}, commit {}", or(commit))),
        ("its machine", or(name)),
        ("its processors", format!("{cores}, {}", or(cpu))),
        ("its memory", mebibytes.unwrap_or_else(unknown)),
        ("its kernel", or(kernel)),
    ] {
        words(f, name, &value)?;
    }
    f.write_str("</table></div>\n")
}

/// Writes every run of a search.
pub(super) fn trials(f: &mut fmt::Formatter<'_>, trials: &[Trial]) -> fmt::Result {
    let columns = [
        "",
        "offered/s",
        "s",
        "ended/s",
        "p50, ms",
        "p99, ms",
        "CPU, ms",
        "datagrams",
        "syncs",
        "bytes",
    ];
    begin(f, "Every run, in order, with what a payment cost the gateway", &columns)?;
    for trial in trials {
        let Trial { rate_per_s, seconds, mark, throughput_per_s, p50_ms, p99_ms, .. } = trial;
        let kept = match mark {
            Mark::Good => "kept",
            Mark::Bad => "missed",
        };
        let numbers = [rate_per_s, seconds, throughput_per_s, p50_ms, p99_ms];
        let cost = &trial.gateway_cost;
        let costs = [
            cost.cpu_s.map(|seconds| format!("{:.3}", seconds * 1_000.0)),
            cost.datagrams.map(|count| format!("{count:.1}")),
            cost.syncs.map(|count| format!("{count:.2}")),
            cost.written_bytes.map(|bytes| format!("{bytes:.0}")),
        ];
        let costs = costs.map(|cost| cost.unwrap_or_else(|| "—".to_owned()));
        row(f, kept, &[&numbers.map(|number| format!("{number:.1}"))[..], &costs].concat())?;
    }
    f.write_str("</table></div>\n")
}

/// Begins a table; a phone scrolls it sideways if it must.
fn begin(f: &mut fmt::Formatter<'_>, title: &str, columns: &[&str]) -> fmt::Result {
    write!(f, "<h2>{title}</h2>\n<div class=\"table\"><table>\n")?;
    if !columns.is_empty() {
        f.write_str("<tr>")?;
        for column in columns {
            write!(f, "<th scope=\"col\">{column}</th>")?;
        }
        f.write_str("</tr>\n")?;
    }
    Ok(())
}

fn words(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "<tr><th>{name}</th><td class=\"words\">{}</td></tr>", Escaped(value))
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, numbers: &[String]) -> fmt::Result {
    write!(f, "<tr><th>{}</th>", Escaped(name))?;
    for number in numbers {
        write!(f, "<td>{number}</td>")?;
    }
    f.write_str("</tr>\n")
}
