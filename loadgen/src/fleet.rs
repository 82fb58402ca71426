//! All terminals and handsets of a run, each with a connection of its own.
//!
//! There are two ways to the gateway: over QUIC, as in life, and without a network, where the same
//! messages go through channels. The same workload runs on both.

mod inside;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kessai_client::terms::collation::ChannelBinding;
use kessai_client::{
    ConnectError, Connector, Endpoint, Events, Handset, Options, PeerKey, QuicConnector,
    QuicOptions, RootPin, Terminal, endpoint, wire,
};
use kessai_engine::{KeyPin, Peer};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::population::Population;
use crate::site::{Pins, Site, SiteError};
use inside::Inside;

/// How the fleet reaches the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over QUIC on the loopback address.
    Network,
    /// Through channels in this process.
    Inside,
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
    /// The gateway has been stopped.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// A task of ours panicked; a bug.
    #[error("a connecting task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// UDP sockets that all connections share.
const SOCKETS: usize = 4;
/// Handshakes that are under way at a time.
const CONNECTING: usize = 64;
/// What a call may take beyond the people's time, before it counts as unanswered.
const PATIENCE: Duration = Duration::from_secs(8);

/// The keys of the fleet, made before anybody is entered.
pub struct Keyring {
    keys: Keys,
    pins: Pins,
}

enum Keys {
    Network { tills: Vec<PeerKey>, handsets: Vec<PeerKey> },
    Inside,
}

impl Keyring {
    /// Makes a key for everybody.
    ///
    /// # Errors
    /// [`FleetError::Key`] if there is no randomness.
    pub fn make(population: &Population, way: Way) -> Result<Self, FleetError> {
        let (tills, handsets) = (population.tills.len(), population.customers.len());
        match way {
            Way::Network => {
                let make = |count| (0..count).map(|_| PeerKey::generate()).collect();
                let (tills, handsets): (Result<Vec<_>, _>, Result<Vec<_>, _>) =
                    (make(tills), make(handsets));
                let (tills, handsets) = (tills?, handsets?);
                let pin = |key: &PeerKey| KeyPin(key.pin());
                let pins = Pins {
                    tills: tills.iter().map(pin).collect(),
                    handsets: handsets.iter().map(pin).collect(),
                };
                Ok(Self { keys: Keys::Network { tills, handsets }, pins })
            }
            Way::Inside => {
                let mut numbers = 0_u64..;
                let mut make =
                    |count| numbers.by_ref().take(count).map(made_up_pin).collect::<Vec<_>>();
                let pins = Pins { tills: make(tills), handsets: make(handsets) };
                Ok(Self { keys: Keys::Inside, pins })
            }
        }
    }

    /// By what the gateway is to know everybody.
    #[must_use]
    pub const fn pins(&self) -> &Pins {
        &self.pins
    }
}

/// Without a network nobody shows a key, but everybody is entered with one.
fn made_up_pin(number: u64) -> KeyPin {
    let mut pin = [0; 32];
    for (place, byte) in pin.iter_mut().zip(number.to_be_bytes()) {
        *place = byte;
    }
    KeyPin(pin)
}

/// All terminals and handsets, connected, in the order of the population.
#[derive(Debug, Default)]
pub struct Fleet {
    /// The tills.
    pub terminals: Vec<Terminal>,
    /// The handsets, each with what happens to it.
    pub handsets: Vec<(Handset, Events)>,
}

/// Makes connectors for everybody.
struct Roads<'a> {
    site: &'a Site,
    keyring: &'a Keyring,
    address: SocketAddr,
    root: RootPin,
    endpoints: Vec<Endpoint>,
}

impl Fleet {
    /// Connects everybody; `connected` is called with the number of connections that stand.
    ///
    /// # Errors
    /// [`FleetError`] of the first that cannot connect.
    pub async fn connect(
        site: &Site,
        population: &Population,
        keyring: &Keyring,
        connected: impl Fn(usize) + Send + Sync + 'static,
    ) -> Result<Self, FleetError> {
        let roads = Roads::new(site, keyring)?;
        let gate = Arc::new(Gate {
            free: Semaphore::new(CONNECTING),
            count: AtomicUsize::new(0),
            connected,
        });
        let options = options(site.options().prompt);
        let mut tills = JoinSet::new();
        for (number, till) in population.tills.iter().enumerate() {
            let connector = roads.of_till(number, Peer::Terminal(till.id))?;
            let (gate, options, id) = (Arc::clone(&gate), options.clone(), till.id);
            tills.spawn(async move {
                let connecting = Terminal::connect(connector, id, options);
                (number, gate.pass(&id, connecting).await)
            });
        }
        let terminals = in_order(tills, population.tills.len()).await?;
        let mut phones = JoinSet::new();
        for (number, customer) in population.customers.iter().enumerate() {
            let peer = Peer::Handset(customer.id, customer.device);
            let connector = roads.of_handset(number, peer)?;
            let id = wire::Handset { customer: customer.id, device: customer.device };
            let server = customer.secrets().device_keys().server.clone();
            let (gate, options) = (Arc::clone(&gate), options.clone());
            phones.spawn(async move {
                let connecting = Handset::connect(connector, id, server, 0, options);
                (number, gate.pass(&id, connecting).await)
            });
        }
        let handsets = in_order(phones, population.customers.len()).await?;
        Ok(Self { terminals, handsets })
    }
}

