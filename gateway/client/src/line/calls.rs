//! Knows which requests wait for an answer, and which wait to be sent.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use kessai_wire::{Answer, Call, Request, RequestId, Welcome, v1};

use crate::error::CallError;
use crate::line::order::{Order, Repeat};
use crate::line::{Generation, Overflow};
use crate::link::Link;

/// How many requests may wait to be sent. More wait at the caller's.
const MOST_WAITING: usize = 64;

/// How many requests may be unanswered, whatever the gateway allows.
const MOST_IN_FLIGHT: usize = 4096;

/// Holds the requests of one line.
pub(super) struct Calls {
    next: RequestId,
    sent: BTreeMap<RequestId, Box<Order>>,
    waiting: VecDeque<Box<Order>>,
    /// Of the connection that stands, or stood last.
    generation: Option<Generation>,
    route: Bytes,
    most_in_flight: usize,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            // The first number of every connection greets.
            next: RequestId::FIRST.next(),
            sent: BTreeMap::new(),
            waiting: VecDeque::new(),
            generation: None,
            route: Bytes::new(),
            most_in_flight: 0,
        }
    }
}

impl Calls {
    /// Takes note of a new connection.
    pub(super) fn open(&mut self, generation: Generation, welcome: &Welcome) {
        self.generation = Some(generation);
        self.route = welcome.route.clone();
        let most = usize::try_from(welcome.limits.max_in_flight).unwrap_or(usize::MAX);
        // A gateway that allows none would never be asked anything.
        self.most_in_flight = most.clamp(1, MOST_IN_FLIGHT);
    }

    /// Tells whether one more may wait; those whose callers gave up make room.
    pub(super) fn has_room(&mut self) -> bool {
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.retain(|order| !order.answer.is_closed());
        }
        self.waiting.len() < MOST_WAITING
    }

    pub(super) fn wait(&mut self, order: Box<Order>) {
        self.waiting.push_back(order);
    }

    /// Sends what must come first on a connection and has no caller.
    pub(super) fn send_first(&mut self, body: Request, link: &mut Link) -> RequestId {
        let request = self.number();
        let call = Call { request, route: self.route.clone(), body };
        // Attach is far below any limit.
        link.send(v1::ToGateway::from(&call)).ok();
        request
    }

    /// Sends what waits, as far as the gateway allows.
    pub(super) fn send(&mut self, link: &mut Link) {
        while self.sent.len() < self.most_in_flight {
            let Some(mut order) = self.waiting.pop_front() else { return };
            if order.answer.is_closed() {
                continue;
            }
            if let Repeat::Only(generation) = order.repeat
                && self.generation != Some(generation)
            {
                order.end(CallError::Lost);
                continue;
            }
            order.call.request = self.number();
            order.call.route = self.route.clone();
            order.sendings = order.sendings.saturating_add(1);
            match link.send(v1::ToGateway::from(&order.call)) {
                Ok(()) => {
                    self.sent.insert(order.call.request, order);
                }
                Err(error) => order.end(CallError::TooLong(error)),
            }
        }
    }

    /// Hands an answer to its order. One that belongs to none is dropped: the gateway may have
    /// repeated it.
    pub(super) fn answered(
        &mut self,
        request: RequestId,
        answer: Result<Answer, CallError>,
    ) -> Result<(), Overflow> {
        self.sent.remove(&request).map_or(Ok(()), |order| order.answered(answer))
    }

    /// Makes what was not answered wait for the next connection, in its old order, unless it was
    /// made for the lost one or has been sent often enough.
    pub(super) fn lost(&mut self, sendings: u32) {
        self.generation = None;
        for (_, order) in std::mem::take(&mut self.sent).into_iter().rev() {
            if order.repeat == Repeat::Always && order.sendings < sendings {
                self.waiting.push_front(order);
            } else {
                order.end(CallError::Lost);
            }
        }
    }

    fn number(&mut self) -> RequestId {
        let request = self.next;
        self.next = request.next();
        request
    }
}
