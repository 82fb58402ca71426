//! `kessai-loadgen chaos`: real faults on the real program.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;

use super::show::{interrupted, print};
use super::{Carrier, Exit, ways, within_a_day};
use crate::chaos::fault::Fault;
use crate::chaos::place::{Copies, Setting};
use crate::chaos::process::end_all;
use crate::chaos::report::Report;
use crate::chaos::{ChaosError, Plan, run};
use crate::life::Workload;
use crate::people::Pace;
use crate::population::{MOST, Size, Wealth};
use crate::provision::Provision;
use crate::schedule::{Bounds, Form, Rate, Spacing};
use crate::shares::MACHINES;
use crate::trial::TrialError;

/// Kills a gateway again and again while people pay, and holds it to everything that it told.
///
/// The program `kessai` serves on loopback from a temporary folder. Terminals and handsets pay all
/// the time, as in `kessai-loadgen demo`, through the real client, which connects again whenever the
/// gateway is back. Faults come at random moments; after each the gateway is started again, and
/// before anybody is let in, every answer that any terminal or handset holds is looked for in the
/// books that it recovered, and some are asked for once more. What was told and is not there, or
/// there otherwise, is lost; what nobody asked for or was debited twice is doubled. At the end
/// everything is audited, the totals of every terminal included.
///
/// A start is now and then killed as well. With several --fault each round draws one of them.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Chaos {
    /// How many times a fault happens
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    kills: u64,

    /// Which faults: one is drawn each time
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Fault::Kill], value_name = "FAULTS")]
    fault: Vec<Fault>,

    /// What everything is drawn from: who pays what, and what happens when
    #[arg(long, default_value_t = 42, value_parser = clap::value_parser!(u64).range(..=Provision::MAX_SEED))]
    seed: u64,

    /// The program to try [default: `kessai` beside this program]
    #[arg(long, value_name = "PATH")]
    gateway: Option<PathBuf>,

    /// How many payments are offered a second, on average
    #[arg(long, default_value = "100")]
    rate: Rate,

    /// How many customers there are, each with a handset
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    customers: u32,

    /// How many tills there are
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    terminals: u32,

    /// What carries tills and handsets, instead of a connection each
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CARRIERS")]
    through: Vec<Carrier>,

    /// How many times faster than life people are
    #[arg(long, default_value = "30")]
    pace: Pace,

    /// How long payments go on between two faults, on average
    #[arg(long, default_value = "1s", value_parser = duration)]
    between: Duration,

    /// How long the process is stopped at most, with --fault stop
    #[arg(long, default_value = "30s", value_parser = duration)]
    stop_most: Duration,

    /// How large a segment of the journal is, in MiB
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    segment_mib: u32,

    /// Keeps a mirror of the journal, so that what is damaged must be repaired
    #[arg(long)]
    mirror: bool,

    /// Where the data go: for --fault enospc a small file system, if none may be mounted
    #[arg(long, value_name = "DIR")]
    disk: Option<PathBuf>,

    /// How long all of it may take [default: a minute, and 15 s and the longest stop for each fault]
    #[arg(long, value_parser = duration)]
    most: Option<Duration>,

    /// Writes the report as JSON to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  kessai-loadgen chaos --kills 20
      a minute, with `kessai` from the same directory
  kessai-loadgen chaos --kills 1000 --rate 400 --customers 2000 --through controllers,hubs \\
      --json chaos.json
      a long one, over few connections
  kessai-loadgen chaos --kills 30 --fault kill,eio,slow,stop --stop-most 5s
      with syncs that fail and syncs that take long: needs strace
  kessai-loadgen chaos --kills 10 --fault enospc,truncate,flip
      with a full disk, which needs the right to mount one, and a damaged journal
  kessai-loadgen chaos --kills 10 --fault truncate,flip --mirror
      with a journal that is damaged and repaired

Exit codes:
  0    nothing was lost, doubled or wrongly refused
  1    something was, or the gateway did not do what it should: the report says what
  2    the command line is wrong
  3    it could not be tried (a program is missing), or the report not be written
  130  interrupted; what happened until then is reported

