//! Holds what a caller asks for, and takes the answer to it, also when nobody waits any more.

use std::sync::Arc;

use bytes::Bytes;
use kessai_wire::{Answer, Call, Request, RequestId};
use tokio::sync::oneshot;

use crate::error::CallError;
use crate::line::{Generation, Overflow};

/// Says whether a request may be sent again on another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// On any.
    Always,
    /// It was made for this one and means nothing on another.
    Only(Generation),
}

/// Takes an answer whose caller has given up. It must not hold the line that it waits at.
pub(crate) type Late = Arc<dyn Fn(Answer) -> Result<(), Overflow> + Send + Sync>;

/// Asks for something, and holds the place for the answer.
pub(super) struct Order {
    pub(super) call: Call,
    pub(super) repeat: Repeat,
    pub(super) sendings: u32,
    pub(super) answer: oneshot::Sender<Result<Answer, CallError>>,
    late: Option<Late>,
}

impl Order {
    /// Makes an order, and the place where its answer is waited for.
    pub(super) fn new(body: Request, repeat: Repeat, late: Option<Late>) -> (Self, Awaited) {
        let (answer, answered) = oneshot::channel();
        let awaited = Awaited { answer: answered, late: late.clone() };
        // Number and route are filled in when it is sent.
        let call = Call { request: RequestId::FIRST, route: Bytes::new(), body };
        (Self { call, repeat, sendings: 0, answer, late }, awaited)
    }

    /// Hands the answer to the caller, or, if that one has given up, to whoever takes it late.
    pub(super) fn answered(self, answer: Result<Answer, CallError>) -> Result<(), Overflow> {
        match (self.answer.send(answer), self.late) {
            (Err(Ok(answer)), Some(late)) => late(answer),
            // It is heard, or matters to nobody but the caller.
            (Err(_), _) | (Ok(()), _) => Ok(()),
        }
    }

    /// Tells the caller that there will be no answer.
    pub(super) fn end(self, why: CallError) {
        // A caller that has given up does not hear it.
        drop(self.answer.send(Err(why)));
    }
}

/// Waits for an answer. One that is there already when the waiting is given up is late as well.
pub(super) struct Awaited {
    answer: oneshot::Receiver<Result<Answer, CallError>>,
    late: Option<Late>,
}

impl Awaited {
    /// Waits; there is no answer if the line ends.
    pub(super) async fn answer(&mut self) -> Option<Result<Answer, CallError>> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        // From here on the line finds it late.
        self.answer.close();
        if let (Some(late), Ok(Ok(answer))) = (&self.late, self.answer.try_recv()) {
            // If it finds no room, it comes again on the next connection.
            drop(late(answer));
        }
    }
}
