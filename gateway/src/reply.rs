//! The answer to one request: where it goes and who hears it, counted until it is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kessai_engine::terms::Reason;
use kessai_wire::{Answer, Message, Refusal, RequestId};

use crate::counters::ByReason;
use crate::outgoing::{Outgoing, Queued};

/// How long to advise a peer to wait after a refusal for want of room, in milliseconds.
const PAUSE_MS: u32 = 1_000;

/// Counts the requests of one connection whose answer is not written yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<Requests>);

#[derive(Debug, Default)]
struct Requests {
    unanswered: AtomicU32,
    /// Of all connections.
    refused: Arc<ByReason>,
}

impl InFlight {
    /// Counts none yet; what is refused is added to `refused`.
    pub(crate) fn new(refused: Arc<ByReason>) -> Self {
        Self(Arc::new(Requests { unanswered: AtomicU32::new(0), refused }))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        self.0.unanswered.load(Ordering::Relaxed)
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, reason: Reason) {
        self.0.refused.note(reason);
    }

    /// Counts one more, up to `limit`.
    pub(crate) fn begin(&self, limit: u32) -> Option<Counted> {
        self.0
            .unanswered
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                (count < limit).then(|| count.saturating_add(1))
            })
            .ok()
            .map(|_| Counted(self.clone()))
    }
}

/// One request without a written answer.
#[derive(Debug)]
pub(crate) struct Counted(InFlight);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.unanswered.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Who hears an answer: a shop is told less than a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    Shop,
    Customer,
}

/// Where the answer to one request goes: on the request's stream, once.
#[derive(Debug)]
pub(crate) struct Reply {
    request: RequestId,
    stream: Outgoing,
    audience: Audience,
    /// None for a request that was one too many.
    counted: Option<Counted>,
}

impl Reply {
    pub(crate) const fn new(
        request: RequestId,
        stream: Outgoing,
        audience: Audience,
        counted: Option<Counted>,
    ) -> Self {
        Self { request, stream, audience, counted }
    }

    /// Says whether the connection has gone, so that nobody would hear the answer.
    pub(crate) fn is_unheard(&self) -> bool {
        self.stream.is_closed()
    }

    /// Answers the request.
    pub(crate) fn answer(self, answer: Answer) {
        let message = Message::Answer(self.request, answer);
        self.stream.send(Queued { message, counted: self.counted });
    }

    /// Refuses the request.
    pub(crate) fn refuse(self, reason: Reason) {
        let refusal = self.refusal(reason);
        self.answer(refusal);
    }

    /// The refusal as this request's peer may hear it; counted as it is.
    pub(crate) fn refusal(&self, reason: Reason) -> Answer {
        if let Some(Counted(in_flight)) = &self.counted {
            in_flight.refused(reason);
        }
        Answer::Refusal(match self.audience {
            Audience::Shop => Refusal::to_terminal(reason, PAUSE_MS),
            Audience::Customer => Refusal::to_handset(reason, PAUSE_MS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::InFlight;

    #[test]
    fn a_request_counts_until_it_is_dropped() {
        let in_flight = InFlight::default();
        let first = in_flight.begin(2);
        let second = in_flight.begin(2);
        assert!(first.is_some() && second.is_some());
        assert!(in_flight.begin(2).is_none());
        drop(first);
        assert!(in_flight.begin(2).is_some());
    }
}
