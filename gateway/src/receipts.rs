//! Receipts of the journal: made for what terminals are told, and taken back when they come again.
//!
//! A terminal that returns shows the highest receipt it holds. A genuine one that does not stand in
//! our journal says that records were lost which terminals have been told of, as when an old copy
//! of the data directory was put back. Then the gateway stops serving, before it makes it worse.
//!
//! # Source
//! docs/PROTOCOL.md, "Receipts of the journal"; docs/decisions/0010.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kessai_engine::terms::JournalReceipt;
use kessai_engine::terms::receipt::{ChainPrefix, GenuineReceipt, JournalPoint, ReceiptKey};
use kessai_engine::{Lsn, Peer};
use kessai_journal::{Journal, Stamp};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::admin::rows::ReceiptStanding;
use crate::clock::Clock;
use crate::host::SlowWork;
use crate::keys::Keys;
use crate::losses::{Accepted, Found, Losses};
use crate::node::Node;

mod checking;

pub(crate) use checking::Checking;
use checking::{Verdict, judge};

/// The partition that this gateway is: there is one.
const PARTITION: u32 = 0;

/// Receipts that may wait to be checked: one for each connection that can be open. It is room on
/// demand, not taken beforehand.
const WAITING: usize = 1 << 17;

/// Makes receipts and takes them back.
pub(crate) struct Receipts {
    journal: Journal,
    /// The journal's; none if it remembers nothing.
    epoch: Option<u64>,
    /// Losses of earlier ones were accepted.
    first_epoch: u64,
    key: ReceiptKey,
    returned: mpsc::Sender<Returned>,
    counts: Counts,
    /// Since when the service is stopped, by the gateway's clock; 0 while it is not.
    stopped_since_ms: AtomicU64,
    /// Why, for people.
    found: Mutex<Option<Found>>,
    accepted: Vec<Accepted>,
}

/// A receipt that came back, and who brought it.
#[derive(Debug, Clone, Copy)]
struct Returned {
    receipt: GenuineReceipt,
    by: Peer,
}

/// How receipts that came back turned out.
#[derive(Debug, Default)]
struct Counts {
    ours: AtomicU64,
    not_kept: AtomicU64,
    forged: AtomicU64,
    accepted: AtomicU64,
    lost: AtomicU64,
    unchecked: AtomicU64,
}

/// How receipts that came back turned out, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    /// Stand in the journal.
    pub(crate) ours: u64,
    /// Are older than what the journal keeps, so that nothing can be said.
    pub(crate) not_kept: u64,
    /// Were not made by this gateway.
    pub(crate) forged: u64,
    /// Belong to a loss that was accepted.
    pub(crate) accepted: u64,
    /// Say that records were lost.
    pub(crate) lost: u64,
    /// Could not be checked: too many at once, or the journal could not be read.
    pub(crate) unchecked: u64,
}

impl Receipts {
    /// Makes and takes back the receipts of a node's journal.
    pub(crate) fn of(node: &Node, keys: &Keys, clock: Arc<dyn Clock>) -> (Arc<Self>, Checking) {
        let epoch = node.recovered().map(|found| found.epoch);
        let losses = node.losses().clone();
        if let Some(found) = losses.found() {
            tracing::error!(
                lost = %found.highest,
                kept = %found.kept,
                "THE SERVICE IS STOPPED, as it was before this start: records are lost, and nobody \
                 has accepted that; see `kessai journal accept-loss`"
            );
        }
        Self::new(node.journal().clone(), epoch, keys.receipt_key(), losses, clock)
    }

    /// Begins with what is known to be lost; what comes back is checked by the other part, which
    /// must run. `epoch` is the journal's, none if it remembers nothing.
    pub(crate) fn new(
        journal: Journal,
        epoch: Option<u64>,
        key: ReceiptKey,
        losses: Losses,
        clock: Arc<dyn Clock>,
    ) -> (Arc<Self>, Checking) {
        let (returned, waiting) = mpsc::channel(WAITING);
        let found = losses.found().cloned();
        let receipts = Arc::new(Self {
            journal,
            epoch,
            first_epoch: losses.first_epoch(),
            key,
            returned,
            counts: Counts::default(),
            stopped_since_ms: AtomicU64::new(found.as_ref().map_or(0, |found| found.since_ms)),
            found: Mutex::new(found),
            accepted: losses.accepted().to_vec(),
        });
        let checking = Checking::new(Arc::clone(&receipts), losses, clock, waiting);
        (receipts, checking)
    }

