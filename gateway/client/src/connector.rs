//! Says how connections are made: the seam between the calls and the network.

use std::pin::Pin;
use std::sync::Arc;

use crate::error::ConnectError;
use crate::link::Link;

/// Is what [`Connector::connect`] returns.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = Result<Link, ConnectError>> + Send + 'a>>;

/// Makes connections to the gateway, one at a time, as often as they are lost.
pub trait Connector: Send + Sync {
    /// Makes a new connection. Nothing has been said on it yet.
    ///
    /// The attempt is dropped when it takes too long.
    fn connect(&self) -> Connecting<'_>;
}

impl<C: Connector + ?Sized> Connector for Arc<C> {
    fn connect(&self) -> Connecting<'_> {
        self.as_ref().connect()
    }
}
