//! A run second by second, as JSON lines.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use crate::measure::Second;
use crate::statistics::Block;
use crate::tally::{Outcome, milliseconds};

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

/// The name of the file.
pub(super) const NAME: &str = "series.jsonl";

/// How many payments came to each outcome, in the order of [`Outcome::ALL`].
pub(super) type Counts = [u64; Outcome::ALL.len()];

/// Reads how many payments came to each outcome in each second.
pub(super) fn read(text: &str) -> Result<Vec<Counts>, String> {
    let line = |(number, line): (usize, &str)| {
        let json: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
        if json.get("second").and_then(Value::as_u64) != u64::try_from(number).ok() {
            return Err(format!("second {number} is missing"));
        }
        let mut counts = Counts::default();
        for (outcome, count) in Outcome::ALL.into_iter().zip(&mut counts) {
            let missing = || format!("second {number} says nothing of {}", outcome.name());
            let found = json.get(outcome.name()).and_then(Value::as_u64);
            *count = found.ok_or_else(missing)?;
        }
        Ok(counts)
    };
    text.lines().enumerate().map(line).collect()
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
