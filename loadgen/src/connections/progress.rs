//! Shows how far it is: a bar on a terminal, a line now and then anywhere else.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a line is printed where there is no terminal.
const LINE: Duration = Duration::from_secs(1);

/// How far it is.
#[derive(Debug)]
pub enum Progress {
    /// As a bar on standard error.
    Bar(ProgressBar),
    /// As lines on standard output.
    Lines(Lines),
    /// Not at all.
    Silent,
}

/// What was printed last, and when.
#[derive(Debug, Default)]
pub struct Lines(Mutex<Option<(&'static str, Instant)>>);

impl Progress {
    /// Shows it as a bar if there is a terminal, by lines if not.
    #[must_use]
    pub fn detect() -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines(Lines::default());
        }
        let style = ProgressStyle::with_template("{msg} [{wide_bar}] {human_pos} of {human_len}");
        let bar = ProgressBar::no_length();
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self::Bar(bar)
    }

    /// Shows that so many of all are done.
    pub(super) fn shows(&self, what: &'static str, done: usize, all: usize) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(what);
                bar.set_length(u64::try_from(all).unwrap_or(u64::MAX));
                bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
            }
            Self::Lines(lines) if lines.is_due(what) => {
                // A reader who has gone is no reason to stop.
                drop(writeln!(io::stdout().lock(), "{what}: {done} of {all}"));
            }
            Self::Lines(_) | Self::Silent => {}
        }
    }

    /// Shows it no longer.
    pub fn close(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Lines {
    /// Whether a line is to be printed: of something new, or when some time has gone by.
    fn is_due(&self, what: &'static str) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|(before, at)| before != what || at.elapsed() >= LINE);
        if is_due {
            *last = Some((what, Instant::now()));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn a_line_is_printed_of_something_new_and_then_not_too_often() {
        let lines = Lines::default();
        let printed = ["connecting", "connecting", "standing", "connecting"];
        assert_eq!(printed.map(|what| lines.is_due(what)), [true, false, true, true]);
    }
}
