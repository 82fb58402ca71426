//! What a run costs the gateway, by what its administration tells before the first payment and after
//! the last: connecting and reading the books are not in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::administration::Administration;

/// Where the administration tells it.
const PATH: &str = "/metrics";

/// What a payment cost the gateway, on average; none where the gateway does not tell it, ended no
/// payment, or was started anew meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct GatewayCost {
    /// How many payments it ended, by its own count: approved, declined, cancelled or expired.
    pub payments: Option<u64>,
    /// Processor time of its process for each of them, in seconds.
    pub cpu_s: Option<f64>,
    /// Syncs of its journal, of each copy.
    pub syncs: Option<f64>,
    /// Bytes that its journal wrote, to all copies.
    pub written_bytes: Option<f64>,
    /// UDP datagrams, in and out.
    pub datagrams: Option<f64>,
    /// What its process had in memory after the last payment, in bytes.
    pub resident_bytes: Option<u64>,
}

/// What the names of the gateway's own metrics begin with; those of every process have none.
const PREFIX: &str = concat!("kessai", "_");

/// What the gateway told at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// By the name of the metric without the prefix, added up over its labels.
    sums: BTreeMap<String, f64>,
    /// By that name with the labels, as they stand.
    labelled: BTreeMap<String, f64>,
}

impl Reading {
    /// Asks for it. A gateway that does not tell is no reason not to try it.
    pub async fn of(administration: &Administration) -> Self {
        let administration = administration.clone();
        let asked = spawn_blocking(move || administration.text(PATH)).await;
        asked.ok().and_then(Result::ok).map(|text| Self::parse(&text)).unwrap_or_default()
    }

    /// Reads what can be read.
    ///
    /// # Source
    /// OpenMetrics 1.0: a line has a name, labels in braces if there are any, and a value. The labels
    /// of a gateway have no braces in their values.
    fn parse(text: &str) -> Self {
        let mut reading = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((named, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            let named = named.strip_prefix(PREFIX).unwrap_or(named);
            if let Some((name, _labels)) = named.split_once('{') {
                reading.labelled.insert(named.to_owned(), value);
                *reading.sums.entry(name.to_owned()).or_default() += value;
            } else {
                *reading.sums.entry(named.to_owned()).or_default() += value;
            }
        }
        reading
    }

    /// A metric, added up over its labels.
    pub(crate) fn of_metric(&self, name: &str) -> Option<f64> {
        self.sums.get(name).copied()
    }

    /// By how much a count grew from this to `after`, of those with this one label; none where it is
    /// not told, or has fallen: then it is another process's. What never happened is not told at
    /// first.
    pub(crate) fn grown(&self, name: &str, label: (&str, &str), after: &Self) -> Option<u64> {
        let key = format!("{name}{{{}=\"{}\"}}", label.0, label.1);
        let at = |reading: &Self| reading.labelled.get(&key).copied();
        whole(at(after)? - at(self).unwrap_or_default())
    }

    /// Says what payments cost that ended between this and `after`.
    #[must_use]
    pub fn cost_until(&self, after: &Self) -> GatewayCost {
        let grown = |name| {
            let grown = after.of_metric(name)? - self.of_metric(name)?;
            // A count that fell is another process's.
            (grown >= 0.0).then_some(grown)
        };
        let payments = grown("payments_ended_total");
        let each = |name| {
            let payments = payments.filter(|count| *count > 0.0)?;
            Some(grown(name)? / payments)
        };
        GatewayCost {
            payments: payments.and_then(whole),
            cpu_s: each("process_cpu_seconds_total"),
            syncs: each("journal_syncs_total"),
            written_bytes: each("journal_written_bytes_total"),
            datagrams: each("udp_datagrams_total"),
            resident_bytes: after.of_metric("process_resident_memory_bytes").and_then(whole),
        }
    }
}

/// A count that was told as a number.
pub(crate) fn whole(count: f64) -> Option<u64> {
    format!("{count:.0}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{GatewayCost, PREFIX, Reading};

    /// As a gateway tells it.
    fn reading(approved: u64, cpu_s: f64, syncs: u64) -> Reading {
        let (bytes, datagrams) = (syncs * 4_096, approved * 7);
        Reading::parse(&format!(
            "# HELP {PREFIX}payments_ended Payments that were approved, or will not be.\n\
             # TYPE {PREFIX}payments_ended counter\n\
             {PREFIX}payments_ended_total{{end=\"approved\",reason=\"approved\"}} {approved}\n\
             {PREFIX}payments_ended_total{{end=\"expired\",reason=\"expired_unseen\"}} 10\n\
             {PREFIX}journal_syncs_total {syncs}\n\
             {PREFIX}journal_written_bytes_total {bytes}\n\
             {PREFIX}udp_datagrams_total{{direction=\"in\"}} {datagrams}\n\
             {PREFIX}udp_datagrams_total{{direction=\"out\"}} {datagrams}\n\
             process_cpu_seconds_total {cpu_s}\n\
             process_resident_memory_bytes 104857600\n\
             # EOF\n"
        ))
    }

    #[test]
    fn what_was_spent_is_shared_by_the_payments_that_ended_meanwhile() {
        let cost = reading(100, 2.0, 50).cost_until(&reading(300, 2.5, 150));
        let expected = GatewayCost {
            payments: Some(200),
            cpu_s: Some(0.002_5),
            syncs: Some(0.5),
            written_bytes: Some(2_048.0),
            datagrams: Some(14.0),
            resident_bytes: Some(100 << 20),
        };
        assert_eq!(cost, expected);
    }

    #[test]
    fn counts_are_told_apart_by_their_label() {
        let told = |source: u64| {
            Reading::parse(&format!(
                "{PREFIX}handshakes_total{{outcome=\"completed\"}} 7\n\
                 {PREFIX}handshakes_total{{outcome=\"refused_source\"}} {source}\n"
            ))
        };
        let grown = |label, before: u64, after: u64| {
            told(before).grown("handshakes_total", ("outcome", label), &told(after))
        };
        assert_eq!(grown("refused_source", 3, 10), Some(7));
        assert_eq!(grown("completed", 3, 10), Some(0));
        assert_eq!(grown("refused_source", 10, 3), None, "another process");
        assert_eq!(grown("failed", 3, 10), None, "it is not told");
        assert_eq!(told(3).of_metric("handshakes_total"), Some(10.0), "all of them");
        let first = Reading::default();
        let label = ("outcome", "refused_source");
        assert_eq!(first.grown("handshakes_total", label, &told(2)), Some(2));
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let (none, some) = (Reading::default(), reading(300, 2.5, 150));
        assert_eq!(none.cost_until(&none), GatewayCost::default());
        assert_eq!(some.cost_until(&none), GatewayCost::default());
        let memory = GatewayCost { resident_bytes: Some(100 << 20), ..GatewayCost::default() };
        assert_eq!(none.cost_until(&some), memory, "what it has now is known");
        assert_eq!(some.cost_until(&reading(100, 0.5, 9)), memory, "started anew meanwhile");
        let idle = GatewayCost { payments: Some(0), ..memory };
        assert_eq!(some.cost_until(&reading(300, 2.6, 151)), idle, "no payment cost that");
        let volatile =
            Reading::parse(&format!("{PREFIX}payments_ended_total 9\n\nno value\nx y\n"));
        let counted = GatewayCost { payments: Some(9), ..GatewayCost::default() };
        let begun = Reading::parse(&format!("{PREFIX}payments_ended_total 0\n"));
        assert_eq!(begun.cost_until(&volatile), counted);
    }
}
