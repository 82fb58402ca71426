//! A capacity test: a population that was provisioned and imported, played against a gateway that
//! runs somewhere else, and audited by what its administration exports.
//!
//! It takes the books as they are before as what everybody begins with. Whatever moves in them
//! during the run and is not of the run is found by the audit, so it must be alone.

pub(crate) mod export;
pub(crate) mod readiness;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kessai_client::RootPin;
use kessai_gateway::admin::rows::GatewayRow;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::administration::{Administration, AskError};
use crate::audit::{Baseline, Share, Tries};
use crate::board::{Board, Stage};
use crate::cost::Reading;
use crate::demo::heading;
use crate::fleet::{Connections, Fleet, Muster, Road, Upkeep, Ways};
use crate::keyring::Keyring;
use crate::ledger::{Ledger, Retention, Telling};
use crate::life::Workload;
use crate::population::{Partition, Population};
use crate::provision::Provision;
use crate::report::Gateway;
use crate::trial::{Finding, Trial, TrialError, unless_stopped};

pub use readiness::NotReady;

/// What is run, and where.
#[derive(Debug, Clone)]
pub struct CapacityTest {
    /// What is offered.
    pub workload: Workload,
    /// Who lives in it.
    pub provision: Provision,
    /// Where the provision lies.
    pub folder: PathBuf,
    /// Which part of them this process plays; everybody, if none.
    pub partition: Option<Partition>,
    /// When the first payment may begin; as soon as everybody is connected, if that is not said.
    pub begin_at: Option<SystemTime>,
    /// Over how many connections they reach the gateway.
    pub ways: Ways,
    /// The gateway, as `host:port`.
    pub gateway: String,
    /// Its administration.
    pub administration: Administration,
    /// How connections are kept.
    pub upkeep: Upkeep,
    /// Which steps of a payment its customer is told of: every one, while the gateway stays.
    pub telling: Telling,
    /// Which records stay in memory while it goes on.
    pub retention: Retention,
}

impl CapacityTest {
    /// Says in a line what is run.
    #[must_use]
    pub fn heading(&self) -> String {
        let what = format!("Kessai run against {}", self.gateway);
        let whole = heading(&what, self.provision.size(), self.ways, &self.workload);
        whole + &self.partition.map(of_partition).unwrap_or_default()
    }
}

/// What stands behind the heading of a whole run if a process plays a part of it.
pub(crate) fn of_partition(partition: Partition) -> String {
    format!(", partition {partition}")
}

/// Runs a test to the report. The offering ends early when `stop` becomes true, or when nobody is
/// left who could set it.
///
/// # Errors
/// [`TrialError`] if the run could not be made; what the audit finds is no error.
pub async fn run(
    test: &CapacityTest,
    board: Arc<Board>,
    mut stop: watch::Receiver<bool>,
) -> Result<Finding, TrialError> {
    let until_begin = || test.begin_at.map(still_to_come).transpose();
    until_begin()?;
    let preparing = prepare(test, Arc::clone(&board));
    let (trial, fleet) = unless_stopped(&mut stop, preparing).await?;
    if let Some(left) = until_begin()? {
        board.stage(Stage::Waiting);
        let waiting = async {
            sleep(left).await;
            Ok(())
        };
        unless_stopped(&mut stop, waiting).await?;
    }
    let before = Reading::of(&test.administration).await;
    let mut lived = trial.live(fleet, stop).await?;
    lived.cost = before.cost_until(&Reading::of(&test.administration).await);
    let administration = test.administration.clone();
    let reading = move || (export::books(&administration, &[&lived.evidence]), lived);
    let (books, lived) = spawn_blocking(reading).await?;
    trial.judge(lived, books?)
}

/// What a process answers for that plays a part of a population.
fn share(population: &Population) -> Option<Share> {
    let partition = population.partition?;
    Some(Share {
        number: partition.number().into(),
        of: partition.of().into(),
        terminals: population.tills.iter().map(|till| till.id).collect(),
        merchants: population.merchants.iter().map(|merchant| merchant.id).collect(),
    })
}

