//! The way to a gateway in this process, without a network.

use kessai_client::terms::collation::ChannelBinding;
use kessai_client::{ConnectError, Connecting, Connector, Link};
use kessai_engine::Peer;

use crate::site::Door;

/// Connects one peer through channels.
pub(super) struct Inside {
    door: Door,
    peer: Peer,
}

impl Inside {
    pub(super) const fn new(door: Door, peer: Peer) -> Self {
        Self { door, peer }
    }

    fn link(&self) -> Result<Link, ConnectError> {
        // A connection's name where there is no TLS to give it one.
        let channel = ChannelBinding(rand::random());
        let link = self.door.with(|gateway| gateway.local(self.peer, channel));
        let link = link.map_err(|stopped| ConnectError::Unreachable(stopped.to_string()))?;
        Ok(Link::from_channels(channel, link.requests, link.messages))
    }
}

impl Connector for Inside {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(std::future::ready(self.link()))
    }
}
