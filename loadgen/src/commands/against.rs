//! Which gateway is tried, and by whom, as the command line has it.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args;

use super::behaviour::Behaviour;
use super::{Carrier, ways};
use crate::administration::Administration;
use crate::capacity::CapacityTest;
use crate::fleet::Upkeep;
use crate::ledger::Retention;
use crate::life::Workload;
use crate::people::Pace;
use crate::population::Partition;
use crate::provision::Provision;
use crate::scenario::{Scenario, ScenarioError};
use crate::schedule::{Bounds, Form, Rate, Spacing};
use crate::trial::TrialError;

/// A gateway that runs by itself, and what was imported there.
#[derive(Debug, Clone, Args)]
pub(super) struct Target {
    /// Where terminals and handsets reach the gateway
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) gateway: String,

    /// The directory that `kessai-loadgen provision` made
    #[arg(long, value_name = "DIR")]
    pub(super) provision: PathBuf,

    /// Where the gateway is administered
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7480")]
    admin: String,

    /// The file of the administration's token: admin.token among the gateway's keys
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
}

impl Target {
    /// Prepares to ask the gateway's administration.
    pub(super) fn administration(&self) -> Result<Administration, TrialError> {
        Ok(Administration::new(&self.admin, &self.token_file)?)
    }
}

/// One of two gateways into which the same provision was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rival {
    gateway: String,
    admin: String,
    token_file: PathBuf,
}

impl FromStr for Rival {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.split(',').collect();
        let [gateway, admin, token_file] = parts.as_slice() else {
            return Err("a gateway's HOST:PORT, its administration's URL and the file of the \
                        token, with commas between"
                .to_owned());
        };
        let (gateway, admin) = ((*gateway).to_owned(), (*admin).to_owned());
        Ok(Self { gateway, admin, token_file: token_file.into() })
    }
}

impl Rival {
    /// Names it as a target of those whom a provision has.
    pub(super) fn played_by(self, provision: PathBuf) -> Target {
        let Self { gateway, admin, token_file } = self;
        Target { gateway, provision, admin, token_file }
    }
}

/// A gateway that runs by itself, and the population that plays against it.
#[derive(Debug, Clone, Args)]
pub(super) struct Against {
    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    players: Players,
}

/// How those who play behave, and how they reach the gateway.
#[derive(Debug, Clone, Args)]
pub(super) struct Players {
    #[command(flatten)]
    behaviour: Behaviour,

    /// How many times faster than life people are
    #[arg(long, default_value = "10")]
    pace: Pace,

    /// What arrivals, baskets and people are drawn from [default: the provision's seed]
    #[arg(long)]
    seed: Option<u64>,

    /// What carries tills and handsets, instead of a connection each
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CARRIERS")]
    through: Vec<Carrier>,
}

/// Which part of a population is played, and when it begins.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct Sharing {
    /// Plays one part of the population, as 2/4, while other processes play the others at once: the
    /// same command for each, with its own number; see `kessai-loadgen merge`
    #[arg(long, value_name = "N/M", requires = "begin_at")]
    partition: Option<Partition>,

    /// When the first payment may begin, as 2026-11-23T01:30:00Z: by then everybody must be
    /// connected [default: as soon as everybody is]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    begin_at: Option<SystemTime>,
}

/// Reads a moment in universal time.
fn moment(text: &str) -> Result<SystemTime, String> {
    let wrong = |_| "a date and time in UTC, such as 2026-11-23T01:30:00Z".to_owned();
    humantime::parse_rfc3339_weak(text).map_err(wrong)
}

/// What is offered, for how long, and by how many processes.
#[derive(Debug, Clone)]
pub(super) struct Offered {
    pub(super) rate: Rate,
    pub(super) form: Form,
    pub(super) spacing: Spacing,
    pub(super) span: Duration,
    pub(super) sharing: Sharing,
}

impl Against {
    /// Reads who pays, and how.
    pub(super) fn scenario(&self) -> Result<Scenario, ScenarioError> {
        self.players.scenario()
    }

    /// Makes a test that offers so much for so long.
    pub(super) fn test(
        &self,
        scenario: Scenario,
        offered: Offered,
    ) -> Result<CapacityTest, TrialError> {
        self.players.test(&self.target, scenario, offered)
    }
}

impl Players {
    /// Reads who pays, and how.
    pub(super) fn scenario(&self) -> Result<Scenario, ScenarioError> {
        self.behaviour.scenario()
    }

    /// Makes a test of a gateway that offers so much for so long.
    pub(super) fn test(
        &self,
        target: &Target,
        scenario: Scenario,
        offered: Offered,
    ) -> Result<CapacityTest, TrialError> {
        let provision = Provision::load(&target.provision)?;
        let seed = self.seed.unwrap_or(provision.seed());
        let scenario = Arc::new(scenario.settled(provision.size())?);
        let (pace, bounds) = (self.pace, Bounds::default());
        let Offered { rate, form, spacing, span, sharing } = offered;
        let workload = Workload { rate, form, spacing, span, pace, scenario, seed, bounds };
        Ok(CapacityTest {
            telling: workload.telling(),
            workload,
            provision,
            folder: target.provision.clone(),
            ways: ways(&self.through),
            gateway: target.gateway.clone(),
            administration: target.administration()?,
            upkeep: Upkeep::default(),
            partition: sharing.partition,
            begin_at: sharing.begin_at,
            retention: Retention::default(),
        })
    }
}
