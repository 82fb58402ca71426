//! Real faults on the real program: a gateway that is killed, stopped, starved and damaged while
//! people pay, and an account of everything that it ever told.
//!
//! The gateway is the program `kessai`, on loopback, in a temporary folder that is made for it. Its
//! population pays all the time as in every other [`trial`](crate::trial), through the real client,
//! which connects again whenever it is back. After each restart nobody is let in until all that any
//! terminal or handset holds was found in the recovered books, and at the end the audit of a trial
//! is made as well.
//!
//! Reading order: [`fault`], [`place`] and [`process`] (what is tried, and how), `rig` and `rounds`
//! (what is done to it), [`judge`] (what must be true afterwards), [`report`].

mod again;
mod disk;
pub mod fault;
pub mod health;
pub mod judge;
mod log;
pub mod place;
pub mod process;
mod progress;
pub mod report;
mod rig;
mod rounds;
mod segments;
mod trace;
mod turnovers;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::administration::AskError;
use crate::board::Board;
use crate::capacity::{self, CapacityTest};
use crate::fleet::{Barrier, Fleet, Upkeep, Ways};
use crate::ledger::{Retention, Telling};
use crate::life::Workload;
use crate::provision::{Provision, ProvisionError};
use crate::seeds::{Purpose, stream};
use crate::trial::{Lived, Trial, TrialError};

use disk::Disk;
use fault::Fault;
use judge::Scope;
use log::{Held, Log};
use place::{Copies, Place, Setting};
use progress::Progress;
use report::{Config, Report, Spread};
use rig::{Rig, serves};

/// What a gateway is put through.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// How many faults happen.
    pub rounds: u64,
    /// Which are drawn from, each with the same chance.
    pub faults: Vec<Fault>,
    /// How long payments go on between two of them, on average.
    pub between: Duration,
    /// How long the process is stopped at most.
    pub stop_most: Duration,
    /// How long all of it may take, but for the last payments to end.
    pub most: Duration,
    /// The gateway.
    pub setting: Setting,
    /// Who lives there.
    pub provision: Provision,
    /// Over how many connections they reach the gateway.
    pub ways: Ways,
    /// What is offered.
    pub workload: Workload,
}

/// Why a gateway cannot be tried, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum ChaosError {
    /// The folder cannot be made or read.
    #[error("cannot make the gateway's folder: {0}")]
    Folder(io::Error),
    /// A program is missing or does not work.
    #[error("a fault needs {tool}: {problem}")]
    Tool {
        /// Which one.
        tool: &'static str,
        /// Why it is of no use.
        problem: String,
    },
    /// The gateway's program cannot be started.
    #[error("cannot start {program}: {source}; build it, or say with --gateway where it is")]
    Program {
        /// Where it should be.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A command of the gateway's program fails.
    #[error("`{command}`: {problem}")]
    Command {
        /// Which one.
        command: String,
        /// What it says.
        problem: String,
    },
    /// The system does not say how a process fares.
    #[error("cannot deal with the gateway's process: {0}")]
    Process(io::Error),
    /// The gateway does not come back; a finding.
    #[error("the gateway is down, and should not be: {0}")]
    Down(String),
    /// The gateway does not do what it should about a fault; a finding.
    #[error("{0}")]
    Otherwise(String),
    /// The population cannot be written out.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The administration does not tell what is needed.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The trial around it fails.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// A task of ours panicked; a bug.
    #[error("a task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl ChaosError {
    /// Whether it is the gateway's fault, and not that of whoever tries it.
    const fn is_found(&self) -> bool {
        matches!(self, Self::Down(_) | Self::Otherwise(_))
    }
}

/// How connections are kept where gateways come and go: they notice at once, and wait long.
fn upkeep(barrier: Barrier) -> Upkeep {
    Upkeep {
        patience: Duration::from_secs(90),
        keep_alive: Some(Duration::from_millis(500)),
        backoff: kessai_client::Backoff {
            first: Duration::from_millis(50),
            most: Duration::from_millis(400),
        },
        barrier,
    }
}

/// Puts a gateway through all of it. It ends early when `stop` becomes true: then what happened
/// until then is reported.
///
/// If anything is found, the folder stays, and a problem of the report says where.
///
/// # Errors
/// [`ChaosError`] if it cannot be tried; what is found is no error.
pub async fn run(plan: &Plan, stop: watch::Receiver<bool>) -> Result<Report, ChaosError> {
    if plan.faults.iter().any(|fault| fault.needs_strace()) {
        trace::check()?;
    }
    let disk = match plan.setting.disk {
        None if plan.faults.contains(&Fault::Enospc) => Some(Disk::mount()?),
        Some(_) | None => None,
    };
    let mut setting = plan.setting.clone();
    setting.disk = setting.disk.or_else(|| disk.as_ref().map(Disk::folder));
    let place = Place::make(&setting, &plan.provision).await?;
    let mut report = at(plan, &place, stop).await?;
    if !report.ok {
        let folder = place.keep();
        report.problems.push(format!("configuration and logs are kept in {}", folder.display()));
        if let Some(disk) = disk {
            report.problems.push(format!("the data are kept in {}", disk.keep().display()));
        }
    }
    Ok(report)
}

