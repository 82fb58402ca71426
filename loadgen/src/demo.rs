//! All of it together in one process: a gateway, everybody connected, a run, a drain, the audit,
//! the report.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::audit::Books;
use crate::board::{Board, Stage};
use crate::fleet::{Connections, Fleet, Muster, Upkeep, Ways};
use crate::keyring::Keyring;
use crate::ledger::{Ledger, Retention};
use crate::life::Workload;
use crate::people::Pace;
use crate::population::{Population, Size};
use crate::report::Gateway;
use crate::scenario;
use crate::schedule::Form;
use crate::site::{Durability, Site, SiteOptions};
use crate::trial::{Finding, Trial, TrialError, unless_stopped};

/// What is run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What is offered.
    pub workload: Workload,
    /// Who lives in it.
    pub size: Size,
    /// What lies between everybody and the gateway.
    pub medium: Medium,
    /// Over how many connections they reach it.
    pub ways: Ways,
    /// Whether the gateway keeps a journal.
    pub durability: Durability,
}

/// What lies between the fleet and the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// QUIC on the loopback address.
    Network,
    /// Channels in this process.
    Channels,
}

/// How long a customer may take to answer, at the pace of life: the demo's 3 s at pace 10.
const PROMPT: Duration = Duration::from_secs(30);
/// How long a machine may take to report what came out, at the pace of life.
const DELIVERY: Duration = Duration::from_secs(20);
/// However fast people are, machines need some time.
const SHORTEST: Duration = Duration::from_millis(250);

impl Plan {
    /// How long customers have to answer at this pace.
    #[must_use]
    pub fn prompt(&self) -> Duration {
        prompt(self.workload.pace)
    }

    /// Says in a line what is run.
    #[must_use]
    pub fn heading(&self) -> String {
        let medium = match self.medium {
            Medium::Network => "over QUIC",
            Medium::Channels => "without a network",
        };
        heading(&format!("Kessai demo {medium}"), self.size, self.ways, &self.workload)
    }
}

/// Says in a line what is run.
pub(crate) fn heading(what: &str, size: Size, ways: Ways, workload: &Workload) -> String {
    let Workload { rate, form, span, pace, scenario, seed, .. } = workload;
    let form = if *form == Form::Constant { String::new() } else { format!(" {form}") };
    let preset = match scenario.name() {
        scenario::DEFAULT => String::new(),
        name => format!("preset {name}, "),
    };
    format!(
        "{what}: {}, {}, {rate}{form} payments/s for {} s, {preset}people at pace {pace}, seed {seed}",
        ways.tills.phrase(size.terminals, "terminals", size.controllers, "controllers"),
        ways.handsets.phrase(size.customers, "customers", size.hubs, "hubs"),
        span.as_secs_f64()
    )
}

/// How long customers have to answer at a pace.
#[must_use]
pub fn prompt(pace: Pace) -> Duration {
    pace.shorten(PROMPT).max(SHORTEST)
}

/// How long machines have to report what came out, at a pace.
#[must_use]
pub fn delivery(pace: Pace) -> Duration {
    pace.shorten(DELIVERY).max(SHORTEST)
}

/// Runs a plan from an empty data directory to the report. The offering ends early when `stop`
/// becomes true, or when nobody is left who could set it.
///
/// # Errors
/// [`TrialError`] if the run could not be made; what the audit finds is no error.
pub async fn run(
    plan: &Plan,
    board: Arc<Board>,
    mut stop: watch::Receiver<bool>,
) -> Result<Finding, TrialError> {
    let (site, trial, fleet) = unless_stopped(&mut stop, prepare(plan, board)).await?;
    let lived = trial.live(fleet, stop).await?;
    let mut books: Books = site.books()?;
    books.receipts = site.receipts(&lived.evidence.held).await?;
    books.problems.extend(site.stop().await?);
    trial.judge(lived, books)
}

/// Makes everybody, the gateway and all connections.
async fn prepare(plan: &Plan, board: Arc<Board>) -> Result<(Site, Trial, Fleet), TrialError> {
    let Plan { ref workload, size, medium, ways, durability } = *plan;
    let seed = workload.seed;
    let keyring = Keyring::new(seed);
    let making = tokio::task::spawn_blocking(move || {
        let population = Population::new(size, seed)?;
        let pins = keyring.pins(&population).map_err(crate::fleet::FleetError::from)?;
        Ok::<_, TrialError>((Arc::new(population), pins))
    });
    let (population, pins) = making.await??;
    let customers = population.customers.len();
    let connections = Connections::of(&population, ways);
    let site = Site::start(SiteOptions {
        prompt: plan.prompt(),
        delivery: delivery(workload.pace),
        connections: connections.all(),
        durability,
    })?;
    let entered = |done| board.stage(Stage::Provisioning(done, customers));
    let before = site.provision(&population, &pins, entered).await?;
    let road = match medium {
        Medium::Network => site.over_network()?,
        Medium::Channels => site.inside(),
    };
    let muster = Muster {
        road: &road,
        ways,
        population: &population,
        keyring,
        before: &before,
        prompt: plan.prompt(),
        upkeep: &Upkeep::default(),
    };
    let (shown, all) = (Arc::clone(&board), muster.steps());
    let connected = move |done| shown.stage(Stage::Connecting(done, all));
    let fleet = Fleet::connect(&muster, connected).await?;
    let trial = Trial {
        workload: workload.clone(),
        population,
        before,
        tries: site.tries(),
        prompt: plan.prompt(),
        budgets: Some(site.budgets()),
        from_ms: 0,
        share: None,
        gateway: Gateway {
            address: site.address()?.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        connections,
        begin_at: None,
        heading: plan.heading(),
        board,
        ledger: Arc::new(Ledger::new(workload.telling(), Retention::default())),
    };
    Ok((site, trial, fleet))
}
