//! Speaks for a terminal: a till or a vending machine.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kessai_terms::{JournalReceipt, PaymentId, TerminalId};
use kessai_wire::{
    Answer, Delivery, Identity, Payment, PaymentState, Purchase, Refund, Request, Retry,
    ReverseCause, TerminalFacts, TerminalRequest, TerminalTotals,
};
use tokio::time::{Instant, sleep};

use crate::backoff::Pauses;
use crate::connector::Connector;
use crate::error::{CallError, ConnectError};
use crate::line::{Caller, Quiet, Repeat};
use crate::options::{Backoff, Options};

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
    backoff: Backoff,
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
        Self { id, caller, call_within, pay_within, backoff: options.backoff }
    }

    /// Tells which terminal this is.
    pub const fn id(&self) -> TerminalId {
        self.id
    }

    /// Tells the highest receipt of the gateway's journal that has come over this connection or the
    /// ones before it, or was [given](Options::receipt). A program that may be ended keeps it.
    pub fn highest_receipt(&self) -> Option<JournalReceipt> {
        self.caller.highest_receipt()
    }

    /// Tells the gateway's time.
    ///
    /// # Units
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn gateway_time_ms(&self) -> u64 {
        self.caller.clock().now_ms()
    }

    /// Makes the id of a new payment, or of a new refund, from the gateway's clock.
    pub fn payment_id(&self) -> PaymentId {
        self.caller.clock().payment_id(self.caller.randomness())
    }

    /// Asks for a payment, and waits for its end.
    ///
    /// The payer is named by customer id, or by the presentment code that the handset shows. Hand
    /// goods over if the state of what comes back [permits it](PaymentState::permits_handover), and
    /// only then.
    ///
    /// # Errors
    /// [`CallError`]. With [`CallError::Refused`] nothing has happened. With any other the payment
    /// may go on: [`cancel`](Self::cancel) it, or ask for its [`status`](Self::status), until
    /// either has an answer. The same purchase may also be asked for again under the same id.
    pub async fn pay(&self, purchase: Purchase) -> Result<Payment, CallError> {
        let payment = purchase.payment;
        let end = self.ask(payment, TerminalRequest::Open(purchase), self.pay_within).await?;
        fitting(end, end.state != PaymentState::Pending)
    }

    /// Gives a payment up, also one that is still being asked for. The answer tells whether that
    /// came in time.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn cancel(&self, payment: PaymentId) -> Result<Payment, CallError> {
        let end = self.ask(payment, TerminalRequest::Cancel(payment), self.call_within).await?;
        fitting(end, end.state != PaymentState::Pending)
    }

    /// Asks how a payment of this terminal stands.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn status(&self, payment: PaymentId) -> Result<Payment, CallError> {
        self.ask(payment, TerminalRequest::Status(payment), self.call_within).await
    }

    /// Reports what came out of a machine, so that the money for it moves. If nothing did,
    /// [`reverse`](Self::reverse) the payment.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn deliver(
        &self,
        payment: PaymentId,
        delivery: Delivery,
    ) -> Result<Payment, CallError> {
        let request = TerminalRequest::Delivered(payment, delivery);
        let end = self.ask(payment, request, self.call_within).await?;
        fitting(end, moved(end.state) || end.state == PaymentState::Reversed)
    }

    /// Takes an approved payment back, whole; one that is not approved yet is cancelled, also if it
    /// is still being asked for.
    ///
    /// # Errors
    /// [`CallError`]. With [`CallError::Refused`] the payment stands.
    pub async fn reverse(
        &self,
        payment: PaymentId,
        cause: ReverseCause,
    ) -> Result<Payment, CallError> {
        let request = TerminalRequest::Reverse(payment, cause);
        let end = self.ask(payment, request, self.call_within).await?;
        fitting(end, end.state == PaymentState::Reversed || end.state.is_refusal())
    }

    /// Takes a payment back, as [`reverse`](Self::reverse) does, and asks again for as long as
    /// there is no answer: what a terminal does that does not know whether it was paid.
    ///
    /// It is dropped to stop the asking. A program that may be ended meanwhile keeps the id of the
    /// payment until this returns, and calls it again when it comes back.
    ///
    /// # Errors
    /// [`CallError`] that no repetition helps against: the payment stands, as after the business
    /// day ([`Reason::StateForbids`](kessai_terms::Reason::StateForbids)), the line has ended, or
    /// the answer does not fit.
    pub async fn reverse_until_acknowledged(
        &self,
        payment: PaymentId,
        cause: ReverseCause,
    ) -> Result<Payment, CallError> {
        let mut pauses = Pauses::new(self.backoff, self.caller.randomness().clone());
        loop {
            let error = match self.reverse(payment, cause).await {
                Ok(acknowledged) => return Ok(acknowledged),
                Err(error) if error.may_pass() => error,
                Err(error) => return Err(error),
            };
            if let CallError::Refused(refusal) = &error
                && let Retry::Later { after_ms } = refusal.retry
            {
                pauses.asked(Duration::from_millis(after_ms.into()));
            }
            tracing::debug!(%payment, %error, "the reversal is repeated");
            sleep(pauses.draw()).await;
        }
    }

    /// Pays back a part or all of a captured payment of this terminal's merchant. What comes back
    /// has the [`refund`](Payment::refund) in it.
    ///
    /// # Errors
    /// [`CallError`]. With any but [`CallError::Refused`] the refund may have been made: ask for the
    /// same one again, under the same id, until there is an answer.
    pub async fn refund(&self, refund: Refund) -> Result<Payment, CallError> {
        let request = TerminalRequest::Refund(refund);
        let end = self.ask(refund.payment, request, self.call_within).await?;
        let is_this = end
            .refund
            .is_some_and(|done| (done.refund, done.amount) == (refund.refund, refund.amount));
        fitting(end, is_this && moved(end.state) && end.state != PaymentState::Captured)
    }

    /// Asks what this terminal has captured, reversed and refunded on a business date, given as the
    /// decimal number YYYYMMDD; on the current one if none is given.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn totals(&self, business_date: Option<u32>) -> Result<TerminalTotals, CallError> {
        match self.answer(TerminalRequest::Totals { business_date }, self.call_within).await? {
            Answer::Totals(totals)
                if business_date.is_none_or(|asked| asked == totals.business_date) =>
            {
                Ok(totals)
            }
            _ => Err(CallError::AnotherAnswer),
        }
    }

    /// Asks what the register says of this terminal: what a receipt names.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn facts(&self) -> Result<TerminalFacts, CallError> {
        match self.answer(TerminalRequest::Facts, self.call_within).await? {
            Answer::Facts(facts) => Ok(facts),
            _ => Err(CallError::AnotherAnswer),
        }
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
        match self.answer(request, within).await? {
            Answer::Payment(answer) if answer.payment == payment => Ok(answer),
            _ => Err(CallError::AnotherAnswer),
        }
    }

    async fn answer(
        &self,
        request: TerminalRequest,
        within: Duration,
    ) -> Result<Answer, CallError> {
        let body = Request::Terminal(self.id, request);
        self.caller.ask(body, Repeat::Always, Instant::now() + within).await
    }
}

/// Takes an answer that can be one to what was asked.
fn fitting(answer: Payment, fits: bool) -> Result<Payment, CallError> {
    if fits { Ok(answer) } else { Err(CallError::AnotherAnswer) }
}

/// Tells whether the money of a payment that stands so has moved to the merchant.
const fn moved(state: PaymentState) -> bool {
    match state {
        PaymentState::Captured | PaymentState::PartlyRefunded | PaymentState::Refunded => true,
        PaymentState::Pending
        | PaymentState::Authorised
        | PaymentState::Reversed
        | PaymentState::Declined
        | PaymentState::Cancelled
        | PaymentState::Expired => false,
    }
}
