//! Cuts a stream of bytes into frames, and makes frames.
//!
//! A frame is a message in protobuf's delimited form: its length as a varint of at most three
//! bytes, then the message. A frame that is declared longer than its direction allows is refused
//! by that declaration, before any of its body is read or room is made for it. This module never
//! reads a socket and never waits.

use std::marker::PhantomData;

use bytes::{Buf, BytesMut};
use prost::Message;
use thiserror::Error;

use crate::limits::{
    MAX_ENROLMENT_FRAME, MAX_FRAME_TO_GATEWAY, MAX_FRAME_TO_PEER, MAX_LENGTH_PREFIX,
};
use crate::v1::{CloseCode, Enrol, EnrolAnswer, ToGateway, ToPeer};

/// Marks what a frame can hold, the two envelopes and the two messages of an enrolment, each with the length that its direction allows.
pub trait Envelope: Message + Default + sealed::Sealed {
    /// Longest message of this kind.
    ///
    /// # Units
    /// Bytes, without the length before it.
    const MAX_BYTES: usize;
}

impl Envelope for ToGateway {
    const MAX_BYTES: usize = MAX_FRAME_TO_GATEWAY;
}

impl Envelope for ToPeer {
    const MAX_BYTES: usize = MAX_FRAME_TO_PEER;
}

impl Envelope for Enrol {
    const MAX_BYTES: usize = MAX_ENROLMENT_FRAME;
}

impl Envelope for EnrolAnswer {
    const MAX_BYTES: usize = MAX_ENROLMENT_FRAME;
}

mod sealed {
    #[expect(unnameable_types, reason = "so that nobody else can add an envelope")]
    pub trait Sealed {}
    impl Sealed for crate::v1::ToGateway {}
    impl Sealed for crate::v1::ToPeer {}
    impl Sealed for crate::v1::Enrol {}
    impl Sealed for crate::v1::EnrolAnswer {}
}

/// Says why a stream of bytes cannot be cut further. It is the peer's fault, and the end of the
/// connection: after a broken frame nobody knows where the next one starts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The frame is declared longer than its direction allows.
    #[error("a frame of more than {limit} bytes is announced")]
    TooLong {
        /// What would have been allowed.
        limit: usize,
    },
    /// The bytes are not a message of this kind.
    #[error("the frame holds no message: {0}")]
    NotAMessage(#[from] prost::DecodeError),
    /// The stream ended inside a frame.
    #[error("the stream ended {missing} bytes before its frame did")]
    Truncated {
        /// At least so many bytes are missing.
        missing: usize,
    },
}

impl DecodeError {
    /// Tells the code with which to close the connection.
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::TooLong { .. } => CloseCode::FrameTooLong,
            Self::NotAMessage(_) | Self::Truncated { .. } => CloseCode::Protocol,
        }
    }
}

/// Says that a message is too long for its direction, so that it was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the message has {length} bytes, {limit} are allowed")]
pub struct TooLong {
    /// Length of the message.
    pub length: usize,
    /// What is allowed.
    pub limit: usize,
}

/// Cuts one direction of a stream into messages.
///
/// It holds no bytes of its own: what is not yet a whole frame stays in the caller's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Decoder<M> {
    message: PhantomData<fn() -> M>,
}

impl<M> Default for Decoder<M> {
    fn default() -> Self {
        Self { message: PhantomData }
    }
}

/// How far the front of a buffer has come towards a frame.
enum Front {
    /// So many bytes more, at least, are needed.
    Missing(usize),
    /// A whole frame: a length prefix of so many bytes, a body of so many.
    Whole { prefix: usize, body: usize },
}

impl<M: Envelope> Decoder<M> {
    /// Makes a decoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next message off the front of `buffer`, or `None` if it has not all come yet.
    ///
    /// Byte fields of the message share the buffer's memory, nothing is copied.
    ///
    /// # Errors
    /// [`DecodeError`] if the front of the buffer can never become a message. The connection must
    /// be closed then.
    pub fn decode(&self, buffer: &mut BytesMut) -> Result<Option<M>, DecodeError> {
        match Self::front(buffer)? {
            Front::Missing(_) => Ok(None),
            Front::Whole { prefix, body } => {
                buffer.advance(prefix);
                Ok(Some(M::decode(buffer.split_to(body).freeze())?))
            }
        }
    }

    /// Tells how many bytes more, at least, the next message needs; 0 if it is all there.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn missing(&self, buffer: &[u8]) -> Result<usize, DecodeError> {
        Ok(match Self::front(buffer)? {
            Front::Missing(missing) => missing,
            Front::Whole { .. } => 0,
        })
    }

    /// Checks that a stream which has ended, ended between two frames.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if bytes of an unfinished frame are left.
    pub fn finish(&self, buffer: &[u8]) -> Result<(), DecodeError> {
        if buffer.is_empty() {
            return Ok(());
        }
        match self.missing(buffer)? {
            0 => Ok(()),
            missing => Err(DecodeError::Truncated { missing }),
        }
    }

    fn front(buffer: &[u8]) -> Result<Front, DecodeError> {
        let limit = M::MAX_BYTES;
        let mut length = 0_usize;
        for (place, byte) in buffer.iter().enumerate().take(MAX_LENGTH_PREFIX) {
            length |= usize::from(byte & 0x7f) << (7 * place);
            if length > limit {
                return Err(DecodeError::TooLong { limit });
            }
            if byte & 0x80 == 0 {
                let prefix = place + 1;
                let present = buffer.len() - prefix;
                return Ok(match length.checked_sub(present) {
                    None | Some(0) => Front::Whole { prefix, body: length },
                    Some(missing) => Front::Missing(missing),
                });
            }
        }
        if buffer.len() >= MAX_LENGTH_PREFIX {
            return Err(DecodeError::TooLong { limit });
        }
        Ok(Front::Missing(1))
    }
}

