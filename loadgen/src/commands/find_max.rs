//! `kessai-loadgen find-max` and `sweep`: how much a gateway carries.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::against::Against;
use super::behaviour::wrong;
use super::show::{called_off, print, write};
use super::{Exit, positive};
use crate::goal::{Goals, Share};
use crate::maximum::{Capacity, Found, MaximumError, Tried};
use crate::schedule::{Form, Rate, Spacing};
use crate::search::{Manner, Spans};
use crate::trial::TrialError;

/// What has to be kept, as the command line has it.
#[derive(Debug, Clone, Copy, Args)]
struct Kept {
    /// What machines may take of 99 in a hundred payments, from the intended moment
    #[arg(long, default_value = "20ms", value_parser = positive)]
    p99: Duration,

    /// The share of payments that may be failed: not begun by the gateway, never answered, or
    /// expired although the customer had answered early
    #[arg(long, default_value = "0.01%")]
    timeouts: Share,
}

impl Kept {
    const fn goals(self) -> Goals {
        Goals { p99: self.p99, timeouts: self.timeouts }
    }
}

/// Finds the highest rate at which a gateway keeps its goals.
///
/// One run after the other, each audited to the yen: short ones double the rate until a goal is
/// missed, then halve the distance; long ones confirm. A single run near the limit is a matter of
/// luck, so neither bound rests on one: at the lower rate six long runs in a row kept the goals, at
/// the upper one six missed them, and at every rate between some did either. If the load generator
/// itself was the limit, that is said instead of a capacity.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = FIND_EXAMPLES)]
pub struct FindMax {
    #[command(flatten)]
    against: Against,

    #[command(flatten)]
    kept: Kept,

    /// The rate to begin with
    #[arg(long, default_value = "100")]
    from: Rate,

    /// The highest rate to try
    #[arg(long, default_value = "100000")]
    to: Rate,

    /// How far apart rates are that are told apart
    #[arg(long, default_value = "2%", value_parser = width)]
    width: f64,

    /// How long the runs are while climbing, narrowing and confirming
    #[arg(long, num_args = 3, value_names = ["SHORT", "LONGER", "LONG"], value_parser = positive,
          default_values = ["3s", "10s", "30s"])]
    spans: Vec<Duration>,

    /// How many long runs are made at most
    #[arg(long, default_value = "60", value_name = "RUNS")]
    most_long: usize,

    /// Writes all runs and what was found as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const FIND_EXAMPLES: &str = "\
Examples:
  kessai-loadgen find-max --gateway 127.0.0.1:7443 --provision people \\
      --token-file my-processor/keys/admin.token --p99 20ms --timeouts 0.01%
  kessai-loadgen find-max ... --through controllers,hubs --spans 2s 5s 10s --width 5%
      quicker and coarser, through the controllers and hubs of the provision

Exit codes:
  0    a capacity was found
  1    an audit found something: a gateway that loses money has no capacity
  2    the command line is wrong
  3    a run could not be made, or the JSON not be written
  4    the goals were missed at every rate
  6    the load generator was the limit before the gateway was
  130  interrupted

The JSON has version, goals, found (one of {\"between\": [RATE, RATE]}, {\"at_least\": RATE},
{\"generator_limited\": RATE}, \"nothing\"; null for a sweep) and trials[].{rate_per_s,seconds,mark,
missed[],limited_by[],throughput_per_s,p50_ms,p99_ms}.";

/// Runs each of a list of rates once, and shows what payments take at each.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = SWEEP_EXAMPLES)]
pub struct Sweep {
    #[command(flatten)]
    against: Against,

    #[command(flatten)]
    kept: Kept,

    /// The rates, in payments a second
    #[arg(long, value_delimiter = ',', required = true)]
    rates: Vec<Rate>,

    /// How long each run is
    #[arg(long, default_value = "30s", value_parser = positive)]
    duration: Duration,

    /// Writes all runs as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const SWEEP_EXAMPLES: &str = "\
Examples:
  kessai-loadgen sweep --gateway 127.0.0.1:7443 --provision people \\
      --token-file my-processor/keys/admin.token --rates 100,200,400,800 --json sweep.json

Exit codes and JSON are those of `kessai-loadgen find-max`, but that a missed goal ends no sweep.";

fn width(text: &str) -> Result<f64, String> {
    let wrong = || "a percentage above 0 and at most 100, such as 2%".to_owned();
    let percent: f64 = text.trim_end_matches('%').trim().parse().map_err(|_no_number| wrong())?;
    if percent > 0.0 && percent <= 100.0 { Ok(percent / 100.0) } else { Err(wrong()) }
}

impl FindMax {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let [short, longer, long] = self.spans.as_slice() else {
            return Exit::Usage.into();
        };
        let manner = Manner {
            first: self.from,
            highest: self.to,
            width: self.width,
            spans: Spans { short: *short, longer: *longer, long: *long },
            confirmations: 6,
            most_long: self.most_long,
        };
        let scenario = match self.against.scenario() {
            Ok(scenario) => scenario,
            Err(error) => return wrong(&error),
        };
        let goals = self.kept.goals();
        let found = called_off(async |stop| {
            let offering = (self.from, Form::Constant, Spacing::Poisson);
            let test = self.against.test(scenario, offering, *long)?;
            let told = |trial: &_| print(&format!("{trial}\n"));
            Tried { test: &test, goals, told, stop }.find(manner).await
        });
        finish(found, self.json.as_deref())
    }
}

impl Sweep {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let scenario = match self.against.scenario() {
            Ok(scenario) => scenario,
            Err(error) => return wrong(&error),
        };
        let goals = self.kept.goals();
        let swept = called_off(async |stop| {
            let first = self.rates.first().copied().unwrap_or(Rate::ONE);
            let offering = (first, Form::Constant, Spacing::Poisson);
            let test = self.against.test(scenario, offering, self.duration)?;
            let told = |trial: &_| print(&format!("{trial}\n"));
            Tried { test: &test, goals, told, stop }.sweep(&self.rates, self.duration).await
        });
        finish(swept, self.json.as_deref())
    }
}

/// Tells what was found, and says so by the exit code.
fn finish(found: Result<Capacity, MaximumError>, json: Option<&std::path::Path>) -> ExitCode {
    let written = found.and_then(|capacity| {
        if let Some(path) = json {
            write(path, &capacity)?;
        }
        Ok(capacity)
    });
    let exit = match written {
        Ok(Capacity { found, goals, .. }) => {
            if let Some(found) = found {
                print(&format!("\ncapacity with {goals}: {found}\n"));
            }
            match found {
                Some(Found::Nothing) => Exit::GoalMissed,
                Some(Found::GeneratorLimited(_)) => Exit::GeneratorLimited,
                Some(Found::Between(..) | Found::AtLeast(_)) | None => Exit::Ok,
            }
        }
        Err(error) => {
            eprintln!("kessai-loadgen: {error}");
            match error {
                MaximumError::Audit { .. } => Exit::AuditFailed,
                MaximumError::Trial(TrialError::Interrupted) => Exit::Interrupted,
                MaximumError::Trial(_) => Exit::CouldNot,
            }
        }
    };
    exit.into()
}
