//! `kessai-loadgen show`: the report of a run that is over.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Exit;
use super::show::print;
use crate::results::{ResultsError, RunResult, read};

/// Prints the report of a run again, from what `run --out` or `demo --out` left.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Reprint {
    /// The directory that --out made, or the result.json in it
    #[arg(value_name = "DIR|FILE")]
    result: PathBuf,

    /// Prints the ladder of messages besides
    #[arg(long)]
    ladder: bool,
}

const EXAMPLES: &str = "\
Examples:
  kessai-loadgen show results/before
      what `kessai-loadgen run --out results/before` printed at its end

Exit codes:
  0    it was printed, whatever it says
  2    the command line is wrong
  3    there is no result, or it is of another version of the program";

impl Reprint {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let result: Result<RunResult, ResultsError> = read(&self.result);
        let exit = match result {
            Ok(result) => {
                print(&result.page());
                if self.ladder {
                    print(&format!("\n{}", result.report.ladder));
                }
                Exit::Ok
            }
            Err(error) => {
                eprintln!("kessai-loadgen: {error}");
                Exit::CouldNot
            }
        };
        exit.into()
    }
}