/// Puts the gateway of a place through all of it.
async fn at(plan: &Plan, place: &Place, stop: watch::Receiver<bool>) -> Result<Report, ChaosError> {
    let began = Instant::now();
    let mut progress = Progress::begin(plan.rounds);
    progress.says("starting a gateway, and entering everybody");
    let mut process = place.serve(&[])?;
    serves(&mut process, place).await?;
    place.import(&plan.provision).await?;
    progress.says("connecting everybody");
    let (keeper, barrier) = Barrier::kept();
    let board = Arc::new(Board::new(plan.workload.span));
    let test = test(plan, place, barrier)?;
    let (trial, fleet) = capacity::prepare(&test, Arc::clone(&board)).await?;
    let tills = trial.population.tills.iter().map(|till| till.id);
    let mut rig = Rig {
        plan,
        place,
        process,
        keeper,
        board,
        ledger: Arc::clone(&trial.ledger),
        population: Arc::clone(&trial.population),
        before: trial.before.clone(),
        tills: tills.zip(fleet.terminals.iter().cloned()).collect(),
        from_ms: trial.from_ms,
        rng: stream(plan.workload.seed, Purpose::Faults, 0),
        log: Log::default(),
    };
    let (tried, ended) = live(&mut rig, &trial, fleet, &mut progress, stop).await;
    progress.close();
    if let Err(error) = tried {
        if !error.is_found() {
            return Err(error);
        }
        rig.log.problems.push(error.to_string());
    }
    let mut lived = ended?;
    lived.evidence.outages.extend_from_slice(&rig.log.outages);
    if let Err(error) = settle(&mut rig, &trial, lived).await {
        rig.log.problems.push(error.to_string());
    }
    Ok(sum_up(&rig, &trial, began.elapsed()))
}

/// Lets people pay while faults happen, and until the last payment has ended.
async fn live(
    rig: &mut Rig<'_>,
    trial: &Trial,
    fleet: Fleet,
    progress: &mut Progress,
    stop: watch::Receiver<bool>,
) -> (Result<(), ChaosError>, Result<Lived, TrialError>) {
    let (over, ended) = watch::channel(false);
    let trying = async {
        let tried = rig.all_rounds(progress, &stop).await;
        progress.says("waiting for the last payments");
        over.send_replace(true);
        tried
    };
    tokio::join!(trying, trial.live(fleet, ended))
}

/// Compares everything once nothing moves any more: what anybody holds, what terminals turned over,
/// and all that the audit of a trial looks at.
async fn settle(rig: &mut Rig<'_>, trial: &Trial, lived: Lived) -> Result<(), ChaosError> {
    let books = rig.books(rig.evidence(rig.from_ms)).await?;
    rig.log.findings.add(judge::compare(&rig.ledger, &rig.before, &books, Scope::All));
    let counted = rig.turnovers().await?;
    rig.log.findings.add(judge::compare_turnovers(&judge::own_turnovers(&rig.ledger), &counted));
    let books = rig.books(lived.evidence.clone()).await?;
    let finding = trial.judge(lived, books)?;
    let problems = finding.report.audit.problems.iter().map(|problem| format!("audit: {problem}"));
    rig.log.problems.extend(problems);
    Ok(())
}

fn sum_up(rig: &Rig<'_>, trial: &Trial, took: Duration) -> Report {
    let Rig { plan, log, .. } = rig;
    let held = Held::count(&rig.ledger);
    let size = plan.provision.size();
    let problems: Vec<_> = log.findings.sentences().chain(log.problems.iter().cloned()).collect();
    Report {
        ok: problems.is_empty() && held.false_refusals == 0,
        kills: log.kills,
        kills_while_starting: log.kills_while_starting,
        acknowledged: held.acknowledged,
        lost: log.findings.lost.len(),
        doubled: log.findings.doubled.len(),
        false_refusals: held.false_refusals,
        restart_ms: Spread::of(&log.starts),
        faults: log.faults.clone(),
        failed_syncs: log.failed_syncs,
        offered: rig.board.view().offered,
        refused: held.refused.iter().map(|(reason, n)| (reason.name().to_owned(), *n)).collect(),
        asked_again: log.asked_again,
        receipts: log.receipts,
        problems,
        seed: plan.workload.seed,
        seconds: took.as_secs_f64(),
        gateway: trial.gateway.clone(),
        config: Config {
            faults: plan.faults.clone(),
            rate: plan.workload.rate.to_string(),
            pace: plan.workload.pace.to_string(),
            customers: size.customers,
            terminals: size.terminals,
            between_ms: kessai_gateway::settings::millis(plan.between),
            segment_mib: plan.setting.segment_mib,
            mirror: plan.setting.copies == Copies::Two,
        },
    }
}

fn test(plan: &Plan, place: &Place, barrier: Barrier) -> Result<CapacityTest, ChaosError> {
    Ok(CapacityTest {
        workload: plan.workload.clone(),
        provision: plan.provision,
        folder: place.provision(),
        ways: plan.ways,
        gateway: place.address().to_string(),
        administration: place.administration()?,
        upkeep: upkeep(barrier),
        telling: Telling::Latest,
        partition: None,
        begin_at: None,
        // After each restart all that anybody was told is looked at.
        retention: Retention::All,
    })
}
