//! Shows how far a start has come: a bar on a terminal, now and then a line in the log elsewhere.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kessai_gateway::{Progress, Stage};

/// How often a line is logged where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

const OF_BYTES: &str = "{msg:24} {wide_bar} {bytes} of {total_bytes}, {eta} left";
const OF_RECORDS: &str = "{msg:24} {wide_bar} {human_pos} of about {human_len} records, {eta} left";

/// Shows one start.
pub(super) struct Start {
    bar: ProgressBar,
    stage: Option<Stage>,
    began: Instant,
    line_at: Instant,
}

impl Start {
    pub(super) fn new() -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let now = Instant::now();
        let bar = ProgressBar::with_draw_target(None, target);
        Self { bar, stage: None, began: now, line_at: now }
    }

    pub(super) fn tell(&mut self, progress: Progress) {
        if self.stage.replace(progress.stage) != Some(progress.stage) {
            self.bar.set_style(style(progress.stage));
            self.bar.set_message(name(progress.stage));
            self.bar.reset();
            self.began = Instant::now();
        }
        self.bar.set_length(progress.of);
        self.bar.set_position(progress.done);
        if self.bar.is_hidden() && self.line_at.elapsed() >= LINE_EVERY {
            self.line_at = Instant::now();
            let left_s = left(self.began.elapsed(), progress).as_secs();
            tracing::info!(
                done = progress.done,
                of = progress.of,
                left_s,
                "{}",
                name(progress.stage)
            );
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

const fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Snapshot => "loading the snapshot",
        Stage::Journal => "replaying the journal",
    }
}

fn style(stage: Stage) -> ProgressStyle {
    let template = match stage {
        Stage::Snapshot => OF_BYTES,
        Stage::Journal => OF_RECORDS,
    };
    // Both templates are right, as the test below shows.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// How long the rest takes if it goes on as before.
fn left(so_far: Duration, progress: Progress) -> Duration {
    let rest = progress.of.saturating_sub(progress.done);
    let all = u64::try_from(so_far.as_millis()).unwrap_or(u64::MAX).saturating_mul(rest);
    Duration::from_millis(all.checked_div(progress.done).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use indicatif::ProgressStyle;
    use kessai_gateway::{Progress, Stage};

    use super::{OF_BYTES, OF_RECORDS, left};

    #[test]
    fn templates_are_right() {
        for template in [OF_BYTES, OF_RECORDS] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn the_time_left_is_that_of_the_rest() {
        let at = |done, of| Progress { stage: Stage::Journal, done, of };
        let so_far = Duration::from_secs(10);
        assert_eq!(left(so_far, at(250, 1_000)), Duration::from_secs(30));
        assert_eq!(left(so_far, at(0, 1_000)), Duration::ZERO, "nobody knows yet");
        assert_eq!(left(so_far, at(1_001, 1_000)), Duration::ZERO);
    }
}
