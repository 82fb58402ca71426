//! The network: it loses messages, repeats them, and lets them overtake each other.

use super::chance::Chance;
use super::faults::{Fault, Faults};

/// How long a message takes, in milliseconds, and how long one that is held up.
const TAKES_MS: std::ops::RangeInclusive<u64> = 1..=5;
const HELD_UP_MS: std::ops::RangeInclusive<u64> = 30..=1_500;

/// Decides when a message arrives: never, once, or more than once.
pub(super) fn arrivals(faults: &mut Faults, chance: &mut Chance) -> Vec<u64> {
    let mut arrivals = Vec::new();
    if !faults.strikes(Fault::MessageLost, chance) {
        arrivals.push(takes(faults, chance));
    }
    if faults.strikes(Fault::MessageRepeated, chance) {
        arrivals.push(takes(faults, chance));
    }
    arrivals
}

fn takes(faults: &mut Faults, chance: &mut Chance) -> u64 {
    if faults.strikes(Fault::MessageDelayed, chance) {
        chance.between(HELD_UP_MS)
    } else {
        chance.between(TAKES_MS)
    }
}
