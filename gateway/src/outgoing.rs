//! The way back to a peer: a bounded queue of messages for one stream.
//!
//! Nothing here waits. A peer that does not read what it asked for fills its queue, and is then
//! disconnected: it can ask again, everything it asks is idempotent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kessai_wire::{Answer, CloseCode, Message, Push, RequestId};
use tokio::sync::mpsc;

/// Messages that may wait for one stream.
const QUEUE: usize = 256;

/// Ends a connection, whatever carries it.
pub(crate) trait Close: Send + Sync {
    /// Ends it with `code`; ending it twice does nothing.
    fn close(&self, code: CloseCode);
}

/// Sends messages over one stream.
#[derive(Clone)]
pub(crate) struct Outgoing {
    queue: mpsc::Sender<Message>,
    connection: Arc<dyn Close>,
}

impl Outgoing {
    /// Makes a queue for a stream of `connection`, and the end to send from.
    pub(crate) fn new(connection: Arc<dyn Close>) -> (Self, mpsc::Receiver<Message>) {
        let (queue, messages) = mpsc::channel(QUEUE);
        (Self { queue, connection }, messages)
    }

    /// Queues `message`; a peer that has gone is not missed.
    pub(crate) fn send(&self, message: Message) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(message) {
            self.close(CloseCode::TooSlow);
        }
    }

    /// Queues a push.
    pub(crate) fn push(&self, push: Push) {
        self.send(Message::Push(push));
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

/// Counts the requests of one connection that have no answer yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<AtomicU32>);

impl InFlight {
    /// Counts one more, up to `limit`.
    pub(crate) fn begin(&self, limit: u32) -> Option<Counted> {
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                (count < limit).then(|| count.saturating_add(1))
            })
            .ok()
            .map(|_| Counted(self.clone()))
    }
}

/// One request without an answer.
#[derive(Debug)]
pub(crate) struct Counted(InFlight);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Where the answer to one request goes: on the request's stream, once.
#[derive(Debug)]
pub(crate) struct Reply {
    request: RequestId,
    stream: Outgoing,
    _counted: Counted,
}

impl Reply {
    pub(crate) const fn new(request: RequestId, stream: Outgoing, counted: Counted) -> Self {
        Self { request, stream, _counted: counted }
    }

    /// Says whether the connection has gone, so that nobody would hear the answer.
    pub(crate) fn is_unheard(&self) -> bool {
        self.stream.queue.is_closed()
    }

    /// Answers the request.
    pub(crate) fn answer(self, answer: Answer) {
        self.stream.send(Message::Answer(self.request, answer));
    }
}
