//! The way to a gateway in this process, without a network.

use std::sync::{Arc, PoisonError};

use kessai_client::{ConnectError, Connecting, Connector, Link};
use kessai_engine::Peer;

use super::made_up_channel;
use crate::site::Place;

/// Connects one peer through channels.
pub(super) struct Inside {
    gateway: Arc<Place>,
    peer: Peer,
}

impl Inside {
    pub(super) const fn new(gateway: Arc<Place>, peer: Peer) -> Self {
        Self { gateway, peer }
    }

    fn link(&self) -> Result<Link, ConnectError> {
        let gateway = self.gateway.lock().unwrap_or_else(PoisonError::into_inner);
        let gateway = gateway.as_ref();
        let gateway =
            gateway.ok_or_else(|| ConnectError::Unreachable("the gateway has stopped".into()))?;
        let channel = made_up_channel();
        let link = gateway.local(self.peer, channel);
        Ok(Link::from_channels(channel, link.requests, link.messages))
    }
}

impl Connector for Inside {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(std::future::ready(self.link()))
    }
}
