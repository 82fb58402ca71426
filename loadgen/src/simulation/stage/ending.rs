//! The second phase: nothing goes wrong any more, nothing new is begun, and everything must end.

use super::Stage;
use crate::simulation::actors::{Ending, Till};
use crate::simulation::judge::Violation;

/// Within so much virtual time everything has ended: by then every prompt and delivery is over
/// several times.
const PATIENCE_MS: u64 = 120_000;

impl Stage {
    /// Heals the world and waits until all is quiet.
    pub(super) fn end(&mut self) -> Result<(), Violation> {
        self.faults.heal();
        self.ending = Ending::Now;
        for party in self.parties() {
            self.plan_turn(party);
        }
        let until_ms = self.agenda.now_ms().saturating_add(PATIENCE_MS);
        while !self.is_quiet() && !self.halted {
            if self.agenda.now_ms() > until_ms {
                self.judge.all_ended()?;
                return Err(Violation::new("somebody is never answered"));
            }
            self.step()?;
        }
        if self.halted { Ok(()) } else { self.check_whole() }
    }

    /// Whether the gateway is up, everybody was answered and every payment has ended.
    fn is_quiet(&self) -> bool {
        let is_settled = self.gateway.as_ref().is_some_and(|gateway| gateway.is_settled());
        is_settled
            && self.judge.all_ended().is_ok()
            && self.tills.iter().all(Till::is_done)
            && self.processor.is_done()
    }
}
