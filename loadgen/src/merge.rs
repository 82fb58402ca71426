//! Joins what several processes left that played the parts of one population at once.
//!
//! Histograms are added up, never percentiles: what comes of it is what one process would have
//! written that had seen it all. Parts of different runs are refused.

mod effort;

use std::collections::BTreeMap;

use crate::comparison::different;
use crate::fleet::Connections;
use crate::population::Partition;
use crate::report::{
    Audit, Config, EXCHANGE_LEFT_OUT, Intervals, Latency, OutcomeTimes, Payments, Report,
};
use crate::results::{Kept, Origin, Part, RunResult, Troubles};
use crate::tally::Reasons;

/// Why results cannot be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmergeable {
    /// There is nothing to join.
    #[error("there is nothing to merge: name what each partition left by --out")]
    Nothing,
    /// One is no part.
    #[error("{0} is no part: it was run without --partition")]
    Whole(String),
    /// Two are parts of different runs.
    #[error("{first} and {other} are not of one run: they differ in {}", differ_in.join(", "))]
    Different {
        /// One of them.
        first: String,
        /// The other one.
        other: String,
        /// In what.
        differ_in: Vec<&'static str>,
    },
    /// Two are the same part.
    #[error("{0} and {1} are both partition {2}")]
    Twice(String, String, Partition),
    /// Some parts are not there.
    #[error("nothing of partition {} was named", .0.join(", "))]
    Missing(Vec<String>),
}

/// What one process left, and what it is called.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Where it was found.
    pub name: String,
    /// All that it measured.
    pub kept: Kept,
}

/// Joins the parts of a run.
///
/// # Errors
/// [`Unmergeable`] unless they are all the parts of one run, each of them once.
pub fn merge(pieces: &[Piece]) -> Result<Kept, Unmergeable> {
    let parts = in_order(pieces)?;
    let (first, _) = parts.first().ok_or(Unmergeable::Nothing)?;
    let (mut measures, mut human) = (first.measures.clone(), first.human.clone());
    for (kept, _) in parts.iter().skip(1) {
        measures.join(&kept.measures);
        human.join(&kept.human);
    }
    let results: Vec<_> =
        parts.iter().map(|(kept, partition)| (&kept.result, *partition)).collect();
    let reports: Vec<_> = results.iter().map(|(result, of)| (&result.report, *of)).collect();
    let each = || reports.iter().map(|(report, _)| *report);
    let whole = &first.result.report;
    let report = Report {
        version: whole.version,
        config: config(&reports, whole),
        audit: audit(&reports),
        payments: each().fold(Payments::default(), |sum, part| sum.and(&part.payments)),
        throughput_per_s: each().map(|part| part.throughput_per_s).sum(),
        latency_ms: Latency {
            machine: measures.all(|timed| &timed.response).quantiles(),
            human: human.quantiles(),
        },
        intervals: Intervals::of(&measures),
        by_outcome: OutcomeTimes::by_outcome(&measures),
        generator: effort::joined(&results, &measures),
        gateway_cost: effort::cost(&reports),
        ladder: each().skip(1).fold(whole.ladder.clone(), |sum, part| sum.and(&part.ladder)),
        seed: whole.seed,
        seconds: whole.seconds,
        gateway: whole.gateway.clone(),
        connections: each().fold(Connections::default(), |sum, part| sum.and(part.connections)),
    };
    let result = RunResult {
        report,
        origin: origin(&results, &first.result.origin),
        reasons: reasons(&results),
        troubles: troubles(&results),
        parts: results.iter().map(|(result, partition)| Part::of(result, *partition)).collect(),
    };
    Ok(Kept { result, measures, human })
}

