//! Connections: who has which, and which are dead.

use std::collections::BTreeMap;

use super::cast::Carrier;

/// The connection that each carrier has now, by its number.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: BTreeMap<Carrier, u64>,
    count: u64,
}

impl Lines {
    /// The number of a carrier's connection; it gets one if it has none.
    pub(super) fn of(&mut self, carrier: Carrier) -> u64 {
        match self.lines.get(&carrier) {
            Some(line) => *line,
            None => self.renew(carrier),
        }
    }

    /// A connection broke: the carrier gets another.
    pub(super) fn renew(&mut self, carrier: Carrier) -> u64 {
        self.count = self.count.saturating_add(1);
        self.lines.insert(carrier, self.count);
        self.count
    }

    /// Everybody who has one.
    pub(super) fn carriers(&self) -> Vec<Carrier> {
        self.lines.keys().copied().collect()
    }
}
