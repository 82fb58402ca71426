//! The files that `kessai import` takes, in the order in which it must take them.

use kessai_client::KeyError;
use kessai_engine::TerminalKind;
use kessai_engine::terms::Rounding;

use crate::exchange::HOME;
use crate::keyring::{Holder, Keyring};
use crate::population::{Person, Population, Size};

/// A kind of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Who is paid.
    Merchants,
    /// Their stores.
    Stores,
    /// The tills, with their keys.
    Terminals,
    /// What carries tills.
    Controllers,
    /// What carries handsets.
    Hubs,
    /// Who pays, with what the processor knows of them.
    Customers,
    /// Their handsets, with what an enrolment would have brought.
    Handsets,
}

impl Table {
    /// Every kind, each after what it names.
    pub const ALL: [Self; 7] = [
        Self::Merchants,
        Self::Stores,
        Self::Terminals,
        Self::Controllers,
        Self::Hubs,
        Self::Customers,
        Self::Handsets,
    ];

    /// Whether a population of this size has any: `kessai import` takes no empty file.
    #[must_use]
    pub const fn has_records(self, size: &Size) -> bool {
        match self {
            Self::Controllers => size.controllers > 0,
            Self::Hubs => size.hubs > 0,
            Self::Merchants | Self::Stores | Self::Terminals | Self::Customers | Self::Handsets => {
                true
            }
        }
    }

    /// What `kessai import` calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Merchants => "merchants",
            Self::Stores => "stores",
            Self::Terminals => "terminals",
            Self::Controllers => "controllers",
            Self::Hubs => "hubs",
            Self::Customers => "customers",
            Self::Handsets => "handsets",
        }
    }

    /// The name of its file.
    #[must_use]
    pub fn file(self) -> String {
        format!("{}.csv", self.name())
    }

    pub(super) const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Merchants => &["id", "name"],
            Self::Stores => &["id", "merchant", "name", "currency", "rounding"],
            Self::Terminals => &["id", "store", "kind", "key_pin"],
            Self::Controllers => &["id", "merchant", "key_pin"],
            Self::Hubs => &["id", "key_pin"],
            Self::Customers => &[
                "id",
                "currency",
                "balance_minor",
                "mobile",
                "email",
                "name",
                "kana",
                "bank",
                "branch",
                "deposit_type",
                "account",
            ],
            Self::Handsets => {
                &["customer", "device", "key_pin", "salt", "stored_key", "server_key", "device_key"]
            }
        }
    }

    /// Counts its records.
    #[must_use]
    pub const fn length(self, population: &Population) -> usize {
        match self {
            Self::Merchants => population.merchants.len(),
            Self::Stores => population.stores.len(),
            Self::Terminals => population.tills.len(),
            Self::Controllers => population.controllers.len(),
            Self::Hubs => population.hubs.len(),
            Self::Customers | Self::Handsets => population.customers.len(),
        }
    }
}

/// Makes the records of a population.
pub(super) struct Registrar<'a> {
    pub(super) population: &'a Population,
    pub(super) seed: u64,
}

impl Registrar<'_> {
    /// Makes the record at a place of a table; none beyond its end.
    pub(super) fn record(
        &self,
        table: Table,
        place: usize,
    ) -> Result<Option<Vec<String>>, KeyError> {
        let of = self.population;
        let record = match table {
            Table::Merchants => {
                of.merchants.get(place).map(|it| vec![it.id.to_string(), it.name.to_string()])
            }
            Table::Stores => of.stores.get(place).map(|shop| {
                let store = &shop.store;
                let (id, merchant) = (store.id.to_string(), store.merchant.to_string());
                let (name, currency) = (store.name.to_string(), store.currency.to_string());
                vec![id, merchant, name, currency, rounding(store.rounding).to_owned()]
            }),
            Table::Terminals => match of.tills.get(place).map(|till| (till, of.shop_of(till))) {
                Some((till, Some(shop))) => {
                    let (store, pin) = (shop.store.id.to_string(), self.pin(Holder::Till(place))?);
                    Some(vec![till.id.to_string(), store, kind(till.kind).to_owned(), pin])
                }
                Some((_, None)) | None => None,
            },
            Table::Controllers => match of.controllers.get(place) {
                Some(it) => {
                    let pin = self.pin(Holder::Controller(place))?;
                    Some(vec![it.id.to_string(), it.merchant.to_string(), pin])
                }
                None => None,
            },
            Table::Hubs => match of.hubs.get(place) {
                Some(hub) => Some(vec![hub.id.to_string(), self.pin(Holder::Hub(place))?]),
                None => None,
            },
            Table::Customers => self.customer(place),
            Table::Handsets => self.handset(place)?,
        };
        Ok(record)
    }

    fn customer(&self, place: usize) -> Option<Vec<String>> {
        let customer = self.population.customers.get(place)?;
        let person = Person::draw(self.seed, u32::try_from(place).ok()?);
        Some(vec![
            customer.id.to_string(),
            HOME.to_string(),
            customer.opening.minor().to_string(),
            person.mobile,
            person.email,
            person.name,
            person.kana,
            person.bank.to_owned(),
            person.branch,
            person.deposit_type.to_owned(),
            person.account,
        ])
    }

    fn handset(&self, place: usize) -> Result<Option<Vec<String>>, KeyError> {
        let Some(customer) = self.population.customers.get(place) else { return Ok(None) };
        let keys = customer.keys();
        Ok(Some(vec![
            customer.id.to_string(),
            customer.device.to_string(),
            self.pin(Holder::Handset(place))?,
            // No password was stretched, so there is no salt to remember.
            hex::encode([0; 16]),
            hex::encode(keys.stored.expose()),
            hex::encode(keys.server.expose()),
            hex::encode(keys.device.expose()),
        ]))
    }

    fn pin(&self, holder: Holder) -> Result<String, KeyError> {
        Keyring::new(self.seed).pin(holder).map(|pin| hex::encode(pin.0))
    }
}

const fn kind(kind: TerminalKind) -> &'static str {
    match kind {
        TerminalKind::PointOfSale => "pos",
        TerminalKind::Vending => "vending",
    }
}

const fn rounding(rounding: Rounding) -> &'static str {
    match rounding {
        Rounding::Down => "down",
        Rounding::HalfUp => "half_up",
        Rounding::Up => "up",
    }
}
