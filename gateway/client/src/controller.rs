//! Speaks for a store controller: many terminals of one merchant over one connection.

use std::fmt;
use std::sync::Arc;

use kessai_terms::{ControllerId, JournalReceipt, TerminalId};
use kessai_wire::Identity;

use crate::connector::Connector;
use crate::error::ConnectError;
use crate::line::{Caller, Quiet};
use crate::options::Options;
use crate::terminal::Terminal;

/// Carries the terminals of one merchant over one connection, with one key.
///
/// Clones, and the terminals, share the connection, which ends with the last of them.
#[derive(Clone)]
pub struct Controller {
    id: ControllerId,
    caller: Caller,
    options: Options,
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Controller {
    /// Connects, and returns when the gateway has said welcome.
    ///
    /// From then on a lost connection is made anew, for as long as the controller or one of its
    /// terminals is there.
    ///
    /// # Errors
    /// [`ConnectError`] if the gateway cannot be reached in time, is not the pinned one, or does
    /// not want this peer.
    pub async fn connect(
        connector: Arc<dyn Connector>,
        id: ControllerId,
        options: Options,
    ) -> Result<Self, ConnectError> {
        let caller = Caller::connect(connector, Quiet(Identity::Controller(id)), &options).await?;
        Ok(Self { id, caller, options })
    }

    /// Tells which controller this is.
    pub const fn id(&self) -> ControllerId {
        self.id
    }

    /// Tells the highest receipt of the gateway's journal that has come over this connection or the
    /// ones before it, or was [given](Options::receipt). A program that may be ended keeps it.
    pub fn highest_receipt(&self) -> Option<JournalReceipt> {
        self.caller.highest_receipt()
    }

    /// Speaks for one of the terminals: at once, without a word to the gateway, which refuses what
    /// is asked in the name of a terminal that is not of this controller's merchant.
    pub fn terminal(&self, id: TerminalId) -> Terminal {
        Terminal::on(self.caller.clone(), id, &self.options)
    }
}
