//! Makes snapshots, and has the journal trimmed behind them and behind the archive.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use kessai_engine::Lsn;
use kessai_journal::PublishError;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{Keeping, Part, RETRY};

/// How often it is looked at whether one is due.
const LOOK: Duration = Duration::from_millis(250);

/// What a snapshot may take so that one more is made when the gateway stops.
const CHEAP: Duration = Duration::from_secs(1);

/// How many times fewer records than those that make a snapshot due make one due at once where a
/// start had to replay them: the next would take as long again, and none may live up to the interval.
const AFTER_A_START: u64 = 10;

/// Why there is no new snapshot.
#[derive(Debug, thiserror::Error)]
enum SnapshotError {
    #[error("cannot write a snapshot: {0}")]
    Write(#[from] io::Error),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Makes a snapshot whenever one is due.
pub(super) struct Snapshotter<'k> {
    keeping: &'k Arc<Keeping>,
    /// Behind which record the latest one has a start replay.
    latest: Lsn,
    /// None before the first since the start.
    made_at: Option<Instant>,
    started_at: Instant,
    /// How many records the start had to replay.
    replayed: u64,
    /// How long the latest one took.
    took: Option<Duration>,
    /// Up to where no snapshot needs the journal.
    trimmable: Lsn,
    trimmed: Lsn,
}

impl<'k> Snapshotter<'k> {
    pub(super) fn new(keeping: &'k Arc<Keeping>) -> Self {
        let trimmable = keeping.kept.snapshots().trimmable().ok().flatten();
        let latest = keeping.kept.replay_after();
        keeping.condition.has_snapshot(latest);
        Self {
            keeping,
            latest,
            replayed: keeping.journal.latest().0.saturating_sub(latest.0),
            made_at: None,
            started_at: Instant::now(),
            took: None,
            trimmable: trimmable.unwrap_or(Lsn::NONE),
            trimmed: Lsn::NONE,
        }
    }

    pub(super) async fn run(mut self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = sleep(LOOK) => {}
            }
            if self.is_due() && !self.make().await {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = sleep(RETRY) => {}
                }
            }
            self.trim();
        }
        // The next start is quick then; a large state would make the stop slow.
        if self.took.is_some_and(|took| took < CHEAP) && self.records() > 0 {
            self.make().await;
        }
    }

    /// How many records a start would replay.
    fn records(&self) -> u64 {
        self.keeping.journal.latest().0.saturating_sub(self.latest.0)
    }

    fn is_due(&self) -> bool {
        let (records, most) = (self.records(), self.keeping.snapshot_records);
        let waited = self.made_at.unwrap_or(self.started_at).elapsed();
        let replayed_many = || self.made_at.is_none() && self.replayed >= most / AFTER_A_START;
        records >= most || (records > 0 && (waited >= self.keeping.snapshot || replayed_many()))
    }

    /// Says whether it succeeded.
    async fn make(&mut self) -> bool {
        let keeping = Arc::clone(self.keeping);
        let began = Instant::now();
        let made = tokio::task::spawn_blocking(move || keeping.make_snapshot()).await;
        let condition = &self.keeping.condition;
        match made {
            Ok(Ok(Some(made))) => {
                (self.latest, self.made_at) = (made.replay_after, Some(Instant::now()));
                self.took = Some(began.elapsed());
                self.trimmable = made.trimmable;
                let took_ms = began.elapsed().as_millis();
                tracing::info!(bytes = made.bytes, took_ms, upto = made.replay_after.0, "snapshot");
                condition.has_snapshot(made.replay_after);
                condition.well(Part::Snapshots);
                true
            }
            // Somebody else is making one.
            Ok(Ok(None)) => false,
            Ok(Err(error)) => {
                tracing::error!(%error, "the journal is not trimmed");
                condition.trouble(Part::Snapshots, &error);
                false
            }
            Err(panicked) => {
                tracing::error!(%panicked, "a snapshot has failed");
                condition.trouble(Part::Snapshots, &"making one has panicked");
                false
            }
        }
    }

    /// Gives up what neither a start nor the archive needs.
    fn trim(&mut self) {
        let upto = self.trimmable.min(self.keeping.archived());
        if upto > self.trimmed {
            self.trimmed = upto;
            self.keeping.journal.trim(upto);
        }
    }
}

/// A snapshot that was made.
struct Made {
    replay_after: Lsn,
    bytes: u64,
    trimmable: Lsn,
}

impl Keeping {
    /// Copies the engine's state to disk while commands go on. Blocks until the journal is durable
    /// past everything in it.
    fn make_snapshot(&self) -> Result<Option<Made>, SnapshotError> {
        // Taken before anything is copied: what was decided until then is in every copy.
        let replay_after = self.journal.latest();
        let Some(mut copy) = self.engine.snapshot() else { return Ok(None) };
        let snapshots = self.kept.snapshots();
        let mut writer = snapshots.begin(replay_after)?;
        let mut chunk = Vec::new();
        while copy.next_chunk(&mut chunk) {
            writer.push(&chunk)?;
            chunk.clear();
        }
        drop(copy);
        let finished = writer.finish(self.journal.latest())?;
        Handle::current().block_on(self.journal.when_durable(finished.reaches()));
        let bytes = finished.bytes();
        finished.publish(self.journal.durable())?;
        let trimmable = snapshots.trimmable()?.unwrap_or(Lsn::NONE);
        Ok(Some(Made { replay_after, bytes, trimmable }))
    }
}
