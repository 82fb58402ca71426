//! Asks the gateway how it is: whether it stopped serving because a receipt that came back is not
//! in its journal.

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::ChaosError;
use super::judge::Subject;
use super::rig::Rig;
use crate::administration::AskError;

/// What receipts of the journal came to that terminals held and brought back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    /// Stood in the recovered journal.
    pub ours: u64,
    /// Were older than what the journal keeps.
    pub not_kept: u64,
    /// Were taken for forgeries; each is a finding.
    pub forged: u64,
    /// Were of records that are not there; each is a finding.
    pub lost: u64,
    /// Could not be checked.
    pub unchecked: u64,
}

impl Receipts {
    fn add(&mut self, other: Self) {
        let Self { ours, not_kept, forged, lost, unchecked } = other;
        self.ours = self.ours.saturating_add(ours);
        self.not_kept = self.not_kept.saturating_add(not_kept);
        self.forged = self.forged.saturating_add(forged);
        self.lost = self.lost.saturating_add(lost);
        self.unchecked = self.unchecked.saturating_add(unchecked);
    }
}

/// How the gateway is, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Health {
    receipts: Receipts,
}

impl Rig<'_> {
    /// Takes note of how the gateway is, and of what receipts came to since it was started.
    pub(super) async fn health(&mut self) -> Result<(), ChaosError> {
        let administration = self.place.administration()?;
        let asking = spawn_blocking(move || administration.ask::<Health>("/v1/health"));
        let receipts = match asking.await? {
            Ok(health) => health.receipts,
            Err(AskError::Refused { problem, .. }) => {
                let sentence = format!("the gateway stopped serving ({problem})");
                self.log.findings.lose(Subject::Journal, sentence);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.log.receipts.add(receipts);
        if receipts.lost > 0 {
            let sentence = format!("{} receipts of terminals are not in it", receipts.lost);
            self.log.findings.lose(Subject::Journal, sentence);
        }
        if receipts.forged > 0 {
            let sentence = format!("{} receipts were taken for forgeries", receipts.forged);
            self.log.problems.push(sentence);
        }
        Ok(())
    }
}
