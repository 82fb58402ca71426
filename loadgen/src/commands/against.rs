//! Which gateway is tried, and by whom, as the command line has it.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::behaviour::Behaviour;
use super::{Carrier, ways};
use crate::administration::Administration;
use crate::capacity::CapacityTest;
use crate::fleet::Upkeep;
use crate::life::Workload;
use crate::people::Pace;
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

/// A gateway that runs by itself, and the population that plays against it.
#[derive(Debug, Clone, Args)]
pub(super) struct Against {
    #[command(flatten)]
    target: Target,

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

impl Against {
    /// Reads who pays, and how.
    pub(super) fn scenario(&self) -> Result<Scenario, ScenarioError> {
        self.behaviour.scenario()
    }

    /// Makes a test that offers so much for so long.
    pub(super) fn test(
        &self,
        scenario: Scenario,
        (rate, form, spacing): (Rate, Form, Spacing),
        span: std::time::Duration,
    ) -> Result<CapacityTest, TrialError> {
        let provision = Provision::load(&self.target.provision)?;
        let seed = self.seed.unwrap_or(provision.seed());
        let scenario = Arc::new(scenario.settled(provision.size())?);
        let (pace, bounds) = (self.pace, Bounds::default());
        let workload = Workload { rate, form, spacing, span, pace, scenario, seed, bounds };
        Ok(CapacityTest {
            telling: workload.telling(),
            workload,
            provision,
            folder: self.target.provision.clone(),
            ways: ways(&self.through),
            gateway: self.target.gateway.clone(),
            administration: self.target.administration()?,
            upkeep: Upkeep::default(),
        })
    }
}
