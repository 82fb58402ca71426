//! All terminals and handsets of a run, connected: each by itself, or many over one connection of a
//! store controller or a carrier hub.
//!
//! There are two roads to a gateway: over QUIC, as in life, and without a network, where the same
//! messages go through channels. The same workload runs on both, and by either way.

mod gate;
mod inside;
mod roads;
mod upkeep;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kessai_client::terms::CustomerId;
use kessai_client::{
    ConnectError, Connector, Controller, Events, Handset, Hub, Options, RootPin, Terminal, wire,
};
use kessai_engine::Peer;
use tokio::task::JoinSet;

use crate::audit::Baseline;
use crate::keyring::{Holder, Keyring};
use crate::population::{Customer, Population, Size};
use crate::site::Door;
use gate::{Gate, in_order};
use roads::{Line, Roads};

pub(crate) use roads::side_of;
pub use upkeep::{Barrier, Keeper, Upkeep};

/// Where a fleet goes.
#[derive(Debug, Clone)]
pub enum Road {
    /// Over QUIC, to the gateway at this address that stands under this root.
    Network(SocketAddr, RootPin),
    /// Through channels, to a gateway in this process.
    Inside(Door),
}

/// How many share a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// None: each has a connection of its own.
    #[default]
    Own,
    /// As many as a controller or hub carries.
    Carried,
}

impl Way {
    /// Says how many go which way: `8 tills`, or `8 tills through 2 controllers`.
    pub(crate) fn phrase(self, count: u32, what: &str, carriers: u32, carrier: &str) -> String {
        match self {
            Self::Own => format!("{count} {what}"),
            Self::Carried => format!("{count} {what} through {carriers} {carrier}"),
        }
    }
}

/// How terminals and handsets connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ways {
    /// The tills: by themselves, or carried by the controllers of their merchants.
    pub tills: Way,
    /// The handsets: by themselves, or carried by hubs.
    pub handsets: Way,
}

/// Why the fleet cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A key cannot be made.
    #[error("cannot make a key: {0}")]
    Key(#[from] kessai_client::KeyError),
    /// A socket cannot be opened.
    #[error("cannot open a UDP socket: {0}")]
    Socket(#[from] std::io::Error),
    /// A peer cannot connect.
    #[error("{who} cannot connect: {source}")]
    Connect {
        /// Which peer.
        who: String,
        /// Why.
        source: ConnectError,
    },
    /// The gateway knows a peer by another key.
    #[error("the gateway does not know the key of {0}: it was given those of another seed")]
    Stranger(String),
    /// There is nobody to carry a peer.
    #[error("there is no {carrier} to carry {who}")]
    Uncarried {
        /// What is missing.
        carrier: &'static str,
        /// Whom it would carry.
        who: String,
    },
    /// A task of ours panicked; a bug.
    #[error("a connecting task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl FleetError {
    /// Says that somebody cannot connect, and why.
    pub(crate) fn of(who: String, source: ConnectError) -> Self {
        match source {
            ConnectError::Closed(wire::CloseCode::NotEnrolled) => Self::Stranger(who),
            source => Self::Connect { who, source },
        }
    }
}

/// Says who is to connect, and how.
#[derive(Clone, Copy)]
pub struct Muster<'a> {
    /// Where to.
    pub road: &'a Road,
    /// Over how many connections.
    pub ways: Ways,
    /// Who.
    pub population: &'a Population,
    /// By which keys.
    pub keyring: Keyring,
    /// What everybody has seen already.
    pub before: &'a Baseline,
    /// How long customers have to answer.
    pub prompt: Duration,
    /// How connections are kept.
    pub upkeep: &'a Upkeep,
}

impl Muster<'_> {
    /// Counts how often [`Fleet::connect`] says that there is one more: for each connection, and
    /// for each handset that attaches through another's.
    #[must_use]
    pub const fn steps(&self) -> usize {
        let attached = match self.ways.handsets {
            Way::Own => 0,
            Way::Carried => self.population.customers.len(),
        };
        Connections::of(self.population, self.ways).all().saturating_add(attached)
    }
}

/// How many connections a fleet has, by who opened them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Connections {
    /// Terminals that speak for themselves.
    pub terminals: usize,
    /// Handsets that speak for themselves.
    pub handsets: usize,
    /// Store controllers.
    pub controllers: usize,
    /// Carrier hubs.
    pub hubs: usize,
}

