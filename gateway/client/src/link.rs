//! Carries messages over one connection, whatever it is made of.

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::pin::Pin;

use kessai_terms::collation::ChannelBinding;
use kessai_wire::frame::{Envelope, TooLong};
use kessai_wire::{CloseCode, v1};
use tokio::sync::{mpsc, oneshot};

use crate::error::ConnectError;
use crate::quic::QuicLink;

/// Is one connection to the gateway.
///
/// It is driven by the task that owns it: no task of its own stands behind it.
#[derive(Debug)]
pub struct Link {
    channel: ChannelBinding,
    transport: Transport,
    span: Span,
}

/// How long a connection may be used.
enum Span {
    /// As long as it stands.
    Whole,
    /// Until this is through.
    Until(Pin<Box<dyn Future<Output = ()> + Send>>),
    /// No longer.
    Over,
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "Whole",
            Self::Until(_) => "Until(..)",
            Self::Over => "Over",
        })
    }
}

impl Span {
    /// Waits until it is over. May be dropped and called again.
    async fn over(&mut self) {
        match self {
            Self::Whole => pending().await,
            Self::Until(end) => {
                end.as_mut().await;
                *self = Self::Over;
            }
            Self::Over => {}
        }
    }
}

#[derive(Debug)]
enum Transport {
    Channels(Box<Channels>),
    Quic(Box<QuicLink>),
}

impl Link {
    /// Makes a connection of two channels, for a gateway in the same process.
    ///
    /// It is lost when the other side drops its ends.
    pub fn from_channels(
        channel: ChannelBinding,
        outgoing: mpsc::Sender<v1::ToGateway>,
        incoming: mpsc::Receiver<v1::ToPeer>,
    ) -> Self {
        let channels = Channels { outgoing, incoming, waiting: VecDeque::new(), closing: None };
        Self { channel, transport: Transport::Channels(Box::new(channels)), span: Span::Whole }
    }

    /// Takes the place where the other side of [`from_channels`](Self::from_channels) leaves its
    /// reason for closing, before it drops its ends.
    #[must_use]
    pub fn closing_with(mut self, closing: oneshot::Receiver<CloseCode>) -> Self {
        if let Transport::Channels(channels) = &mut self.transport {
            channels.closing = Some(closing);
        }
        self
    }

    /// Makes the connection one that is lost when `end` is through, as if its line were cut then.
    #[must_use]
    pub fn until(mut self, end: impl Future<Output = ()> + Send + 'static) -> Self {
        self.span = Span::Until(Box::pin(end));
        self
    }

    pub(crate) fn from_quic(channel: ChannelBinding, link: QuicLink) -> Self {
        Self { channel, transport: Transport::Quic(Box::new(link)), span: Span::Whole }
    }

    /// Tells which connection this is.
    pub const fn channel(&self) -> ChannelBinding {
        self.channel
    }

    /// Takes a message to be sent. It goes out while [`next`](Self::next) is awaited.
    pub(crate) fn send(&mut self, message: v1::ToGateway) -> Result<(), TooLong> {
        match &mut self.transport {
            Transport::Quic(link) => link.send(&message),
            Transport::Channels(channels) => {
                let length = length(&message);
                if length > v1::ToGateway::MAX_BYTES {
                    return Err(TooLong { length, limit: v1::ToGateway::MAX_BYTES });
                }
                channels.waiting.push_back(message);
                Ok(())
            }
        }
    }

    /// Waits for the next message, and sends meanwhile. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<v1::ToPeer, ConnectError> {
        let Self { transport, span, .. } = self;
        let message = async {
            match transport {
                Transport::Quic(link) => link.next().await,
                Transport::Channels(channels) => channels.next().await,
            }
        };
        tokio::select! {
            biased;
            () = span.over() => Err(ConnectError::Unreachable("the line was cut".into())),
            message = message => message,
        }
    }

    /// Closes the connection and says why.
    pub(crate) fn close(self, code: CloseCode) {
        if let Transport::Quic(link) = self.transport {
            link.close(code);
        }
    }
}

fn length<M: Envelope>(message: &M) -> usize {
    message.encoded_len()
}

#[derive(Debug)]
struct Channels {
    outgoing: mpsc::Sender<v1::ToGateway>,
    incoming: mpsc::Receiver<v1::ToPeer>,
    waiting: VecDeque<v1::ToGateway>,
    closing: Option<oneshot::Receiver<CloseCode>>,
}

impl Channels {
    async fn next(&mut self) -> Result<v1::ToPeer, ConnectError> {
        let Self { outgoing, incoming, waiting, closing } = self;
        loop {
            let message = tokio::select! {
                biased;
                place = outgoing.reserve(), if !waiting.is_empty() => {
                    if let Ok(place) = place {
                        if let Some(message) = waiting.pop_front() {
                            place.send(message);
                        }
                        continue;
                    }
                    // What it said before it stopped listening still counts.
                    incoming.recv().await
                }
                message = incoming.recv() => message,
            };
            return message.ok_or_else(|| ended(closing.as_mut()));
        }
    }
}

fn ended(closing: Option<&mut oneshot::Receiver<CloseCode>>) -> ConnectError {
    closing
        .and_then(|closing| closing.try_recv().ok())
        .map_or_else(|| ConnectError::Unreachable("it went away".into()), ConnectError::Closed)
}
