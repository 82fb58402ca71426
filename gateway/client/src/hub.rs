//! Speaks for a carrier hub: many handsets over one connection.
//!
//! The hub sees every message and can make none: what attaches a handset, and what tags its proofs,
//! is made with a key that the hub does not have. So each handset keeps a line of its own, as it
//! would to the gateway, and the hub is what that line leads through.

mod board;
mod relay;

use std::fmt;
use std::sync::Arc;

use kessai_terms::HubId;
use kessai_terms::collation::{DeviceKey, ServerKey};
use kessai_wire::Handset as HandsetId;

use crate::connector::{Connecting, Connector};
use crate::error::ConnectError;
use crate::handset::{Events, Handset};
use crate::hub::board::{Board, Operator};
use crate::hub::relay::Relay;
use crate::line::Caller;
use crate::link::Link;
use crate::options::Options;

/// Carries handsets over one connection, with one key.
///
/// Clones, routes and handsets share the connection, which ends with the last of them.
#[derive(Clone)]
pub struct Hub {
    id: HubId,
    caller: Caller,
    board: Arc<Board>,
    options: Arc<Options>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Hub {
    /// Connects, and returns when the gateway has said welcome.
    ///
    /// From then on a lost connection is made anew, for as long as the hub, or anything that leads
    /// through it, is there; the handsets then attach again by themselves.
    ///
    /// # Errors
    /// [`ConnectError`] if the gateway cannot be reached in time, is not the pinned one, or does
    /// not take this peer for a hub.
    pub async fn connect(
        connector: Arc<dyn Connector>,
        id: HubId,
        options: Options,
    ) -> Result<Self, ConnectError> {
        let board = Arc::new(Board::default());
        let operator = Operator::new(id, Arc::clone(&board));
        let caller = Caller::connect(connector, operator, &options).await?;
        Ok(Self { id, caller, board, options: Arc::new(options) })
    }

    /// Tells which hub this is.
    pub const fn id(&self) -> HubId {
        self.id
    }

    /// Leads one handset through this hub, for [`Handset::connect_through_hub`].
    ///
    /// A handset has one route at a time: a new connection over it ends the older one.
    pub fn route(&self, handset: HandsetId) -> HubRoute {
        HubRoute { hub: self.clone(), handset }
    }

    /// Connects a handset through this hub, where both are in one program.
    ///
    /// # Errors
    /// [`ConnectError`] as in [`Handset::connect_through_hub`].
    pub async fn handset(
        &self,
        id: HandsetId,
        server: ServerKey,
        device: DeviceKey,
        seen: u64,
        options: Options,
    ) -> Result<(Handset, Events), ConnectError> {
        let route = Arc::new(self.route(id));
        Handset::connect_through_hub(route, id, server, device, seen, options).await
    }
}

/// Connects one handset to the gateway through a [`Hub`].
#[derive(Clone, Debug)]
pub struct HubRoute {
    hub: Hub,
    handset: HandsetId,
}

impl HubRoute {
    async fn open(&self) -> Result<Link, ConnectError> {
        let Hub { caller, board, options, .. } = &self.hub;
        loop {
            let standing = board.standing().await?;
            // Lost again in between, if there is no place.
            let Some(place) = board.plug_in(self.handset, &standing) else { continue };
            let link = Link::from_channels(standing.channel, place.outgoing, place.incoming)
                .closing_with(place.closed);
            let relay = Relay {
                caller: caller.clone(),
                board: Arc::clone(board),
                handset: self.handset,
                plug: place.plug,
                standing,
                call_within: options.call_within,
            };
            tokio::spawn(relay.run(place.requests));
            return Ok(link);
        }
    }
}

impl Connector for HubRoute {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(self.open())
    }
}
