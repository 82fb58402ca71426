//! What a run leaves behind in a directory: for programs, for other tools, and for people.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `result.json` | the [`Report`], and what a reader wants to know of how it came to be |
//! | `series.jsonl` | a line for each second |
//! | `latency.hlog` | every time that was measured, in histograms that can be added up |
//! | `report.html` | the same to look at, with no need of a network |
//! | `ledger/`, `books/` | all that the audit was made of, to be [audited](crate::audit) again |
//!
//! A search for the capacity, and a sweep, leave `capacity.json` and a `report.html` of their own.
//!
//! Nothing is written over. The JSON is written last: where it is, all is.

mod folder;
mod hlog;
mod host;
mod html;
mod kept;
mod series;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::generator::Effort;
use crate::maximum::Capacity;
use crate::population::Partition;
use crate::report::{Page, Report, VERSION};
use crate::spill::SpillError;
use crate::tally::Reasons;
use crate::trial::Finding;

pub use folder::Folder;
pub use host::{Host, Program};
pub use kept::Kept;

/// The name of the file that holds a [`RunResult`].
const RESULT: &str = "result.json";

/// What a run came to, and how, as `result.json` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// What was measured and judged.
    #[serde(flatten)]
    pub report: Report,
    /// How it came to be.
    #[serde(flatten)]
    pub origin: Origin,
    /// Why payments came to their outcomes, as their customers know it.
    pub reasons: Reasons,
    /// What went wrong on the way.
    pub troubles: Troubles,
    /// The parts that it was merged from; none of a run of one process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// A part of a run that was merged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Which one.
    pub partition: Partition,
    /// When its first payment might begin.
    #[serde(with = "humantime_serde")]
    pub started_at: SystemTime,
    /// What it was played on.
    pub host: Host,
    /// What its load generator needed.
    pub generator: Effort,
}

impl Part {
    /// Says how a part of a run came to be.
    pub(crate) fn of(result: &RunResult, partition: Partition) -> Self {
        let Origin { started_at, host, .. } = &result.origin;
        let (host, generator) = (host.clone(), result.report.generator.clone());
        Self { partition, started_at: *started_at, host, generator }
    }
}

/// What a gateway was found to carry, and how, as `capacity.json` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapacityResult {
    /// What was found, and by which runs.
    #[serde(flatten)]
    pub capacity: Capacity,
    /// How it came to be.
    #[serde(flatten)]
    pub origin: Origin,
}

/// How a result came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What was run, in a line.
    pub heading: String,
    /// When it began: the first payment of a run, the first run of a search.
    #[serde(with = "humantime_serde")]
    pub started_at: SystemTime,
    /// What it was made by.
    pub program: Program,
    /// What it was made on.
    pub host: Host,
}

impl Origin {
    /// Says that this program made something on this machine.
    #[must_use]
    pub fn here(heading: String, started_at: SystemTime) -> Self {
        Self { heading, started_at, program: Program::this(), host: Host::this() }
    }
}

/// Connections lost and calls without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Troubles {
    /// How many there were.
    pub count: u64,
    /// The last of them in words.
    pub last: Option<String>,
}

/// Why there is no result, or none can be kept.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// Something is there already.
    #[error("{} is not empty: results are not written over", .0.display())]
    NotEmpty(PathBuf),
    /// It cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What the audit was made of cannot be written.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Where from.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was read, and is no result.
    #[error("{} is no result: {source}", path.display())]
    Unintelligible {
        /// Where it stands.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// It is not whole, or something else.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// Where it stands.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Another version of the program wrote it.
    #[error("{}: version {version} of the report is not known here", path.display())]
    Version {
        /// Where it stands.
        path: PathBuf,
        /// Which version it has.
        version: u32,
    },
}

impl RunResult {
    /// Says what a run came to, on this machine.
    #[must_use]
    pub fn of(finding: &Finding) -> Self {
        Self {
            report: finding.report.clone(),
            origin: Origin::here(finding.heading.clone(), finding.started_at),
            reasons: finding.tally.named_reasons(),
            troubles: Troubles { count: finding.troubles, last: finding.trouble.clone() },
            parts: Vec::new(),
        }
    }

    /// Writes the report for people, as the run did at its end.
    #[must_use]
    pub fn page(&self) -> String {
        let troubles = (self.troubles.count, self.troubles.last.as_deref());
        let Self { report, origin, reasons, .. } = self;
        Page { report, heading: &origin.heading, reasons, troubles }.to_string()
    }
}

/// Reads what a run left: a [`RunResult`] or the [`Report`] of it, from its directory or a file.
///
/// # Errors
/// [`ResultsError`] if there is none, or it is of another version.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ResultsError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let path = if path.is_dir() { path.join(RESULT) } else { path.to_owned() };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(ResultsError::Read { path, source }),
    };
    // First of all the version: what another one has in its other keys is not to be guessed at.
    let result = match serde_json::from_str(&text) {
        Ok(Versioned { version: VERSION }) => serde_json::from_str(&text),
        Ok(Versioned { version }) => return Err(ResultsError::Version { path, version }),
        Err(source) => Err(source),
    };
    result.map_err(|source| ResultsError::Unintelligible { path, source })
}

#[cfg(test)]
mod tests;
