//! What a kind of table must say of itself to be imported.

use std::hash::Hash;

use kessai_engine::KeyPin;

use super::clerk::Clerk;
use super::report::Halt;
use crate::admin::Office;
use crate::admin::table::{Column, Row};

/// What becomes of a line whose id is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// It is bad.
    Refused,
    /// It changes what is there.
    Updated,
}

/// One kind of table.
pub(super) trait Kind {
    /// A line that makes sense in itself.
    type Entry;
    /// What no two lines may have in common.
    type Id: Hash;

    /// The columns of the table.
    fn columns(&self) -> &'static [Column];

    /// The column that `Id` is mostly found in.
    fn id_column(&self) -> &'static str {
        "id"
    }

    /// Reads a line; or says what is wrong with it, without repeating it.
    fn parse(&self, row: &Row) -> Result<Self::Entry, String>;

    /// What the entry is known by.
    fn id(&self, entry: &Self::Entry) -> Self::Id;

    /// The key that the entry brings, which nobody else may have.
    fn pin(&self, _: &Self::Entry) -> Option<KeyPin> {
        None
    }

    /// Checks an entry against what the gateway has; or says what is wrong with it.
    fn check(
        &mut self,
        entry: &Self::Entry,
        existing: Existing,
        office: &Office,
    ) -> Result<Result<(), String>, Halt>;

    /// Enters it, now or together with others, and counts it; what turns out bad now is told.
    fn enter(&mut self, line: u64, entry: Self::Entry, clerk: &mut Clerk<'_>) -> Result<(), Halt>;

    /// Enters what still waits for others.
    fn finish(&mut self, _: &mut Clerk<'_>) -> Result<(), Halt> {
        Ok(())
    }
}

/// Says that an id is taken.
pub(super) fn already_there(column: &str) -> String {
    format!("{column}: already there")
}
