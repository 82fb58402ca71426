//! All of it together: a gateway, everybody connected, a run, a drain, the audit, the report.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::audit::{Evidence, compare};
use crate::board::{Board, Stage, View};
use crate::catalogue::CatalogueError;
use crate::fleet::{Fleet, FleetError, Keyring, Way};
use crate::life::{self, Workload};
use crate::people::Pace;
use crate::population::{Population, PopulationError, Size};
use crate::report::{Page, Report};
use crate::site::{Durability, Site, SiteError, SiteOptions};
use crate::tally::{Summary, Tally};

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// What is offered.
    pub workload: Workload,
    /// Who lives in it.
    pub size: Size,
    /// How everybody reaches the gateway.
    pub way: Way,
    /// Whether the gateway keeps a journal.
    pub durability: Durability,
}

/// How long a customer may take to answer, at the pace of life: the demo's 3 s at pace 10.
const PROMPT: Duration = Duration::from_secs(30);
/// However fast people are, machines need some time.
const SHORTEST_PROMPT: Duration = Duration::from_millis(250);

impl Plan {
    /// How long customers have to answer at this pace.
    #[must_use]
    pub fn prompt(&self) -> Duration {
        prompt(self.workload.pace)
    }

    /// Says in a line what is run.
    #[must_use]
    pub fn heading(&self) -> String {
        let Workload { rate, span, pace, seed, .. } = &self.workload;
        let way = match self.way {
            Way::Network => "over QUIC",
            Way::Inside => "without a network",
        };
        format!(
            "Kessai demo {way}: {} terminals, {} customers, {rate} payments/s for {} s, \
             people at pace {pace}, seed {seed}",
            self.size.terminals,
            self.size.customers,
            span.as_secs_f64()
        )
    }
}

/// How long customers have to answer at a pace.
#[must_use]
pub fn prompt(pace: Pace) -> Duration {
    pace.shorten(PROMPT).max(SHORTEST_PROMPT)
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Nobody can be made up.
    #[error(transparent)]
    Population(#[from] PopulationError),
    /// There is nothing to sell.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// There is no gateway.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// Not everybody can connect.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The report cannot be written.
    #[error("cannot write {path}: {source}")]
    Report {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system gives no threads.
    #[error("cannot start threads: {0}")]
    Threads(io::Error),
    /// A task of ours panicked; a bug.
    #[error("a task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// It was called off while it was being prepared.
    #[error("interrupted before the first payment")]
    Interrupted,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Finding {
    /// For programs.
    pub report: Report,
    /// Counts and times.
    pub tally: Tally,
    /// What was run, in a line.
    pub heading: String,
    /// Connections lost and calls without an answer.
    pub troubles: u64,
    /// The last of them in words.
    pub trouble: Option<String>,
}

impl Finding {
    /// Writes the report for people.
    #[must_use]
    pub fn page(&self) -> String {
        Page {
            report: &self.report,
            tally: &self.tally,
            heading: &self.heading,
            troubles: (self.troubles, self.trouble.as_deref()),
        }
        .to_string()
    }
}

/// Runs a plan from an empty data directory to the report. The offering ends early when `stop`
/// becomes true, or when nobody is left who could set it.
///
/// # Errors
/// [`DemoError`] if the run could not be made; what the audit finds is no error.
pub async fn run(
    plan: &Plan,
    board: Arc<Board>,
    mut stop: watch::Receiver<bool>,
) -> Result<Finding, DemoError> {
    let prepared = {
        let preparing = prepare(plan, &board);
        let called_off = stop.wait_for(|stop| *stop);
        tokio::select! {
            biased;
            _stopped = called_off => None,
            prepared = preparing => Some(prepared?),
        }
    };
    let (site, population, fleet) = prepared.ok_or(DemoError::Interrupted)?;
    let ledger = life::run(
        &plan.workload,
        Arc::clone(&population),
        fleet,
        plan.prompt(),
        Arc::clone(&board),
        stop,
    )
    .await?;
    board.stage(Stage::Auditing);
    let (records, strays) = ledger.copy();
    let openings = population.customers.iter().map(|customer| (customer.id, customer.opening));
    let evidence = Evidence {
        records,
        strays,
        openings: openings.collect(),
        tries: site.tries(),
        prompt: plan.prompt(),
    };
    let mut problems = compare(&evidence, &site.books()?);
    problems.extend(site.stop().await?);
    let mut tally = board.unfinished_tally();
    for (_, record) in &evidence.records {
        tally.add(&Summary::of(record));
    }
    let Workload { seed, span, .. } = plan.workload;
    let report = Report::new(&tally, problems, seed, span);
    let View { troubles, trouble, .. } = board.view();
    Ok(Finding { report, tally, heading: plan.heading(), troubles, trouble })
}

/// Makes everybody, the gateway and all connections.
async fn prepare(
    plan: &Plan,
    board: &Arc<Board>,
) -> Result<(Site, Arc<Population>, Fleet), DemoError> {
    let (size, seed, way) = (plan.size, plan.workload.seed, plan.way);
    let making = tokio::task::spawn_blocking(move || {
        let population = Population::new(size, seed)?;
        let keyring = Keyring::make(&population, way)?;
        Ok::<_, DemoError>((Arc::new(population), keyring))
    });
    let (population, keyring) = making.await??;
    let (tills, customers) = (population.tills.len(), population.customers.len());
    let connections = tills.saturating_add(customers);
    let site = Site::start(SiteOptions {
        prompt: plan.prompt(),
        connections,
        durability: plan.durability,
    })?;
    let entered = |done| board.stage(Stage::Provisioning(done, customers));
    site.provision(&population, keyring.pins(), entered).await?;
    let shown = Arc::clone(board);
    let connected = move |done| shown.stage(Stage::Connecting(done, connections));
    let fleet = Fleet::connect(&site, &population, &keyring, connected).await?;
    Ok((site, population, fleet))
}
