//! One QUIC connection: bytes in, frames out, deadlines kept.
//!
//! It knows frames and streams, and hands every message to the [`Session`]. A connection costs one
//! task as long as it uses one stream.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kessai_engine::Peer;
use kessai_engine::terms::collation::ChannelBinding;
use kessai_wire::frame::{self, Decoder};
use kessai_wire::v1::{ToGateway, ToPeer};
use kessai_wire::{CloseCode, Message};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::outgoing::{Close, Outgoing};
use crate::session::{Reception, Session};
use crate::tls;

/// Messages that are written together at most.
const BATCH: usize = 64;

/// Bytes that are taken from a stream at a time.
const CHUNK: usize = 16 << 10;

/// What a connection is held to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    /// For the rest of a frame that has begun.
    pub(crate) frame: Duration,
    /// For a peer to take what it is sent.
    pub(crate) write: Duration,
}

impl Close for Connection {
    fn close(&self, code: CloseCode) {
        Self::close(self, VarInt::from_u32(code.number()), code.name().as_bytes());
    }
}

/// Serves a connection until either side ends it.
pub(crate) async fn serve(
    connection: Connection,
    number: u64,
    reception: Arc<Reception>,
    deadlines: Deadlines,
    sessions: impl FnOnce(&Arc<Session>),
) {
    let Some((peer, channel)) = identify(&connection, &reception) else {
        Close::close(&connection, CloseCode::NotEnrolled);
        return;
    };
    let Ok(Ok((send, recv))) = timeout(deadlines.frame, connection.accept_bi()).await else {
        Close::close(&connection, CloseCode::TooSlow);
        return;
    };
    let (pushes, messages) = Outgoing::new(Arc::new(connection.clone()));
    let session = Arc::new(Session::new(reception, number, peer, channel, pushes.clone()));
    sessions(&session);
    let pinned = matches!(peer, Peer::Terminal(_)).then(|| connection.remote_address());
    let line = Line { connection: connection.clone(), session, deadlines, pinned };
    let code = tokio::select! {
        code = line.serve_stream(send, recv, pushes, messages) => code,
        () = line.serve_more() => CloseCode::Done,
    };
    Close::close(&connection, code);
}

/// Finds whom the connection's key was enrolled for, and what binds proofs to this connection.
///
/// # Source
/// RFC 9266 (tls-exporter channel binding).
fn identify(connection: &Connection, reception: &Reception) -> Option<(Peer, ChannelBinding)> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    let pin = tls::pin(chain.first()?).ok()?;
    let peer = reception.dispatch.engine().peer(&pin)?;
    let mut binding = [0; 32];
    connection.export_keying_material(&mut binding, b"EXPORTER-Channel-Binding", b"").ok()?;
    Some((peer, ChannelBinding(binding)))
}

/// What the streams of a connection share.
#[derive(Clone)]
struct Line {
    connection: Connection,
    session: Arc<Session>,
    deadlines: Deadlines,
    /// A terminal's address, which must not change.
    pinned: Option<SocketAddr>,
}

impl Line {
    /// Serves the streams after the first, a task each, until the connection is gone.
    async fn serve_more(&self) {
        while let Ok((send, recv)) = self.connection.accept_bi().await {
            let line = self.clone();
            tokio::spawn(async move {
                let (stream, messages) = Outgoing::new(Arc::new(line.connection.clone()));
                let code = line.serve_stream(send, recv, stream, messages).await;
                if code != CloseCode::Done {
                    Close::close(&line.connection, code);
                }
            });
        }
    }

    /// Reads requests and writes answers until the peer ends the stream, or breaks a rule.
    async fn serve_stream(
        &self,
        mut send: SendStream,
        mut recv: RecvStream,
        stream: Outgoing,
        mut messages: mpsc::Receiver<Message>,
    ) -> CloseCode {
        let mut unread = BytesMut::new();
        let mut batch = Vec::with_capacity(BATCH);
        let mut unfinished: Option<Instant> = None;
        loop {
            let deadline = async {
                match unfinished {
                    Some(begun) => sleep_until(begun + self.deadlines.frame).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                chunk = recv.read_chunk(CHUNK, true) => {
                    let Ok(Some(chunk)) = chunk else { return CloseCode::Done };
                    unread.extend_from_slice(&chunk.bytes);
                    let frames = match self.take_frames(&mut unread, &stream) {
                        Ok(frames) => frames,
                        Err(code) => return code,
                    };
                    unfinished = match unfinished {
                        _ if unread.is_empty() => None,
                        Some(begun) if frames == 0 => Some(begun),
                        Some(_) | None => Some(Instant::now()),
                    };
                }
                count = messages.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return CloseCode::Done;
                    }
                    let bytes = encode(&mut batch);
                    match timeout(self.deadlines.write, send.write_chunk(bytes)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_gone)) => return CloseCode::Done,
                        Err(_elapsed) => return CloseCode::TooSlow,
                    }
                }
                () = deadline => return CloseCode::TooSlow,
            }
        }
    }

    /// Hands on every message that has come whole, and says how many there were.
    fn take_frames(&self, unread: &mut BytesMut, stream: &Outgoing) -> Result<usize, CloseCode> {
        if self.pinned.is_some_and(|address| address != self.connection.remote_address()) {
            return Err(CloseCode::AddressChanged);
        }
        let decoder = Decoder::<ToGateway>::new();
        let mut frames = 0_usize;
        while let Some(message) = decoder.decode(unread).map_err(|error| error.close_code())? {
            self.session.receive(&message, stream)?;
            frames = frames.saturating_add(1);
        }
        Ok(frames)
    }
}

/// Writes messages as frames, together, so that they share packets.
fn encode(batch: &mut Vec<Message>) -> Bytes {
    let mut bytes = BytesMut::new();
    for message in batch.drain(..) {
        if let Err(error) = frame::encode(&ToPeer::from(&message), &mut bytes) {
            // The limits are related at compile time, so this is a bug; the peer asks again.
            tracing::error!(%error, "a message is too long for its frame");
        }
    }
    bytes.freeze()
}
