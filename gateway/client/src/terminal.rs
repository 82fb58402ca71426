//! Speaks for a terminal: a till or a vending machine.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kessai_terms::{PaymentId, TerminalId};
use kessai_wire::{Answer, Identity, Payment, PaymentState, Purchase, Request, TerminalRequest};
use tokio::time::Instant;

use crate::connector::Connector;
use crate::error::{CallError, ConnectError};
use crate::line::{Caller, Quiet, Repeat};
use crate::options::Options;

/// Asks for payments on behalf of one terminal.
///
/// Any number of calls may be under way at once. Every one of them may be dropped: that stops the
/// waiting, not the payment. Clones share the connection, which ends with the last of them.
#[derive(Clone)]
pub struct Terminal {
    id: TerminalId,
    caller: Caller,
    call_within: Duration,
    pay_within: Duration,
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Terminal {
    /// Connects, and returns when the gateway has said welcome.
    ///
    /// From then on a lost connection is made anew, for as long as the terminal is there.
    ///
    /// # Errors
    /// [`ConnectError`] if the gateway cannot be reached in time, is not the pinned one, or does
    /// not want this peer.
    pub async fn connect(
        connector: Arc<dyn Connector>,
        id: TerminalId,
        options: Options,
    ) -> Result<Self, ConnectError> {
        let caller = Caller::connect(connector, Quiet(Identity::Terminal(id)), &options).await?;
        Ok(Self::on(caller, id, &options))
    }

    /// Speaks for a terminal over a line that stands.
    pub(crate) const fn on(caller: Caller, id: TerminalId, options: &Options) -> Self {
        let (call_within, pay_within) = (options.call_within, options.pay_within);
        Self { id, caller, call_within, pay_within }
    }

    /// Tells which terminal this is.
    pub const fn id(&self) -> TerminalId {
        self.id
    }

    /// Tells the gateway's time.
    ///
    /// # Units
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn gateway_time_ms(&self) -> u64 {
        self.caller.clock().now_ms()
    }

    /// Makes the id of a new payment, from the gateway's clock.
    pub fn payment_id(&self) -> PaymentId {
        self.caller.clock().payment_id()
    }

    /// Asks for a payment, and waits for its end.
    ///
    /// Hand goods over if the state of what comes back
    /// [permits it](PaymentState::permits_handover), and only then.
    ///
    /// # Errors
    /// [`CallError`]. With [`CallError::Refused`] nothing has happened. With any other the payment
    /// may go on: [`cancel`](Self::cancel) it, or ask for its [`status`](Self::status), until
    /// either has an answer. The same purchase may also be asked for again under the same id.
    pub async fn pay(&self, purchase: Purchase) -> Result<Payment, CallError> {
        let payment = purchase.payment;
        let end = self.ask(payment, TerminalRequest::Open(purchase), self.pay_within).await?;
        match end.state {
            PaymentState::Pending => Err(CallError::AnotherAnswer),
            PaymentState::Authorised
            | PaymentState::Captured
            | PaymentState::Reversed
            | PaymentState::Refunded
            | PaymentState::PartlyRefunded
            | PaymentState::Declined
            | PaymentState::Cancelled
            | PaymentState::Expired => Ok(end),
        }
    }

    /// Gives a payment up, also one that is still being asked for. The answer tells whether that
    /// came in time.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn cancel(&self, payment: PaymentId) -> Result<Payment, CallError> {
        self.ask(payment, TerminalRequest::Cancel(payment), self.call_within).await
    }

    /// Asks how a payment of this terminal stands.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn status(&self, payment: PaymentId) -> Result<Payment, CallError> {
        self.ask(payment, TerminalRequest::Status(payment), self.call_within).await
    }

    /// Reports that the goods came out, so that the money moves.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn delivered(&self, payment: PaymentId) -> Result<Payment, CallError> {
        self.ask(payment, TerminalRequest::Delivered(payment), self.call_within).await
    }

    /// Takes an approved payment back, whole.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn reverse(&self, payment: PaymentId) -> Result<Payment, CallError> {
        self.ask(payment, TerminalRequest::Reverse(payment), self.call_within).await
    }

    /// Asks for the same bytes back, and tells how long they took.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn echo(&self, payload: Bytes) -> Result<Duration, CallError> {
        let asked_at = Instant::now();
        let deadline = asked_at + self.call_within;
        match self.caller.ask(Request::Echo(payload.clone()), Repeat::Always, deadline).await? {
            Answer::Echo(echoed) if echoed == payload => Ok(asked_at.elapsed()),
            _ => Err(CallError::AnotherAnswer),
        }
    }

    async fn ask(
        &self,
        payment: PaymentId,
        request: TerminalRequest,
        within: Duration,
    ) -> Result<Payment, CallError> {
        let body = Request::Terminal(self.id, request);
        match self.caller.ask(body, Repeat::Always, Instant::now() + within).await? {
            Answer::Payment(answer) if answer.payment == payment => Ok(answer),
            _ => Err(CallError::AnotherAnswer),
        }
    }
}