/// Waits for all tasks and puts what they made in the order of its numbers.
async fn in_order<T: 'static>(
    mut tasks: JoinSet<(usize, Result<T, FleetError>)>,
    count: usize,
) -> Result<Vec<T>, FleetError> {
    let mut made = Vec::with_capacity(count);
    while let Some(task) = tasks.join_next().await {
        let (number, result) = task?;
        made.push((number, result?));
    }
    made.sort_unstable_by_key(|(number, _)| *number);
    Ok(made.into_iter().map(|(_, made)| made).collect())
}

/// Lets a bounded number of peers connect at a time.
struct Gate<F> {
    free: Semaphore,
    count: AtomicUsize,
    connected: F,
}

impl<F: Fn(usize)> Gate<F> {
    async fn pass<T>(
        &self,
        who: &impl std::fmt::Display,
        connecting: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, FleetError> {
        // The semaphore is never closed, so that there is always a permit in the end.
        let permit = self.free.acquire().await;
        let result = connecting.await;
        drop(permit);
        let made = result.map_err(|source| FleetError::Connect { who: who.to_string(), source })?;
        (self.connected)(self.count.fetch_add(1, Ordering::Relaxed).saturating_add(1));
        Ok(made)
    }
}

fn options(prompt: Duration) -> Options {
    Options {
        software: wire::SoftwareName::new(concat!("kessai-loadgen ", env!("CARGO_PKG_VERSION")))
            .ok(),
        connect_within: Duration::from_secs(60),
        greet_within: Duration::from_secs(20),
        call_within: PATIENCE,
        pay_within: prompt.saturating_add(PATIENCE),
        ..Options::default()
    }
}

impl<'a> Roads<'a> {
    fn new(site: &'a Site, keyring: &'a Keyring) -> Result<Self, FleetError> {
        let sockets = match keyring.keys {
            Keys::Network { .. } => SOCKETS,
            Keys::Inside => 0,
        };
        let free_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let endpoints = (0..sockets).map(|_| endpoint(free_port)).collect::<Result<_, _>>()?;
        let root = RootPin(site.root_pin()?.0);
        Ok(Self { site, keyring, address: site.address()?, root, endpoints })
    }

    fn of_till(&self, number: usize, peer: Peer) -> Result<Arc<dyn Connector>, FleetError> {
        match &self.keyring.keys {
            Keys::Network { tills, .. } => self.over_network(number, tills.get(number)),
            Keys::Inside => Ok(self.inside(peer)),
        }
    }

    fn of_handset(&self, number: usize, peer: Peer) -> Result<Arc<dyn Connector>, FleetError> {
        match &self.keyring.keys {
            Keys::Network { handsets, .. } => self.over_network(number, handsets.get(number)),
            Keys::Inside => Ok(self.inside(peer)),
        }
    }

    fn over_network(
        &self,
        number: usize,
        key: Option<&PeerKey>,
    ) -> Result<Arc<dyn Connector>, FleetError> {
        let missing = |what: &str| FleetError::Connect {
            who: format!("peer {number}"),
            source: ConnectError::Setup(format!("there is no {what} for it")),
        };
        let key = key.ok_or_else(|| missing("key"))?;
        let place = number.checked_rem(self.endpoints.len()).unwrap_or(0);
        let endpoint = self.endpoints.get(place).cloned().ok_or_else(|| missing("socket"))?;
        let options = QuicOptions::default();
        QuicConnector::new(endpoint, self.address, self.root, key, &options)
            .map(|connector| -> Arc<dyn Connector> { Arc::new(connector) })
            .map_err(|source| FleetError::Connect { who: format!("peer {number}"), source })
    }

    fn inside(&self, peer: Peer) -> Arc<dyn Connector> {
        Arc::new(Inside::new(self.site.place(), peer))
    }
}

/// A connection's name where there is no TLS to give it one.
fn made_up_channel() -> ChannelBinding {
    ChannelBinding(rand::random())
}
