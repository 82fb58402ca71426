//! What every trial of a gateway has in common, the demo's and a capacity test's: life, ledger,
//! audit, report.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use crate::administration::AskError;
use crate::audit::{Baseline, Books, Budgets, Evidence, Held, Share, Testimony, Tries, compare};
use crate::board::{Board, Stage, View};
use crate::capacity::NotReady;
use crate::catalogue::CatalogueError;
use crate::cost::GatewayCost;
use crate::fleet::{Connections, Fleet, FleetError};
use crate::generator::{Effort, Limits, Spent, Start};
use crate::ledger::Ledger;
use crate::life::{self, Seen, Workload};
use crate::measure::Measures;
use crate::merge::Unmergeable;
use crate::messages::{MessageLadder, Messages};
use crate::population::{Population, PopulationError};
use crate::provision::ProvisionError;
use crate::report::{Circumstances, Config, Gateway, Page, Report};
use crate::results::ResultsError;
use crate::scenario::Unfit;
use crate::site::SiteError;
use crate::spill::SpillError;
use crate::tally::{Summary, Tally};

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Nobody can be made up.
    #[error(transparent)]
    Population(#[from] PopulationError),
    /// There is nothing to sell.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// There is no gateway in this process.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The provision cannot be read.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The population is not one for the scenario.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The administration of the gateway does not tell what is needed.
    #[error(transparent)]
    Administration(#[from] AskError),
    /// The gateway is not as it must be before a run.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// The gateway's address is none.
    #[error("{address} has no address to connect to: {source}")]
    Address {
        /// As it was given.
        address: String,
        /// Why.
        source: io::Error,
    },
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
    /// What the run came to cannot be kept.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The ledger of the run, or the books, cannot be put on disk or read from there.
    #[error("nothing can be audited: {0}")]
    Spill(#[from] SpillError),
    /// The system gives no threads.
    #[error("cannot start threads: {0}")]
    Threads(io::Error),
    /// Results are not parts of one run.
    #[error(transparent)]
    Unmergeable(#[from] Unmergeable),
    /// It was to begin before it could.
    #[error(
        "the moment to begin was over {} before everybody was connected: choose a later one",
        humantime::format_duration(Duration::from_secs(by.as_secs().saturating_add(1)))
    )]
    TooLate {
        /// For how long it was over.
        by: Duration,
    },
    /// A task of ours panicked; a bug.
    #[error("a task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// It was called off while it was being prepared.
    #[error("interrupted before the first payment")]
    Interrupted,
}

/// What a trial came to.
#[derive(Debug, Clone)]
pub struct Finding {
    /// For programs.
    pub report: Report,
    /// Counts and times.
    pub tally: Tally,
    /// Times by outcome and by second.
    pub measures: Measures,
    /// When the first payment might begin.
    pub started_at: SystemTime,
    /// What was run, in a line.
    pub heading: String,
    /// Connections lost and calls without an answer.
    pub troubles: u64,
    /// The last of them in words.
    pub trouble: Option<String>,
    /// All that was seen: what the audit was made of.
    pub testimony: Testimony,
    /// The books that it was held against.
    pub books: Arc<Books>,
}

impl Finding {
    /// Writes the report for people.
    #[must_use]
    pub fn page(&self) -> String {
        Page {
            report: &self.report,
            heading: &self.heading,
            reasons: &self.tally.named_reasons(),
            troubles: (self.troubles, self.trouble.as_deref()),
        }
        .to_string()
    }
}

/// What was lived through in a trial.
pub(crate) struct Lived {
    /// All that was seen, besides the ledger.
    pub(crate) evidence: Evidence,
    /// What the load generator spent on it.
    spent: Spent,
    /// What it cost the gateway, as far as that tells.
    pub(crate) cost: GatewayCost,
    /// When it began.
    started_at: SystemTime,
    /// What was sent and heard.
    ladder: MessageLadder,
}

/// A trial whose fleet is connected.
pub(crate) struct Trial {
    pub(crate) workload: Workload,
    pub(crate) population: Arc<Population>,
    pub(crate) before: Baseline,
    pub(crate) tries: Tries,
    /// How long customers have to answer.
    pub(crate) prompt: Duration,
    /// When customers are left in peace, if it is known.
    pub(crate) budgets: Option<Budgets>,
    /// From when on payments are those of the run, by the gateway's clock, in milliseconds.
    pub(crate) from_ms: u64,
    /// Whose payments these are, if others play the rest of the population.
    pub(crate) share: Option<Share>,
    pub(crate) gateway: Gateway,
    pub(crate) connections: Connections,
    /// When it was to begin, if that was said.
    pub(crate) begin_at: Option<SystemTime>,
    pub(crate) heading: String,
    pub(crate) board: Arc<Board>,
    /// What both sides are told, as it is told.
    pub(crate) ledger: Arc<Ledger>,
}

impl Trial {
    /// Runs life until every payment has ended, and says all that was seen of it.
    pub(crate) async fn live(
        &self,
        fleet: Fleet,
        stop: watch::Receiver<bool>,
    ) -> Result<Lived, TrialError> {
        let population = Arc::clone(&self.population);
        let board = Arc::clone(&self.board);
        let messages = Arc::<Messages>::default();
        let ledger = Arc::clone(&self.ledger);
        let seen = Seen { board, ledger, messages: Arc::clone(&messages) };
        let (start, started_at) = (Start::now(), SystemTime::now());
        // Copies: life takes the connections down when it is over, and these tell what came by them.
        let terminals = fleet.terminals.clone();
        let outages = life::run(&self.workload, population, fleet, self.prompt, seen, stop).await?;
        let spent = start.spent();
        self.board.stage(Stage::Auditing);
        let evidence = Evidence {
            from_ms: self.from_ms,
            before: self.before.clone(),
            tries: self.tries,
            prompt: self.prompt,
            budgets: self.budgets,
            outages,
            held: terminals.iter().filter_map(Held::by).collect(),
            share: self.share.clone(),
        };
        let (cost, ladder) = (GatewayCost::default(), messages.ladder());
        Ok(Lived { evidence, spent, cost, started_at, ladder })
    }

    /// Compares what was seen with the books, and reports.
    pub(crate) fn judge(&self, lived: Lived, books: Books) -> Result<Finding, TrialError> {
        let Lived { evidence, spent, cost, started_at, ladder } = lived;
        let testimony = Testimony { ledger: Arc::clone(&self.ledger), evidence };
        let mut tally = self.board.unfinished_tally();
        let mut measures = Measures::new(self.workload.span);
        let problems = compare(std::slice::from_ref(&testimony), &books, |record| {
            let summary = Summary::of(record);
            tally.add(&summary);
            measures.add(record, summary.outcome);
        })?;
        measures.add_skips(self.board.skips());
        let (customers, terminals) = self.population.counts();
        let circumstances = Circumstances {
            config: Config {
                by_hand: self.board.throttle().told(),
                partition: self.population.partition,
                begin_at: self.begin_at,
                ..Config::of(&self.workload, customers, terminals)
            },
            seed: self.workload.seed,
            span: self.workload.span,
            gateway: self.gateway.clone(),
            connections: self.connections,
            generator: Effort::new(&spent, &tally, &Limits::default()),
            gateway_cost: cost,
            ladder,
        };
        let report = Report::new(&tally, &measures, problems, circumstances);
        let View { troubles, trouble, .. } = self.board.view();
        Ok(Finding {
            report,
            tally,
            measures,
            started_at,
            heading: self.heading.clone(),
            troubles,
            trouble,
            testimony,
            books: Arc::new(books),
        })
    }
}

/// Prepares a trial, unless it is called off meanwhile.
pub(crate) async fn unless_stopped<T>(
    stop: &mut watch::Receiver<bool>,
    preparing: impl Future<Output = Result<T, TrialError>>,
) -> Result<T, TrialError> {
    let called_off = stop.wait_for(|stop| *stop);
    tokio::select! {
        biased;
        _stopped = called_off => Err(TrialError::Interrupted),
        prepared = preparing => prepared,
    }
}
