//! `kessai-loadgen compare`: whether one run was better than another.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::Exit;
use super::show::print;
use crate::comparison::Comparison;
use crate::report::{Report, VERSION};

/// Compares the reports of two runs: what changed, how sure that is, and what could have been seen.
///
/// Runs that differ in anything but the gateway are refused, and so are runs that failed their
/// audits or were limited by the load generator. A change counts if chance alone would show as much
/// less than once in twenty, and if it is at least 3 %.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = CODES)]
pub struct Compare {
    /// The report of the first run, as `--json` wrote it
    #[arg(value_name = "FIRST")]
    first: PathBuf,

    /// The report of the second run
    #[arg(value_name = "SECOND")]
    second: PathBuf,
}

const CODES: &str = "\
Exit codes:
  0    nothing got worse
  2    the command line is wrong
  3    the runs cannot be compared
  5    something got worse";

impl Compare {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let exit = match self.comparison() {
            Ok(comparison) => {
                print(&comparison.to_string());
                if comparison.is_regression() { Exit::Regression } else { Exit::Ok }
            }
            Err(problem) => {
                eprintln!("kessai-loadgen: {problem}");
                Exit::CouldNot
            }
        };
        exit.into()
    }

    fn comparison(&self) -> Result<Comparison, String> {
        let (first, second) = (read(&self.first)?, read(&self.second)?);
        Comparison::new(&first, &second).map_err(|problem| problem.to_string())
    }
}

fn read(path: &Path) -> Result<Report, String> {
    let named = |problem: String| format!("{}: {problem}", path.display());
    let text = fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    let report: Report = serde_json::from_str(&text).map_err(|error| named(error.to_string()))?;
    if report.version == VERSION {
        Ok(report)
    } else {
        Err(named(format!("version {} of the report is not known here", report.version)))
    }
}
