//! What goes on beside the payments: snapshots are made, the archive follows the journal, payments
//! leave the memory, and the journal is trimmed behind both.
//!
//! None of it can stop a payment. What fails is logged, told by the [condition](Condition) and tried
//! again; until it succeeds nothing leaves the memory that the archive does not have, and nothing is
//! trimmed that a start needs.

mod condition;
mod leaving;
mod snapshots;

use std::sync::Arc;
use std::time::Duration;

use kessai_engine::{Engine, Lsn};
use kessai_journal::{Archiver, Journal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub(crate) use condition::{Condition, Part};
use leaving::Leaving;
use snapshots::Snapshotter;

use crate::clock::Clock;
use crate::node::Kept;
use crate::node::shelf::LookupError;
use crate::settings::{Settings, millis};

/// How long the archive gathers what happens before it writes again.
const GATHER: Duration = Duration::from_millis(250);

/// How long to wait after something failed.
const RETRY: Duration = Duration::from_secs(5);

/// What is kept beside the journal, and how it is gone about.
pub(crate) struct Keeping {
    engine: Arc<Engine>,
    journal: Journal,
    clock: Arc<dyn Clock>,
    kept: Kept,
    /// How long a payment stays in memory, and how long at least.
    memory_ms: u64,
    least_ms: u64,
    snapshot: Duration,
    snapshot_records: u64,
    condition: Arc<Condition>,
}

impl Keeping {
    pub(crate) fn new(
        engine: Arc<Engine>,
        journal: Journal,
        clock: Arc<dyn Clock>,
        kept: Kept,
        settings: &Settings,
    ) -> Self {
        Self {
            engine,
            journal,
            clock,
            kept,
            memory_ms: millis(settings.payments.memory),
            least_ms: millis(settings.payments.shortest_memory()),
            snapshot: settings.journal.snapshot,
            snapshot_records: settings.journal.snapshot_records,
            condition: Arc::default(),
        }
    }

    /// How it all goes.
    pub(crate) fn condition(&self) -> Arc<Condition> {
        Arc::clone(&self.condition)
    }

    /// Does all of it until `stop`. What is under way then is ended first, so that whoever waits
    /// for this can open the files again.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let archiving = async {
            if let Err(error) = self.follow(&stop).await {
                tracing::error!(%error, "no payment leaves the memory, the journal is not trimmed");
                self.condition.trouble(Part::Archive, &error);
            }
        };
        tokio::join!(archiving, Snapshotter::new(&self).run(&stop), Leaving::new(&self).run(&stop));
    }

    /// Puts into the archive what becomes durable. An error is final: a restart begins anew.
    async fn follow(&self, stop: &CancellationToken) -> Result<(), LookupError> {
        let archive = self.kept.shelf().archive()?;
        let key = self.kept.chain_key().clone();
        let mut archiver = Archiver::new(&self.journal, key, archive)?;
        loop {
            let next = Lsn(self.archived().0.saturating_add(1));
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = self.journal.when_durable(next) => {}
            }
            let step = move || {
                let stepped = archiver.step();
                (archiver, stepped)
            };
            let stepped = tokio::task::spawn_blocking(step).await;
            let (back, stepped) =
                stepped.map_err(|panicked| LookupError::Closed(panicked.to_string()))?;
            archiver = back;
            if stepped?.behind > 0 {
                continue;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = sleep(GATHER) => {}
            }
        }
    }

    /// What the archive has, durably.
    fn archived(&self) -> Lsn {
        self.kept.shelf().archive().map_or(Lsn::NONE, |archive| archive.upto())
    }
}
