//! A connection without a network: the same session, messages over channels.
//!
//! For load tests and simulation, where the network is not what is looked at.

use std::sync::Arc;

use kessai_engine::Peer;
use kessai_engine::terms::collation::ChannelBinding;
use kessai_wire::CloseCode;
use kessai_wire::v1::{ToGateway, ToPeer};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::outgoing::{Close, Outgoing, queue_of};
use crate::session::{Reception, Session, Way};

/// Messages that may wait on the way in.
const QUEUE: usize = 64;

/// The peer's side of a connection without a network. Dropping either half ends it.
#[derive(Debug)]
pub struct LocalLink {
    /// To the gateway.
    pub requests: mpsc::Sender<ToGateway>,
    /// From the gateway.
    pub messages: mpsc::Receiver<ToPeer>,
}

struct Ending(CancellationToken);

impl Close for Ending {
    fn close(&self, _code: CloseCode) {
        self.0.cancel();
    }
}

/// Connects `peer`, until `end`.
pub(crate) fn link(
    reception: Arc<Reception>,
    number: u64,
    peer: Peer,
    channel: ChannelBinding,
    end: CancellationToken,
) -> LocalLink {
    let (requests, mut incoming) = mpsc::channel::<ToGateway>(QUEUE);
    let (to_peer, messages) = mpsc::channel(QUEUE);
    let (stream, mut outgoing) = Outgoing::new(Arc::new(Ending(end.clone())), queue_of(&peer));
    let way = Way { connection: number, channel, pushes: stream.clone(), guest: None };
    let session = Session::new(reception, peer, None, way);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                biased;
                () = end.cancelled() => return,
                // Answers before requests: there are only as many as were asked for.
                queued = outgoing.recv() => {
                    let Some(queued) = queued else { return };
                    tokio::select! {
                        biased;
                        () = end.cancelled() => return,
                        sent = to_peer.send(ToPeer::from(&queued.message)) => {
                            if sent.is_err() {
                                return;
                            }
                        }
                    }
                }
                request = incoming.recv() => {
                    let Some(request) = request else { return };
                    if session.receive(&request, &stream).is_err() {
                        return;
                    }
                }
            }
        }
    });
    LocalLink { requests, messages }
}
