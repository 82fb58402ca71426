//! One QUIC connection: bytes in, frames out, deadlines kept.
//!
//! It knows frames and streams, and hands every message to the [`Session`]. A connection costs one
//! task as long as it uses one stream.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kessai_engine::terms::collation::ChannelBinding;
use kessai_engine::{KeyPin, Peer};
use kessai_wire::frame::{self, Decoder};
use kessai_wire::v1::{ToGateway, ToPeer};
use kessai_wire::{ALPN_ENROLMENT, CloseCode};
use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, RecvStream, SendStream, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::outgoing::{Close, Outgoing, Queued, queue_of};
use crate::session::{Reception, Session, Way};
use crate::{tls, transport};

/// Messages that are written together at most.
const BATCH: usize = 64;

/// Messages for which a connection keeps room: most peers are told one at a time, and there are
/// many of them.
const ROOM: usize = 4;

/// Bytes that are taken from a stream at a time.
const CHUNK: usize = 16 << 10;

/// What a connection is held to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    /// For the peer to greet, once its handshake is done.
    pub(crate) greeting: Duration,
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

/// Serves a connection until either side ends it; says which code it was closed with, if the peer
/// has not been faster.
pub(crate) async fn serve(
    connection: Connection,
    number: u64,
    reception: Arc<Reception>,
    deadlines: Deadlines,
    sessions: impl FnOnce(&Arc<Session>),
) -> CloseCode {
    let greet_by = Instant::now() + deadlines.greeting;
    let Some((pin, peer, channel)) = identify(&connection, &reception) else {
        Close::close(&connection, CloseCode::NotEnrolled);
        return CloseCode::NotEnrolled;
    };
    match peer {
        Peer::Controller(..) | Peer::Hub(_) => transport::widen(&connection),
        Peer::Terminal(_) | Peer::Handset(..) => {}
    }
    let Ok(Ok((send, recv))) = timeout_at(greet_by, connection.accept_bi()).await else {
        Close::close(&connection, CloseCode::HandshakeTimeout);
        return CloseCode::HandshakeTimeout;
    };
    let queue = queue_of(&peer);
    let (pushes, messages) = Outgoing::new(Arc::new(connection.clone()), queue);
    let way = Way { connection: number, channel, pushes: pushes.clone(), guest: None };
    let session = Arc::new(Session::new(reception, peer, Some(pin), way));
    sessions(&session);
    let pinned = matches!(peer, Peer::Terminal(_)).then(|| connection.remote_address());
    let line = Line { connection: connection.clone(), session, deadlines, pinned, queue };
    let code = tokio::select! {
        biased;
        code = line.serve_stream(send, recv, pushes, messages) => code,
        () = line.serve_more() => CloseCode::Done,
        () = line.miss_greeting(greet_by) => CloseCode::HandshakeTimeout,
    };
    Close::close(&connection, code);
    code
}

/// Finds whom the connection's key was enrolled for, and what binds proofs to this connection.
fn identify(
    connection: &Connection,
    reception: &Reception,
) -> Option<(KeyPin, Peer, ChannelBinding)> {
    let pin = pin_of(connection)?;
    let peer = reception.dispatch.engine().peer(&pin)?;
    Some((pin, peer, channel_of(connection)?))
}

/// Computes the pin of the key that the other side proved to hold.
pub(crate) fn pin_of(connection: &Connection) -> Option<KeyPin> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    tls::pin(chain.first()?).ok()
}

/// Finds what binds proofs to this connection.
///
/// # Source
/// RFC 9266 (tls-exporter channel binding).
pub(crate) fn channel_of(connection: &Connection) -> Option<ChannelBinding> {
    let mut binding = [0; 32];
    connection.export_keying_material(&mut binding, b"EXPORTER-Channel-Binding", b"").ok()?;
    Some(ChannelBinding(binding))
}

/// Says whether the connection was opened to enrol its key.
pub(crate) fn is_for_enrolment(connection: &Connection) -> bool {
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    data.and_then(|data| data.protocol).is_some_and(|protocol| protocol == ALPN_ENROLMENT)
}

/// What the streams of a connection share.
#[derive(Clone)]
struct Line {
    connection: Connection,
    session: Arc<Session>,
    deadlines: Deadlines,
    /// A terminal's address, which must not change.
    pinned: Option<SocketAddr>,
    /// Messages that may wait for each stream.
    queue: usize,
}

impl Line {
    /// Serves the streams after the first, a task each, until the connection is gone.
    async fn serve_more(&self) {
        while let Ok((send, recv)) = self.connection.accept_bi().await {
            let line = self.clone();
            tokio::spawn(async move {
                let connection = Arc::new(line.connection.clone());
                let (stream, messages) = Outgoing::new(connection, line.queue);
                let code = line.serve_stream(send, recv, stream, messages).await;
                if code != CloseCode::Done {
                    Close::close(&line.connection, code);
                }
            });
        }
    }

    /// Ends if the peer has not greeted in time.
    async fn miss_greeting(&self, greet_by: Instant) {
        sleep_until(greet_by).await;
        if self.session.has_greeted() {
            pending::<()>().await;
        }
    }

