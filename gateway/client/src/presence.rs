//! Is there over one connection, and makes no other when that is lost.
//!
//! For whoever asks how connections fare: how long they take, how long they last, what becomes of
//! them when the machine changes networks. Who pays wants a [`Terminal`](crate::Terminal) or a
//! [`Handset`](crate::Handset), which come back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kessai_wire::{
    Answer, Call, Handset, HandsetRequest, Hello, Identity, Message, MessageError, Request,
    RequestId, VERSIONS, Welcome, v1,
};
use tokio::time::Instant;

use crate::connector::Connector;
use crate::error::{CallError, ConnectError};
use crate::line::{Greeted, greet};
use crate::link::Link;

/// Is one connection on which the gateway has said Welcome. Dropping it ends it.
#[derive(Debug)]
pub struct Presence {
    link: Link,
    welcome: Welcome,
    last: RequestId,
}

impl Presence {
    /// Connects and greets, once.
    ///
    /// # Errors
    /// [`ConnectError`] of this one attempt; [`ConnectError::TimedOut`] after `within`.
    pub async fn open(
        connector: Arc<dyn Connector>,
        who: Identity,
        within: Duration,
    ) -> Result<Self, ConnectError> {
        let hello =
            Hello { from: Some(who), versions: VERSIONS.to_vec(), software: None, receipt: None };
        let Greeted { link, welcome } = greet(connector, hello, within).await?;
        Ok(Self { link, welcome, last: RequestId::FIRST })
    }

    /// Tells what the gateway said in its Welcome.
    pub const fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Attaches as a handset that has seen every notice up to `seen`: from now on the gateway asks
    /// and tells it over this connection. What comes so is dropped.
    ///
    /// # Errors
    /// [`CallError`]. It waits for as long as the connection stands.
    pub async fn attach(&mut self, handset: Handset, seen: u64) -> Result<(), CallError> {
        let attach = HandsetRequest::Attach { seen, hub_proof: None };
        match self.ask(Request::Handset(handset, attach)).await? {
            Answer::Attached { .. } => Ok(()),
            _ => Err(CallError::AnotherAnswer),
        }
    }

    /// Asks for the same bytes back, and tells how long they took. May be dropped, and be called
    /// again: an answer that nobody waits for any more is dropped too.
    ///
    /// # Errors
    /// [`CallError`]. It waits for as long as the connection stands.
    pub async fn echo(&mut self, payload: Bytes) -> Result<Duration, CallError> {
        let asked_at = Instant::now();
        match self.ask(Request::Echo(payload.clone())).await? {
            Answer::Echo(echoed) if echoed == payload => Ok(asked_at.elapsed()),
            _ => Err(CallError::AnotherAnswer),
        }
    }

    /// Waits until the connection is lost, and tells why. May be dropped and called again.
    pub async fn lost(&mut self) -> ConnectError {
        loop {
            if let Err(why) = self.link.next().await {
                return why;
            }
        }
    }

    /// Ends the connection, and says so to the gateway.
    pub fn close(self) {
        self.link.close(kessai_wire::CloseCode::Done);
    }

    async fn ask(&mut self, body: Request) -> Result<Answer, CallError> {
        self.last = self.last.next();
        let call = Call { request: self.last, route: self.welcome.route.clone(), body };
        self.link.send(v1::ToGateway::from(&call)).map_err(CallError::TooLong)?;
        loop {
            let message = self.link.next().await.map_err(CallError::Ended)?;
            match Message::parse(&message) {
                Ok(Message::Answer(request, Answer::Refusal(refusal))) if request == self.last => {
                    return Err(CallError::Refused(Box::new(refusal)));
                }
                Ok(Message::Answer(request, answer)) if request == self.last => return Ok(answer),
                Ok(Message::Answer(..) | Message::Push(_)) | Err(MessageError::UnknownPush) => {}
                Err(error) => return Err(CallError::Unexpected(error)),
            }
        }
    }
}
