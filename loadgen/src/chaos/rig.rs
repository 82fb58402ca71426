//! A gateway under load that is made to fall, and rises again: what all faults have in common.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kessai_client::Terminal;
use kessai_engine::terms::{PaymentId, TerminalId};
use kessai_gateway::settings::millis;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::judge::{self, Scope};
use super::log::{Held, Log};
use super::place::Place;
use super::process::Process;
use super::progress::{Progress, Step};
use super::trace::Trace;
use super::{ChaosError, Plan, again};
use crate::audit::{Baseline, Books, CutOff, Evidence, Outage, PaymentEntry};
use crate::board::Board;
use crate::capacity::export;
use crate::fleet::Keeper;
use crate::ledger::{Ledger, Moment};
use crate::population::Population;

/// How long a start may take.
pub(super) const START: Duration = Duration::from_secs(120);

/// How long after a restart everybody is back who tries all the time.
const BACK: Duration = Duration::from_secs(3);

/// Of so many starts, one is cut short.
const STARTS_KILLED: u32 = 4;

/// After so many restarts, everything is compared; in between, what is younger.
const ALL_AFTER: u64 = 20;

/// How far back it is compared in between.
///
/// # Units
/// Milliseconds.
const YOUNG_MS: u64 = 60_000;

/// How far a till's clock may be ahead of the gateway's.
///
/// # Units
/// Milliseconds.
const CLOCKS_MS: u64 = 10_000;

/// How soon a start may be cut short before it is known what it takes.
const START_AT_LEAST: Duration = Duration::from_millis(50);

/// A gateway under load.
pub(super) struct Rig<'a> {
    pub(super) plan: &'a Plan,
    pub(super) place: &'a Place,
    pub(super) process: Process,
    pub(super) keeper: Keeper,
    pub(super) board: Arc<Board>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) population: Arc<Population>,
    pub(super) before: Baseline,
    pub(super) tills: HashMap<TerminalId, Terminal>,
    /// From when on payments are those of this run, by the gateway's clock.
    pub(super) from_ms: u64,
    pub(super) rng: ChaCha8Rng,
    pub(super) log: Log,
}

