//! The loop over a file, and its two passes.

use super::clerk::Clerk;
use super::kind::Kind;
use super::report::{Ended, Halt};
use super::seen::Seen;
use super::spool::Spooled;
use crate::admin::rows::Stage;
use crate::admin::table::{BadLine, Column, Format, Row, Rows};

/// What is to be imported.
pub(super) struct Job {
    pub(super) spooled: Spooled,
    pub(super) format: Format,
    pub(super) bad_lines: BadLines,
}

/// What bad lines do to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadLines {
    /// None is entered.
    KeepAllOut,
    /// They are entered.
    Skipped,
}

/// Checks all lines, then enters them; says how it ended, for the last row.
pub(super) fn run(mut kind: impl Kind, mut job: Job, mut clerk: Clerk<'_>) -> Ended {
    let done = check_and_enter(&mut kind, &mut job, &mut clerk);
    // What was queued must be durable before it is told, also where the rest was given up.
    clerk.pace.settle();
    Ended { report: clerk.report, done }
}

/// Tells whether the lines were entered.
fn check_and_enter(
    kind: &mut impl Kind,
    job: &mut Job,
    clerk: &mut Clerk<'_>,
) -> Result<bool, Halt> {
    let heading = check(kind, job, clerk)?;
    let is_clean = clerk.report.counts().bad == 0;
    if heading == Heading::Wrong || (!is_clean && job.bad_lines == BadLines::KeepAllOut) {
        return Ok(false);
    }
    let entered = enter(kind, job, clerk);
    // What was counted must be there, also where the rest is given up.
    kind.finish(clerk)?;
    entered.map(|_| true)
}

fn check<K: Kind>(kind: &mut K, job: &mut Job, clerk: &mut Clerk<'_>) -> Result<Heading, Halt> {
    let (office, existing) = (clerk.office, clerk.existing);
    let mut seen = Seen::default();
    each_line(job, Stage::Checking, kind.columns(), clerk, |line, row, clerk| {
        let entry = match row.and_then(|row| kind.parse(row)) {
            Ok(entry) => entry,
            Err(problem) => return clerk.report.bad(line, problem),
        };
        let checked = kind.check(&entry, existing, office)?.and_then(|()| {
            let id = (kind.id_column(), &kind.id(&entry));
            seen.note(line, id, kind.pin(&entry), existing)
        });
        checked.or_else(|problem| clerk.report.bad(line, problem))
    })
}

/// Reads the lines again. What was bad is bad again; whatever the gateway has come to hold
/// meanwhile is looked up again.
fn enter<K: Kind>(kind: &mut K, job: &mut Job, clerk: &mut Clerk<'_>) -> Result<Heading, Halt> {
    each_line(job, Stage::Entering, kind.columns(), clerk, |line, row, clerk| {
        match row.and_then(|row| kind.parse(row)) {
            Ok(entry) => kind.enter(line, entry, clerk),
            Err(problem) => clerk.report.bad(line, problem),
        }
    })
}

/// Whether the heading names the columns of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heading {
    Right,
    Wrong,
}

/// Shows each line to `look`, and tells how far it has come.
fn each_line(
    job: &mut Job,
    stage: Stage,
    columns: &'static [Column],
    clerk: &mut Clerk<'_>,
    mut look: impl FnMut(u64, Result<&Row, String>, &mut Clerk<'_>) -> Result<(), Halt>,
) -> Result<Heading, Halt> {
    clerk.report.begin(stage)?;
    let mut rows = match Rows::open(job.format, job.spooled.read()?, columns)? {
        Ok(rows) => rows,
        Err(BadLine { line, problem }) => {
            clerk.report.bad(line, problem)?;
            return Ok(Heading::Wrong);
        }
    };
    let mut row = Row::new(columns);
    while let Some((line, read)) = rows.read(&mut row)? {
        let office = clerk.office;
        if office.stop.is_cancelled() || office.receipts.stopped_since_ms().is_some() {
            return Err(Halt::Stopping);
        }
        if stage == Stage::Entering && office.journal.is_short_of_space() {
            return Err(Halt::Full);
        }
        look(line, read.map(|()| &row), clerk)?;
        clerk.report.line(stage, rows.bytes())?;
    }
    clerk.report.whole(stage)?;
    Ok(Heading::Right)
}