/// Puts the parts in order, and sees that they are of one run, and all of them.
fn in_order(pieces: &[Piece]) -> Result<Vec<(&Kept, Partition)>, Unmergeable> {
    let mut parts: BTreeMap<Partition, &Piece> = BTreeMap::new();
    let first = pieces.first().ok_or(Unmergeable::Nothing)?;
    for piece in pieces {
        let named = |piece: &Piece| piece.name.clone();
        let partition = piece.kept.result.report.config.partition;
        let partition = partition.ok_or_else(|| Unmergeable::Whole(named(piece)))?;
        let differ_in = differences(&first.kept.result, &piece.kept.result);
        if !differ_in.is_empty() {
            let (first, other) = (named(first), named(piece));
            return Err(Unmergeable::Different { first, other, differ_in });
        }
        if let Some(other) = parts.insert(partition, piece) {
            return Err(Unmergeable::Twice(named(other), named(piece), partition));
        }
    }
    let all = parts.keys().next().map(|partition| partition.all()).into_iter().flatten();
    let missing: Vec<_> =
        all.filter(|part| !parts.contains_key(part)).map(|part| part.to_string()).collect();
    if !missing.is_empty() {
        return Err(Unmergeable::Missing(missing));
    }
    Ok(parts.into_iter().map(|(partition, piece)| (&piece.kept, partition)).collect())
}

/// Names what tells the runs apart of which two results are.
fn differences(first: &RunResult, other: &RunResult) -> Vec<&'static str> {
    let of = |result: &RunResult| result.report.config.partition.map(Partition::of);
    let (one, two) = (&first.report, &other.report);
    let all = [
        ("the number of partitions", of(first) == of(other)),
        ("the moment to begin", one.config.begin_at == two.config.begin_at),
        ("the seed", one.seed == two.seed),
        ("the gateway", one.gateway == two.gateway),
        ("the version of the load generator", first.origin.program == other.origin.program),
    ];
    let all = all.into_iter().filter(|(_, same)| !same).map(|(name, _)| name);
    all.chain(different(&one.config, &two.config)).collect()
}

fn config(reports: &[(&Report, Partition)], whole: &Report) -> Config {
    let by_hand = said(reports, |report| &report.config.by_hand);
    Config { partition: None, by_hand, ..whole.config.clone() }
}

fn audit(reports: &[(&Report, Partition)]) -> Audit {
    let problems = said(reports, |report| &report.audit.problems);
    let left_out = vec![EXCHANGE_LEFT_OUT.to_owned()];
    Audit { ok: reports.iter().all(|(report, _)| report.audit.ok), problems, left_out }
}

/// What the parts say, each sentence with the part that says it.
fn said(reports: &[(&Report, Partition)], of: impl Fn(&Report) -> &Vec<String>) -> Vec<String> {
    let of_part = |(report, partition): &(&Report, Partition)| {
        let partition = *partition;
        let sentences = of(report).clone();
        sentences.into_iter().map(move |sentence| format!("partition {partition}: {sentence}"))
    };
    reports.iter().flat_map(of_part).collect()
}

fn reasons(results: &[(&RunResult, Partition)]) -> Reasons {
    let mut sums = Reasons::new();
    for (result, _) in results {
        for (outcome, reasons) in &result.reasons {
            let of_outcome = sums.entry(outcome.clone()).or_default();
            for (reason, count) in reasons {
                let sum = of_outcome.entry(reason.clone()).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
    }
    sums
}

fn troubles(results: &[(&RunResult, Partition)]) -> Troubles {
    let troubles = results.iter().map(|(result, _)| &result.troubles);
    let count = troubles.clone().fold(0_u64, |sum, part| sum.saturating_add(part.count));
    Troubles { count, last: troubles.rev().find_map(|part| part.last.clone()) }
}

/// It began when the first part did; where the parts ran stands with each.
fn origin(results: &[(&RunResult, Partition)], first: &Origin) -> Origin {
    let begun = results.iter().map(|(result, _)| result.origin.started_at);
    let heading = results.first().map(|(result, partition)| {
        let own = crate::capacity::of_partition(*partition);
        let whole = result.origin.heading.strip_suffix(&own).unwrap_or(&result.origin.heading);
        format!("{whole}, merged from {} partitions", results.len())
    });
    Origin {
        heading: heading.unwrap_or_default(),
        started_at: begun.min().unwrap_or(first.started_at),
        ..first.clone()
    }
}

#[cfg(test)]
mod tests;
