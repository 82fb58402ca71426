//! What every administrative request works with.

use std::sync::Arc;

use kessai_engine::terms::CustomerId;
use kessai_engine::terms::collation::{ActivationCode, SealingKey, SpkiHash};
use kessai_engine::terms::profile::{Profile, ProfileKey, ProfileNonces, SealedProfile};
use kessai_engine::{Engine, KeyChange, Lsn, Transferred};
use kessai_journal::{Journal, JournalSlot};
use kessai_wire::{Activation, GatewayAddress, Subject};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::activations::Activations;
use crate::admin::catalogue::Catalogues;
use crate::admin::policies::Policies;
use crate::admin::problem::Problem;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::entropy::{Entropy, draw};
use crate::keeping::Condition;
use crate::node::Shelf;
use crate::rates::Rates;
use crate::receipts::Receipts;
use crate::server::Sessions;
use crate::settings::Settings;

/// The engine, its journal, the time, and what enrolling and sealing need.
pub(crate) struct Office {
    pub(crate) engine: Arc<Engine>,
    pub(crate) journal: Journal,
    pub(crate) receipts: Arc<Receipts>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) sealing: SealingKey,
    pub(crate) activations: Arc<Activations>,
    /// How terminals and handsets reach the gateway.
    pub(crate) gateway: GatewayAddress,
    pub(crate) root: SpkiHash,
    pub(crate) settings: Settings,
    pub(super) catalogues: Catalogues,
    pub(super) policies: Policies,
    pub(super) rates: Arc<Rates>,
    /// Payments that have left the memory.
    pub(super) shelf: Shelf,
    /// Taken by who looks into it.
    pub(super) looking: Arc<Semaphore>,
    /// How it goes apart from payments.
    pub(super) condition: Arc<Condition>,
    pub(super) counters: Arc<Counters>,
    pub(super) sessions: Arc<Sessions>,
    /// Taken by the one import that may be under way.
    pub(crate) importing: Arc<Semaphore>,
    /// Cancelled when the gateway is to stop.
    pub(crate) stop: CancellationToken,
}

/// What a command says it depends on.
pub(super) trait Settled {
    /// The record that must be durable before anybody is told.
    fn after(&self) -> Lsn;
}

impl Settled for Lsn {
    fn after(&self) -> Lsn {
        *self
    }
}

impl Settled for Transferred {
    fn after(&self) -> Lsn {
        self.after
    }
}

impl Settled for KeyChange {
    fn after(&self) -> Lsn {
        self.after
    }
}

impl Office {
    /// Runs one command, and comes back once its record is durable.
    pub(super) async fn perform<T: Settled, E: Into<Problem>>(
        &self,
        command: impl FnOnce(&Engine, u64, JournalSlot) -> Result<T, E>,
    ) -> Result<(), Problem> {
        let slot = self.journal.reserve().ok_or_else(Problem::busy)?;
        let done = command(&self.engine, self.clock.now_ms(), slot).map_err(Into::into)?;
        self.settle(done.after()).await;
        Ok(())
    }

    /// Comes back once what was read is durable: nothing is told that a crash could undo.
    pub(super) async fn settle(&self, after: Lsn) {
        self.journal.when_durable(after).await;
    }

    /// Gives out the string with which `subject` enrols a key.
    pub(super) fn activate(&self, subject: Subject) -> Result<Activation, Problem> {
        let code: [u8; 16] = draw(self.entropy.as_ref());
        let issued = ActivationCode::from_bytes(code);
        self.activations.issue(subject, issued, self.clock.now_ms()).map_err(Problem::conflict)?;
        Ok(Activation {
            gateway: self.gateway.clone(),
            root: self.root,
            subject,
            code: ActivationCode::from_bytes(code),
        })
    }

    /// Seals what is known of a customer under a key of the customer's own.
    pub(super) fn seal(&self, customer: &CustomerId, profile: &Profile) -> SealedProfile {
        let key = ProfileKey::from_bytes(draw(self.entropy.as_ref()));
        let nonces =
            ProfileNonces { key: draw(self.entropy.as_ref()), fields: draw(self.entropy.as_ref()) };
        self.sealing.seal_profile(profile, customer, &key, nonces)
    }
}
