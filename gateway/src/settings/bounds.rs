//! What every setting must keep to. All that is wrong is named at once, a sentence each.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kessai_wire::GatewayAddress;

use super::{Connections, JournalSettings, Payments, Settings};

/// Says whether neither of two folders lies in the other, whatever links lead there.
fn are_apart(one: &Path, other: &Path) -> bool {
    // What is not there yet has no links to follow.
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    let (one, other) = (real(one), real(other));
    !one.starts_with(&other) && !other.starts_with(&one)
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// The sentences so far.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn demand(&mut self, holds: bool, sentence: &str) {
        if !holds {
            self.0.push(sentence.to_owned());
        }
    }
}

impl Settings {
    /// Everything that is out of bounds, a sentence each.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Problems::default();
        problems
            .demand(!self.keys.starts_with(&self.data), "keys must not lie in the data directory");
        problems.demand(
            self.announce.parse::<GatewayAddress>().is_ok(),
            "announce must be host:port, as terminals and handsets reach the gateway",
        );
        self.payments.check(&mut problems);
        self.connections.check(&mut problems);
        self.journal.check(&self.data, &mut problems);
        problems.demand(
            self.business_day.utc_offset_minutes.abs() <= 14 * 60,
            "business_day.utc_offset_minutes must be within 14 hours",
        );
        problems.demand(
            self.business_day.cut_off_minutes < 24 * 60,
            "business_day.cut_off_minutes must be below 1440",
        );
        problems.demand(
            self.admin.listen.ip().is_loopback(),
            "admin.listen must be an address of this machine alone, like 127.0.0.1",
        );
        problems.demand(
            (1..=1 << 20).contains(&self.admin.import_mib),
            "admin.import_mib must be 1 to 1048576",
        );
        problems.0.extend(self.notify.problems());
        problems.0
    }
}

impl Payments {
    fn check(&self, problems: &mut Problems) {
        let Self { prompt, delivery, tries, tries_in_row, .. } = self;
        problems.demand((SECOND..=DAY).contains(prompt), "payments.prompt must be 1s to 1day");
        problems.demand((SECOND..=DAY).contains(delivery), "payments.delivery must be 1s to 1day");
        problems.demand((1..=10).contains(tries), "payments.tries must be 1 to 10");
        problems.demand(
            (1..=5).contains(tries_in_row),
            "payments.tries_in_row must be 1 to 5 (PSD2 RTS, article 4(3)(b))",
        );
        problems
            .demand(self.open_per_customer >= 1, "payments.open_per_customer must be at least 1");
        problems
            .demand(self.open_per_terminal >= 1, "payments.open_per_terminal must be at least 1");
        problems.demand(self.open_in_all >= 1, "payments.open_in_all must be at least 1");
        problems.demand(self.in_memory >= 1, "payments.in_memory must be at least 1");
        problems.demand(self.id_tolerance <= DAY, "payments.id_tolerance must be at most 1day");
        problems.demand(
            self.memory > self.shortest_memory() && self.memory <= DAY,
            "payments.memory must be more than prompt, delivery and id_tolerance together, and at \
             most 1day",
        );
        problems.demand(
            (SECOND * 10..=SECOND * 600).contains(&self.code),
            "payments.code must be 10s to 10min",
        );
        problems.demand(self.mute_after <= 8, "payments.mute_after must be 0 (never) to 8");
        problems.demand(self.mute_window <= DAY, "payments.mute_window must be at most 1day");
        for (name, count) in [
            ("asks_per_minute", self.asks_per_minute),
            ("declines_per_terminal_per_minute", self.declines_per_terminal_per_minute),
            ("status_per_terminal_per_minute", self.status_per_terminal_per_minute),
            ("codes_per_handset_per_minute", self.codes_per_handset_per_minute),
            ("wrong_codes_per_terminal_per_minute", self.wrong_codes_per_terminal_per_minute),
        ] {
            problems.demand(count >= 1, &format!("payments.{name} must be at least 1"));
        }
    }
}

impl Connections {
    fn check(&self, problems: &mut Problems) {
        problems.demand(
            (1..=10_000_000).contains(&self.most),
            "connections.most must be 1 to 10000000",
        );
        problems.demand(
            (1..=1_000_000).contains(&self.handshakes),
            "connections.handshakes must be 1 to 1000000",
        );
        problems.demand(
            self.per_source_per_second >= 1,
            "connections.per_source_per_second must be at least 1",
        );
        problems.demand(
            self.enrolments_per_source_per_minute >= 1,
            "connections.enrolments_per_source_per_minute must be at least 1",
        );
        let deadlines =
            [("handshake", self.handshake), ("frame", self.frame), ("drain", self.drain)];
        for (name, duration) in deadlines {
            problems.demand(
                (SECOND / 10..=SECOND * 60).contains(&duration),
                &format!("connections.{name} must be 100ms to 1min"),
            );
        }
        problems.demand((SECOND..=DAY).contains(&self.idle), "connections.idle must be 1s to 1day");
    }
}

impl JournalSettings {
    fn check(&self, data: &Path, problems: &mut Problems) {
        problems.demand(
            self.mirror().is_none_or(|mirror| are_apart(mirror, data)),
            "journal.mirror must lie apart from the data directory, on another disk",
        );
        problems.demand(self.gather <= SECOND / 10, "journal.gather must be at most 100ms");
        problems.demand(
            (1..=1_024).contains(&self.segment_mib),
            "journal.segment_mib must be 1 to 1024",
        );
        problems.demand(
            (64..=1 << 20).contains(&self.queue),
            "journal.queue must be 64 to 1048576 records",
        );
        problems
            .demand((SECOND..=DAY).contains(&self.snapshot), "journal.snapshot must be 1s to 1day");
        problems.demand(
            self.snapshot_records >= 1_000,
            "journal.snapshot_records must be at least 1000",
        );
    }
}
