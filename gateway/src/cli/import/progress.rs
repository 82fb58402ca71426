//! Shows how far something has come: a bar on a terminal, now and then a line elsewhere.

use std::cell::Cell;
use std::io::{self, IsTerminal, Read};
use std::rc::Rc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kessai_gateway::admin::rows::Stage;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What is done in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Sending,
    Reading(Stage),
}

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Reading(Stage::Checking) => "checking",
            Self::Reading(Stage::Entering) => "entering",
        }
    }
}

/// Shows one import; its copies show the same.
#[derive(Clone)]
pub(super) struct Progress {
    file: String,
    bar: ProgressBar,
    step: Rc<Cell<Option<Step>>>,
    line_at: Rc<Cell<Instant>>,
}

impl Progress {
    pub(super) fn new(file: String) -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            file,
            bar: ProgressBar::with_draw_target(None, target),
            step: Rc::default(),
            line_at: Rc::new(Cell::new(Instant::now())),
        }
    }

    /// Shows that `done` of `all` bytes have come through a step.
    pub(super) fn tell(&self, step: Step, done: u64, all: Option<u64>) {
        if self.step.replace(Some(step)) != Some(step) {
            self.bar.set_style(style(all));
            self.bar.set_message(step.name());
            if let Some(all) = all {
                self.bar.set_length(all);
            }
            self.bar.reset();
        }
        self.bar.set_position(done);
        if self.bar.is_hidden() && self.line_at.get().elapsed() >= LINE_EVERY {
            self.line_at.set(Instant::now());
            self.print(&plain(&self.file, step, done, all));
        }
    }

    /// Writes a line to standard error, above the bar.
    pub(super) fn print(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Shows what is read from `source` as sent.
    pub(super) fn watch<R: Read>(&self, source: R, all: Option<u64>) -> impl Read + use<R> {
        Watched { source, done: 0, all, progress: self.clone() }
    }
}

const OF_ALL: &str = "{msg:8} {wide_bar} {bytes} of {total_bytes}, {eta} left";
const SO_FAR: &str = "{msg:8} {spinner} {bytes}";

fn style(all: Option<u64>) -> ProgressStyle {
    let template = if all.is_some() { OF_ALL } else { SO_FAR };
    // Both templates are right, as the test below shows.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn plain(file: &str, step: Step, done: u64, all: Option<u64>) -> String {
    let part = all.and_then(|all| done.saturating_mul(100).checked_div(all));
    match part {
        Some(part) => format!("{file}: {}, {part} %", step.name()),
        None => format!("{file}: {}, {done} bytes", step.name()),
    }
}

struct Watched<R> {
    source: R,
    done: u64,
    all: Option<u64>,
    progress: Progress,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(out)?;
        self.done = self.done.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        self.progress.tell(Step::Sending, self.done, self.all);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use indicatif::ProgressStyle;

    use super::{OF_ALL, SO_FAR, Stage, Step, plain};

    #[test]
    fn templates_are_right() {
        for template in [OF_ALL, SO_FAR] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn lines_say_how_far_it_has_come() {
        let step = Step::Reading(Stage::Entering);
        assert_eq!(plain("a.csv", step, 450, Some(1_000)), "a.csv: entering, 45 %");
        assert_eq!(plain("-", Step::Sending, 450, None), "-: sending, 450 bytes");
        assert_eq!(plain("a.csv", step, 0, Some(0)), "a.csv: entering, 0 bytes");
    }
}