/// Appends a message to `buffer` as a frame.
///
/// # Errors
/// [`TooLong`] if the message exceeds what its direction allows; the buffer is unchanged then.
pub fn encode<M: Envelope>(message: &M, buffer: &mut BytesMut) -> Result<(), TooLong> {
    let length = message.encoded_len();
    if length > M::MAX_BYTES {
        return Err(TooLong { length, limit: M::MAX_BYTES });
    }
    buffer.reserve(MAX_LENGTH_PREFIX + length);
    prost::encode_length_delimiter(length, buffer)
        .and_then(|()| message.encode(buffer))
        .map_err(|_| TooLong { length, limit: M::MAX_BYTES })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{Echo, to_gateway};

    fn echo(length: usize) -> ToGateway {
        ToGateway {
            request: 1,
            body: Some(to_gateway::Body::Echo(Echo { payload: vec![7; length].into() })),
            ..ToGateway::default()
        }
    }

    fn framed(messages: &[ToGateway]) -> BytesMut {
        let mut buffer = BytesMut::new();
        for message in messages {
            encode(message, &mut buffer).unwrap();
        }
        buffer
    }

    #[test]
    fn messages_come_out_as_they_went_in_whatever_the_packets() {
        let messages = [echo(0), echo(200), echo(30_000)];
        let whole = framed(&messages);
        for step in [1, 3, 1_000, whole.len()] {
            let decoder = Decoder::<ToGateway>::new();
            let (mut buffer, mut out) = (BytesMut::new(), Vec::new());
            for packet in whole.chunks(step) {
                buffer.extend_from_slice(packet);
                while let Some(message) = decoder.decode(&mut buffer).unwrap() {
                    out.push(message);
                }
            }
            assert_eq!(out, messages);
            assert_eq!(decoder.finish(&buffer), Ok(()));
        }
    }

    #[test]
    fn a_frame_declared_too_long_is_refused_before_its_body_comes() {
        let decoder = Decoder::<ToGateway>::new();
        let mut prefix = BytesMut::new();
        prost::encode_length_delimiter(MAX_FRAME_TO_GATEWAY, &mut prefix).unwrap();
        assert_eq!(decoder.missing(&prefix), Ok(MAX_FRAME_TO_GATEWAY));
        let mut prefix = BytesMut::new();
        prost::encode_length_delimiter(MAX_FRAME_TO_GATEWAY + 1, &mut prefix).unwrap();
        let refused = decoder.decode(&mut prefix).unwrap_err();
        assert_eq!(refused, DecodeError::TooLong { limit: MAX_FRAME_TO_GATEWAY });
        assert_eq!(refused.close_code(), CloseCode::FrameTooLong);
    }

    #[test]
    fn a_length_of_more_than_three_bytes_is_refused() {
        let decoder = Decoder::<ToPeer>::new();
        for bytes in [&[0x80, 0x80, 0x80][..], &[0x80, 0x80, 0x80, 0x80, 0x01], &[0xff; 10]] {
            let refused = decoder.decode(&mut BytesMut::from(bytes)).unwrap_err();
            assert_eq!(refused, DecodeError::TooLong { limit: MAX_FRAME_TO_PEER });
        }
        // Padded to three bytes is allowed: a writer may reserve the room first.
        assert_eq!(
            decoder.decode(&mut BytesMut::from(&[0x80, 0x80, 0][..])),
            Ok(Some(ToPeer::default()))
        );
    }

    #[test]
    fn a_stream_that_ends_inside_a_frame_is_truncated() {
        let decoder = Decoder::<ToGateway>::new();
        let whole = framed(&[echo(300)]);
        for end in 1..whole.len() {
            let mut buffer = BytesMut::from(&whole[..end]);
            assert_eq!(decoder.decode(&mut buffer), Ok(None));
            let truncated = decoder.finish(&buffer).unwrap_err();
            assert!(matches!(truncated, DecodeError::Truncated { .. }), "{end}: {truncated}");
            assert_eq!(truncated.close_code(), CloseCode::Protocol);
        }
    }

    #[test]
    fn a_body_that_is_no_message_is_refused() {
        let refused = Decoder::<ToGateway>::new().decode(&mut BytesMut::from(&[2, 0x0a, 0xff][..]));
        assert!(matches!(refused, Err(DecodeError::NotAMessage(_))));
    }

    #[test]
    fn a_message_too_long_is_not_written() {
        let mut buffer = BytesMut::new();
        let refused = encode(&echo(MAX_FRAME_TO_GATEWAY), &mut buffer).unwrap_err();
        assert_eq!(refused.limit, MAX_FRAME_TO_GATEWAY);
        assert!(buffer.is_empty());
    }
}
