//! Speaks for a handset: shows purchases to its customer, proves the answer, hears the ends.
//!
//! The password never comes here. The proof is made from [`HandsetSecrets`], lent for one call.

mod answering;
mod desk;
mod event;
mod phone;
mod presenting;
mod seen;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kessai_terms::PaymentId;
use kessai_terms::collation::{DeviceKey, HandsetSecrets, ServerKey};
use kessai_wire::{Answer, Handset as HandsetId, HandsetRequest, Notice, Request};
use tokio::time::{Instant, timeout_at};

use crate::connector::Connector;
use crate::error::{CallError, ConnectError};
use crate::handset::answering::late;
use crate::handset::desk::{Desk, Way};
use crate::handset::phone::Phone;
use crate::line::{Caller, Repeat};
use crate::options::Options;

pub use answering::Answered;
pub use event::{Event, Events, Question};
pub use presenting::Presentment;

/// Answers purchases on behalf of one customer's device.
///
/// Clones share the connection, which ends with the last of them; then the [`Events`] end too.
#[derive(Clone)]
pub struct Handset {
    caller: Caller,
    desk: Arc<Desk>,
    call_within: Duration,
}

impl fmt::Debug for Handset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handset").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Handset {
    /// Connects, and returns when the gateway has begun to send what it owes to this handset.
    ///
    /// `server` is the key that was stored at enrolment: signatures are verified with it, so that
    /// no password is needed to hear an end. `seen` is what [`seen`](Self::seen) told last time; 0
    /// at first. From then on a lost connection is made anew, for as long as the handset is there.
    ///
    /// # Errors
    /// [`ConnectError`] if the gateway cannot be reached in time, is not the pinned one, or does
    /// not want this peer.
    pub async fn connect(
        connector: Arc<dyn Connector>,
        id: HandsetId,
        server: ServerKey,
        seen: u64,
        options: Options,
    ) -> Result<(Self, Events), ConnectError> {
        Self::start(connector, Desk::new(id, server, Way::Own, seen), options).await
    }

    /// Connects through a carrier hub, as [`connect`](Self::connect) does without one.
    ///
    /// `connector` leads to the hub, whose channel and Welcome come as the gateway gave them: a
    /// [`HubRoute`](crate::HubRoute), or what a carrier has in its place. `device` shows the gateway
    /// that it is the handset, and not the hub, that attaches and proves; it stays here.
    ///
    /// # Errors
    /// [`ConnectError`] as above; also if the gateway refuses the attachment.
    pub async fn connect_through_hub(
        connector: Arc<dyn Connector>,
        id: HandsetId,
        server: ServerKey,
        device: DeviceKey,
        seen: u64,
        options: Options,
    ) -> Result<(Self, Events), ConnectError> {
        Self::start(connector, Desk::new(id, server, Way::Hub(device), seen), options).await
    }

    async fn start(
        connector: Arc<dyn Connector>,
        (desk, events): (Desk, Events),
        options: Options,
    ) -> Result<(Self, Events), ConnectError> {
        let desk = Arc::new(desk);
        let caller = Caller::connect(connector, Phone::new(Arc::clone(&desk)), &options).await?;
        Ok((Self { caller, desk, call_within: options.call_within }, events))
    }

    /// Tells which handset this is.
    pub fn id(&self) -> HandsetId {
        self.desk.id()
    }

    /// Tells the number up to which every notice has been told, to be kept and given to
    /// [`connect`](Self::connect) next time.
    pub fn seen(&self) -> u64 {
        self.desk.seen()
    }

    /// Tells how many things the gateway has sent that were not believed.
    pub fn untrusted(&self) -> u64 {
        self.desk.untrusted()
    }

    /// Tells the gateway's time.
    ///
    /// # Units
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn gateway_time_ms(&self) -> u64 {
        self.caller.clock().now_ms()
    }

    /// Approves a purchase as it was shown: proves password and possession.
    ///
    /// A proof holds for one connection and one nonce. If the connection is lost, or the nonce is
    /// no longer the current one, another proof is made by itself; not if the gateway may already
    /// have counted this one as wrong, for then it would cost the customer another try.
    ///
    /// # Errors
    /// [`CallError`]. [`CallError::Deadline`] leaves open whether the payment was approved; its
    /// notice will tell, as [`Event::Told`], whether it comes with the late answer or on the next
    /// connection. [`CallError::Untrusted`] says the same: what was answered is not believed.
    pub async fn approve(
        &self,
        question: &Question,
        secrets: &HandsetSecrets,
    ) -> Result<Answered, CallError> {
        let deadline = self.deadline();
        let answering = self.desk.answer(question)?;
        timeout_at(deadline, answering.prove(&self.caller, secrets, deadline))
            .await
            .unwrap_or(Err(CallError::Deadline))
    }

    /// Refuses a purchase, as the customer wishes, and tells how the payment ended: it may have
    /// ended otherwise before.
    ///
    /// # Errors
    /// [`CallError`]. After [`CallError::Deadline`] the notice tells the end, as [`Event::Told`],
    /// as it does after [`approve`](Self::approve).
    pub async fn refuse(&self, payment: PaymentId) -> Result<Notice, CallError> {
        let body = Request::Handset(self.id(), HandsetRequest::Refuse(payment));
        let late = late(Arc::clone(&self.desk), payment);
        let answer = self.caller.ask_or_hear_late(body, Repeat::Always, self.deadline(), late);
        match answer.await? {
            Answer::Notice(signed) => Ok(self.desk.end_of(payment, &signed)?),
            _ => Err(CallError::AnotherAnswer),
        }
    }

    /// Asks for a code that stands for the customer at a till, once and for a while: then the shop
    /// learns no customer id. It puts the one before out of use.
    ///
    /// A lost connection is waited for, and the code asked for anew on the next one.
    ///
    /// # Errors
    /// [`CallError`]. With [`CallError::Untrusted`] the code is not the gateway's: nothing is shown.
    pub async fn present_code(&self) -> Result<Presentment, CallError> {
        let deadline = self.deadline();
        timeout_at(deadline, presenting::present(&self.desk, &self.caller, deadline))
            .await
            .unwrap_or(Err(CallError::Deadline))
    }

    /// Asks for the customer's recent payments, the latest first, with how each of them ended.
    ///
    /// Each is the gateway's word. Whether the list is complete, nothing tells. It changes nothing
    /// about what is [seen](Self::seen) or told as an [`Event`].
    ///
    /// # Errors
    /// [`CallError`]. With [`CallError::Untrusted`] nothing of the list is believed.
    pub async fn recent(&self) -> Result<Vec<Notice>, CallError> {
        let body = Request::Handset(self.id(), HandsetRequest::Recent);
        match self.caller.ask(body, Repeat::Always, self.deadline()).await? {
            Answer::Recent(listed) => {
                Ok(self.desk.recent(&listed).map_err(|distrust| self.desk.doubt(distrust))?)
            }
            _ => Err(CallError::AnotherAnswer),
        }
    }

    /// Asks for the same bytes back, and tells how long they took.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn echo(&self, payload: Bytes) -> Result<Duration, CallError> {
        let asked_at = Instant::now();
        let body = Request::Echo(payload.clone());
        match self.caller.ask(body, Repeat::Always, self.deadline()).await? {
            Answer::Echo(echoed) if echoed == payload => Ok(asked_at.elapsed()),
            _ => Err(CallError::AnotherAnswer),
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.call_within
    }
}
