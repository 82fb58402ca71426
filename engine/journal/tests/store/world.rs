//! A journal and its archive on one simulated disk.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use kessai_engine::{Entry, Lsn, Slot};
use kessai_journal::{
    Archive, ArchiveError, ArchiveOptions, Archiver, ChainKey, Journal, JournalOptions, OnFailure,
    Recorded, SimulatedDisk, SimulatedStorage, Stepped, SteppedWriter,
};

use crate::model::{DEVICE, Model, entry, id};

pub(crate) const ARCHIVE: &str = "archive";

pub(crate) fn key() -> ChainKey {
    ChainKey([0x5a; 32])
}

/// Four blocks a segment, so that a few batches fill several.
pub(crate) fn small() -> JournalOptions {
    JournalOptions {
        segment_bytes: 16_384,
        queue_records: 1_000,
        queue_bytes: 16_000,
        record_bytes: 600,
        gather_after: u32::MAX,
        on_failure: OnFailure::call(|_| {}),
        ..JournalOptions::default()
    }
}

pub(crate) fn options() -> ArchiveOptions {
    ArchiveOptions { cache_bytes: 1 << 20 }
}

/// A machine that runs.
pub(crate) struct World {
    pub(crate) journal: Journal,
    pub(crate) writer: SteppedWriter<SimulatedStorage>,
    pub(crate) archive: Archive,
    pub(crate) archiver: Archiver,
}

impl World {
    pub(crate) fn start(disk: &SimulatedDisk) -> Result<Self, Box<dyn Error>> {
        Self::start_behind(disk, Lsn::NONE)
    }

    /// Starts with a journal that was trimmed behind a snapshot at `snapshot`.
    pub(crate) fn start_behind(
        disk: &SimulatedDisk,
        snapshot: Lsn,
    ) -> Result<Self, Box<dyn Error>> {
        let options = JournalOptions { replay_from: Lsn(snapshot.0 + 1), ..small() };
        let replay = |lsn: Lsn, found: Entry| {
            assert_eq!(found, entry(lsn.0));
            Ok::<(), Infallible>(())
        };
        let (journal, writer, _) = Journal::open_stepped(disk.storage(), &options, key(), replay)?;
        let archive = Archive::open_on(&disk.folder(ARCHIVE), &self::options())?;
        let archiver = Archiver::new(&journal, key(), archive.clone())?;
        Ok(Self { journal, writer, archive, archiver })
    }

    /// Pushes the next `records` records and has them written as one batch. False once the journal
    /// has ended.
    pub(crate) fn write(&mut self, records: u64) -> bool {
        for _ in 0..records {
            let Some(slot) = self.journal.reserve() else {
                return false;
            };
            slot.push(entry(self.journal.latest().0 + 1));
        }
        self.writer.step(Duration::ZERO) != Stepped::Ended
    }

    /// Archives all that is durable.
    pub(crate) fn catch_up(&mut self) -> Result<Lsn, ArchiveError> {
        loop {
            let archived = self.archiver.step()?;
            assert_eq!(archived.upto, self.archive.upto());
            if archived.behind == 0 {
                return Ok(archived.upto);
            }
        }
    }
}

/// Checks that an archive holds exactly what was recorded up to its watermark.
pub(crate) fn check(archive: &Archive) {
    let upto = archive.upto();
    let model = Model::upto(upto);
    let mut records = 0;
    for (payment, expected) in &model.payments {
        let found: Vec<_> = archive.payment(payment).unwrap().into_iter().map(split).collect();
        assert_eq!(&found, expected, "payment {payment} upto {upto:?}");
        records += expected.len() as u64;
    }
    assert_eq!(archive.status().unwrap().records, records);
    assert_eq!(archive.payment(&id(upto.0 / 8 + 1)).unwrap(), []);
    for (refund, payment) in &model.refunds {
        assert_eq!(archive.payment_of_refund(refund).unwrap(), Some(*payment));
    }
    assert_eq!(archive.payment_of_refund(&id(3)).unwrap(), None);
    let all = archive.payments(0..u64::MAX >> 16, None, usize::MAX).unwrap();
    let latest_first: Vec<_> = model.payments.keys().rev().copied().collect();
    assert_eq!(all, latest_first);
    let merchant = archive.merchant(&"M1".parse().unwrap(), Lsn(u64::MAX)).unwrap();
    let name = merchant.map(|merchant| merchant.name.to_string());
    assert_eq!(name.as_ref(), model.merchant.last().map(|(_, name)| name));
    let customer = "customer-1".parse().unwrap();
    let handset = archive.handset(&customer, DEVICE, Lsn(u64::MAX)).unwrap();
    assert_eq!(handset.into_iter().map(split).collect::<Vec<_>>(), model.handset);
}

fn split(recorded: Recorded) -> (Lsn, Entry) {
    assert!(recorded.batch.records.contains(&recorded.lsn));
    (recorded.lsn, recorded.entry)
}
