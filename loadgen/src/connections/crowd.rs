//! Who connects: peers of a provision, each with its own key, over few sockets.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use kessai_client::wire::{Handset, Identity};
use kessai_client::{
    ConnectError, Endpoint, Presence, QuicConnector, QuicOptions, RootPin, endpoint, rebind,
};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::failure::Failure;
use super::hole::Hole;
use crate::audit::Baseline;
use crate::fleet::FleetError;
use crate::keyring::{Holder, Keyring};
use crate::population::Population;

/// Whose keys connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Peers {
    /// Each attaches, and may change its address
    Handsets,
    /// The gateway closes a connection whose address changes
    Terminals,
}

impl Peers {
    /// Names them, many.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handsets => "handsets",
            Self::Terminals => "terminals",
        }
    }

    /// Counts those that there are.
    pub(super) const fn count(self, population: &Population) -> usize {
        match self {
            Self::Handsets => population.customers.len(),
            Self::Terminals => population.tills.len(),
        }
    }
}

/// Where a crowd goes, and how its connections are kept.
#[derive(Debug, Clone)]
pub(super) struct Roads {
    pub(super) gateway: SocketAddr,
    pub(super) root: RootPin,
    /// The addresses to go out by.
    pub(super) from: Vec<IpAddr>,
    /// UDP sockets for each of them.
    pub(super) sockets: usize,
    pub(super) keep_alive: Option<Duration>,
}

/// One who connects.
pub(super) struct Visitor {
    identity: Identity,
    /// The last notice that a handset has seen.
    seen: u64,
    connector: Arc<QuicConnector>,
}

/// All who connect, and the sockets that they share.
pub(super) struct Crowd {
    visitors: Vec<Arc<Visitor>>,
    sockets: Vec<(Endpoint, SocketAddr)>,
}

impl Roads {
    /// Opens the sockets. It needs a tokio runtime.
    pub(super) fn sockets(&self) -> Result<Vec<(Endpoint, SocketAddr)>, FleetError> {
        let own = self.from.iter().map(|address| SocketAddr::new(*address, 0));
        let each = own.flat_map(|own| std::iter::repeat_n(own, self.sockets));
        each.map(|own| Ok((endpoint(own)?, own))).collect()
    }

    /// Leads somebody to the gateway by one of the sockets.
    pub(super) fn connector(
        &self,
        (endpoint, _own): &(Endpoint, SocketAddr),
        holder: Holder,
        keyring: Keyring,
    ) -> Result<QuicConnector, FleetError> {
        let key = keyring.key(holder)?;
        let options = QuicOptions { keep_alive: self.keep_alive, ..QuicOptions::default() };
        let connector =
            QuicConnector::new(endpoint.clone(), self.gateway, self.root, &key, &options);
        connector.map_err(|source| FleetError::Connect { who: format!("{holder:?}"), source })
    }
}

impl Crowd {
    /// Makes the first `count` peers of a kind up again, with their keys.
    pub(super) fn gather(
        roads: &Roads,
        sockets: Vec<(Endpoint, SocketAddr)>,
        (peers, count): (Peers, usize),
        population: &Population,
        (keyring, before): (Keyring, &Baseline),
    ) -> Result<Self, FleetError> {
        let mut visitors = Vec::with_capacity(count);
        for (place, socket) in (0..count).zip(sockets.iter().cycle()) {
            let found = match peers {
                Peers::Handsets => population.customers.get(place).map(|customer| {
                    let handset = Handset { customer: customer.id, device: customer.device };
                    let seen = before.customers.get(&customer.id).map_or(0, |entry| entry.notices);
                    (Identity::Handset(handset), seen, Holder::Handset(place))
                }),
                Peers::Terminals => population
                    .tills
                    .get(place)
                    .map(|till| (Identity::Terminal(till.id), 0, Holder::Till(place))),
            };
            let Some((identity, seen, holder)) = found else { break };
            let connector = Arc::new(roads.connector(socket, holder, keyring)?);
            visitors.push(Arc::new(Visitor { identity, seen, connector }));
        }
        Ok(Self { visitors, sockets })
    }

    /// Lends those who connect.
    pub(super) fn visitors(&self) -> &[Arc<Visitor>] {
        &self.visitors
    }

    /// Moves all connections to new local ports.
    pub(super) fn move_on(&self) -> std::io::Result<()> {
        self.sockets.iter().try_for_each(|(endpoint, own)| rebind(endpoint, *own))
    }

    /// Cuts all lines, so that neither side hears from the other, until they
    /// [move on](Self::move_on).
    pub(super) fn cut(&self) -> std::io::Result<()> {
        self.sockets.iter().try_for_each(|(endpoint, own)| {
            // An endpoint listens at the socket before as well, until it hears something at this.
            endpoint.rebind_abstract(Arc::new(Hole(*own)))?;
            endpoint.rebind_abstract(Arc::new(Hole(*own)))
        })
    }

    /// Waits until nothing is left of closed connections, or no longer than `within`.
    pub(super) async fn quiet(&self, within: Duration) {
        let all = async {
            for (endpoint, _own) in &self.sockets {
                endpoint.wait_idle().await;
            }
        };
        // What is left then does no harm: new connections have ids of their own.
        drop(timeout(within, all).await);
    }
}

impl Visitor {
    /// Connects and greets, once: a full handshake, at whose end the gateway knows who it is.
    ///
    /// # Errors
    /// [`ConnectError`] of this one attempt.
    pub(super) async fn greet(&self, within: Duration) -> Result<Presence, ConnectError> {
        let connector = Arc::<QuicConnector>::clone(&self.connector);
        Presence::open(connector, self.identity, within).await
    }

    /// Connects, greets and attaches, once: then the gateway can reach it.
    pub(super) async fn come(&self, within: Duration) -> Result<Presence, Failure> {
        let coming = async {
            let mut presence = self.greet(within).await?;
            if let Identity::Handset(handset) = self.identity {
                presence.attach(handset, self.seen).await?;
            }
            Ok(presence)
        };
        timeout(within, coming).await.unwrap_or(Err(ConnectError::TimedOut.into()))
    }

    /// Says that this one cannot connect, and why.
    pub(super) fn cannot(&self, source: ConnectError) -> FleetError {
        let who = match self.identity {
            Identity::Terminal(terminal) => terminal.to_string(),
            Identity::Handset(handset) => handset.to_string(),
            Identity::Controller(controller) => controller.to_string(),
            Identity::Hub(hub) => hub.to_string(),
        };
        FleetError::of(who, source)
    }
}
