//! Shows how far it is: a bar with the time left on a terminal, a line now and then anywhere else.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::fault::Fault;

/// How often a line is printed where there is no terminal.
const LINE: Duration = Duration::from_secs(5);

/// How far it is.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    started: Instant,
    printed: Instant,
}

/// What there is to show after a fault.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// What it was.
    pub(super) fault: Fault,
    /// Faults so far.
    pub(super) done: u64,
    /// How many there are going to be.
    pub(super) all: u64,
    /// Answers that are held.
    pub(super) acknowledged: u64,
    /// How long the last start took.
    pub(super) restart: Duration,
    /// What was found so far.
    pub(super) found: usize,
}

impl Progress {
    pub(super) fn begin(all: u64) -> Self {
        let words = "{msg} [{wide_bar}] {pos} of {len}, {eta} left";
        let style = ProgressStyle::with_template(words);
        let bar = ProgressBar::new(all);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let now = Instant::now();
        Self { bar, started: now, printed: now }
    }

    /// Says what is being prepared.
    pub(super) fn says(&self, what: &str) {
        if self.bar.is_hidden() {
            println!("{what}");
        } else {
            self.bar.set_message(what.to_owned());
        }
    }

    pub(super) fn shows(&mut self, step: &Step) {
        self.bar.set_position(step.done);
        if !self.bar.is_hidden() {
            self.bar.set_message(line(step));
        } else if self.printed.elapsed() >= LINE || step.done >= step.all {
            self.printed = Instant::now();
            let left = left(self.started.elapsed(), step).as_secs();
            println!("{} of {}: {}, {left} s left", step.done, step.all, line(step));
        }
    }

    pub(super) fn close(&self) {
        self.bar.finish_and_clear();
    }
}

fn line(step: &Step) -> String {
    let Step { fault, acknowledged, restart, found, .. } = step;
    let (fault, ms) = (fault.name(), restart.as_millis());
    format!("{fault}, started in {ms} ms, {acknowledged} acknowledged, {found} found")
}

/// How long the rest is going to take, if it goes on like this.
fn left(elapsed: Duration, step: &Step) -> Duration {
    let done = u32::try_from(step.done).unwrap_or(u32::MAX);
    let rest = u32::try_from(step.all.saturating_sub(step.done)).unwrap_or(u32::MAX);
    elapsed.checked_div(done).unwrap_or_default().saturating_mul(rest)
}

#[cfg(test)]
mod tests {
    use super::{Step, left, line};
    use crate::chaos::fault::Fault;
    use std::time::Duration;

    #[test]
    fn the_time_left_is_that_of_what_is_left() {
        let step = Step {
            fault: Fault::Kill,
            done: 5,
            all: 20,
            acknowledged: 77,
            restart: Duration::from_millis(120),
            found: 0,
        };
        assert_eq!(left(Duration::from_secs(10), &step), Duration::from_secs(30));
        let first = Step { done: 0, ..step };
        assert_eq!(left(Duration::from_secs(10), &first), Duration::ZERO);
        assert_eq!(line(&step), "kill, started in 120 ms, 77 acknowledged, 0 found");
    }
}
