//! Waits for what a handset asks first on a connection: to be attached.
//!
//! Through a hub the gateway knows the handset only from then on. A hub carries requests side by
//! side, and one that overtook the attachment would be refused as a stranger's.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use kessai_wire::{Answer, RequestId};
use tokio::time::{Sleep, sleep};

use crate::error::ConnectError;

/// Is an attachment that is not answered yet.
pub(super) struct Attaching {
    request: RequestId,
    /// Boxed: no room is kept for it once the attachment is through.
    overdue: Pin<Box<Sleep>>,
}

impl Attaching {
    pub(super) fn new(request: RequestId, within: Duration) -> Self {
        Self { request, overdue: Box::pin(sleep(within)) }
    }

    pub(super) fn is(&self, request: RequestId) -> bool {
        self.request == request
    }
}

/// Waits until the answer is overdue; for ever if none is missing. May be dropped and called again.
pub(super) async fn overdue(attaching: Option<&mut Attaching>) {
    match attaching {
        Some(attaching) => attaching.overdue.as_mut().await,
        None => pending().await,
    }
}

/// Takes the answer to an attachment.
pub(super) fn attached(answer: Answer) -> Result<(), ConnectError> {
    match answer {
        Answer::Attached { .. } => Ok(()),
        Answer::Refusal(refusal) => Err(ConnectError::Refused(Box::new(refusal))),
        Answer::Welcome(_)
        | Answer::Echo(_)
        | Answer::Payment(_)
        | Answer::Totals(_)
        | Answer::Facts(_)
        | Answer::ProofResult(_)
        | Answer::Notice(_)
        | Answer::Code(_)
        | Answer::Recent(_) => Err(ConnectError::Greeting("it did not attach".into())),
    }
}
