//! The UDP socket, with what goes through it counted: with each call, not with each datagram.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use crate::counters::Counters;

/// A socket whose traffic is counted.
#[derive(Debug)]
pub(crate) struct Metered {
    socket: Arc<dyn AsyncUdpSocket>,
    counters: Arc<Counters>,
}

impl Metered {
    pub(crate) const fn new(socket: Arc<dyn AsyncUdpSocket>, counters: Arc<Counters>) -> Self {
        Self { socket, counters }
    }
}

impl AsyncUdpSocket for Metered {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.socket).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)?;
        let bytes = transmit.contents.len();
        self.counters.sent.note(bytes, transmit.segment_size.unwrap_or(bytes));
        Ok(())
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let filled = ready!(self.socket.poll_recv(context, buffers, metas))?;
        for meta in metas.iter().take(filled) {
            self.counters.received.note(meta.len, meta.stride);
        }
        Poll::Ready(Ok(filled))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}
