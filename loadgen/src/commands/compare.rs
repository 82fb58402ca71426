//! `kessai-loadgen compare`: whether one run was better than another, or one gateway than another.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::against::{Offered, Players, Rival, Sharing};
use super::behaviour::wrong;
use super::offering::Offering;
use super::show::{called_off, could_not, print};
use super::{Exit, positive};
use crate::capacity::CapacityTest;
use crate::comparison::Comparison;
use crate::interleaving::{Interleaving, InterleavingError};
use crate::report::Report;
use crate::results::{ResultsError, read};
use crate::scenario::Scenario;
use crate::trial::TrialError;

/// Compares the reports of two runs: what changed, how sure that is, and what could have been seen.
///
/// Runs that differ in anything but the gateway are refused, and so are runs that failed their
/// audits, were limited by the load generator or were steered by hand. A change counts if chance
/// alone would show as much less than once in twenty, and if it is at least 3 %.
///
/// With --abba the runs are made: two gateways, into both of which the same provision was imported,
/// take turns (first, second, second, first, and so on) with the same payments in each round, so that
/// what changes slowly on the machines falls on both alike. The rounds are compared pair by pair.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Compare {
    /// What the first run left by `--out`, or the file that `--json` wrote
    #[arg(value_name = "FIRST", required_unless_present = "abba", requires = "second",
          conflicts_with_all = MADE)]
    first: Option<PathBuf>,

    /// What the second run left
    #[arg(value_name = "SECOND")]
    second: Option<PathBuf>,

    /// Makes runs against two gateways in turns, and compares them round by round
    #[arg(long, requires_all = ["target", "provision"])]
    abba: bool,

    /// A gateway, where it is administered, and the file of the token: said twice, for the first and
    /// for the second
    #[arg(long, value_name = "HOST:PORT,URL,FILE", requires = "abba")]
    target: Vec<Rival>,

    /// The directory that `kessai-loadgen provision` made, imported into both
    #[arg(long, value_name = "DIR", requires = "abba")]
    provision: Option<PathBuf>,

    /// How often either gateway has its turn
    #[arg(long, default_value = "6", value_name = "N")]
    rounds: NonZeroU32,

    /// How long each run is
    #[arg(long, default_value = "30s", value_parser = positive)]
    duration: Duration,

    #[command(flatten)]
    offering: Offering,

    #[command(flatten)]
    players: Players,
}

/// What says how runs are made, and nothing about runs that were made.
const MADE: [&str; 13] = [
    "abba",
    "target",
    "provision",
    "rounds",
    "duration",
    "rate",
    "shape",
    "arrivals",
    "preset",
    "settings",
    "pace",
    "seed",
    "through",
];

const EXAMPLES: &str = "\
Examples:
  kessai-loadgen compare results/before results/after
      two runs that were made with --out
  kessai-loadgen compare --abba --provision people --rate 300 \\
      --target 127.0.0.1:7443,http://127.0.0.1:7480,old/keys/admin.token \\
      --target 127.0.0.1:8443,http://127.0.0.1:8480,new/keys/admin.token
      six rounds of two runs, each of 30 s

Exit codes:
  0    nothing got worse
  1    with --abba: an audit found something
  2    the command line is wrong
  3    the runs cannot be compared, or not be made
  5    something got worse
  6    with --abba: the load generator was the limit
  130  with --abba: interrupted";

impl Compare {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        match (&self.first, &self.second) {
            (Some(first), Some(second)) => Self::tell(Self::read(first, second)),
            _ => self.take_turns(),
        }
    }

    fn read(first: &PathBuf, second: &PathBuf) -> Result<Comparison, String> {
        let [first, second] = [first, second].map(|path| read(path));
        let told = |error: ResultsError| error.to_string();
        let (first, second): (Report, Report) = (first.map_err(told)?, second.map_err(told)?);
        Comparison::new(&first, &second).map_err(|problem| problem.to_string())
    }

    fn tell(comparison: Result<Comparison, String>) -> ExitCode {
        let exit = match comparison {
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

    fn take_turns(&self) -> ExitCode {
        let [first, second] = self.target.as_slice() else {
            eprintln!("kessai-loadgen: --abba takes two gateways: say --target twice");
            return Exit::Usage.into();
        };
        let scenario = match self.players.scenario() {
            Ok(scenario) => scenario,
            Err(error) => return wrong(&error),
        };
        let test = |rival| self.test(rival, scenario.clone());
        let (first, second) = match test(first).and_then(|first| Ok((first, test(second)?))) {
            Ok(tests) => tests,
            Err(error) => return could_not(&error),
        };
        print(&format!("{}\nin turns with {}\n\n", first.heading(), second.gateway));
        let compared = called_off(async |stop| {
            let told = |turn: crate::interleaving::Turn<'_>| print(&format!("{turn}\n"));
            let (first, second, rounds) = (&first, &second, self.rounds);
            Interleaving { first, second, rounds, told, stop }.compare().await
        });
        match compared {
            Ok(comparison) => {
                print("\n");
                Self::tell(Ok(comparison))
            }
            Err(error) => Self::give_up(&error),
        }
    }

    fn test(&self, rival: &Rival, scenario: Scenario) -> Result<CapacityTest, TrialError> {
        let Offering { rate, shape, arrivals } = self.offering.clone();
        let offered = Offered {
            rate,
            form: shape.unwrap_or_else(|| scenario.form().clone()),
            spacing: arrivals,
            span: self.duration,
            sharing: Sharing::default(),
        };
        // It is there: --abba requires it.
        let provision = self.provision.clone().unwrap_or_default();
        self.players.test(&rival.clone().played_by(provision), scenario, offered)
    }

    fn give_up(error: &InterleavingError) -> ExitCode {
        eprintln!("kessai-loadgen: {error}");
        let exit = match error {
            InterleavingError::Audit { .. } => Exit::AuditFailed,
            InterleavingError::GeneratorLimited { .. } => Exit::GeneratorLimited,
            InterleavingError::Trial(TrialError::Interrupted) => Exit::Interrupted,
            InterleavingError::Trial(_)
            | InterleavingError::Settings(_)
            | InterleavingError::Incomparable(_) => Exit::CouldNot,
        };
        exit.into()
    }
}