impl Rig<'_> {
    /// Lets all faults happen that were planned, unless somebody stops it.
    pub(super) async fn all_rounds(
        &mut self,
        progress: &mut Progress,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), ChaosError> {
        let until = Instant::now() + self.plan.most;
        let all = self.plan.rounds;
        while self.log.happenings() < all && !*stop.borrow() {
            let done = self.log.happenings();
            if Instant::now() >= until {
                return Err(ChaosError::Otherwise(format!(
                    "the time was over after {done} of {all} faults"
                )));
            }
            let place = self.rng.random_range(0..self.plan.faults.len());
            let Some(fault) = self.plan.faults.get(place).copied() else { return Ok(()) };
            self.round(fault).await?;
            progress.shows(&Step {
                fault,
                done: self.log.happenings(),
                all,
                acknowledged: Held::count(&self.ledger).acknowledged,
                restart: self.log.last_start(),
                found: self.log.found(),
            });
        }
        Ok(())
    }

    /// The moment, counted as the ledger does.
    pub(super) fn now(&self) -> Moment {
        self.board.view().elapsed
    }

    /// Lets payments go on for a random while, and sees how the gateway is then.
    pub(super) async fn load(&mut self) -> Result<(), ChaosError> {
        self.wait_a_while().await;
        self.health().await
    }

    /// Lets a random time pass.
    pub(super) async fn wait_a_while(&mut self) {
        let most = self.plan.between.saturating_mul(2);
        sleep(self.random(most)).await;
    }

    /// Draws a time up to `most`.
    pub(super) fn random(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.rng.random_range(0.0..=1.0))
    }

    /// Kills the gateway, and keeps everybody from coming back. Says since when it is gone.
    pub(super) fn kill(&mut self) -> Result<Moment, ChaosError> {
        self.keeper.close();
        let from = self.now();
        self.process.kill().map_err(ChaosError::Process)?;
        self.log.kills = self.log.kills.saturating_add(1);
        Ok(from)
    }

    /// Starts the gateway again; now and then it is killed while it starts.
    pub(super) async fn rise(&mut self) -> Result<(), ChaosError> {
        while self.rng.random_ratio(1, STARTS_KILLED) {
            let within = self.log.last_start().max(START_AT_LEAST);
            self.process = self.place.serve(&[])?;
            sleep(self.random(within)).await;
            self.process.kill().map_err(ChaosError::Process)?;
            self.log.kills = self.log.kills.saturating_add(1);
            self.log.kills_while_starting = self.log.kills_while_starting.saturating_add(1);
        }
        self.start(None).await
    }

    /// Starts the gateway, and waits until it serves.
    pub(super) async fn start(&mut self, trace: Option<&Trace>) -> Result<(), ChaosError> {
        let began = Instant::now();
        let wrapper = trace.map(Trace::wrapper).unwrap_or_default();
        self.process = self.place.serve(&wrapper)?;
        serves(&mut self.process, self.place).await?;
        // strace takes its time.
        if trace.is_none() {
            self.log.starts.push(began.elapsed());
        }
        Ok(())
    }

    /// Compares everything that anybody holds with the books, lets everybody back, and asks again
    /// for some of it.
    pub(super) async fn judge(&mut self, fell: Moment) -> Result<(), ChaosError> {
        self.compare().await?;
        self.let_in(fell);
        let (count, findings) = again::ask(&self.tills, &self.ledger, &mut self.rng).await;
        self.log.asked_again = self.log.asked_again.saturating_add(count);
        self.log.findings.add(findings);
        Ok(())
    }

    /// Lets everybody back who was cut off when it fell.
    pub(super) fn let_in(&mut self, fell: Moment) {
        self.keeper.open();
        let until = self.now().saturating_add(BACK);
        self.log.outages.push(Outage { from: fell, until, of: CutOff::Everybody });
    }

    async fn compare(&mut self) -> Result<(), ChaosError> {
        let scope = self.scope();
        let from_ms = match scope {
            Scope::All => self.from_ms,
            Scope::Since(from_ms) => from_ms.saturating_sub(CLOCKS_MS),
        };
        let books = self.books(self.evidence(from_ms)).await?;
        let problems = books.problems.iter().map(|problem| format!("the books say: {problem}"));
        self.log.problems.extend(problems);
        self.log.findings.add(judge::compare(&self.ledger, &self.before, &books, scope));
        Ok(())
    }

    /// Now and then everything, else what is young.
    fn scope(&self) -> Scope {
        let now_ms = self.from_ms.saturating_add(millis(self.now()));
        match now_ms.checked_sub(YOUNG_MS).filter(|young_ms| *young_ms > self.from_ms) {
            Some(young_ms) if !self.log.happenings().is_multiple_of(ALL_AFTER) => {
                Scope::Since(young_ms)
            }
            Some(_) | None => Scope::All,
        }
    }

    /// What is asked of the books where only the judge looks at them: all payments that were opened
    /// from then on. The gateway counts for itself what receipts came to.
    pub(super) fn evidence(&self, from_ms: u64) -> Evidence {
        Evidence { from_ms, before: self.before.clone(), ..Evidence::default() }
    }

    /// Reads the books after what `evidence` is of.
    pub(super) async fn books<P>(&self, evidence: Evidence) -> Result<Books<P>, ChaosError>
    where
        P: Default + Extend<(PaymentId, PaymentEntry)> + Send + 'static,
    {
        let administration = self.place.administration()?;
        let reading = spawn_blocking(move || export::books(&administration, &[&evidence]));
        Ok(reading.await??)
    }

    /// Sends the gateway a signal.
    pub(super) fn signal(&mut self, signal: Signal) -> Result<(), ChaosError> {
        self.process.signal(signal).map_err(ChaosError::Process)
    }
}

/// Waits until a gateway says that it serves.
pub(super) async fn serves(process: &mut Process, place: &Place) -> Result<(), ChaosError> {
    if process.says("administration at ", START).await.is_some() {
        return Ok(());
    }
    Err(ChaosError::Down(place.last_words()))
}