impl Connections {
    /// Counts the connections that a population makes.
    #[must_use]
    pub const fn of(population: &Population, ways: Ways) -> Self {
        let Population { tills, customers, controllers, hubs, .. } = population;
        let everybody = Self {
            terminals: tills.len(),
            handsets: customers.len(),
            controllers: controllers.len(),
            hubs: hubs.len(),
        };
        everybody.by(ways)
    }

    /// Counts those that a population of this size makes, in however many parts it is played.
    #[must_use]
    pub fn of_all(size: Size, ways: Ways) -> Self {
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let everybody = Self {
            terminals: count(size.terminals),
            handsets: count(size.customers),
            controllers: count(size.controllers),
            hubs: count(size.hubs),
        };
        everybody.by(ways)
    }

    /// Leaves out who is carried, or who would carry.
    const fn by(mut self, ways: Ways) -> Self {
        match ways.tills {
            Way::Own => self.controllers = 0,
            Way::Carried => self.terminals = 0,
        }
        match ways.handsets {
            Way::Own => self.hubs = 0,
            Way::Carried => self.handsets = 0,
        }
        self
    }

    /// Adds what another fleet has.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            terminals: self.terminals.saturating_add(other.terminals),
            handsets: self.handsets.saturating_add(other.handsets),
            controllers: self.controllers.saturating_add(other.controllers),
            hubs: self.hubs.saturating_add(other.hubs),
        }
    }

    /// Adds them up.
    #[must_use]
    pub const fn all(&self) -> usize {
        let own = self.terminals.saturating_add(self.handsets);
        own.saturating_add(self.controllers).saturating_add(self.hubs)
    }
}

/// All terminals and handsets, connected, in the order of the population.
#[derive(Debug, Default)]
pub struct Fleet {
    /// The tills.
    pub terminals: Vec<Terminal>,
    /// The handsets, each with what happens to it.
    pub handsets: Vec<(Handset, Events)>,
    /// The lines by which the tills reach the gateway.
    pub till_lines: Lines,
    /// Those of the handsets.
    pub handset_lines: Lines,
}

/// The lines of all peers of a kind: whoever has one of their own, and whoever goes by another's.
#[derive(Debug, Default)]
pub struct Lines {
    /// Cut and mend them.
    pub keepers: Vec<Keeper>,
    /// By which line each peer goes, in the order of the population.
    pub of: Vec<usize>,
}

impl Lines {
    fn add(&mut self, line: Line) -> Arc<dyn Connector> {
        self.keepers.push(line.keeper);
        line.connector
    }
}

impl Fleet {
    /// Connects everybody; `connected` is called with the number of [`steps`](Muster::steps) made.
    ///
    /// # Errors
    /// [`FleetError`] of the first that cannot connect.
    pub async fn connect(
        muster: &Muster<'_>,
        connected: impl Fn(usize) + Send + Sync + 'static,
    ) -> Result<Self, FleetError> {
        let roads = Roads::new(muster.road, muster.keyring, muster.upkeep)?;
        let boarding = Boarding { muster, roads, gate: Arc::new(Gate::new(connected)) };
        let (terminals, till_lines) = match muster.ways.tills {
            Way::Own => boarding.tills().await?,
            Way::Carried => boarding.carried_tills().await?,
        };
        let (handsets, handset_lines) = match muster.ways.handsets {
            Way::Own => boarding.handsets().await?,
            Way::Carried => boarding.carried_handsets().await?,
        };
        Ok(Self { terminals, handsets, till_lines, handset_lines })
    }
}

/// A fleet that is connecting.
struct Boarding<'a, F> {
    muster: &'a Muster<'a>,
    roads: Roads<'a>,
    gate: Arc<Gate<F>>,
}

impl<F: Fn(usize) + Send + Sync + 'static> Boarding<'_, F> {
    async fn tills(&self) -> Result<(Vec<Terminal>, Lines), FleetError> {
        let (mut tasks, mut lines) = (JoinSet::new(), Lines::default());
        for (place, till) in self.muster.population.tills.iter().enumerate() {
            lines.of.push(place);
            let connector =
                lines.add(self.roads.of_one(Holder::Till(till.number), Peer::Terminal(till.id))?);
            let (gate, options, id) = (Arc::clone(&self.gate), self.options(), till.id);
            tasks.spawn(async move {
                let connecting = Terminal::connect(connector, id, options);
                (place, gate.pass(&id, connecting).await)
            });
        }
        Ok((in_order(tasks).await?, lines))
    }

