//! Makes a connector for each peer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kessai_client::{
    ConnectError, Connector, Endpoint, QuicConnector, QuicLoad, QuicOptions, RootPin, endpoint,
};
use kessai_engine::Peer;

use super::inside::Inside;
use super::upkeep::{Barrier, Behind, Keeper, Upkeep};
use super::{FleetError, Road};
use crate::keyring::{Holder, Keyring};
use crate::site::Door;

/// UDP sockets that all connections share.
const SOCKETS: usize = 4;

pub(super) struct Roads<'a> {
    keyring: Keyring,
    upkeep: &'a Upkeep,
    road: Paved<'a>,
    /// Counts connectors, which take sockets in turn.
    made: AtomicUsize,
}

/// A road, with what it takes to go there.
enum Paved<'a> {
    Network { gateway: SocketAddr, root: RootPin, endpoints: Vec<Endpoint> },
    Inside(&'a Door),
}

/// The line of one connection: the way to connect by it, and who can cut it.
pub(super) struct Line {
    pub(super) connector: Arc<dyn Connector>,
    pub(super) keeper: Keeper,
}

impl<'a> Roads<'a> {
    pub(super) fn new(
        road: &'a Road,
        keyring: Keyring,
        upkeep: &'a Upkeep,
    ) -> Result<Self, FleetError> {
        let road = match road {
            Road::Network(gateway, root) => {
                let own = SocketAddr::from((side_of(gateway.ip()), 0));
                let endpoints = (0..SOCKETS).map(|_| endpoint(own)).collect::<Result<_, _>>()?;
                Paved::Network { gateway: *gateway, root: *root, endpoints }
            }
            Road::Inside(door) => Paved::Inside(door),
        };
        Ok(Self { keyring, upkeep, road, made: AtomicUsize::new(0) })
    }

    /// Leads a peer that speaks for itself.
    pub(super) fn of_one(&self, holder: Holder, peer: Peer) -> Result<Line, FleetError> {
        self.of(holder, peer, QuicLoad::One)
    }

    /// Leads a peer that speaks for many.
    pub(super) fn of_many(&self, holder: Holder, peer: Peer) -> Result<Line, FleetError> {
        self.of(holder, peer, QuicLoad::Many)
    }

    fn of(&self, holder: Holder, peer: Peer, load: QuicLoad) -> Result<Line, FleetError> {
        let connector: Arc<dyn Connector> = match &self.road {
            Paved::Inside(door) => Arc::new(Inside::new((*door).clone(), peer)),
            Paved::Network { gateway, root, endpoints } => {
                Arc::new(self.over_network(holder, load, (*gateway, *root), endpoints)?)
            }
        };
        let (keeper, line) = Barrier::kept();
        let barrier = self.upkeep.barrier.clone();
        Ok(Line { keeper, connector: Arc::new(Behind { barrier, line, connector }) })
    }

    fn over_network(
        &self,
        holder: Holder,
        load: QuicLoad,
        (gateway, root): (SocketAddr, RootPin),
        endpoints: &[Endpoint],
    ) -> Result<QuicConnector, FleetError> {
        let failed = |source| FleetError::Connect { who: format!("{holder:?}"), source };
        let turn = self.made.fetch_add(1, Ordering::Relaxed).checked_rem(endpoints.len());
        let socket = turn.and_then(|turn| endpoints.get(turn));
        let socket = socket.cloned().ok_or_else(|| {
            failed(ConnectError::Setup("there is no socket to go out by".to_owned()))
        })?;
        let key = self.keyring.key(holder)?;
        let keep_alive = self.upkeep.keep_alive;
        let options = QuicOptions { load, keep_alive, ..QuicOptions::default() };
        QuicConnector::new(socket, gateway, root, &key, &options).map_err(failed)
    }
}

/// The address to go out by: never further than to this machine if the gateway is on it.
pub(crate) fn side_of(gateway: IpAddr) -> IpAddr {
    match gateway {
        IpAddr::V4(address) if address.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(address) if address.is_loopback() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
