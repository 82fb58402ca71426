//! A copy of the journal that was put back is found out by what was told after it was made.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use kessai_engine::terms::receipt::{ChainPrefix, JournalPoint, ReceiptKey, ReceiptMac};
use kessai_engine::terms::{Amount, Currency, JournalReceipt};
use kessai_engine::{Calendar, CustomerAdded, Entry, Lsn, Peer, Record, Slot, Unit};
use kessai_journal::{ChainKey, Journal, JournalOptions, Stamp, Standing};
use tempfile::TempDir;

use super::{Checking, Verdict, judge};
use crate::admin::rows::{JournalReceiptRow, ReceiptStanding};
use crate::clock::SystemClock;
use crate::losses::{Losses, RecordName};
use crate::receipts::{Receipts, Tally};

const NOTHING: Tally =
    Tally { ours: 0, not_kept: 0, forged: 0, accepted: 0, lost: 0, unchecked: 0 };

/// A data directory in use.
struct Opened {
    journal: Journal,
    receipts: Arc<Receipts>,
    checking: Checking,
}

impl Opened {
    fn new(data: &Path) -> Self {
        let losses = Losses::open(data).unwrap();
        let options = JournalOptions {
            segment_bytes: 1 << 20,
            queue_bytes: 512 << 10,
            first_epoch: losses.first_epoch(),
            ..JournalOptions::default()
        };
        let replay = |_, _| Ok::<_, Infallible>(());
        let folder = data.join("journal");
        let key = ChainKey([7; 32]);
        let (journal, found) = Journal::open(&folder, None, &options, key, replay).unwrap();
        let (key, clock) = (ReceiptKey::from_bytes([9; 32]), Arc::new(SystemClock::new()));
        let (receipts, checking) =
            Receipts::new(journal.clone(), Some(found.epoch), key, losses, clock);
        Self { journal, receipts, checking }
    }

    /// Writes one record, and gives its receipt.
    fn write(&self, sequence: u64) -> JournalReceipt {
        let lsn = self.journal.reserve().unwrap().push(Entry {
            unit: Unit(1),
            sequence,
            at_ms: sequence,
            business_date: Calendar::default().date(sequence),
            record: Record::CustomerAdded(CustomerAdded {
                customer: "C-1".parse().unwrap(),
                currency: Currency::JPY,
                balance: Amount::ZERO,
            }),
        });
        while self.journal.durable() < lsn {
            std::thread::yield_now();
        }
        self.receipts.issue(lsn).unwrap()
    }

    /// A terminal returns with `receipt`.
    fn take(&mut self, receipt: JournalReceipt) {
        self.receipts.take(&receipt, Peer::Terminal("POS1".parse().unwrap()));
        if let Ok(returned) = self.checking.waiting.try_recv() {
            self.checking.checker.check(&[returned]);
        }
    }

    fn close(self) {
        self.journal.close();
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("journal")).unwrap();
    for file in std::fs::read_dir(from.join("journal")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join("journal").join(file.file_name())).unwrap();
    }
}

const fn name(receipt: &JournalReceipt) -> RecordName {
    RecordName { epoch: receipt.claimed.epoch, lsn: receipt.claimed.lsn }
}

