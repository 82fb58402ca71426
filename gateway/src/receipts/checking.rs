//! Compares receipts that came back with the journal, off the path of connections.

use std::sync::Arc;

use kessai_engine::terms::receipt::JournalPoint;
use kessai_journal::Standing;
use tokio::sync::mpsc;

use super::{Receipts, Returned, Shop, count};
use crate::clock::Clock;
use crate::host::SlowWork;
use crate::losses::{Found, Losses, RecordName};

/// Receipts that are compared at a time, before what they say is kept.
const AT_ONCE: usize = 256;

/// Compares receipts with the journal, one after another.
pub(crate) struct Checking {
    waiting: mpsc::Receiver<Returned>,
    checker: Checker,
}

impl Checking {
    pub(super) const fn new(
        receipts: Arc<Receipts>,
        losses: Losses,
        clock: Arc<dyn Clock>,
        waiting: mpsc::Receiver<Returned>,
    ) -> Self {
        Self { waiting, checker: Checker { receipts, losses, clock } }
    }

    /// Compares what comes, for ever.
    pub(crate) async fn run(self, slow_work: SlowWork) {
        let Self { mut waiting, mut checker } = self;
        loop {
            let mut batch = Vec::new();
            if waiting.recv_many(&mut batch, AT_ONCE).await == 0 {
                return;
            }
            // It reads segments, and may write a file.
            let checked = slow_work.perform(move || {
                checker.check(&batch);
                checker
            });
            match checked.await {
                Ok(back) => checker = back,
                Err(error) => {
                    tracing::error!(%error, "receipts are not checked any more");
                    return;
                }
            }
        }
    }
}

/// What a genuine receipt says about the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its record stands where it stood.
    Ours,
    /// Nothing: it is older than what is kept.
    NotCompared,
    /// Its record is lost, as was accepted.
    AcceptedLoss,
    /// Its record is lost.
    Lost,
}

/// Judges a genuine receipt by how its record stands to the journal, which is in `epoch` and whose
/// losses before `first_epoch` were accepted.
pub(super) const fn judge(
    point: JournalPoint,
    standing: Standing,
    epoch: u64,
    first_epoch: u64,
) -> Verdict {
    match standing {
        Standing::Ours => Verdict::Ours,
        // No record of an epoch that never was can have been trimmed.
        Standing::NotKept if point.epoch <= epoch => Verdict::NotCompared,
        Standing::NotKept | Standing::Above { .. } | Standing::Beside { .. } => {
            if point.epoch < first_epoch { Verdict::AcceptedLoss } else { Verdict::Lost }
        }
    }
}

struct Checker {
    receipts: Arc<Receipts>,
    losses: Losses,
    clock: Arc<dyn Clock>,
}

impl Checker {
    fn check(&mut self, returned: &[Returned]) {
        // A journal that remembers nothing has lost nothing.
        let Some(epoch) = self.receipts.epoch else { return };
        for returned in returned {
            self.check_one(*returned, epoch);
        }
        if let Err(error) = self.losses.keep() {
            tracing::error!(%error, "the loss is not kept: it will be found again after a restart");
        }
    }

    fn check_one(&mut self, Returned { receipt, by }: Returned, epoch: u64) {
        let point = receipt.point();
        let counts = &self.receipts.counts;
        let verdict = match self.receipts.compare(receipt) {
            Ok(verdict) => verdict,
            Err(error) => {
                tracing::error!(%error, lsn = point.lsn, "a receipt could not be compared");
                return count(&counts.unchecked);
            }
        };
        match verdict {
            Verdict::Ours => count(&counts.ours),
            Verdict::NotCompared => count(&counts.not_kept),
            Verdict::AcceptedLoss => count(&counts.accepted),
            Verdict::Lost => {
                count(&counts.lost);
                let lost = RecordName::from(point);
                self.stop(Found {
                    since_ms: self.clock.now_ms(),
                    returned_by: Shop(by).to_string(),
                    lowest: lost,
                    highest: lost,
                    kept: RecordName { epoch, lsn: self.receipts.journal.durable().0 },
                });
            }
        }
    }

    fn stop(&mut self, lost: Found) {
        let is_first = self.losses.found().is_none();
        if is_first {
            tracing::error!(
                returned_by = lost.returned_by,
                lost = %lost.highest,
                kept = %lost.kept,
                "THE SERVICE IS STOPPED: a genuine receipt is of a record that this journal does \
                 not hold. Was an older copy of the data put back? Put the newer one back, or see \
                 `kessai journal accept-loss`"
            );
        }
        self.receipts.stop(self.losses.note(lost));
    }
}

#[cfg(test)]
mod tests;
