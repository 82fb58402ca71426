//! What happens when durability cannot be kept: the process ends, and recovery starts from what is
//! on disk. Nothing is retried: after a failed sync nobody knows what the disk holds.

use std::fmt;
use std::io;
use std::sync::Arc;

use kessai_engine::Lsn;

use crate::storage::Place;

/// Why the journal can no longer promise what it told.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A batch was not written or not synced, or only in part.
    #[error("could not make a batch durable at {place}: {source}")]
    Append {
        /// Where it should stand.
        place: Place,
        /// What the storage said.
        source: io::Error,
    },
    /// The next segment is not there.
    #[error("could not start segment {segment}: {source}")]
    Activate {
        /// Its number.
        segment: u64,
        /// What the storage said.
        source: io::Error,
    },
    /// A segment that is no longer needed could not be removed.
    #[error("could not remove segment {segment}: {source}")]
    Remove {
        /// Its number.
        segment: u64,
        /// What the storage said.
        source: io::Error,
    },
    /// Records reached the writer with a gap or twice: our bug.
    #[error("the writer expected record {expected:?} and found {found:?}")]
    Order {
        /// What comes next on disk.
        expected: Lsn,
        /// What came first out of the queue.
        found: Lsn,
    },
    /// A record is longer than any may be: our bug.
    #[error("a record of {bytes} bytes is above the limit of {limit}")]
    RecordTooLong {
        /// Its length.
        bytes: usize,
        /// The setting `record_bytes`.
        limit: usize,
    },
    /// The writer's thread panicked: our bug.
    #[error("the writer panicked")]
    WriterPanicked,
}

/// What to do on a [`Failure`].
///
/// The journal makes nothing durable and wakes nobody afterwards, whatever this does.
#[derive(Clone)]
pub struct OnFailure(Arc<dyn Fn(&Failure) + Send + Sync>);

impl OnFailure {
    /// Says why on standard error and ends the process at once.
    #[must_use]
    pub fn abort() -> Self {
        Self::call(|failure| {
            eprintln!("kessai: the journal failed, the process ends: {failure}");
            std::process::abort();
        })
    }

    /// Calls `what` instead, so that tests and the simulator see a failure and live.
    #[must_use]
    pub fn call(what: impl Fn(&Failure) + Send + Sync + 'static) -> Self {
        Self(Arc::new(what))
    }

    pub(crate) fn report(&self, failure: &Failure) {
        (self.0)(failure);
    }
}

impl fmt::Debug for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnFailure(..)")
    }
}
