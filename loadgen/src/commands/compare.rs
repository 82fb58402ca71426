//! `kessai-loadgen compare`: whether one run was better than another.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Exit;
use super::show::print;
use crate::comparison::Comparison;
use crate::report::Report;
use crate::results::{ResultsError, read};

/// Compares the reports of two runs: what changed, how sure that is, and what could have been seen.
///
/// Runs that differ in anything but the gateway are refused, and so are runs that failed their
/// audits or were limited by the load generator. A change counts if chance alone would show as much
/// less than once in twenty, and if it is at least 3 %.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = CODES)]
pub struct Compare {
    /// What the first run left by `--out`, or the file that `--json` wrote
    #[arg(value_name = "FIRST")]
    first: PathBuf,

    /// What the second run left
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
        let [first, second] = [&self.first, &self.second].map(|path| read(path));
        let told = |error: ResultsError| error.to_string();
        let (first, second): (Report, Report) = (first.map_err(told)?, second.map_err(told)?);
        Comparison::new(&first, &second).map_err(|problem| problem.to_string())
    }
}
