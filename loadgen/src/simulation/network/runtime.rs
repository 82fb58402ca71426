//! QUIC's runtime in virtual time: that of tokio, whose clock the simulation moves.

use std::io;
use std::net::UdpSocket;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use quinn::{AsyncTimer, AsyncUdpSocket, Runtime};
use tokio::time::sleep_until;

/// Drives connections on the tokio runtime of the simulated machine that they are made on.
#[derive(Debug, Clone, Copy)]
pub(super) struct VirtualRuntime;

impl Runtime for VirtualRuntime {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(sleep_until(at.into()))
    }

    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(tokio::spawn(work));
    }

    fn wrap_udp_socket(&self, _socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Err(io::Error::other("there are no real sockets in a simulation"))
    }

    /// Unlike tokio's own runtime, which asks the machine.
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}