    /// Reads requests and writes answers until the peer ends the stream, or breaks a rule.
    ///
    /// A peer may end its side and still wait for answers: they are written, then the stream ends.
    async fn serve_stream(
        &self,
        mut send: SendStream,
        mut recv: RecvStream,
        stream: Outgoing,
        mut messages: mpsc::Receiver<Queued>,
    ) -> CloseCode {
        // Held as long as the peer may ask; when nobody holds the queue any more it is over.
        let mut asking = Some(stream);
        let mut requests = Requests::default();
        let mut batch = Vec::new();
        loop {
            let deadline = async {
                match requests.unfinished_since {
                    Some(begun) => sleep_until(begun + self.deadlines.frame).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                // What has come is read before anybody is called slow.
                biased;
                chunk = recv.read_chunk(CHUNK, true), if asking.is_some() => {
                    let taken = match (chunk, &asking) {
                        (Ok(Some(chunk)), Some(stream)) => {
                            self.take_frames(&chunk.bytes, &mut requests, stream)
                        }
                        (Ok(_), _) => {
                            asking = None;
                            requests.finish()
                        }
                        (Err(_gone), _) => Err(CloseCode::Done),
                    };
                    if let Err(code) = taken {
                        return code;
                    }
                }
                count = messages.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return CloseCode::Done;
                    }
                    let Some(bytes) = encode(&batch) else { return CloseCode::Internal };
                    match timeout(self.deadlines.write, send.write_chunk(bytes)).await {
                        Ok(Ok(())) => {
                            batch.clear();
                            batch.shrink_to(ROOM);
                        }
                        Ok(Err(_gone)) => return CloseCode::Done,
                        Err(_elapsed) => return CloseCode::TooSlow,
                    }
                }
                () = deadline => return CloseCode::TooSlow,
            }
        }
    }

    /// Hands on every message that has come whole.
    fn take_frames(
        &self,
        bytes: &Bytes,
        requests: &mut Requests,
        stream: &Outgoing,
    ) -> Result<(), CloseCode> {
        if self.pinned.is_some_and(|address| address != self.connection.remote_address()) {
            return Err(CloseCode::AddressChanged);
        }
        requests.take(bytes, |message| self.session.receive(message, stream))
    }
}

/// The requests of one stream on their way in.
#[derive(Debug, Default)]
struct Requests {
    unread: BytesMut,
    /// Since when the first frame of `unread` has been incomplete.
    unfinished_since: Option<Instant>,
}

impl Requests {
    /// Adds bytes, and gives every message that is whole now to `receive`.
    fn take(
        &mut self,
        bytes: &[u8],
        mut receive: impl FnMut(&ToGateway) -> Result<(), CloseCode>,
    ) -> Result<(), CloseCode> {
        self.unread.extend_from_slice(bytes);
        let decoder = Decoder::<ToGateway>::new();
        while let Some(message) =
            decoder.decode(&mut self.unread).map_err(|error| error.close_code())?
        {
            // The next frame, if there is one, begins now.
            self.unfinished_since = None;
            receive(&message)?;
        }
        if self.unread.is_empty() {
            self.unfinished_since = None;
        } else if self.unfinished_since.is_none() {
            self.unfinished_since = Some(Instant::now());
        }
        Ok(())
    }

    /// Checks that the stream ended between two frames.
    fn finish(&self) -> Result<(), CloseCode> {
        Decoder::<ToGateway>::new().finish(&self.unread).map_err(|error| error.close_code())
    }
}

/// Writes messages as frames, together, so that they share packets.
fn encode(batch: &[Queued]) -> Option<Bytes> {
    let mut bytes = BytesMut::new();
    for queued in batch {
        if let Err(error) = frame::encode(&ToPeer::from(&queued.message), &mut bytes) {
            // The limits are related at compile time, so this is a bug of ours.
            tracing::error!(%error, "a message is too long for its frame");
            return None;
        }
    }
    Some(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::BytesMut;
    use kessai_wire::CloseCode;
    use kessai_wire::frame;
    use kessai_wire::v1::{Echo, ToGateway, to_gateway};
    use tokio::time::{Instant, advance};

    use super::Requests;

    fn two_frames() -> (BytesMut, usize) {
        let mut bytes = BytesMut::new();
        let mut first = 0;
        for request in 1..=2 {
            first = bytes.len();
            let body = Some(to_gateway::Body::Echo(Echo { payload: vec![9; 40].into() }));
            frame::encode(&ToGateway { request, body, ..ToGateway::default() }, &mut bytes)
                .unwrap();
        }
        (bytes, first)
    }

    /// A frame's time starts with its own first byte, not with that of one before it.
    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_frame_starts_with_its_first_byte() {
        let (bytes, second) = two_frames();
        let mut requests = Requests::default();
        let mut seen = Vec::new();
        let mut take = |requests: &mut Requests, bytes: &[u8]| {
            requests.take(bytes, |message| {
                seen.push(message.request);
                Ok(())
            })
        };
        take(&mut requests, &bytes[..1]).unwrap();
        let begun = Instant::now();
        assert_eq!(requests.unfinished_since, Some(begun));
        advance(Duration::from_secs(1)).await;
        take(&mut requests, &bytes[1..2]).unwrap();
        assert_eq!(requests.unfinished_since, Some(begun), "another byte wins no time");
        take(&mut requests, &bytes[2..=second]).unwrap();
        assert_eq!(requests.unfinished_since, Some(Instant::now()), "the second has begun");
        assert_eq!(requests.finish(), Err(CloseCode::Protocol), "it is not whole yet");
        take(&mut requests, &bytes[second + 1..]).unwrap();
        assert_eq!(requests.unfinished_since, None);
        assert_eq!(requests.finish(), Ok(()));
        assert_eq!(seen, [1, 2]);
    }
}