    /// The journal that receipts are of.
    pub(crate) const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Makes a receipt of a durable record; none if that is long ago.
    pub(crate) fn issue(&self, lsn: Lsn) -> Option<JournalReceipt> {
        let stamp = self.journal.stamp(lsn)?;
        Some(self.key.issue(JournalPoint {
            epoch: stamp.epoch,
            lsn: lsn.0,
            partition: PARTITION,
            chain: ChainPrefix(stamp.prefix),
        }))
    }

    /// Takes a receipt that a peer shows. It is looked into later: whoever shows one is not kept
    /// waiting.
    pub(crate) fn take(&self, receipt: &JournalReceipt, by: Peer) {
        let Some(receipt) = self.key.verify(receipt) else {
            count(&self.counts.forged);
            tracing::debug!(by = %Shop(by), "a receipt was not made by this gateway");
            return;
        };
        if self.returned.try_send(Returned { receipt, by }).is_err() {
            count(&self.counts.unchecked);
        }
    }

    /// Says how the records of receipts stand in the journal, to whoever audits what terminals hold.
    /// Nothing follows from it: only what a peer returns stops the service.
    pub(crate) async fn standings(
        self: Arc<Self>,
        receipts: Vec<JournalReceipt>,
        slow_work: SlowWork,
    ) -> Vec<ReceiptStanding> {
        let unchecked = vec![ReceiptStanding::Unchecked; receipts.len()];
        // Segments may have to be read.
        let looking =
            slow_work.perform(move || receipts.iter().map(|it| self.standing(it)).collect());
        looking.await.unwrap_or(unchecked)
    }

    fn standing(&self, receipt: &JournalReceipt) -> ReceiptStanding {
        let Some(genuine) = self.key.verify(receipt) else { return ReceiptStanding::Forged };
        match self.compare(genuine) {
            Ok(Verdict::Ours) => ReceiptStanding::Ours,
            Ok(Verdict::NotCompared) => ReceiptStanding::NotKept,
            Ok(Verdict::AcceptedLoss) => ReceiptStanding::Accepted,
            Ok(Verdict::Lost) => ReceiptStanding::Lost,
            Err(error) => {
                let lsn = genuine.point().lsn;
                tracing::error!(%error, lsn, "a receipt could not be compared");
                ReceiptStanding::Unchecked
            }
        }
    }

    /// Judges a genuine receipt by the journal.
    fn compare(&self, receipt: GenuineReceipt) -> io::Result<Verdict> {
        let point = receipt.point();
        // A journal that remembers nothing has lost nothing.
        let Some(epoch) = self.epoch.filter(|_| point.partition == PARTITION) else {
            return Ok(Verdict::NotCompared);
        };
        let stamp = Stamp { epoch: point.epoch, prefix: point.chain.0 };
        let standing = self.journal.compare(Lsn(point.lsn), stamp)?;
        Ok(judge(point, standing, epoch, self.first_epoch))
    }

    /// Since when the service is stopped because records are lost.
    ///
    /// # Units
    /// Milliseconds since the Unix epoch, by the gateway's clock.
    pub(crate) fn stopped_since_ms(&self) -> Option<u64> {
        match self.stopped_since_ms.load(Ordering::Acquire) {
            0 => None,
            since_ms => Some(since_ms),
        }
    }

    /// What is known of the loss for which the service is stopped.
    pub(crate) fn found(&self) -> Option<Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The losses that were accepted.
    pub(crate) fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }

    /// How receipts that came back turned out.
    pub(crate) fn tally(&self) -> Tally {
        let told = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Tally {
            ours: told(&self.counts.ours),
            not_kept: told(&self.counts.not_kept),
            forged: told(&self.counts.forged),
            accepted: told(&self.counts.accepted),
            lost: told(&self.counts.lost),
            unchecked: told(&self.counts.unchecked),
        }
    }

    /// Stops the service, or takes note of how much further the loss goes.
    fn stop(&self, found: &Found) {
        self.stopped_since_ms.store(found.since_ms.max(1), Ordering::Release);
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
    }
}

fn count(of: &AtomicU64) {
    of.fetch_add(1, Ordering::Relaxed);
}

/// Names a peer in logs and files: a shop's by id, a customer's never.
struct Shop(Peer);

impl fmt::Display for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Peer::Terminal(id) => write!(f, "terminal {id}"),
            Peer::Controller(id, _) => write!(f, "controller {id}"),
            Peer::Hub(id) => write!(f, "hub {id}"),
            Peer::Handset(..) => f.write_str("a handset"),
        }
    }
}
