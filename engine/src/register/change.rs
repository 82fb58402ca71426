//! How the register changes: entered whole, checked first, refused by name.

use std::sync::Arc;

use kessai_terms::ids::{ControllerId, MerchantId, StoreId, TerminalId};
use serde::{Deserialize, Serialize};

use super::{
    Controller, DefaultLimits, Hub, KeyPin, Merchant, Peer, Place, Register, Station, Store,
    Terminal,
};

/// A change of the register, entered or replaced whole by its id: where a key is missing, the one
/// that was there is out of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegisterChange {
    /// A merchant.
    Merchant(Merchant),
    /// A store of a merchant that is there.
    Store(Store),
    /// A terminal of a store that is there.
    Terminal(Terminal),
    /// A controller of a merchant that is there.
    Controller(Controller),
    /// A hub.
    Hub(Hub),
    /// The limits of all who have none of their own.
    DefaultLimits(DefaultLimits),
}

impl RegisterChange {
    /// The station that it enters, as a peer, with its key.
    pub(crate) fn station(&self) -> Option<(Station, Peer, Option<KeyPin>)> {
        match self {
            Self::Merchant(_) | Self::Store(_) | Self::DefaultLimits(_) => None,
            Self::Terminal(Terminal { id, pin, .. }) => {
                Some((Station::Terminal(*id), Peer::Terminal(*id), *pin))
            }
            Self::Controller(Controller { id, merchant, pin }) => {
                Some((Station::Controller(*id), Peer::Controller(*id, *merchant), *pin))
            }
            Self::Hub(Hub { id, pin }) => Some((Station::Hub(*id), Peer::Hub(*id), *pin)),
        }
    }
}

/// Why a change of the register is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The store names a merchant that is not there.
    #[error("store {0} belongs to merchant {1}, which is not registered")]
    MerchantMissing(StoreId, MerchantId),
    /// The terminal names a store that is not there.
    #[error("terminal {0} stands in store {1}, which is not registered")]
    StoreMissing(TerminalId, StoreId),
    /// The controller names a merchant that is not there.
    #[error("controller {0} belongs to merchant {1}, which is not registered")]
    OwnerMissing(ControllerId, MerchantId),
    /// The controller would speak for another merchant's terminals over connections that it has.
    #[error("controller {0} belongs to merchant {1} and cannot be given to another")]
    OwnerFixed(ControllerId, MerchantId),
    /// There is no such station.
    #[error("{0} is not registered")]
    StationMissing(Station),
    /// The key already speaks for somebody else.
    #[error("the key of {0} is already enrolled for another peer")]
    KeyTaken(Station),
}

impl Register {
    /// Words the change that gives a station another key, or none, and leaves the rest as it is.
    pub(crate) fn repinned(
        &self,
        station: Station,
        pin: Option<KeyPin>,
    ) -> Result<RegisterChange, RegisterError> {
        let found = match station {
            Station::Terminal(id) => self
                .place(&id)
                .map(|place| RegisterChange::Terminal(Terminal { pin, ..place.terminal.clone() })),
            Station::Controller(id) => self
                .controller(&id)
                .map(|found| RegisterChange::Controller(Controller { pin, ..found.clone() })),
            Station::Hub(id) => self.hub(&id).map(|_| RegisterChange::Hub(Hub { id, pin })),
        };
        found.ok_or(RegisterError::StationMissing(station))
    }

    /// The changes that make this register from nothing.
    pub(crate) fn changes(&self) -> impl Iterator<Item = RegisterChange> {
        let merchants = self.merchants().cloned().map(RegisterChange::Merchant);
        let stores = self.stores().cloned().map(RegisterChange::Store);
        let terminals = self.places().map(|place| RegisterChange::Terminal(place.terminal.clone()));
        let controllers = self.controllers().cloned().map(RegisterChange::Controller);
        let hubs = self.hubs().cloned().map(RegisterChange::Hub);
        let defaults = self.all_default_limits().map(RegisterChange::DefaultLimits);
        let places = merchants.chain(stores).chain(terminals);
        places.chain(controllers).chain(hubs).chain(defaults)
    }

    /// Checks that `change` names only what is there.
    ///
    /// # Errors
    /// [`RegisterError`], naming what is missing.
    pub fn check(&self, change: &RegisterChange) -> Result<(), RegisterError> {
        match change {
            RegisterChange::Merchant(_) => Ok(()),
            RegisterChange::Store(store) if self.merchants.contains_key(&store.merchant) => Ok(()),
            RegisterChange::Store(store) => {
                Err(RegisterError::MerchantMissing(store.id, store.merchant))
            }
            RegisterChange::Terminal(terminal) if self.stores.contains_key(&terminal.store) => {
                Ok(())
            }
            RegisterChange::Terminal(terminal) => {
                Err(RegisterError::StoreMissing(terminal.id, terminal.store))
            }
            RegisterChange::Controller(new) => match self.controllers.get(&new.id) {
                Some(old) if old.merchant != new.merchant => {
                    Err(RegisterError::OwnerFixed(old.id, old.merchant))
                }
                _ if !self.merchants.contains_key(&new.merchant) => {
                    Err(RegisterError::OwnerMissing(new.id, new.merchant))
                }
                Some(_) | None => Ok(()),
            },
            RegisterChange::Hub(_) | RegisterChange::DefaultLimits(_) => Ok(()),
        }
    }

    /// Enters `change`.
    ///
    /// # Errors
    /// [`RegisterError`] as [`Register::check`]; the register is then unchanged.
    pub fn apply(&mut self, change: &RegisterChange) -> Result<(), RegisterError> {
        self.check(change)?;
        match change {
            RegisterChange::Merchant(merchant) => {
                let merchant = Arc::new(merchant.clone());
                for place in self.terminals.values_mut().filter(|p| p.merchant.id == merchant.id) {
                    place.merchant = Arc::clone(&merchant);
                }
                self.merchants.insert(merchant.id, merchant);
            }
            RegisterChange::Store(store) => {
                let store = Arc::new(store.clone());
                for place in self.terminals.values_mut().filter(|p| p.store.id == store.id) {
                    place.store = Arc::clone(&store);
                    if let Some(merchant) = self.merchants.get(&store.merchant) {
                        place.merchant = Arc::clone(merchant);
                    }
                }
                self.stores.insert(store.id, store);
            }
            RegisterChange::Terminal(terminal) => self.enter_terminal(terminal),
            RegisterChange::Controller(controller) => {
                self.controllers.insert(controller.id, controller.clone());
            }
            RegisterChange::Hub(hub) => {
                self.hubs.insert(hub.id, hub.clone());
            }
            RegisterChange::DefaultLimits(default) => {
                self.default_limits.insert((default.holder, default.currency), default.limits);
            }
        }
        Ok(())
    }

    fn enter_terminal(&mut self, terminal: &Terminal) {
        let Some(store) = self.stores.get(&terminal.store) else {
            return;
        };
        let Some(merchant) = self.merchants.get(&store.merchant) else {
            return;
        };
        let meter = self.terminals.get(&terminal.id).map(|place| place.meter.clone());
        let place = Place {
            terminal: terminal.clone(),
            store: Arc::clone(store),
            merchant: Arc::clone(merchant),
            meter: meter.unwrap_or_default(),
        };
        self.terminals.insert(terminal.id, place);
    }
}
