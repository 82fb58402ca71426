//! The commands that make, run and judge trials, as the command line has them.

mod against;
mod audit;
mod behaviour;
mod chaos;
mod compare;
mod connections;
mod demo;
mod exit;
mod find_max;
mod leaving;
mod merge;
mod offering;
mod presets;
mod progress;
mod provision;
mod reprint;
mod run;
mod show;
mod simulate;

use std::time::Duration;

use clap::ValueEnum;

use crate::fleet::{Way, Ways};

pub use audit::Audit;
pub use chaos::Chaos;
pub use compare::Compare;
pub use connections::Connections;
pub use demo::Demo;
pub use exit::Exit;
pub use find_max::{FindMax, Sweep};
pub use merge::Merge;
pub use presets::Presets;
pub use provision::Provision;
pub use reprint::Reprint;
pub use run::Run;
pub use simulate::Simulate;

/// What carries others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Carrier {
    /// Store controllers carry the tills of their merchants
    Controllers,
    /// Carrier hubs carry handsets
    Hubs,
}

fn ways(through: &[Carrier]) -> Ways {
    let way = |carrier| if through.contains(&carrier) { Way::Carried } else { Way::Own };
    Ways { tills: way(Carrier::Controllers), handsets: way(Carrier::Hubs) }
}

/// Takes a time for which payments are offered: above 0, and no more than a day.
fn within_a_day(span: Option<Duration>) -> Option<Duration> {
    span.filter(|span| !span.is_zero() && *span <= Duration::from_secs(86_400))
}

/// Reads a time above 0 and at most a day.
fn positive(text: &str) -> Result<Duration, String> {
    let wrong = || "a time like 60s or 5min, above 0 and at most 1day".to_owned();
    within_a_day(humantime::parse_duration(text).ok()).ok_or_else(wrong)
}
