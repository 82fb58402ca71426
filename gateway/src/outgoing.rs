//! The way back to a peer: a bounded queue of messages for one stream.
//!
//! Nothing here waits. A peer that does not read what it asked for fills its queue, and is then
//! disconnected: it can ask again, everything it asks is idempotent.

use std::sync::Arc;

use kessai_engine::Peer;
use kessai_wire::{CloseCode, Message, Push};
use tokio::sync::mpsc;

use crate::reply::Counted;
use crate::session::MAX_IN_FLIGHT_OF_MANY;

/// Messages that may wait for one stream of a peer that speaks for one.
pub(crate) const QUEUE: usize = 256;

/// Messages that may wait for one stream of a peer that speaks for many: the answers to all that it
/// may have asked at once, and as many prompts and notices again. Room is taken as it is needed.
const QUEUE_OF_MANY: usize = 2 * 4_096;

const _: () = {
    // No `usize::from` in a constant; both are far below 2^32.
    #[expect(clippy::as_conversions, reason = "widens")]
    let asked = MAX_IN_FLIGHT_OF_MANY as usize;
    assert!(QUEUE_OF_MANY == 2 * asked, "who asks no more than it may is never called slow");
};

/// How many messages may wait for one stream of `peer`.
pub(crate) const fn queue_of(peer: &Peer) -> usize {
    match peer {
        Peer::Terminal(_) | Peer::Handset(..) => QUEUE,
        Peer::Controller(..) | Peer::Hub(_) => QUEUE_OF_MANY,
    }
}

/// Ends a connection, whatever carries it.
pub(crate) trait Close: Send + Sync {
    /// Ends it with `code`; ending it twice does nothing.
    fn close(&self, code: CloseCode);
}

/// A message on its way. The request that it answers counts as unanswered until this is dropped,
/// which is when it has been written.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) message: Message,
    #[expect(dead_code, reason = "held, and dropped with the message")]
    pub(crate) counted: Option<Counted>,
}

/// Sends messages over one stream.
#[derive(Clone)]
pub(crate) struct Outgoing {
    queue: mpsc::Sender<Queued>,
    connection: Arc<dyn Close>,
}

impl Outgoing {
    /// Makes a queue of `most` messages for a stream of `connection`, and the end to send from.
    pub(crate) fn new(connection: Arc<dyn Close>, most: usize) -> (Self, mpsc::Receiver<Queued>) {
        let (queue, messages) = mpsc::channel(most);
        (Self { queue, connection }, messages)
    }

    /// Queues a message; a peer that has gone is not missed.
    pub(crate) fn send(&self, queued: Queued) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(queued) {
            self.close(CloseCode::TooSlow);
        }
    }

    /// Queues a push.
    pub(crate) fn push(&self, push: Push) {
        self.send(Queued { message: Message::Push(push), counted: None });
    }

    /// Says whether the stream has gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Ends the connection that the stream belongs to.
    pub(crate) fn close(&self, code: CloseCode) {
        self.connection.close(code);
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("free", &self.queue.capacity()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kessai_wire::{CloseCode, Push};

    use super::{Outgoing, QUEUE};
    use crate::testing::Closed;

    const PUSH: Push = Push::Draining { reconnect_after_ms: 0 };

    #[test]
    fn a_peer_that_does_not_read_is_disconnected() {
        let closed = Arc::new(Closed::default());
        let (stream, messages) = Outgoing::new(Arc::<Closed>::clone(&closed), QUEUE);
        for _ in 0..QUEUE {
            stream.push(PUSH);
        }
        assert_eq!(closed.code(), None, "a full queue is no fault yet");
        stream.push(PUSH);
        assert_eq!(closed.code(), Some(CloseCode::TooSlow));
        drop(messages);
    }

    #[test]
    fn a_peer_that_has_gone_is_not_missed() {
        let closed = Arc::new(Closed::default());
        let (stream, messages) = Outgoing::new(Arc::<Closed>::clone(&closed), QUEUE);
        drop(messages);
        stream.push(PUSH);
        assert!(stream.is_closed());
        assert_eq!(closed.code(), None);
    }
}
