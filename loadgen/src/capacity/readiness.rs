//! Checks, before anything runs, that the gateway has what was provisioned, and reads what its
//! books hold.

use std::collections::HashMap;
use std::path::Path;

use kessai_engine::terms::{CustomerId, DeviceId};
use kessai_gateway::admin::rows::{CustomerRow, GatewayRow};
use serde::Deserialize;

use super::export::{customer, exchange, parse, tallies};
use crate::administration::{Administration, Listed};
use crate::audit::Baseline;
use crate::exchange::{HOME, Quote};
use crate::fleet::{Connections, Way, Ways};
use crate::population::{Partition, Population};
use crate::provision::{RATES, Table};
use crate::trial::TrialError;

/// Why a run cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The gateway lacks what was provisioned.
    #[error(
        "the gateway has {found} of the {of} {} of {folder}: run `kessai import {} {folder}/{}{}`",
        .table.name(), .table.name(), .table.file(), if *.found > 0 { " --update" } else { "" }
    )]
    NotImported {
        /// What it lacks.
        table: Table,
        /// How many it has.
        found: usize,
        /// How many there should be.
        of: usize,
        /// Where the provision lies.
        folder: String,
    },
    /// The gateway has something else under the same ids.
    #[error(
        "the gateway's {} are not those of {folder}: {} is another one. It was provisioned with \
         another seed or size",
        .table.name(), .id
    )]
    OtherProvision {
        /// What is not the same.
        table: Table,
        /// The first that is not.
        id: String,
        /// Where the provision lies.
        folder: String,
    },
    /// Somebody is paying.
    #[error("a payment of customer {0} is open: run again when nothing is")]
    NotAtRest(CustomerId),
    /// There is nobody to carry the others.
    #[error("{folder} has no {carriers}: provision it with --{carriers}, or connect without")]
    NoCarriers {
        /// What is missing.
        carriers: &'static str,
        /// Where the provision lies.
        folder: String,
    },
    /// There is nobody to carry those of this part.
    #[error("{found} {carriers} are too few: partition {partition} gets none of them")]
    TooFewCarriers {
        /// Of what there are too few.
        carriers: &'static str,
        /// How many there are.
        found: u32,
        /// Who gets none.
        partition: Partition,
    },
    /// Prices in other currencies would be declined, or come to something else.
    #[error(
        "the gateway does not convert {base} by the rate of {folder}: set exchange.rates in its \
         configuration to {folder}/{RATES}, and start it again"
    )]
    NoRate {
        /// Of which currency.
        base: &'static str,
        /// Where the provision lies.
        folder: String,
    },
    /// There are not so many to connect.
    #[error(
        "{folder} has {found} {peers}, and so many connections need {needed}: each has a key of its \
         own, so provision it with more"
    )]
    TooFewPeers {
        /// Who.
        peers: &'static str,
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: usize,
        /// Where the provision lies.
        folder: String,
    },
    /// The gateway would not take so many connections.
    #[error(
        "the gateway takes {most} connections at a time, and this run needs {needed}: set \
         connections.most, or run with --through controllers,hubs"
    )]
    TooManyConnections {
        /// What the gateway takes.
        most: usize,
        /// What the run needs.
        needed: usize,
    },
}

/// Checks that the gateway takes as many connections as the run makes.
pub(super) const fn check_room(
    gateway: &GatewayRow,
    connections: Connections,
) -> Result<(), NotReady> {
    let (most, needed) = (gateway.connections_most, connections.all());
    if needed > most { Err(NotReady::TooManyConnections { most, needed }) } else { Ok(()) }
}

/// A rate that the gateway has.
#[derive(Debug, Deserialize)]
struct RateRow {
    base: String,
    quote: String,
    /// With the mark-up in it.
    rate: String,
    markup_bp: u16,
    /// Whether it is used now.
    holds: String,
}

impl RateRow {
    fn is(&self, quote: &Quote) -> bool {
        (self.base.as_str(), self.quote.as_str()) == (quote.base, HOME.code())
            && self.rate == quote.marked_up()
            && self.markup_bp == quote.markup_bp
            && self.holds == "now"
    }
}

/// Checks that the gateway converts the prices of all stores as it is going to be judged.
pub(super) fn check_rates(
    administration: &Administration,
    population: &Population,
    folder: &Path,
) -> Result<(), TrialError> {
    let stores = population.stores.iter().map(|shop| shop.store.currency);
    let mut foreign: Vec<_> = stores.filter_map(Quote::of).collect();
    foreign.dedup();
    if foreign.is_empty() {
        return Ok(());
    }
    let rates: Vec<RateRow> = administration.ask("/v1/rates")?;
    let missing = foreign.iter().find(|quote| !rates.iter().any(|row| row.is(quote)));
    let folder = folder.display().to_string();
    missing.map_or(Ok(()), |quote| Err(NotReady::NoRate { base: quote.base, folder }.into()))
}

/// One thing of the provision: its id, and where it must belong to.
struct Expected {
    id: String,
    place: Option<String>,
}

