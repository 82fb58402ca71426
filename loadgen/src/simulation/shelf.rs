//! What lies beside the journal, on a disk of its own: snapshots, and the archive.

use kessai_engine::terms::ids::PaymentId;
use kessai_engine::{ArchivedPayment, Engine, Lsn};
use kessai_journal::{
    Archive, ArchiveError, ArchiveOptions, Archiver, ChainKey, Journal, SimulatedDisk,
    SimulatedFolder, Snapshots,
};

use super::judge::Violation;

const SNAPSHOTS: &str = "snapshots";
const ARCHIVE: &str = "archive";
const CACHE_BYTES: usize = 1 << 20;

/// Snapshots and archive of a running gateway.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) snapshots: Snapshots<SimulatedFolder>,
    archive: Archive,
    /// None once it has failed: then nothing leaves the memory any more, and payments go on.
    archiver: Option<Archiver>,
}

/// What was loaded of a snapshot.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Loaded {
    /// The record behind which replay starts.
    pub(super) replay_after: Lsn,
    /// The last record that it may have.
    pub(super) reaches: Lsn,
}

/// The snapshots on a disk.
pub(super) fn snapshots(disk: &SimulatedDisk, key: &ChainKey) -> Snapshots<SimulatedFolder> {
    Snapshots::open_on(disk.folder(SNAPSHOTS), key)
}

/// Loads the newest snapshot that is as it was written, if there is one.
///
/// # Errors
/// What the disk says, or why the snapshot cannot be used.
pub(super) fn load(
    snapshots: &Snapshots<SimulatedFolder>,
    engine: &Engine,
) -> Result<Loaded, String> {
    let search = snapshots.latest().map_err(|error| error.to_string())?;
    let Some(snapshot) = search.found else { return Ok(Loaded::default()) };
    snapshot.visit(|chunk| engine.load(chunk)).map_err(|error| error.to_string())?;
    Ok(Loaded { replay_after: snapshot.replay_after(), reaches: snapshot.reaches() })
}

/// The files in which a bit may flip, with their lengths.
pub(super) fn snapshot_files(disk: &SimulatedDisk) -> Vec<(String, u64)> {
    disk.files(SNAPSHOTS).into_iter().filter(|(_, bytes)| *bytes > 0).collect()
}

/// Changes a bit of a snapshot.
pub(super) fn flip_snapshot(disk: &SimulatedDisk, name: &str, offset: u64, bit: u8) {
    disk.flip_file(SNAPSHOTS, name, offset, bit);
}

impl Shelf {
    /// Opens the archive beside the journal.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub(super) fn open(
        disk: &SimulatedDisk,
        snapshots: Snapshots<SimulatedFolder>,
        journal: &Journal,
        key: &ChainKey,
    ) -> Result<Self, ArchiveError> {
        let options = ArchiveOptions { cache_bytes: CACHE_BYTES };
        let archive = Archive::open_on(&disk.folder(ARCHIVE), &options)?;
        let archiver = Some(Archiver::new(journal, key.clone(), archive.clone())?);
        Ok(Self { snapshots, archive, archiver })
    }

    /// Archives what has become durable; gives the last record that the archive holds.
    pub(super) fn follow(&mut self) -> Lsn {
        let stepped = self.archiver.as_mut().map(Archiver::step);
        if matches!(stepped, Some(Err(_))) {
            self.archiver = None;
        }
        self.archive.upto()
    }

    /// The last record that the archive holds.
    pub(super) fn upto(&self) -> Lsn {
        self.archive.upto()
    }

    /// Whether it does not follow the journal any more.
    pub(super) const fn has_failed(&self) -> bool {
        self.archiver.is_none()
    }

    /// Finds a payment.
    ///
    /// # Errors
    /// None if the archive cannot be read.
    pub(super) fn find(&self, payment: &PaymentId) -> Result<Option<ArchivedPayment>, Unreadable> {
        let records = self.archive.payment(payment)?;
        let entries = records.iter().map(|recorded| &recorded.entry);
        ArchivedPayment::fold(*payment, entries).map_err(|corrupt| {
            Unreadable::Wrong(Violation::new(format!("{payment} in the archive: {corrupt}")))
        })
    }

    /// Finds the payment that a refund gave back.
    ///
    /// # Errors
    /// None if the archive cannot be read.
    pub(super) fn holder(&self, refund: &PaymentId) -> Result<Option<PaymentId>, Unreadable> {
        Ok(self.archive.payment_of_refund(refund)?)
    }
}

/// Why the archive has no answer.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// Its disk has failed.
    Failed,
    /// What it says cannot be.
    Wrong(Violation),
}

impl From<ArchiveError> for Unreadable {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Storage(_) | ArchiveError::Ended => Self::Failed,
            other => Self::Wrong(Violation::new(format!("the archive: {other}"))),
        }
    }
}
