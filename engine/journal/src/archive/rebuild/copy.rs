//! Copies what the journal no longer holds from one archive to another.

use std::io::ErrorKind;
use std::ops::Range;

use kessai_engine::Lsn;
use redb::{Database, Key, ReadableDatabase, ReadableTable, TableDefinition, Value};

use crate::archive::blocks::Blocks;
use crate::archive::layout::{BATCHES, FACTS, HANDSETS, PAYEES, RECORDS, REFUNDS, lsn_of};
use crate::archive::{ARCHIVE, ArchiveError, ArchiveOptions, builder, covers, transact};
use crate::format::wide;
use crate::storage::{Folder, FolderFile};

/// How many rows are taken in one transaction.
const GROUP_ROWS: usize = 4_096;

/// What was copied.
#[derive(Debug)]
pub(super) struct Copied {
    pub(super) rows: u64,
    /// What the old archive covers; none if there is none, or it does not say.
    pub(super) old: Option<Range<Lsn>>,
    /// Why not all of it could be read.
    pub(super) damage: Option<ArchiveError>,
}

/// Copies all records before `before`, as far as the old archive can be read.
///
/// # Errors
/// What the storage of either says: only what is not as it was written is given up.
pub(super) fn copy<F: Folder>(
    folder: &F,
    options: &ArchiveOptions,
    new: &Database,
    before: Lsn,
    progress: &mut dyn FnMut(u64),
) -> Result<Copied, ArchiveError> {
    let mut copied = Copied { rows: 0, old: None, damage: None };
    let opened = match folder.open(ARCHIVE) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(copied),
        Err(error) => return Err(error.into()),
        Ok(file) => open(file, options),
    };
    let result = opened.and_then(|(old, covers)| {
        copied.old = Some(covers);
        let mut copier = Copier { old: &old, new, progress, rows: 0 };
        let result = copier.copy(before);
        copied.rows = copier.rows;
        result
    });
    match result {
        Ok(()) => Ok(copied),
        Err(damage @ ArchiveError::Damaged(_)) => {
            copied.damage = Some(damage);
            Ok(copied)
        }
        Err(error) => Err(error),
    }
}

/// Opens an archive to be read, and tells what it covers.
fn open<R: FolderFile>(
    file: R,
    options: &ArchiveOptions,
) -> Result<(Database, Range<Lsn>), ArchiveError> {
    let database = builder(options).create_with_backend(Blocks::new(file))?;
    let covers = covers(&database.begin_read()?.open_table(FACTS)?)?;
    Ok((database, covers))
}

struct Copier<'a> {
    old: &'a Database,
    new: &'a Database,
    progress: &'a mut dyn FnMut(u64),
    rows: u64,
}

impl Copier<'_> {
    fn copy(&mut self, before: Lsn) -> Result<(), ArchiveError> {
        self.table(RECORDS, |key| lsn_of(*key) < before)?;
        self.table(BATCHES, |first| *first < before.0)?;
        self.table(REFUNDS, |_| true)?;
        self.table(PAYEES, |key| lsn_of(*key) < before)?;
        self.table(HANDSETS, |key| lsn_of(*key) < before)
    }

    /// Copies the rows of one table whose keys are wanted.
    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'_, K, V>,
        wanted: impl Fn(&K::SelfType<'_>) -> bool,
    ) -> Result<(), ArchiveError> {
        let table = self.old.begin_read()?.open_table(definition)?;
        let mut rows = table.iter()?;
        loop {
            let mut group = Vec::new();
            for row in rows.by_ref().take(GROUP_ROWS) {
                group.push(row?);
            }
            if group.is_empty() {
                return Ok(());
            }
            transact(self.new, |transaction| {
                let mut table = transaction.open_table(definition)?;
                for (key, value) in &group {
                    if wanted(&key.value()) {
                        table.insert(key.value(), value.value())?;
                    }
                }
                Ok(())
            })?;
            self.rows = self.rows.saturating_add(wide(group.len()));
            (self.progress)(self.rows);
        }
    }
}