    async fn carried_tills(&self) -> Result<(Vec<Terminal>, Lines), FleetError> {
        let population = self.muster.population;
        let (mut tasks, mut lines) = (JoinSet::new(), Lines::default());
        for (place, controller) in population.controllers.iter().enumerate() {
            let peer = Peer::Controller(controller.id, controller.merchant);
            let connector =
                lines.add(self.roads.of_many(Holder::Controller(controller.number), peer)?);
            let (gate, options, id) = (Arc::clone(&self.gate), self.options(), controller.id);
            tasks.spawn(async move {
                let connecting = Controller::connect(connector, id, options);
                (place, gate.pass(&id, connecting).await)
            });
        }
        let controllers = in_order(tasks).await?;
        let mut terminals = Vec::with_capacity(population.tills.len());
        for (till, place) in population.tills.iter().zip(population.controllers_of_tills()) {
            let controller = place.and_then(|place| Some((place, controllers.get(place)?)));
            let (place, controller) = controller.ok_or_else(|| FleetError::Uncarried {
                carrier: "controller",
                who: till.id.to_string(),
            })?;
            lines.of.push(place);
            terminals.push(controller.terminal(till.id));
        }
        Ok((terminals, lines))
    }

    async fn handsets(&self) -> Result<(Vec<(Handset, Events)>, Lines), FleetError> {
        let (mut tasks, mut lines) = (JoinSet::new(), Lines::default());
        for (place, customer) in self.muster.population.customers.iter().enumerate() {
            let peer = Peer::Handset(customer.id, customer.device);
            lines.of.push(place);
            let connector = lines.add(self.roads.of_one(Holder::Handset(customer.number), peer)?);
            let (id, seen) = (handset_of(customer), self.seen(&customer.id));
            let server = customer.keys().server.clone();
            let (gate, options) = (Arc::clone(&self.gate), self.options());
            tasks.spawn(async move {
                let connecting = Handset::connect(connector, id, server, seen, options);
                (place, gate.pass(&id, connecting).await)
            });
        }
        Ok((in_order(tasks).await?, lines))
    }

    async fn carried_handsets(&self) -> Result<(Vec<(Handset, Events)>, Lines), FleetError> {
        let population = self.muster.population;
        let (mut tasks, mut lines) = (JoinSet::new(), Lines::default());
        for (place, hub) in population.hubs.iter().copied().enumerate() {
            let (holder, id) = (Holder::Hub(hub.number), hub.id);
            let connector = lines.add(self.roads.of_many(holder, Peer::Hub(id))?);
            let (gate, options) = (Arc::clone(&self.gate), self.options());
            tasks.spawn(async move {
                (place, gate.pass(&id, Hub::connect(connector, id, options)).await)
            });
        }
        let hubs = in_order(tasks).await?;
        let mut tasks = JoinSet::new();
        for (place, customer) in population.customers.iter().enumerate() {
            let (id, seen) = (handset_of(customer), self.seen(&customer.id));
            let hub = population.hub_of_handset(place);
            let hub = hub.and_then(|place| Some((place, hubs.get(place).cloned()?)));
            let (line, hub) =
                hub.ok_or_else(|| FleetError::Uncarried { carrier: "hub", who: id.to_string() })?;
            lines.of.push(line);
            let keys = customer.keys();
            let (server, device) = (keys.server.clone(), keys.device.clone());
            let (gate, options) = (Arc::clone(&self.gate), self.options());
            tasks.spawn(async move {
                let connecting = hub.handset(id, server, device, seen, options);
                (place, gate.pass(&id, connecting).await)
            });
        }
        Ok((in_order(tasks).await?, lines))
    }

    /// The last notice that a customer's handset has seen.
    fn seen(&self, customer: &CustomerId) -> u64 {
        self.muster.before.customers.get(customer).map_or(0, |entry| entry.notices)
    }

    fn options(&self) -> Options {
        let Upkeep { patience, backoff, .. } = *self.muster.upkeep;
        let software = concat!("kessai-loadgen ", env!("CARGO_PKG_VERSION"));
        Options {
            software: wire::SoftwareName::new(software).ok(),
            connect_within: Duration::from_secs(60),
            greet_within: Duration::from_secs(20),
            call_within: patience,
            pay_within: self.muster.prompt.saturating_add(patience),
            backoff,
            ..Options::default()
        }
    }
}

const fn handset_of(customer: &Customer) -> wire::Handset {
    wire::Handset { customer: customer.id, device: customer.device }
}