/// Checks that merchants, stores, terminals and what carries others are in the register as they were
/// provisioned, with keys.
pub(crate) fn check_register(
    administration: &Administration,
    population: &Population,
    ways: Ways,
    folder: &Path,
) -> Result<(), TrialError> {
    let folder = folder.display().to_string();
    let (controllers, hubs) = (population.controllers.len(), population.hubs.len());
    let whole = population.size();
    let carriers = [
        (ways.tills, "controllers", controllers, whole.controllers),
        (ways.handsets, "hubs", hubs, whole.hubs),
    ];
    for (way, carriers, own, all) in carriers {
        match (way, own, population.partition) {
            (Way::Carried, 0, Some(partition)) if all > 0 => {
                return Err(NotReady::TooFewCarriers { carriers, found: all, partition }.into());
            }
            (Way::Carried, 0, _) => return Err(NotReady::NoCarriers { carriers, folder }.into()),
            (Way::Carried | Way::Own, _, _) => {}
        }
    }
    let mut tables = vec![Table::Merchants, Table::Stores, Table::Terminals];
    tables.extend((ways.tills == Way::Carried).then_some(Table::Controllers));
    tables.extend((ways.handsets == Way::Carried).then_some(Table::Hubs));
    for table in tables {
        let listed: Vec<Listed> = administration.ask(&format!("/v1/{}", table.name()))?;
        compare(table, &expected(table, population), &listed, &folder)?;
    }
    Ok(())
}

fn expected(table: Table, population: &Population) -> Vec<Expected> {
    let one = |id: &dyn ToString, place: Option<&dyn ToString>| Expected {
        id: id.to_string(),
        place: place.map(ToString::to_string),
    };
    match table {
        Table::Merchants => population.merchants.iter().map(|it| one(&it.id, None)).collect(),
        Table::Stores => {
            let stores = population.stores.iter().map(|shop| &shop.store);
            stores.map(|store| one(&store.id, Some(&store.merchant))).collect()
        }
        Table::Terminals => {
            let tills = population.tills.iter();
            let places = tills.filter_map(|till| Some((till, population.shop_of(till)?)));
            places.map(|(till, shop)| one(&till.id, Some(&shop.store.id))).collect()
        }
        Table::Controllers => {
            population.controllers.iter().map(|it| one(&it.id, Some(&it.merchant))).collect()
        }
        Table::Hubs => population.hubs.iter().map(|hub| one(&hub.id, None)).collect(),
        Table::Customers | Table::Handsets => Vec::new(),
    }
}

fn compare(
    table: Table,
    expected: &[Expected],
    listed: &[Listed],
    folder: &str,
) -> Result<(), NotReady> {
    let listed: HashMap<_, _> = listed.iter().map(|listed| (listed.id.as_str(), listed)).collect();
    let mut found = 0_usize;
    for Expected { id, place } in expected {
        let Some(listed) = listed.get(id.as_str()) else { continue };
        let stands = listed.store.as_ref().or(listed.merchant.as_ref());
        if stands != place.as_ref() {
            let (id, folder) = (id.clone(), folder.to_owned());
            return Err(NotReady::OtherProvision { table, id, folder });
        }
        let has_key = !matches!(table, Table::Merchants | Table::Stores);
        let is_known = listed.enrolled || !has_key;
        found = found.saturating_add(usize::from(is_known));
    }
    let of = expected.len();
    if found == of {
        return Ok(());
    }
    Err(NotReady::NotImported { table, found, of, folder: folder.to_owned() })
}

/// Reads what the books hold of the provision's customers, and what merchants are owed.
pub(crate) fn baseline(
    administration: &Administration,
    population: &Population,
    folder: &Path,
) -> Result<Baseline, TrialError> {
    let folder = folder.display().to_string();
    let own: HashMap<CustomerId, DeviceId> =
        population.customers.iter().map(|customer| (customer.id, customer.device)).collect();
    let mut before = Baseline::default();
    let (mut handsets, mut wrong) = (0_usize, None);
    administration.rows("/v1/export/customers", |row: CustomerRow| {
        let id: CustomerId = parse("id", &row.id)?;
        let Some(device) = own.get(&id) else { return Ok(()) };
        let entry = customer(&row)?;
        match check(&row, id, device, &folder) {
            Ok(has_handset) => handsets = handsets.saturating_add(usize::from(has_handset)),
            Err(not_ready) => wrong = wrong.take().or(Some(not_ready)),
        }
        if !entry.held.is_zero() {
            wrong = wrong.take().or(Some(NotReady::NotAtRest(id)));
        }
        before.customers.insert(id, entry);
        Ok(())
    })?;
    let of = own.len();
    let found = before.customers.len();
    if found < of {
        return Err(NotReady::NotImported { table: Table::Customers, found, of, folder }.into());
    }
    if let Some(wrong) = wrong {
        return Err(wrong.into());
    }
    if handsets < of {
        let (table, found) = (Table::Handsets, handsets);
        return Err(NotReady::NotImported { table, found, of, folder }.into());
    }
    before.merchants = tallies(administration)?;
    before.exchange = exchange(administration)?;
    Ok(before)
}

/// Says whether a customer has the handset that was provisioned, or none; another one is not ours.
fn check(
    row: &CustomerRow,
    id: CustomerId,
    device: &DeviceId,
    folder: &str,
) -> Result<bool, NotReady> {
    let device = device.to_string();
    let other = |table| {
        Err(NotReady::OtherProvision { table, id: id.to_string(), folder: folder.to_owned() })
    };
    if row.currency != HOME.code() {
        return other(Table::Customers);
    }
    match row.devices.as_slice() {
        [] => Ok(false),
        devices if devices.contains(&device) => Ok(true),
        _ => other(Table::Handsets),
    }
}
