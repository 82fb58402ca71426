//! Each fault, from the load before it to the comparison after it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kessai_gateway::settings::millis;
use rand::RngExt;
use rustix::process::Signal;
use tokio::time::sleep;

use super::ChaosError;
use super::fault::Fault;
use super::log::Held;
use super::report::FailedSyncs;
use super::rig::Rig;
use super::trace::{Injection, Trace};
use crate::audit::{CutOff, Outage};
use crate::ledger::Moment;

/// How soon a process must be gone after a sync has failed.
const GONE_WITHIN: Duration = Duration::from_secs(1);

/// How long an answer that left before a sync failed may be on its way to us.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// How long it is waited for a sync to fail.
const FAILS_WITHIN: Duration = Duration::from_secs(60);

/// Which sync of a thread fails: after those of a start, and before the load has lasted long.
const FAILS_AT: std::ops::Range<u32> = 40..400;

/// How much longer slow syncs take.
const SLOW_MS: std::ops::Range<u64> = 20..200;

/// How long a gateway that was stopped may need until it answers again.
const AWAKE: Duration = Duration::from_secs(20);

impl Rig<'_> {
    /// Lets one fault happen, after some load.
    pub(super) async fn round(&mut self, fault: Fault) -> Result<(), ChaosError> {
        match fault {
            Fault::Kill => {
                self.load().await?;
                let fell = self.kill()?;
                self.rise().await?;
                self.judge(fell).await?;
            }
            Fault::Eio => self.failing_sync().await?,
            Fault::Slow => self.slow_syncs().await?,
            Fault::Stop => self.stopped().await?,
            Fault::Enospc => self.full_disk().await?,
            Fault::Truncate | Fault::Flip => self.damaged(fault).await?,
        }
        self.log.happened(fault);
        Ok(())
    }

    /// Starts the gateway anew so that one of its syncs is going to fail, and sees it go.
    async fn failing_sync(&mut self) -> Result<(), ChaosError> {
        let when = self.rng.random_range(FAILS_AT);
        let trace = Trace::new(Injection::Fails(when), self.place.path("strace.log"));
        self.load().await?;
        let fell = self.kill()?;
        match self.start(Some(&trace)).await {
            Ok(()) => {
                self.let_in(fell);
                let gone = self.process.gone(FAILS_WITHIN).await.map_err(ChaosError::Process)?;
                if gone.is_none() {
                    return Err(ChaosError::Otherwise(
                        "a sync failed, and nobody minds".to_owned(),
                    ));
                }
            }
            // It failed while the gateway was starting.
            Err(ChaosError::Down(_)) => {}
            Err(error) => return Err(error),
        }
        let gone_at = self.now();
        self.keeper.close();
        sleep(ON_ITS_WAY).await;
        let Some(failed_at) = trace.failed_at().and_then(|at| self.moment(at)) else {
            return Err(ChaosError::Down(self.place.last_words()));
        };
        self.failed(failed_at, gone_at);
        self.rise().await?;
        self.judge(gone_at).await
    }

    /// Notes what a failing sync led to.
    fn failed(&mut self, failed_at: Moment, gone_at: Moment) {
        let gone = gone_at.saturating_sub(failed_at);
        let last_at = Held::count(&self.ledger).last_at;
        let told = last_at.saturating_sub(failed_at);
        let sums = self.log.failed_syncs.get_or_insert_default();
        *sums = FailedSyncs {
            count: sums.count.saturating_add(1),
            gone_within_ms: sums.gone_within_ms.max(millis(gone)),
            last_told_after_ms: sums.last_told_after_ms.max(millis(told)),
        };
        let (gone_ms, told_ms) = (millis(gone), millis(told));
        if gone > GONE_WITHIN {
            let sentence = format!("a sync failed, and the process was there for {gone_ms} ms");
            self.log.problems.push(sentence);
        }
        if told > ON_ITS_WAY {
            let sentence = format!("a sync failed, and {told_ms} ms later something was told");
            self.log.problems.push(sentence);
        }
    }

    /// Starts the gateway anew with syncs that take long, and kills it after some load.
    async fn slow_syncs(&mut self) -> Result<(), ChaosError> {
        let by = Duration::from_millis(self.rng.random_range(SLOW_MS));
        let trace = Trace::new(Injection::Delays(by), self.place.path("strace.log"));
        self.load().await?;
        let fell = self.kill()?;
        self.start(Some(&trace)).await?;
        self.judge(fell).await?;
        self.wait_a_while().await;
        self.load().await?;
        let fell = self.kill()?;
        self.rise().await?;
        self.judge(fell).await
    }

    /// Stops the process for a while, and lets it go on.
    async fn stopped(&mut self) -> Result<(), ChaosError> {
        self.load().await?;
        let from = self.now();
        self.signal(Signal::STOP)?;
        let least = Duration::from_secs(1);
        let more = self.random(self.plan.stop_most.saturating_sub(least));
        sleep(least.saturating_add(more)).await;
        self.signal(Signal::CONT)?;
        self.awake().await?;
        let until = self.now().saturating_add(least);
        self.log.outages.push(Outage { from, until, of: CutOff::Everybody });
        Ok(())
    }

    /// Waits until the gateway answers again.
    async fn awake(&self) -> Result<(), ChaosError> {
        let administration = self.place.administration()?;
        let asking = tokio::task::spawn_blocking(move || {
            administration.ask::<serde_json::Value>("/v1/gateway").map(drop)
        });
        match tokio::time::timeout(AWAKE, asking).await {
            Ok(answered) => Ok(answered??),
            Err(_) => Err(ChaosError::Down("it was stopped, and does not go on".to_owned())),
        }
    }

    /// Says when a moment of the wall's clock was, counted as the ledger does.
    fn moment(&self, since_epoch: Duration) -> Option<Moment> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(self.now().saturating_sub(now.saturating_sub(since_epoch)))
    }
}
