//! Is a handset's side of its line: attaches, and lays what is pushed before the customer.

use std::sync::Arc;

use kessai_terms::collation::{ChannelBinding, hub_channel_binding};
use kessai_wire::{HandsetRequest, Identity, MessageError, Push, Request, Welcome};

use crate::error::{ConnectError, Distrust};
use crate::handset::desk::{Desk, Way};
use crate::line::{Generation, Overflow, Role};

pub(super) struct Phone(Arc<Desk>);

impl Phone {
    pub(super) const fn new(desk: Arc<Desk>) -> Self {
        Self(desk)
    }
}

impl Role for Phone {
    fn identity(&self) -> Identity {
        Identity::Handset(self.0.id())
    }

    fn connected(
        &mut self,
        generation: Generation,
        channel: ChannelBinding,
        welcome: &Welcome,
    ) -> Result<Option<Request>, ConnectError> {
        let id = self.0.id();
        let (channel, hub_proof) = match (self.0.way(), &welcome.hub_nonce) {
            (Way::Own, _) => (channel, None),
            // The connection is the hub's: what is proved must be bound to this handset as well.
            (Way::Hub(key), Some(nonce)) => (
                hub_channel_binding(&channel, &id.device, nonce),
                Some(key.attach(&channel, &id.device, nonce)),
            ),
            (Way::Hub(_), None) => {
                return Err(ConnectError::Greeting("this is no connection of a hub".into()));
            }
        };
        let seen = self.0.connected(generation, channel);
        Ok(Some(Request::Handset(id, HandsetRequest::Attach { seen, hub_proof })))
    }

    fn pushed(&mut self, push: Push) -> Result<(), Overflow> {
        match push {
            Push::Draining { .. } => Ok(()),
            Push::Prompt(to, _) | Push::Notice(to, _) if to != self.0.id() => {
                self.0.distrust(Distrust::NotForUs)
            }
            Push::Prompt(_, prompt) => self.0.prompted(&prompt),
            Push::Notice(_, signed) => self.0.notified(None, &signed),
        }
    }

    fn garbled(&mut self, error: MessageError) -> Result<(), Overflow> {
        self.0.distrust(error.into())
    }

    fn lost(&mut self, why: &ConnectError) {
        self.0.lost(why);
    }
}

impl Drop for Phone {
    /// The line has ended: whoever waits must not wait for ever.
    fn drop(&mut self) {
        self.0.over();
    }
}
