//! `kessai-loadgen merge`: the parts of a run joined.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Exit;
use super::leaving::Leaving;
use super::show::{could_not, print};
use crate::merge::{Piece, merge};
use crate::results::Kept;
use crate::trial::TrialError;

/// Joins what several processes left that played the parts of one population at once.
///
/// Histograms are added up, and counts, second by second: what comes of it is what a single process
/// would have told that had played everybody, and `show` and `compare` take it as that. The parts
/// must be all the parts of one run, made by one version of the program; what else differs is named.
///
/// The load generators were the limit if any of them was, or if those on one machine took more of its
/// processors together than one alone may.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Merge {
    /// What each part left by --out
    #[arg(value_name = "DIR", required = true)]
    parts: Vec<PathBuf>,

    #[command(flatten)]
    leaving: Leaving,
}

const EXAMPLES: &str = "\
Examples:
  kessai-loadgen merge part-1 part-2 part-3 part-4 --out whole
      joins the four parts of a run, each made by `kessai-loadgen run --partition N/4`
  kessai-loadgen merge part-* --json whole.json
      prints the report, and writes it for programs

Exit codes:
  0    they were joined; the audits of all parts found nothing wrong
  1    the audit of a part found something: the report says what
  2    the command line is wrong
  3    they are not all the parts of one run, or cannot be read or written
  6    the load generators were the limit: what was measured is no capacity of the gateway

The directory that --out makes is that of `kessai-loadgen run`, with parts[].{partition,started_at,
host{},generator{}} in result.json. What a payment cost the gateway is by the account of the part that
saw the most payments: each part reads the gateway's counters of all.";

impl Merge {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        match self.merged() {
            Ok(exit) => exit.into(),
            Err(error) => could_not(&error),
        }
    }

    fn merged(&self) -> Result<Exit, TrialError> {
        let places = self.leaving.prepare()?;
        let piece = |path: &PathBuf| {
            let kept = Kept::read(path)?;
            Ok::<_, TrialError>(Piece { name: path.display().to_string(), kept })
        };
        let pieces: Vec<_> = self.parts.iter().map(piece).collect::<Result<_, _>>()?;
        let whole = merge(&pieces)?;
        print(&whole.result.page());
        places.fill(&whole)?;
        let report = &whole.result.report;
        Ok(if !report.audit.ok {
            Exit::AuditFailed
        } else if !report.generator.kept_up() {
            Exit::GeneratorLimited
        } else {
            Exit::Ok
        })
    }
}