/// A data directory, and an older copy of it: with what was told before, and after the copy.
fn rolled_back() -> (TempDir, JournalReceipt, [JournalReceipt; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let (newer, older) = (folder.path().join("newer"), folder.path().join("older"));
    std::fs::create_dir(&newer).unwrap();
    let opened = Opened::new(&newer);
    opened.write(1);
    let before = opened.write(2);
    opened.close();
    copy(&newer, &older);
    let opened = Opened::new(&newer);
    let after = [3, 4].map(|sequence| opened.write(sequence));
    opened.close();
    (folder, before, after)
}

#[test]
fn what_was_told_after_the_copy_stops_the_service_until_the_loss_is_accepted() {
    let (folder, before, [beside, above]) = rolled_back();
    let data = folder.path().join("older");
    let mut opened = Opened::new(&data);
    let own = opened.write(30);
    opened.take(before);
    opened.take(own);
    assert_eq!(opened.receipts.tally(), Tally { ours: 2, ..NOTHING });
    assert_eq!(opened.receipts.stopped_since_ms(), None);

    opened.take(above);
    let found = opened.receipts.found().unwrap();
    assert_eq!((found.lowest, found.highest), (name(&above), name(&above)));
    assert_eq!((found.kept, found.returned_by.as_str()), (name(&own), "terminal POS1"));
    assert_eq!(opened.receipts.stopped_since_ms(), Some(found.since_ms));
    opened.take(beside);
    assert_eq!(opened.receipts.tally(), Tally { ours: 2, lost: 2, ..NOTHING });
    opened.close();

    // Nobody has accepted it: it is stopped from the start.
    let mut opened = Opened::new(&data);
    let found = opened.receipts.found().unwrap();
    assert_eq!((found.lowest, found.highest), (name(&beside), name(&above)));
    assert_eq!(opened.receipts.stopped_since_ms(), Some(found.since_ms));
    opened.take(before);
    assert!(opened.receipts.stopped_since_ms().is_some(), "nor does a good receipt change that");
    opened.close();

    Losses::open(&data).unwrap().accept(1).unwrap();
    let mut opened = Opened::new(&data);
    assert_eq!((opened.receipts.found(), opened.receipts.stopped_since_ms()), (None, None));
    for lost in [above, beside] {
        opened.take(lost);
    }
    assert_eq!(opened.receipts.tally(), Tally { accepted: 2, ..NOTHING });
    assert_eq!(opened.receipts.stopped_since_ms(), None);
    let next = opened.write(31);
    assert!(next.claimed > above.claimed, "so that terminals let go of what is lost");
    opened.take(next);
    assert_eq!(opened.receipts.tally(), Tally { accepted: 2, ours: 1, ..NOTHING });
}

#[test]
fn a_further_loss_is_found_although_an_earlier_one_was_accepted() {
    let (folder, _, [_, above]) = rolled_back();
    let (data, again) = (folder.path().join("older"), folder.path().join("again"));
    let mut opened = Opened::new(&data);
    opened.take(above);
    opened.close();
    Losses::open(&data).unwrap().accept(1).unwrap();
    copy(&data, &again);
    std::fs::copy(data.join("losses.toml"), again.join("losses.toml")).unwrap();
    let opened = Opened::new(&data);
    let told = opened.write(30);
    opened.close();

    let mut opened = Opened::new(&again);
    opened.take(told);
    assert!(opened.receipts.stopped_since_ms().is_some());
}

#[test]
fn what_nobody_can_have_been_told_is_counted_and_changes_nothing() {
    let (folder, before, [_, above]) = rolled_back();
    let mut opened = Opened::new(&folder.path().join("older"));
    let forged = [
        JournalReceipt { mac: ReceiptMac([0; 16]), ..above },
        JournalReceipt { claimed: above.claimed, ..before },
        ReceiptKey::from_bytes([8; 32]).issue(above.claimed),
    ];
    for receipt in forged {
        opened.take(receipt);
    }
    assert_eq!(opened.receipts.tally(), Tally { forged: 3, ..NOTHING });
    assert_eq!(opened.receipts.stopped_since_ms(), None);
    assert!(!folder.path().join("older/losses.toml").exists());
}

/// What an auditor is told is what a peer's return would come to, and nothing follows from it.
#[test]
fn an_auditor_is_told_the_same_and_changes_nothing() {
    let (folder, before, [beside, above]) = rolled_back();
    let opened = Opened::new(&folder.path().join("older"));
    let own = opened.write(30);
    let other = ReceiptKey::from_bytes([9; 32]);
    let other = other.issue(JournalPoint { partition: 1, ..above.claimed });
    let forged = JournalReceipt { mac: ReceiptMac([0; 16]), ..above };
    for (receipt, standing) in [
        (before, ReceiptStanding::Ours),
        (own, ReceiptStanding::Ours),
        (beside, ReceiptStanding::Lost),
        (above, ReceiptStanding::Lost),
        (other, ReceiptStanding::NotKept),
        (forged, ReceiptStanding::Forged),
    ] {
        let row = JournalReceiptRow::from(&receipt);
        let read = JournalReceipt::try_from(&row).unwrap();
        assert_eq!((read, opened.receipts.standing(&read)), (receipt, standing));
    }
    assert_eq!(opened.receipts.tally(), NOTHING);
    assert_eq!(opened.receipts.stopped_since_ms(), None);
}

#[test]
fn another_partition_is_not_compared() {
    let (folder, _, [_, above]) = rolled_back();
    let mut opened = Opened::new(&folder.path().join("older"));
    let point = JournalPoint { partition: 1, ..above.claimed };
    opened.take(ReceiptKey::from_bytes([9; 32]).issue(point));
    assert_eq!(opened.receipts.tally(), Tally { not_kept: 1, ..NOTHING });
    assert_eq!(opened.receipts.stopped_since_ms(), None);
}

/// Here the journal is in epoch 10, and what was lost before epoch 5 was accepted.
#[test]
fn every_standing_has_its_verdict() {
    let ours = Stamp { epoch: 9, prefix: [1; 8] };
    let above = Standing::Above { durable: Lsn(100) };
    let beside = Standing::Beside { ours };
    for (standing, epoch, verdict) in [
        (Standing::Ours, 4, Verdict::Ours),
        (Standing::Ours, 10, Verdict::Ours),
        (Standing::NotKept, 4, Verdict::NotCompared),
        (Standing::NotKept, 10, Verdict::NotCompared),
        // That never was here, whatever was trimmed.
        (Standing::NotKept, 11, Verdict::Lost),
        (above, 4, Verdict::AcceptedLoss),
        (above, 5, Verdict::Lost),
        (above, 11, Verdict::Lost),
        (beside, 4, Verdict::AcceptedLoss),
        (beside, 5, Verdict::Lost),
    ] {
        let chain = ChainPrefix([2; 8]);
        let point = JournalPoint { epoch, lsn: 1, partition: 0, chain };
        assert_eq!(judge(point, standing, 10, 5), verdict, "{standing:?} in epoch {epoch}");
    }
}
