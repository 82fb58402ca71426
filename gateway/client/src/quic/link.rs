//! Carries messages over the one stream of a QUIC connection.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use kessai_wire::frame::{self, Decoder, TooLong};
use kessai_wire::{CloseCode, v1};
use quinn::{Connection, ReadError, RecvStream, SendStream, VarInt, WriteError};

use crate::error::ConnectError;
use crate::quic::why;

/// Holds one connection with its one stream.
pub(crate) struct QuicLink {
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    decoder: Decoder<v1::ToPeer>,
    incoming: BytesMut,
    outgoing: BytesMut,
}

impl fmt::Debug for QuicLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuicLink").field("gateway", &self.connection.remote_address()).finish()
    }
}

/// How much is read at once, on the stack, so that a silent connection holds no buffer.
const READ: usize = 4096;

impl QuicLink {
    pub(super) fn new(connection: Connection, send: SendStream, receive: RecvStream) -> Self {
        Self {
            connection,
            send,
            receive,
            decoder: Decoder::new(),
            incoming: BytesMut::new(),
            outgoing: BytesMut::new(),
        }
    }

    pub(crate) fn send(&mut self, message: &v1::ToGateway) -> Result<(), TooLong> {
        frame::encode(message, &mut self.outgoing)
    }

    pub(crate) async fn next(&mut self) -> Result<v1::ToPeer, ConnectError> {
        let next = poll_fn(|context| self.poll_next(context)).await;
        if let Err(ConnectError::Garbage(error)) = &next {
            self.close_with(error.close_code());
        }
        next
    }

    pub(crate) fn close(&self, code: CloseCode) {
        self.close_with(code);
    }

    fn close_with(&self, code: CloseCode) {
        self.connection.close(VarInt::from_u32(code.number()), code.name().as_bytes());
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<v1::ToPeer, ConnectError>> {
        if let Poll::Ready(Err(error)) = self.poll_flush(context) {
            return Poll::Ready(Err(self.why_writing(&error)));
        }
        loop {
            if let Some(message) = self.decoder.decode(&mut self.incoming)? {
                if self.incoming.is_empty() {
                    self.incoming = BytesMut::new();
                }
                return Poll::Ready(Ok(message));
            }
            let mut chunk = [0; READ];
            match std::task::ready!(self.receive.poll_read(context, &mut chunk)) {
                Ok(0) => return Poll::Ready(Err(self.ended())),
                Ok(length) => {
                    self.incoming.extend_from_slice(chunk.get(..length).unwrap_or_default());
                }
                Err(error) => return Poll::Ready(Err(self.why_reading(&error))),
            }
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        while !self.outgoing.is_empty() {
            let written =
                std::task::ready!(Pin::new(&mut self.send).poll_write(context, &self.outgoing))?;
            self.outgoing.advance(written);
        }
        if self.outgoing.capacity() > 0 {
            self.outgoing = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    /// The gateway finished the stream, which it does only at a frame's end.
    fn ended(&self) -> ConnectError {
        match self.decoder.finish(&self.incoming) {
            Ok(()) => self.closed("the gateway ended the conversation"),
            Err(error) => ConnectError::Garbage(error),
        }
    }

    fn why_reading(&self, error: &ReadError) -> ConnectError {
        match error {
            ReadError::ConnectionLost(error) => why(error),
            ReadError::Reset(code) => reset(*code),
            ReadError::ClosedStream
            | ReadError::IllegalOrderedRead
            | ReadError::ZeroRttRejected => self.closed("the stream is closed"),
        }
    }

    fn why_writing(&self, error: &WriteError) -> ConnectError {
        match error {
            WriteError::ConnectionLost(error) => why(error),
            WriteError::Stopped(code) => reset(*code),
            WriteError::ClosedStream | WriteError::ZeroRttRejected => {
                self.closed("the stream is closed")
            }
        }
    }

    /// The connection's own reason, if it has one already, tells more than the stream's end.
    fn closed(&self, otherwise: &str) -> ConnectError {
        self.connection
            .close_reason()
            .map_or_else(|| ConnectError::Unreachable(otherwise.into()), |error| why(&error))
    }
}

pub(super) fn reset(code: VarInt) -> ConnectError {
    CloseCode::from_number(code.into_inner()).map_or_else(
        || ConnectError::Unreachable(format!("the stream was reset with {code}")),
        ConnectError::Closed,
    )
}
