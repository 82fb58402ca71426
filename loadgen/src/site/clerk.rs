//! Enters merchants, stores, terminals, controllers, hubs, customers and handsets, as an operator
//! would.

use std::sync::Arc;

use kessai_engine::terms::collation::{Salt, SealingKey};
use kessai_engine::{
    Controller, CustomerAdded, DeviceAdded, Engine, Hub, Limits, Lsn, RegisterChange, Slot,
    Standing, Terminal,
};
use kessai_journal::Journal;

use super::SiteError;
use crate::exchange::HOME;
use crate::keyring::Pins;
use crate::population::Population;

/// Changes of the register that are entered together: few enough for the journal's queue.
const BATCH: usize = 32;

/// Customers after which progress is told.
const STEP: usize = 100;

pub(super) struct Clerk {
    pub(super) engine: Arc<Engine>,
    pub(super) journal: Journal,
    pub(super) sealing: SealingKey,
    pub(super) now_ms: u64,
}

impl Clerk {
    pub(super) async fn enter(
        &self,
        population: &Population,
        pins: &Pins,
        mut entered: impl FnMut(usize),
    ) -> Result<(), SiteError> {
        let mut latest = Lsn::NONE;
        let changes: Vec<_> = register(population, pins).collect();
        for batch in changes.chunks(BATCH) {
            let mut slotted = Vec::with_capacity(batch.len());
            for change in batch {
                slotted.push((change.clone(), self.slot(latest).await?));
            }
            latest = self.engine.enter_register(slotted, self.now_ms)?.after;
        }
        for (number, (customer, pin)) in population.customers.iter().zip(&pins.handsets).enumerate()
        {
            let added =
                CustomerAdded { customer: customer.id, currency: HOME, balance: customer.opening };
            let slot = self.slot(latest).await?;
            latest = self.engine.add_customer(added, self.now_ms, slot)?;
            let added = DeviceAdded {
                customer: customer.id,
                device: customer.device,
                pin: *pin,
                // No password was stretched, so there is no salt to remember.
                salt: Salt([0; 16]),
                row: customer.sealed(&self.sealing),
            };
            let slot = self.slot(latest).await?;
            latest = self.engine.add_device(added, self.now_ms, slot)?;
            if number % STEP == 0 {
                entered(number);
                tokio::task::yield_now().await;
            }
        }
        self.journal.when_durable(latest).await;
        entered(population.customers.len());
        Ok(())
    }

    /// Reserves a place in the journal, waiting for the writer if there is none.
    async fn slot(&self, latest: Lsn) -> Result<impl Slot + use<>, SiteError> {
        if let Some(slot) = self.journal.reserve() {
            return Ok(slot);
        }
        self.journal.when_durable(latest).await;
        self.journal.reserve().ok_or(SiteError::Stopped)
    }
}

fn register<'a>(
    population: &'a Population,
    pins: &'a Pins,
) -> impl Iterator<Item = RegisterChange> + 'a {
    let merchants = population.merchants.iter().cloned().map(RegisterChange::Merchant);
    let stores = population.stores.iter().map(|shop| RegisterChange::Store(shop.store.clone()));
    let tills = population.tills.iter().zip(&pins.tills).filter_map(|(till, pin)| {
        let shop = population.shop_of(till)?;
        Some(RegisterChange::Terminal(Terminal {
            id: till.id,
            store: shop.store.id,
            kind: till.kind,
            pin: Some(*pin),
            standing: Standing::Active,
            limits: Limits::default(),
        }))
    });
    let controllers = population.controllers.iter().zip(&pins.controllers).map(|(it, pin)| {
        RegisterChange::Controller(Controller { id: it.id, merchant: it.merchant, pin: Some(*pin) })
    });
    let hubs = population.hubs.iter().zip(&pins.hubs);
    let hubs = hubs.map(|(hub, pin)| RegisterChange::Hub(Hub { id: hub.id, pin: Some(*pin) }));
    merchants.chain(stores).chain(tills).chain(controllers).chain(hubs)
}
