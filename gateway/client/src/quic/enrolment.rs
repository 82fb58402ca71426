//! Says the one thing that is said on a connection of enrolment, and hears the answer.

use std::net::SocketAddr;

use bytes::BytesMut;
use kessai_terms::collation::ChannelBinding;
use kessai_wire::frame::{self, Decoder};
use kessai_wire::{ALPN_ENROLMENT, CloseCode, v1};
use quinn::{Connection, Endpoint, ReadError, VarInt, WriteError};

use crate::error::ConnectError;
use crate::keys::{PeerKey, RootPin};
use crate::quic::link::reset;
use crate::quic::{QuicOptions, dial, settings, why};

/// How much of the answer is read at once.
const READ: usize = 1024;

/// Connects to the gateway under `root`, with the key that is to be enrolled, says what `say` makes
/// for that connection, and hears the answer.
///
/// Whoever is not the gateway is left before anything is said.
pub(crate) async fn exchange(
    endpoint: &Endpoint,
    gateway: SocketAddr,
    root: RootPin,
    key: &PeerKey,
    say: impl FnOnce(ChannelBinding) -> v1::Enrol,
) -> Result<v1::EnrolAnswer, ConnectError> {
    let config = settings::client_config(root, key, &QuicOptions::default(), ALPN_ENROLMENT)?;
    let (connection, channel) = dial(endpoint, config, gateway, ALPN_ENROLMENT).await?;
    let answer = talk(&connection, &say(channel)).await;
    let code = match &answer {
        Ok(_) => CloseCode::Done,
        Err(ConnectError::Garbage(error)) => error.close_code(),
        Err(_) => CloseCode::Protocol,
    };
    connection.close(VarInt::from_u32(code.number()), code.name().as_bytes());
    answer
}

async fn talk(
    connection: &Connection,
    message: &v1::Enrol,
) -> Result<v1::EnrolAnswer, ConnectError> {
    let mut request = BytesMut::new();
    frame::encode(message, &mut request).map_err(|error| ConnectError::Setup(error.to_string()))?;
    let (mut send, mut receive) = connection.open_bi().await.map_err(|error| why(&error))?;
    send.write_all(&request).await.map_err(|error| why_writing(&error))?;
    // A stream that is closed already has been heard to its end.
    send.finish().ok();
    let decoder = Decoder::<v1::EnrolAnswer>::new();
    let mut buffer = BytesMut::new();
    loop {
        if let Some(answer) = decoder.decode(&mut buffer)? {
            return Ok(answer);
        }
        match receive.read_chunk(READ, true).await.map_err(|error| why_reading(&error))? {
            Some(chunk) => buffer.extend_from_slice(&chunk.bytes),
            None => {
                decoder.finish(&buffer)?;
                return Err(ConnectError::Greeting("it ended without an answer".into()));
            }
        }
    }
}

fn why_reading(error: &ReadError) -> ConnectError {
    match error {
        ReadError::ConnectionLost(error) => why(error),
        ReadError::Reset(code) => reset(*code),
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            ConnectError::Unreachable(error.to_string())
        }
    }
}

fn why_writing(error: &WriteError) -> ConnectError {
    match error {
        WriteError::ConnectionLost(error) => why(error),
        WriteError::Stopped(code) => reset(*code),
        WriteError::ClosedStream | WriteError::ZeroRttRejected => {
            ConnectError::Unreachable(error.to_string())
        }
    }
}
