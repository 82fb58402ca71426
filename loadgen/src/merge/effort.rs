//! What the load generators needed together, and what a payment cost the gateway by their account.

use std::collections::BTreeMap;

use crate::cost::GatewayCost;
use crate::generator::{Effort, Limits, too_busy};
use crate::measure::Measures;
use crate::population::Partition;
use crate::report::Report;
use crate::results::RunResult;

/// The generators were the limit if any of them was, or if those on one machine took it together.
pub(super) fn joined(results: &[(&RunResult, Partition)], measures: &Measures) -> Effort {
    let mut limited_by = Vec::new();
    let mut machines: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (result, partition) in results {
        let effort = &result.report.generator;
        let sentences = effort.limited_by.iter();
        limited_by.extend(sentences.map(|limit| format!("partition {partition}: {limit}")));
        if let Some(share) = effort.cpu_share {
            let machine = result.origin.host.name.as_deref().unwrap_or("a nameless machine");
            machines.entry(machine).or_default().push(share);
        }
    }
    for (machine, shares) in machines.iter().filter(|(_, shares)| shares.len() > 1) {
        let together = too_busy(shares.iter().sum(), &Limits::default());
        limited_by.extend(together.map(|limit| format!("all partitions on {machine}: {limit}")));
    }
    let cpu_s = results.iter().map(|(result, _)| result.report.generator.cpu_s);
    let busiest = machines.values().map(|shares| shares.iter().sum::<f64>()).reduce(f64::max);
    Effort {
        cpu_s: cpu_s.sum(),
        cpu_share: busiest,
        lag_ms: measures.all(|timed| &timed.lag).quantiles(),
        limited_by,
    }
}

/// Every part reads the gateway's own counters, which count the payments of all: the account of the
/// one that saw the most of them is the best there is, and a sum would count them over and over.
pub(super) fn cost(reports: &[(&Report, Partition)]) -> GatewayCost {
    let costs = reports.iter().map(|(report, _)| report.gateway_cost);
    costs.max_by_key(|cost| cost.payments).unwrap_or_default()
}
