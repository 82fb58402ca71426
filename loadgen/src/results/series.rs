//! A run second by second, as JSON lines.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::measure::Second;
use crate::statistics::Block;
use crate::tally::milliseconds;

/// One second, by the moment at which its payments were meant to begin.
#[derive(Serialize)]
struct Line {
    /// Which second of the run, from 0.
    second: usize,
    /// How many payments were meant to begin.
    offered: u64,
    /// What became of them.
    #[serde(flatten)]
    outcomes: BTreeMap<&'static str, u64>,
    response_p50_ms: Option<f64>,
    response_p99_ms: Option<f64>,
    lag_p99_ms: Option<f64>,
}

/// Writes a line for each second.
pub(super) fn write(out: &mut impl Write, seconds: &[Second]) -> io::Result<()> {
    for (number, second) in seconds.iter().enumerate() {
        serde_json::to_writer(&mut *out, &Line::of(number, second))?;
        writeln!(out)?;
    }
    Ok(())
}

impl Line {
    fn of(number: usize, second: &Second) -> Self {
        Self {
            second: number,
            offered: second.offered(),
            outcomes: second.outcomes().map(|(outcome, count)| (outcome.name(), count)).collect(),
            response_p50_ms: quantile_ms(second.response(), 0.5),
            response_p99_ms: quantile_ms(second.response(), 0.99),
            lag_p99_ms: quantile_ms(second.lag(), 0.99),
        }
    }
}

/// A quantile of a block in milliseconds; none of no times.
pub(super) fn quantile_ms(block: &Block, share: f64) -> Option<f64> {
    (block.count() > 0).then(|| milliseconds(block.quantile(share)))
}
