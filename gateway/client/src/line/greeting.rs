//! Opens the conversation on a new connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kessai_wire::{Answer, Call, Hello, Message, MessageError, Request, RequestId, Welcome, v1};
use tokio::time::timeout;

use crate::connector::Connector;
use crate::error::ConnectError;
use crate::link::Link;

/// Is a connection on which the gateway has said Welcome.
pub(crate) struct Greeted {
    pub(crate) link: Link,
    pub(crate) welcome: Welcome,
}

/// Connects and greets.
pub(crate) async fn greet(
    connector: Arc<dyn Connector>,
    hello: Hello,
    within: Duration,
) -> Result<Greeted, ConnectError> {
    let greeting = async {
        let mut link = connector.connect().await?;
        let body = Request::Hello(hello);
        let call = Call { request: RequestId::FIRST, route: Bytes::new(), body };
        link.send(v1::ToGateway::from(&call))
            .map_err(|error| ConnectError::Setup(error.to_string()))?;
        loop {
            if let Some(welcome) = welcome(&link.next().await?)? {
                return Ok(Greeted { link, welcome });
            }
        }
    };
    timeout(within, greeting).await.unwrap_or(Err(ConnectError::TimedOut))
}

/// Takes the answer to the greeting; nothing if this is a push, which may overtake it.
fn welcome(message: &v1::ToPeer) -> Result<Option<Welcome>, ConnectError> {
    match Message::parse(message) {
        Ok(Message::Answer(RequestId::FIRST, Answer::Welcome(welcome))) => Ok(Some(welcome)),
        Ok(Message::Answer(RequestId::FIRST, Answer::Refusal(refusal))) => {
            Err(ConnectError::Refused(Box::new(refusal)))
        }
        Ok(Message::Push(_)) | Err(MessageError::UnknownPush) => Ok(None),
        Ok(Message::Answer(..)) => Err(ConnectError::Greeting("not with a welcome".into())),
        Err(error) => Err(ConnectError::Greeting(error.to_string())),
    }
}
