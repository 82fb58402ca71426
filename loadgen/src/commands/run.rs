//! `kessai-loadgen run`: a capacity test of a gateway that runs somewhere else.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::show::{Show, judge};
use super::{COULD_NOT, Carrier, ways, within_a_day};
use crate::administration::Administration;
use crate::capacity::{CapacityTest, run};
use crate::fleet::Upkeep;
use crate::ledger::Telling;
use crate::life::Workload;
use crate::people::Pace;
use crate::provision::Provision;
use crate::schedule::{Bounds, Rate};
use crate::trial::TrialError;

/// Plays a population that was provisioned and imported against a gateway, and audits its books.
///
/// The gateway runs by itself, here or on another machine. Its administration tells the books as
/// they are before the run; then every terminal and every handset connects, or with --through few
/// controllers and hubs that carry them; payments are offered at moments that the seed fixes, and
/// customers and clerks do what people do, as in `kessai-loadgen demo`. Afterwards the books are
/// read again and compared with all that both sides were told, yen by yen.
///
/// The run must be alone: whatever else moves the money of its customers, or opens a payment at any
/// till, is found and named by the audit. A population can be played any number of times.
///
/// What the customers have time to answer is the gateway's to say (payments.prompt): at --pace 10
/// let it be 3s, or those who do not answer keep the run waiting.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Run {
    /// Where terminals and handsets reach the gateway
    #[arg(long, value_name = "HOST:PORT")]
    gateway: String,

    /// The directory that `kessai-loadgen provision` made
    #[arg(long, value_name = "DIR")]
    provision: PathBuf,

    /// Where the gateway is administered
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7480")]
    admin: String,

    /// The file of the administration's token: admin.token among the gateway's keys
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,

    /// How many payments are offered a second, on average: a Poisson process that waits for nobody
    #[arg(long, default_value = "200")]
    rate: Rate,

    /// For how long payments are offered, as 60s or 5min
    #[arg(long, default_value = "60s", value_parser = duration)]
    duration: Duration,

    /// How many times faster than life people are
    #[arg(long, default_value = "10")]
    pace: Pace,

    /// What arrivals, baskets and people are drawn from [default: the provision's seed]
    #[arg(long)]
    seed: Option<u64>,

    /// What carries tills and handsets, instead of a connection each
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CARRIERS")]
    through: Vec<Carrier>,

    /// Writes the report as JSON to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  kessai-loadgen run --gateway 127.0.0.1:7443 --provision people \\
      --token-file my-processor/keys/admin.token --rate 300 --duration 60s
      each terminal and each handset with a connection of its own
  kessai-loadgen run --gateway 127.0.0.1:7443 --provision people \\
      --token-file my-processor/keys/admin.token --through controllers,hubs --json out.json
      through the controllers and hubs of the provision, with the report for programs
  ssh -L 7480:127.0.0.1:7480 gateway.example
      reaches the administration of another machine, which listens there alone

Exit codes:
  0    the audit found nothing wrong
  1    the audit found something: the report says what
  2    the command line is wrong
  3    the run could not be made, or the report not be written
  130  interrupted; what was run until then is audited and reported

The JSON is that of `kessai-loadgen demo`; see there.";

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time like 60s or 5min, above 0 and at most 1day".to_owned();
    within_a_day(humantime::parse_duration(text).ok()).ok_or_else(wrong)
}

impl Run {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let test = match self.test() {
            Ok(test) => test,
            Err(error) => {
                eprintln!("kessai-loadgen: {error}");
                return ExitCode::from(COULD_NOT);
            }
        };
        let show = Show { title: test.heading(), span: self.duration, json: self.json.as_deref() };
        judge(show, async |board, stop| run(&test, board, stop).await)
    }

    fn test(&self) -> Result<CapacityTest, TrialError> {
        let provision = Provision::load(&self.provision)?;
        Ok(CapacityTest {
            workload: Workload {
                rate: self.rate,
                span: self.duration,
                pace: self.pace,
                seed: self.seed.unwrap_or(provision.seed()),
                bounds: Bounds::default(),
            },
            provision,
            folder: self.provision.clone(),
            ways: ways(&self.through),
            gateway: self.gateway.clone(),
            administration: Administration::new(&self.admin, &self.token_file)?,
            upkeep: Upkeep::default(),
            telling: Telling::default(),
        })
    }
}