The JSON has ok, kills, kills_while_starting, acknowledged, lost, doubled, false_refusals,
restart_ms.{count,min,p50,p90,p99,max}, faults{}, failed_syncs.{count,gone_within_ms,
last_told_after_ms}, offered, refused{}, asked_again, receipts.{ours,not_kept,forged,lost,
unchecked}, problems[], seed, seconds, gateway and config.
If anything is found, the gateway's folder with its configuration, data and log is kept, and the
last problems say where.";

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time like 500ms or 5min, above 0 and at most 1day".to_owned();
    within_a_day(humantime::parse_duration(text).ok()).ok_or_else(wrong)
}

/// How many controllers and hubs there are, if they carry the others.
const CARRIERS: u32 = 4;

impl Chaos {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        match self.report() {
            Ok(exit) => exit.into(),
            Err(error) => {
                eprintln!("kessai-loadgen: {error}");
                Exit::CouldNot.into()
            }
        }
    }

    fn report(&self) -> Result<Exit, ChaosError> {
        let plan = self.plan()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(TrialError::Threads)?;
        let panicked = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            end_all();
            panicked(panic);
        }));
        let (stop, stopped) = watch::channel(false);
        let report = runtime.block_on(async {
            let again = interrupted(stop.clone());
            tokio::select! {
                biased;
                // What is dropped here ends the gateway as well.
                () = again => None,
                report = run(&plan, stopped) => Some(report),
            }
        });
        // Thousands of connections need not be taken down one by one.
        runtime.shutdown_background();
        let Some(report) = report.transpose()? else {
            eprintln!("kessai-loadgen: interrupted twice, nothing is reported");
            return Ok(Exit::Interrupted);
        };
        print(&report.to_string());
        if let Some(path) = &self.json {
            write(path, &report)?;
        }
        Ok(if !report.ok {
            Exit::AuditFailed
        } else if *stop.borrow() {
            Exit::Interrupted
        } else {
            Exit::Ok
        })
    }

    fn plan(&self) -> Result<Plan, ChaosError> {
        let count = |carrier| if self.through.contains(&carrier) { CARRIERS } else { 0 };
        let size = Size {
            customers: self.customers,
            terminals: self.terminals,
            controllers: count(Carrier::Controllers),
            hubs: count(Carrier::Hubs),
            machines: MACHINES,
            wealth: Wealth::Plenty,
        };
        let rounds = u32::try_from(self.kills).unwrap_or(u32::MAX);
        let stops = if self.fault.contains(&Fault::Stop) { self.stop_most } else { Duration::ZERO };
        let each = Duration::from_secs(15).saturating_add(self.between).saturating_add(stops);
        let most = each.saturating_mul(rounds).saturating_add(Duration::from_secs(60));
        Ok(Plan {
            rounds: self.kills,
            faults: self.fault.clone(),
            between: self.between,
            stop_most: self.stop_most,
            most: self.most.unwrap_or(most),
            setting: Setting {
                program: self.gateway.clone().map_or_else(beside, Ok)?,
                prompt: PROMPT,
                delivery: DELIVERY,
                segment_mib: self.segment_mib,
                copies: if self.mirror { Copies::Two } else { Copies::One },
                disk: self.disk.clone(),
            },
            provision: Provision::new(size, self.seed),
            ways: ways(&self.through),
            workload: Workload {
                rate: self.rate,
                form: Form::Constant,
                spacing: Spacing::Poisson,
                span: LONG,
                pace: self.pace,
                scenario: Arc::default(),
                seed: self.seed,
                bounds: Bounds { late: Duration::from_secs(1), ..Bounds::default() },
            },
        })
    }
}

/// How long customers have to answer, and machines to report.
const PROMPT: Duration = Duration::from_secs(4);
const DELIVERY: Duration = Duration::from_secs(4);

/// Payments are offered until all faults have happened.
const LONG: Duration = Duration::from_secs(30 * 86_400);

/// The gateway's program, where this one is.
fn beside() -> Result<PathBuf, ChaosError> {
    let program = PathBuf::from("kessai");
    let own = std::env::current_exe();
    let own = own.map_err(|source| ChaosError::Program { program: program.clone(), source })?;
    Ok(own.with_file_name(program))
}

fn write(path: &Path, report: &Report) -> Result<(), ChaosError> {
    let json = report.to_json().map_err(io::Error::from);
    let written = json.and_then(|json| std::fs::write(path, json));
    written.map_err(|source| TrialError::Report { path: path.to_owned(), source }.into())
}
