//! A UDP socket of a simulated machine, as QUIC wants it.
//!
//! Delays and partitions are turmoil's; what is lost or comes twice is decided on sending, by the
//! [`Weather`], which also notes every datagram. No offloading: one datagram at a time.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use turmoil::net::UdpSocket;

use super::weather::Weather;

/// Waits until there is something to read.
type Readable = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// A socket on a network with weather.
pub(super) struct Socket {
    socket: Arc<UdpSocket>,
    address: SocketAddr,
    readable: Mutex<Option<Readable>>,
    weather: Weather,
}

impl Socket {
    /// Binds `port` of the machine that this is called on, whose address is `machine`; any free one
    /// for 0.
    pub(super) async fn bind(
        machine: IpAddr,
        port: u16,
        weather: &Weather,
    ) -> io::Result<Arc<Self>> {
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await?);
        let address = SocketAddr::new(machine, socket.local_addr()?.port());
        Ok(Arc::new(Self { socket, address, readable: Mutex::default(), weather: weather.clone() }))
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let (from, to) = (self.address, transmit.destination);
        for _ in 0..self.weather.copies(from, to, transmit.contents) {
            self.socket.try_send_to(transmit.contents, to)?;
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(buffer), Some(meta)) = (buffers.first_mut(), metas.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        let mut readable = self.readable.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(waiting) = readable.as_mut() {
                ready!(waiting.as_mut().poll(context))?;
                *readable = None;
            }
            match self.socket.try_recv_from(buffer) {
                Ok((len, addr)) => {
                    *meta = RecvMeta { addr, len, stride: len, ecn: None, dst_ip: None };
                    return Poll::Ready(Ok(1));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let socket = Arc::clone(&self.socket);
                    *readable = Some(Box::pin(async move { socket.readable().await }));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The network takes whatever is sent.
#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
