//! Who enters: the engine's commands, each with its place in the journal.

use kessai_engine::{Engine, Lsn};
use kessai_journal::JournalSlot;
use tokio::runtime::Handle;

use super::kind::Existing;
use super::pace::Pace;
use super::report::{Halt, Report};
use crate::admin::Office;

/// Enters lines and tells how it goes.
pub(super) struct Clerk<'a> {
    pub(super) office: &'a Office,
    pub(super) report: Report,
    pub(super) existing: Existing,
    pub(super) pace: Pace,
}

impl<'a> Clerk<'a> {
    pub(super) fn new(
        office: &'a Office,
        runtime: Handle,
        report: Report,
        existing: Existing,
    ) -> Self {
        let queue = office.settings.journal.queue;
        let pace = Pace::new(office.journal.clone(), queue, runtime, office.stop.clone());
        Self { office, report, existing, pace }
    }

    /// Runs one command that queues one record. Its refusal changes nothing.
    pub(super) fn perform<E>(
        &mut self,
        command: impl FnOnce(&Engine, u64, JournalSlot) -> Result<Lsn, E>,
    ) -> Result<Result<(), E>, Halt> {
        let Some(slot) = self.pace.slots(1)?.pop() else {
            return Err(Halt::Full);
        };
        Ok(command(&self.office.engine, self.office.clock.now_ms(), slot).map(|after| {
            self.pace.queued(after);
        }))
    }
}
