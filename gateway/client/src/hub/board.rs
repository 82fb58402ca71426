//! Knows which handsets are plugged into a hub's connection, and hands each what is for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kessai_terms::HubId;
use kessai_terms::collation::ChannelBinding;
use kessai_wire::{
    CloseCode, Handset as HandsetId, Identity, Message, MessageError, Push, Request, Welcome, v1,
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::ConnectError;
use crate::line::{Generation, Overflow, Role};

/// How many requests of one handset may lie between its line and the hub's.
const MOST_REQUESTS: usize = 8;
/// How many messages may wait for one handset.
const MOST_MESSAGES: usize = 64;

/// Is what routes, relays and the hub's line share.
pub(super) struct Board {
    plugs: Mutex<Plugs>,
    state: watch::Sender<State>,
}

#[derive(Default)]
struct Plugs {
    /// Of the connection that stands.
    generation: Option<Generation>,
    by_handset: HashMap<HandsetId, Plugged>,
    last: u64,
}

struct Plugged {
    plug: Plug,
    messages: mpsc::Sender<v1::ToPeer>,
    closing: oneshot::Sender<CloseCode>,
}

/// Tells one plugging of a handset from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plug(u64);

/// Is a connection of the hub.
pub(super) struct Standing {
    pub(super) generation: Generation,
    pub(super) channel: ChannelBinding,
    pub(super) welcome: Welcome,
}

enum State {
    Between,
    Stands(Arc<Standing>),
    Over(ConnectError),
}

/// Is what a handset's line and its relay get.
pub(super) struct Place {
    pub(super) plug: Plug,
    pub(super) outgoing: mpsc::Sender<v1::ToGateway>,
    pub(super) requests: mpsc::Receiver<v1::ToGateway>,
    pub(super) incoming: mpsc::Receiver<v1::ToPeer>,
    pub(super) closed: oneshot::Receiver<CloseCode>,
}

impl Default for Board {
    fn default() -> Self {
        Self { plugs: Mutex::default(), state: watch::Sender::new(State::Between) }
    }
}

impl Board {
    fn plugs(&self) -> MutexGuard<'_, Plugs> {
        self.plugs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a connection stands.
    pub(super) async fn standing(&self) -> Result<Arc<Standing>, ConnectError> {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| !matches!(state, State::Between)).await;
        match settled.as_deref() {
            Ok(State::Stands(standing)) => Ok(Arc::clone(standing)),
            Ok(State::Over(why)) => Err(why.clone()),
            Ok(State::Between) | Err(_) => Err(ConnectError::Unreachable("the hub is gone".into())),
        }
    }

    /// Plugs a handset in, unless the connection does not stand any more.
    pub(super) fn plug_in(&self, handset: HandsetId, standing: &Standing) -> Option<Place> {
        let mut plugs = self.plugs();
        if plugs.generation != Some(standing.generation) {
            return None;
        }
        plugs.last = plugs.last.wrapping_add(1);
        let plug = Plug(plugs.last);
        let (outgoing, requests) = mpsc::channel(MOST_REQUESTS);
        let (messages, incoming) = mpsc::channel(MOST_MESSAGES);
        let (closing, closed) = oneshot::channel();
        let plugged = Plugged { plug, messages, closing };
        if let Some(older) = plugs.by_handset.insert(handset, plugged) {
            // If the older one is gone by itself, it need not be told.
            older.closing.send(CloseCode::Superseded).ok();
        }
        Some(Place { plug, outgoing, requests, incoming, closed })
    }

    /// Hands a message to a handset, if this plug is still in; one that does not read is pulled
    /// out, and what it is owed comes again when it comes back.
    pub(super) fn answer(&self, handset: &HandsetId, plug: Plug, message: v1::ToPeer) {
        let mut plugs = self.plugs();
        if plugs.by_handset.get(handset).is_some_and(|plugged| plugged.plug == plug) {
            plugs.hand(handset, message);
        }
    }

    /// Pulls a plug out, if it is still in.
    pub(super) fn pull(&self, handset: &HandsetId, plug: Plug, code: CloseCode) {
        let mut plugs = self.plugs();
        if plugs.by_handset.get(handset).is_some_and(|plugged| plugged.plug == plug)
            && let Some(plugged) = plugs.by_handset.remove(handset)
        {
            // If it has hung up by itself, it need not be told.
            plugged.closing.send(code).ok();
        }
    }
}

impl Plugs {
    fn hand(&mut self, handset: &HandsetId, message: v1::ToPeer) {
        if let Some(plugged) = self.by_handset.get(handset)
            && plugged.messages.try_send(message).is_err()
        {
            self.by_handset.remove(handset);
        }
    }
}

/// Is a hub's side of its line.
pub(super) struct Operator {
    id: HubId,
    board: Arc<Board>,
    why: Option<ConnectError>,
}

impl Operator {
    pub(super) const fn new(id: HubId, board: Arc<Board>) -> Self {
        Self { id, board, why: None }
    }
}

impl Role for Operator {
    fn identity(&self) -> Identity {
        Identity::Hub(self.id)
    }

    fn connected(
        &mut self,
        generation: Generation,
        channel: ChannelBinding,
        welcome: &Welcome,
    ) -> Result<Option<Request>, ConnectError> {
        if welcome.hub_nonce.is_none() {
            return Err(ConnectError::Greeting("it gives no nonce, as to a hub".into()));
        }
        let standing = Standing { generation, channel, welcome: welcome.clone() };
        let mut plugs = self.board.plugs();
        plugs.generation = Some(generation);
        self.board.state.send_replace(State::Stands(Arc::new(standing)));
        Ok(None)
    }

    fn pushed(&mut self, push: Push) -> Result<(), Overflow> {
        match &push {
            // The line heeds it, and the handsets come after it.
            Push::Draining { .. } => {}
            Push::Prompt(to, _) | Push::Notice(to, _) => {
                let to = *to;
                let message = v1::ToPeer::from(&Message::Push(push));
                // One that has just hung up is told when it comes back.
                self.board.plugs().hand(&to, message);
            }
        }
        Ok(())
    }

    fn garbled(&mut self, error: MessageError) -> Result<(), Overflow> {
        tracing::debug!(%error, "a push that cannot be read is for no handset");
        Ok(())
    }

    fn lost(&mut self, why: &ConnectError) {
        self.why = Some(why.clone());
        let mut plugs = self.board.plugs();
        plugs.generation = None;
        plugs.by_handset.clear();
        self.board.state.send_replace(State::Between);
    }
}

impl Drop for Operator {
    /// The line has ended: no route leads anywhere any more.
    fn drop(&mut self) {
        let why = self.why.take();
        let why = why.unwrap_or_else(|| ConnectError::Unreachable("the hub is gone".into()));
        let mut plugs = self.board.plugs();
        plugs.generation = None;
        plugs.by_handset.clear();
        self.board.state.send_replace(State::Over(why));
    }
}
