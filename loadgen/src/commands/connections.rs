//! `kessai-loadgen connections`: QUIC as load.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::against::Target;
use super::offering::{form, spacing};
use super::show::{called_off, could_not, print, unwritable, write};
use super::{Exit, positive};
use crate::connections::{
    self, ConnectionsReport, ConnectionsTest, Gathering, Loss, Moves, Offer, Peers, Plan, Progress,
    Storm,
};
use crate::provision::Provision;
use crate::schedule::{Form, Rate, Spacing};
use crate::trial::TrialError;

/// Makes connections to a gateway, and says what became of them.
///
/// Peers of a provision connect, each with its own key, many over one socket: as fast as is asked
/// for, to be held by the ten thousand, all at once after an outage, or from a new address. No
/// money moves, but for --bystanders of a storm.
///
/// What a limit of the gateway turns away is counted as `turned_away`, and the report names the
/// limit: that is what limits are for, and no failure of the test. To try what is behind it, raise
/// connections.per_source_per_second, connections.handshakes or connections.most in the gateway's
/// configuration; or let the load generator go out by more addresses, with --from.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Connections {
    #[command(subcommand)]
    what: What,
}

const EXAMPLES: &str = "\
Examples:
  kessai-loadgen connections handshakes --gateway 127.0.0.1:7443 --provision people \\
      --token-file my-processor/keys/admin.token --rate 400 --duration 30s
      what a full handshake takes, until the gateway says Welcome
  kessai-loadgen connections idle ... --connections 20000 --ramp 450 --duration 2min --json out.json
      what 20,000 handsets cost that say nothing; provision so many customers
  kessai-loadgen connections storm ... --connections 5000 --outage 5s --within 30s --bystanders 8
      how long it takes until everybody is back, and whether others can pay meanwhile
  kessai-loadgen connections migration ... --connections 1000 --moves 5
      what becomes of handsets that change networks
  kessai-loadgen connections long-lived ... --connections 1000 --rate 200 --duration 10min
      whether connections live, with round trips all the time

Exit codes:
  0    all connections were as they should be; some may have been turned away by a limit
  2    the command line is wrong
  3    it could not be done
  4    connections were lost, did not come back, or were not answered: the report says how many
  6    the load generator was the limit
  130  interrupted; what was seen until then is reported";

#[derive(Debug, Subcommand)]
enum What {
    /// Makes full handshakes, so many a second: an open loop, which waits for nobody
    Handshakes(Handshakes),
    /// Holds connections that say nothing, and tells what they cost
    Idle(Idle),
    /// Holds connections with round trips all the time
    LongLived(LongLived),
    /// Loses all connections at once, and lets them come back
    Storm(Stormy),
    /// Moves all connections to new local ports
    Migration(Migration),
}

/// Which gateway, and who connects.
#[derive(Debug, Clone, Args)]
struct Against {
    #[command(flatten)]
    target: Target,

    /// Whose keys connect
    #[arg(long, value_enum, default_value = "handsets")]
    peers: Peers,

    /// The addresses to go out by, each a source of its own to the gateway: of this machine, as
    /// 127.0.0.1,127.0.0.2 to a gateway on it [default: whichever leads there]
    #[arg(long, value_delimiter = ',', value_name = "ADDRESSES")]
    from: Vec<IpAddr>,

    /// UDP sockets for each of these addresses
    #[arg(long, default_value = "4", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    sockets: u16,

    /// How often a silent connection makes a sign of life; 0s for never
    #[arg(long, default_value = "10s", value_parser = up_to_a_day)]
    keep_alive: Duration,

    /// How long one attempt at connecting, or one round trip, may take
    #[arg(long, default_value = "10s", value_parser = positive)]
    patience: Duration,

    /// What is random is drawn from this [default: the provision's seed]
    #[arg(long)]
    seed: Option<u64>,

    /// Writes the report as JSON to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The most connections: so many handsets or terminals a provision has at the most.
const MOST: i64 = 1_000_000;

/// How connections are gathered.
#[derive(Debug, Clone, Args)]
struct Gather {
    /// How many connections: each peer of the provision makes one
    #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=MOST))]
    connections: u32,

    /// How many are opened a second
    #[arg(long, default_value = "400")]
    ramp: Rate,

    /// For how long those who are turned away try again, with growing pauses
    #[arg(long, default_value = "5min", value_parser = positive)]
    give_up: Duration,
}

#[derive(Debug, Args)]
struct Handshakes {
    #[command(flatten)]
    against: Against,

    /// How many handshakes are offered a second
    #[arg(long, default_value = "200")]
    rate: Rate,

    /// For how long, as 30s or 5min
    #[arg(long, default_value = "30s", value_parser = positive)]
    duration: Duration,

    /// How the rate goes: constant, ramp:TO, stairs:TO/STEPS, spike:PEAK, or day:FILE
    #[arg(long, default_value = "constant", value_parser = form)]
    shape: Form,

    /// How handshakes lie between each other: poisson, uniform, or trace:FILE
    #[arg(long, default_value = "poisson", value_parser = spacing)]
    arrivals: Spacing,
}

#[derive(Debug, Args)]
struct Idle {
    #[command(flatten)]
    against: Against,

    #[command(flatten)]
    gather: Gather,

