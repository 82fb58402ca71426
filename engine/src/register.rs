//! Who may do business here: merchants, stores, terminals, controllers and hubs, with their keys.
//!
//! The register is small beside the customers and read by every payment, so it is one immutable
//! value that is replaced whole. It holds no balance and knows no payment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use kessai_terms::basket::Rounding;
use kessai_terms::ids::{
    ControllerId, CustomerId, DeviceId, HubId, MerchantId, StoreId, TerminalId,
};
use kessai_terms::money::Currency;
use kessai_terms::text::{MerchantName, StoreName};
use serde::{Deserialize, Serialize};

use crate::permit::Gauge;
use crate::slot::Lsn;

/// The SHA-256 of a peer's SubjectPublicKeyInfo: what the gateway knows a peer by.
///
/// # Source
/// RFC 7469 section 2.4 (pin by SPKI), RFC 5280 section 4.1.2.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyPin(pub [u8; 32]);

/// Whom a pinned key speaks for; what it may ask follows from this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Peer {
    /// One terminal.
    Terminal(TerminalId),
    /// One handset of one customer.
    Handset(CustomerId, DeviceId),
    /// All terminals of one merchant.
    Controller(ControllerId, MerchantId),
    /// A carrier's many handsets.
    Hub(HubId),
}

/// Who is paid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Merchant {
    /// The merchant's code.
    pub id: MerchantId,
    /// As the customer is shown it.
    pub name: MerchantName,
}

/// One of a merchant's stores.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Store {
    /// The store's code.
    pub id: StoreId,
    /// Whose store.
    pub merchant: MerchantId,
    /// As the customer is shown it.
    pub name: StoreName,
    /// What its terminals charge in.
    pub currency: Currency,
    /// How it rounds exclusive tax.
    pub rounding: Rounding,
}

/// What a terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TerminalKind {
    /// A register with a clerk (claim 4).
    PointOfSale,
    /// A machine that nobody attends (claim 3).
    Vending,
}

/// One of a store's terminals.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Terminal {
    /// The terminal's code.
    pub id: TerminalId,
    /// Where it stands.
    pub store: StoreId,
    /// What it is.
    pub kind: TerminalKind,
    /// The TLS key that it connects with, unless it speaks through a controller only.
    pub pin: Option<KeyPin>,
}

/// A merchant's own machine that speaks for all the merchant's terminals.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Controller {
    /// The controller's code.
    pub id: ControllerId,
    /// Whose terminals it speaks for, for good.
    pub merchant: MerchantId,
    /// The TLS key that it connects with; none if it is not enrolled.
    pub pin: Option<KeyPin>,
}

/// A carrier's machine that passes on what many handsets say.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hub {
    /// The hub's code.
    pub id: HubId,
    /// The TLS key that it connects with; none if it is not enrolled.
    pub pin: Option<KeyPin>,
}

/// Names whoever the register knows by a code and a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Station {
    /// A terminal.
    Terminal(TerminalId),
    /// A store controller.
    Controller(ControllerId),
    /// A carrier hub.
    Hub(HubId),
}

impl fmt::Display for Station {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Terminal(id) => write!(f, "terminal {id}"),
            Self::Controller(id) => write!(f, "controller {id}"),
            Self::Hub(id) => write!(f, "hub {id}"),
        }
    }
}

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
}

impl RegisterChange {
    /// The station that it enters, as a peer, with its key.
    pub(crate) fn station(&self) -> Option<(Station, Peer, Option<KeyPin>)> {
        match self {
            Self::Merchant(_) | Self::Store(_) => None,
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

/// A terminal with where it stands and the count of its open payments.
#[derive(Debug, Clone)]
pub struct Place {
    /// The terminal.
    pub terminal: Terminal,
    /// Its store.
    pub store: Arc<Store>,
    /// Its merchant.
    pub merchant: Arc<Merchant>,
    /// Counts its pending payments; shared by all versions of the register.
    pub(crate) pending: Gauge,
}

/// The register as it stands; read without a lock.
#[derive(Debug, Clone, Default)]
pub struct Register {
    merchants: BTreeMap<MerchantId, Arc<Merchant>>,
    stores: BTreeMap<StoreId, Arc<Store>>,
    terminals: BTreeMap<TerminalId, Place>,
    controllers: BTreeMap<ControllerId, Controller>,
    hubs: BTreeMap<HubId, Hub>,
    /// The last record that made it what it is.
    pub after: Lsn,
}

impl Register {
    /// Finds a terminal with its store and merchant.
    #[must_use]
    pub fn place(&self, terminal: &TerminalId) -> Option<&Place> {
        self.terminals.get(terminal)
    }

    /// Goes through all terminals in the order of their ids.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.terminals.values()
    }

    /// Goes through all merchants in the order of their ids.
    pub fn merchants(&self) -> impl Iterator<Item = &Merchant> {
        self.merchants.values().map(AsRef::as_ref)
    }

    /// Goes through all stores in the order of their ids.
    pub fn stores(&self) -> impl Iterator<Item = &Store> {
        self.stores.values().map(AsRef::as_ref)
    }

    /// Goes through all controllers in the order of their ids.
    pub fn controllers(&self) -> impl Iterator<Item = &Controller> {
        self.controllers.values()
    }

    /// Goes through all hubs in the order of their ids.
    pub fn hubs(&self) -> impl Iterator<Item = &Hub> {
        self.hubs.values()
    }

    /// Finds a merchant.
    #[must_use]
    pub fn merchant(&self, merchant: &MerchantId) -> Option<&Merchant> {
        self.merchants.get(merchant).map(AsRef::as_ref)
    }

    /// Finds a store.
    #[must_use]
    pub fn store(&self, store: &StoreId) -> Option<&Store> {
        self.stores.get(store).map(AsRef::as_ref)
    }

    /// Finds a controller.
    #[must_use]
    pub fn controller(&self, controller: &ControllerId) -> Option<&Controller> {
        self.controllers.get(controller)
    }

    /// Finds a hub.
    #[must_use]
    pub fn hub(&self, hub: &HubId) -> Option<&Hub> {
        self.hubs.get(hub)
    }

    /// Says whether a station is there.
    #[must_use]
    pub fn has(&self, station: &Station) -> bool {
        match station {
            Station::Terminal(id) => self.place(id).is_some(),
            Station::Controller(id) => self.controller(id).is_some(),
            Station::Hub(id) => self.hub(id).is_some(),
        }
    }

    /// Finds the key of a station: none if it is not there or not enrolled.
    #[must_use]
    pub fn pin(&self, station: &Station) -> Option<KeyPin> {
        match station {
            Station::Terminal(id) => self.place(id)?.terminal.pin,
            Station::Controller(id) => self.controller(id)?.pin,
            Station::Hub(id) => self.hub(id)?.pin,
        }
    }

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
            RegisterChange::Hub(_) => Ok(()),
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
        let pending = self.terminals.get(&terminal.id).map(|p| p.pending.clone());
        let place = Place {
            terminal: terminal.clone(),
            store: Arc::clone(store),
            merchant: Arc::clone(merchant),
            pending: pending.unwrap_or_default(),
        };
        self.terminals.insert(terminal.id, place);
    }
}
