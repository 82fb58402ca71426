//! `kessai-loadgen find-max` and `sweep`: how much a gateway carries.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;

use super::against::{Against, Offered, Sharing};
use super::behaviour::wrong;
use super::leaving::{Leaving, Places};
use super::show::{called_off, could_not, print};
use super::{Exit, positive};
use crate::goal::{Goals, Share};
use crate::maximum::{Capacity, Found, MaximumError, Trial, Tried};
use crate::results::{CapacityResult, Origin};
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
    /// expired although the customer had answered early, or taken back although a vending machine
    /// had reported early
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

    #[command(flatten)]
    leaving: Leaving,
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

What a payment cost the gateway stands beside what it took: processor time in milliseconds, UDP
datagrams, syncs of the journal, and bytes that it wrote.

The JSON has version, goals, asked{} (search or sweep, with what was set), common{} (seed, pace,
customers, terminals, preset, preset_digest, gateway{} and connections{}, of all runs), found (one of
{\"between\": [RATE, RATE]}, {\"at_least\": RATE}, {\"generator_limited\": RATE}, \"nothing\"; null for a
sweep) and trials[].{rate_per_s,seconds,mark,missed[],limited_by[],throughput_per_s,p50_ms,p99_ms,
gateway_cost{}}, the last as `kessai-loadgen demo` has it. The directory that --out makes has these in
capacity.json, with heading, started_at, program{} and host{} as `kessai-loadgen demo` has them, and
report.html with the plot of what payments take at each rate.";

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

    #[command(flatten)]
    leaving: Leaving,
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
        let offering = (self.from, *long);
        search("find-max", (&self.against, self.kept, &self.leaving), offering, async |tried| {
            tried.find(manner).await
        })
    }
}

impl Sweep {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let first = self.rates.first().copied().unwrap_or(Rate::ONE);
        let offering = (first, self.duration);
        search("sweep", (&self.against, self.kept, &self.leaving), offering, async |tried| {
            tried.sweep(&self.rates, self.duration).await
        })
    }
}

/// Makes the runs of a search, keeps them, and tells what was found.
fn search(
    what: &str,
    (against, kept, leaving): (&Against, Kept, &Leaving),
    (rate, span): (Rate, Duration),
    runs: impl AsyncFnOnce(Tried<'_, fn(&Trial)>) -> Result<Capacity, MaximumError>,
) -> ExitCode {
    let scenario = match against.scenario() {
        Ok(scenario) => scenario,
        Err(error) => return wrong(&error),
    };
    let offered = Offered {
        rate,
        form: Form::Constant,
        spacing: Spacing::Poisson,
        span,
        sharing: Sharing::default(),
    };
    let test = against.test(scenario, offered);
    let (test, places) = match test.and_then(|test| Ok((test, leaving.prepare()?))) {
        Ok(prepared) => prepared,
        Err(error) => return could_not(&error),
    };
    let goals = kept.goals();
    let heading = format!("Kessai {what} against {}, with {goals}", test.gateway);
    print(&format!("{heading}\n\n{}\n", Trial::HEADING));
    let origin = Origin::here(heading, SystemTime::now());
    let found = called_off(async |stop| {
        runs(Tried { test: &test, goals, told: |trial| print(&format!("{trial}\n")), stop }).await
    });
    finish(found, origin, &places)
}

/// Tells what was found, and says so by the exit code.
fn finish(found: Result<Capacity, MaximumError>, origin: Origin, places: &Places<'_>) -> ExitCode {
    let written = found.and_then(|capacity| {
        let result = CapacityResult { capacity, origin };
        places.fill_capacity(&result)?;
        Ok(result.capacity)
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
