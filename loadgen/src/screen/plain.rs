//! Lines for logs and pipes.

use std::io::{self, Write};

use crate::board::{Stage, View};
use crate::tally::Outcome;

/// Prints a line whenever there is something new to say.
pub(super) struct Plain {
    last: String,
}

impl Plain {
    pub(super) fn start(title: &str) -> Self {
        write(title);
        Self { last: String::new() }
    }

    pub(super) fn print(&mut self, view: &View) {
        let line = line(view);
        if line != self.last {
            write(&line);
            self.last = line;
        }
    }
}

/// A reader who has gone is no reason to stop the run.
fn write(line: &str) {
    let mut out = io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Says in a line how far a run is.
pub(super) fn line(view: &View) -> String {
    match view.stage {
        Stage::MakingKeys => "making keys".to_owned(),
        Stage::Reading => "reading the books as they are".to_owned(),
        Stage::Provisioning(done, of) => format!("entering customers: {done} of {of}"),
        Stage::Connecting(done, of) => format!("connecting: {done} of {of}"),
        Stage::Waiting => "waiting for the moment to begin".to_owned(),
        Stage::Auditing => "comparing the ledger with the books".to_owned(),
        Stage::Running | Stage::Draining => {
            let stage = if view.stage == Stage::Running { "" } else { "draining, " };
            let seconds = view.elapsed.as_secs();
            let mut line = format!(
                "{stage}{seconds:>3} s  offered {} ({:.0}/s), open {}",
                view.offered, view.offered_per_s, view.open
            );
            for (outcome, count) in view.counts {
                if count > 0 || outcome == Outcome::Approved {
                    line.push_str(&format!(", {} {count}", outcome.name()));
                }
            }
            let kinds = view.kinds.iter().filter(|(_, count)| *count > 0);
            for (number, (kind, count)) in kinds.enumerate() {
                let comma = if number == 0 { "; of these " } else { ", " };
                line.push_str(&format!("{comma}{} {count}", kind.name()));
            }
            let machine = &view.machine;
            line.push_str(&format!("; machine p50 {:.1} p99 {:.1} ms", machine.p50, machine.p99));
            line
        }
    }
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::board::{Board, Stage};
    use crate::sample;
    use crate::tally::Summary;
    use std::time::Duration;

    #[test]
    fn every_stage_has_its_line() {
        let board = Board::new(Duration::from_secs(5));
        let check = |words: &str| {
            let line = line(&board.view());
            assert!(line.contains(words), "{words}: {line}");
        };
        check("making keys");
        board.stage(Stage::Reading);
        check("reading the books");
        board.stage(Stage::Provisioning(3, 7));
        check("entering customers: 3 of 7");
        board.stage(Stage::Connecting(3, 7));
        check("connecting: 3 of 7");
        board.running();
        board.begun(Duration::ZERO, 1);
        let record = sample::record(1);
        board.finished(&Summary::of(&record), &record, 0);
        check("offered 1");
        check("approved 1; machine p50");
        board.draining();
        check("draining");
        board.stage(Stage::Auditing);
        check("comparing");
    }
}
