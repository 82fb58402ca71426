//! Who may do business here: merchants, stores, terminals, controllers and hubs, with their keys.
//!
//! The register is small beside the customers and read by every payment, so it is one immutable
//! value that is replaced whole. It holds no balance and knows no payment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use kessai_terms::basket::Rounding;
use kessai_terms::ids::{
    ControllerId, CustomerId, DeviceId, HubId, InvoiceNumber, MerchantId, StoreId, TerminalId,
};
use kessai_terms::money::Currency;
use kessai_terms::text::{MerchantName, StoreName};
use serde::{Deserialize, Serialize};

use crate::meter::Meter;
use crate::policy::{Limits, Standing};
use crate::slot::Lsn;

mod change;

pub use change::{RegisterChange, RegisterError};

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
    /// What the merchant issues qualified invoices under, as a Japanese issuer may.
    pub invoice_number: Option<InvoiceNumber>,
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
    /// Whether it may take payments.
    pub standing: Standing,
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
    /// Whether it may take payments and give refunds.
    pub standing: Standing,
    /// How much it may take, in the currency of its store.
    pub limits: Limits,
}

/// Whom limits are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LimitHolder {
    /// A customer, by the currency of the balance.
    Customer,
    /// A terminal, by the currency of its store.
    Terminal,
}

/// The limits of all who have none of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DefaultLimits {
    /// For whom.
    pub holder: LimitHolder,
    /// In which currency.
    pub currency: Currency,
    /// How much; nothing said is no limit.
    pub limits: Limits,
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

/// A terminal with where it stands and the counts of its payments.
#[derive(Debug, Clone)]
pub struct Place {
    /// The terminal.
    pub terminal: Terminal,
    /// Its store.
    pub store: Arc<Store>,
    /// Its merchant.
    pub merchant: Arc<Merchant>,
    /// Counts its payments; shared by all versions of the register.
    pub(crate) meter: Meter,
}

/// The register as it stands; read without a lock.
#[derive(Debug, Clone, Default)]
pub struct Register {
    merchants: BTreeMap<MerchantId, Arc<Merchant>>,
    stores: BTreeMap<StoreId, Arc<Store>>,
    terminals: BTreeMap<TerminalId, Place>,
    controllers: BTreeMap<ControllerId, Controller>,
    hubs: BTreeMap<HubId, Hub>,
    default_limits: BTreeMap<(LimitHolder, Currency), Limits>,
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

    /// Finds the limits of those who have none of their own.
    #[must_use]
    pub fn default_limits(&self, holder: LimitHolder, currency: Currency) -> Limits {
        self.default_limits.get(&(holder, currency)).copied().unwrap_or_default()
    }

    /// Goes through all default limits, customers' first, by the numbers of their currencies.
    pub fn all_default_limits(&self) -> impl Iterator<Item = DefaultLimits> {
        let all = self.default_limits.iter();
        all.map(|(&(holder, currency), &limits)| DefaultLimits { holder, currency, limits })
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
}