    /// For how long they are held
    #[arg(long, default_value = "60s", value_parser = positive)]
    duration: Duration,
}

#[derive(Debug, Args)]
struct LongLived {
    #[command(flatten)]
    against: Against,

    #[command(flatten)]
    gather: Gather,

    /// How many round trips are offered a second, over all connections
    #[arg(long, default_value = "100")]
    rate: Rate,

    /// For how long they are held
    #[arg(long, default_value = "60s", value_parser = positive)]
    duration: Duration,
}

#[derive(Debug, Args)]
struct Stormy {
    #[command(flatten)]
    against: Against,

    #[command(flatten)]
    gather: Gather,

    /// How the connections are lost
    #[arg(long, value_enum, default_value = "silent")]
    loss: Loss,

    /// How long all is quiet before
    #[arg(long, default_value = "5s", value_parser = up_to_a_day)]
    calm: Duration,

    /// How long nobody can connect
    #[arg(long, default_value = "5s", value_parser = up_to_a_day)]
    outage: Duration,

    /// Within which time, after that, each makes its first attempt at a random moment; 0s for all
    /// at once
    #[arg(long, default_value = "0s", value_parser = up_to_a_day)]
    within: Duration,

    /// How many others pay meanwhile, once a second each: customers with money and tills that the
    /// storm leaves alone
    #[arg(long, default_value = "0", value_parser = clap::value_parser!(u16).range(0..=1_000))]
    bystanders: u16,
}

#[derive(Debug, Args)]
struct Migration {
    #[command(flatten)]
    against: Against,

    #[command(flatten)]
    gather: Gather,

    /// How often they move
    #[arg(long, default_value = "3", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    moves: u32,

    /// How long they stay
    #[arg(long, default_value = "5s", value_parser = up_to_a_day)]
    every: Duration,
}

/// Reads a time of at most a day, nothing included.
fn up_to_a_day(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).ok();
    span.filter(|span| *span <= Duration::from_secs(86_400))
        .ok_or_else(|| "a time like 0s, 60s or 5min, at most 1day".to_owned())
}

impl Gather {
    fn gathering(&self) -> Gathering {
        let connections = usize::try_from(self.connections).unwrap_or(usize::MAX);
        Gathering { connections, rate: self.ramp, give_up: self.give_up }
    }
}

impl What {
    fn plan(&self) -> (&Against, Plan) {
        match self {
            Self::Handshakes(Handshakes { against, rate, duration, shape, arrivals }) => {
                let offer = Offer { rate: *rate, form: shape.clone(), span: *duration };
                (against, Plan::Handshakes(offer, arrivals.clone()))
            }
            Self::Idle(Idle { against, gather, duration }) => {
                (against, Plan::Idle(gather.gathering(), *duration))
            }
            Self::LongLived(LongLived { against, gather, rate, duration }) => {
                let trips = Offer { rate: *rate, form: Form::Constant, span: *duration };
                (against, Plan::LongLived(gather.gathering(), trips))
            }
            Self::Storm(Stormy { against, gather, loss, calm, outage, within, bystanders }) => {
                let storm = Storm {
                    loss: *loss,
                    calm: *calm,
                    outage: *outage,
                    within: *within,
                    give_up: gather.give_up,
                    bystanders: usize::from(*bystanders),
                };
                (against, Plan::Storm(gather.gathering(), storm))
            }
            Self::Migration(Migration { against, gather, moves, every }) => {
                let moves = Moves { count: *moves, every: *every };
                (against, Plan::Migration(gather.gathering(), moves))
            }
        }
    }
}

impl Against {
    fn test(&self, plan: Plan) -> Result<ConnectionsTest, TrialError> {
        let provision = Provision::load(&self.target.provision)?;
        Ok(ConnectionsTest {
            plan,
            peers: self.peers,
            seed: self.seed.unwrap_or(provision.seed()),
            provision,
            folder: self.target.provision.clone(),
            gateway: self.target.gateway.clone(),
            administration: self.target.administration()?,
            from: self.from.clone(),
            sockets: usize::from(self.sockets),
            keep_alive: Some(self.keep_alive).filter(|time| !time.is_zero()),
            patience: self.patience,
        })
    }

    /// Sees that the report can be written: better before than after.
    fn prepare(&self) -> Result<(), TrialError> {
        let Some(path) = &self.json else { return Ok(()) };
        // What it held stays until there is a new report.
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.map(drop).map_err(unwritable(path))
    }
}

impl Connections {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let (against, plan) = self.what.plan();
        match done(against, plan) {
            Ok(exit) => exit.into(),
            Err(error) => could_not(&error),
        }
    }
}

fn done(against: &Against, plan: Plan) -> Result<Exit, TrialError> {
    let test = against.test(plan)?;
    against.prepare()?;
    let progress = Progress::detect();
    let (report, interrupted) = called_off(async |stop| {
        let report = connections::run(&test, &progress, stop.clone()).await?;
        let interrupted = *stop.borrow();
        Ok::<_, TrialError>((report, interrupted))
    })?;
    print(&report.to_string());
    if let Some(path) = &against.json {
        write(path, &report)?;
    }
    Ok(if interrupted { Exit::Interrupted } else { exit(&report) })
}

const fn exit(report: &ConnectionsReport) -> Exit {
    if !report.problems.is_empty() {
        Exit::GoalMissed
    } else if report.generator.kept_up() {
        Exit::Ok
    } else {
        Exit::GeneratorLimited
    }
}