/// How long it is until a run is to begin.
fn still_to_come(begin_at: SystemTime) -> Result<Duration, TrialError> {
    let left = begin_at.duration_since(SystemTime::now());
    left.map_err(|late| TrialError::TooLate { by: late.duration() })
}

/// Makes everybody up again, reads the books as they are, and connects.
pub(crate) async fn prepare(
    test: &CapacityTest,
    board: Arc<Board>,
) -> Result<(Trial, Fleet), TrialError> {
    let (provision, ways) = (test.provision, test.ways);
    let partition = test.partition;
    let making = spawn_blocking(move || {
        let everybody = Population::new(provision.size(), provision.seed())?;
        match partition {
            Some(partition) => everybody.part(partition),
            None => Ok(everybody),
        }
    });
    let population = Arc::new(making.await??);
    let connections = Connections::of(&population, ways);
    board.stage(Stage::Reading);
    let (administration, folder) = (test.administration.clone(), test.folder.clone());
    let known = Arc::clone(&population);
    let reading = spawn_blocking(move || {
        let gateway: GatewayRow = administration.ask("/v1/gateway")?;
        readiness::check_room(&gateway, Connections::of_all(provision.size(), ways))?;
        readiness::check_register(&administration, &known, ways, &folder)?;
        readiness::check_rates(&administration, &known, &folder)?;
        let before = readiness::baseline(&administration, &known, &folder)?;
        Ok::<_, TrialError>((gateway, before))
    });
    let (gateway, before) = reading.await??;
    let prompt = Duration::from_millis(gateway.prompt_ms);
    let fleet = connect(test, &gateway, &population, &before, &board).await?;
    let share = share(&population);
    let trial = Trial {
        workload: test.workload.clone(),
        population,
        before,
        tries: Tries { a_payment: gateway.tries.into(), in_row: gateway.tries_in_row.into() },
        prompt,
        // The administration does not say it.
        budgets: None,
        from_ms: gateway.time_ms,
        share,
        gateway: Gateway { address: test.gateway.clone(), version: gateway.version },
        connections,
        begin_at: test.begin_at,
        heading: test.heading(),
        board,
        ledger: Arc::new(Ledger::new(test.telling, test.retention)),
    };
    Ok((trial, fleet))
}

async fn connect(
    test: &CapacityTest,
    gateway: &GatewayRow,
    population: &Population,
    before: &Baseline,
    board: &Arc<Board>,
) -> Result<Fleet, TrialError> {
    let (address, root) = road(&test.gateway, gateway).await?;
    let muster = Muster {
        road: &Road::Network(address, root),
        ways: test.ways,
        population,
        keyring: Keyring::new(test.provision.seed()),
        before,
        prompt: Duration::from_millis(gateway.prompt_ms),
        upkeep: &test.upkeep,
    };
    let (shown, all) = (Arc::clone(board), muster.steps());
    let connected = move |done| shown.stage(Stage::Connecting(done, all));
    Ok(Fleet::connect(&muster, connected).await?)
}

/// Finds the address of a gateway, and what it is known by.
pub(crate) async fn road(
    gateway: &str,
    told: &GatewayRow,
) -> Result<(SocketAddr, RootPin), TrialError> {
    let unknown = |source| TrialError::Address { address: gateway.to_owned(), source };
    let mut addresses = tokio::net::lookup_host(gateway).await.map_err(unknown)?;
    let none = || unknown(std::io::ErrorKind::NotFound.into());
    let address = addresses.next().ok_or_else(none)?;
    let root = told.root_pin.parse().map_err(|error: kessai_client::PinError| {
        AskError::Unreadable { url: "root_pin".to_owned(), problem: error.to_string() }
    })?;
    Ok((address, root))
}
