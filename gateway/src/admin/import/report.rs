//! Tells who imports how it goes.

use std::io;
use std::time::{Duration, Instant};

use crate::admin::rows::{ImportRow, Stage};
use crate::admin::stream::{Answer, Unread};

/// Bad lines that are told one by one; the rest is counted.
const MOST_TOLD: usize = 1_000;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Lines after which it is looked at the clock.
const LOOK_EVERY: u64 = 64;

/// Why an import ends before its time.
#[derive(Debug, thiserror::Error)]
pub(super) enum Halt {
    /// Nobody listens any more.
    #[error("nobody waits for the answer any more")]
    Unread,
    /// The gateway is to stop.
    #[error("the gateway stops; what was entered so far stays")]
    Stopping,
    /// The journal takes nothing more.
    #[error("the journal takes no more records; what was entered so far stays")]
    Full,
    /// The upload or a file of ours cannot be read or written.
    #[error("{0}")]
    Storage(#[from] io::Error),
}

impl From<Unread> for Halt {
    fn from(_: Unread) -> Self {
        Self::Unread
    }
}

/// What an import has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) entered: u64,
    pub(super) updated: u64,
    pub(super) bad: u64,
}

/// Writes the answer.
pub(super) struct Report {
    answer: Answer,
    of_bytes: u64,
    counts: Counts,
    /// Lines that were told to be bad, in either pass.
    told: Vec<u64>,
    /// How many were told to be odd.
    odd: usize,
    last: Instant,
    lines: u64,
}

impl Report {
    pub(super) fn new(answer: Answer, of_bytes: u64) -> Self {
        let counts = Counts::default();
        Self { answer, of_bytes, counts, told: Vec::new(), odd: 0, last: Instant::now(), lines: 0 }
    }

    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }

    /// Begins a pass; what it finds bad is counted from nothing.
    pub(super) fn begin(&mut self, stage: Stage) -> Result<(), Halt> {
        (self.counts.bad, self.lines) = (0, 0);
        self.tell(stage, 0)
    }

    /// Counts a line that was read.
    pub(super) fn line(&mut self, stage: Stage, bytes: u64) -> Result<(), Halt> {
        self.lines = self.lines.saturating_add(1);
        if self.lines.is_multiple_of(LOOK_EVERY) && self.last.elapsed() >= TELL_EVERY {
            self.tell(stage, bytes)?;
        }
        Ok(())
    }

    /// Ends a pass.
    pub(super) fn whole(&mut self, stage: Stage) -> Result<(), Halt> {
        self.tell(stage, self.of_bytes)
    }

    fn tell(&mut self, stage: Stage, bytes: u64) -> Result<(), Halt> {
        self.last = Instant::now();
        let (lines, of_bytes) = (self.lines, self.of_bytes);
        self.answer.write_blocking(&ImportRow::Progress { stage, lines, bytes, of_bytes })?;
        Ok(self.answer.flush_blocking()?)
    }

    /// Tells of a bad line, once.
    pub(super) fn bad(&mut self, line: u64, problem: String) -> Result<(), Halt> {
        self.counts.bad = self.counts.bad.saturating_add(1);
        if self.told.len() < MOST_TOLD && !self.told.contains(&line) {
            self.told.push(line);
            self.answer.write_blocking(&ImportRow::Bad { line, problem })?;
        }
        Ok(())
    }

    /// Tells of a line that is odd and no worse, unless there are too many of them.
    pub(super) fn odd(&mut self, line: u64, warning: &str) -> Result<(), Halt> {
        if self.odd < MOST_TOLD {
            self.odd = self.odd.saturating_add(1);
            let warning = warning.to_owned();
            self.answer.write_blocking(&ImportRow::Odd { line, warning })?;
        }
        Ok(())
    }

    pub(super) const fn entered(&mut self) {
        self.counts.entered = self.counts.entered.saturating_add(1);
    }

    pub(super) const fn updated(&mut self) {
        self.counts.updated = self.counts.updated.saturating_add(1);
    }
}

/// An import that has ended and has not told so yet.
pub(super) struct Ended {
    pub(super) report: Report,
    /// Whether the lines were entered.
    pub(super) done: Result<bool, Halt>,
}

impl Ended {
    /// Writes the last row.
    pub(super) fn tell(self) {
        let Self { report: Report { mut answer, counts, .. }, done } = self;
        let Counts { entered, updated, bad } = counts;
        tracing::info!(entered, updated, bad, ?done, "import");
        let problem = done.as_ref().err().map(ToString::to_string);
        let done = matches!(done, Ok(true));
        let end = ImportRow::End { entered, updated, bad, done, problem };
        // Whoever has gone away is not told.
        drop(answer.write_blocking(&end).and_then(|()| answer.flush_blocking()));
    }
}
