//! The commands that make, run and judge trials, as the command line has them.

mod chaos;
mod demo;
mod provision;
mod run;
mod show;
mod simulate;

use std::time::Duration;

use clap::ValueEnum;

use crate::fleet::{Way, Ways};

pub use chaos::Chaos;
pub use demo::Demo;
pub use provision::Provision;
pub use run::Run;
pub use simulate::Simulate;

/// The audit found something.
pub const AUDIT_FAILED: u8 = 1;
/// It could not be done.
pub const COULD_NOT: u8 = 3;
/// Somebody called it off.
pub const INTERRUPTED: u8 = 130;

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
