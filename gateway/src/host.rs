//! What the machine gives a gateway: time, randomness, a socket with what drives it, and threads.
//!
//! On the way of a payment nothing behind this seam reads a clock, draws randomness, opens a socket
//! or starts a thread by itself, and every choice among things that happen at once is made in a
//! fixed order. So a simulation that gives these, and a tokio runtime whose time it keeps, has the
//! whole gateway repeat itself.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use quinn::{AsyncUdpSocket, Runtime};
use tokio::task::{JoinError, spawn_blocking};

use crate::clock::{Clock, SystemClock};
use crate::entropy::{Entropy, SystemEntropy};
use crate::transport;

/// What a gateway runs on.
#[derive(Clone)]
pub struct Host {
    /// Tells the gateway's time; not before that of the last journalled record.
    pub clock: Arc<dyn Clock>,
    /// Gives nonces, codes and the seed of what QUIC draws.
    pub entropy: Arc<dyn Entropy>,
    /// Drives connections and their timers.
    pub runtime: Arc<dyn Runtime>,
    /// Where peers reach the gateway.
    pub socket: Arc<dyn AsyncUdpSocket>,
    /// Who does what waits for a disk.
    pub slow_work: SlowWork,
}

/// Who does work that waits for a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlowWork {
    /// A thread beside, so that nothing else waits.
    Beside,
    /// Whoever comes to it. A thread ends when it likes: what it did would come in another order
    /// every time.
    InPlace,
}

impl SlowWork {
    /// Has `work` done.
    ///
    /// # Errors
    /// [`JoinError`] if it panics beside.
    pub(crate) async fn perform<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        match self {
            Self::Beside => spawn_blocking(work).await,
            Self::InPlace => Ok(work()),
        }
    }
}

impl Host {
    /// Takes the machine's own clock and randomness, and a UDP socket at `listen`. Must be called
    /// within a tokio runtime.
    ///
    /// The clock does not begin before `floor_ms`, the time of the last journalled record.
    ///
    /// # Errors
    /// If the address cannot be listened at; most often another process is there already.
    pub fn of_the_system(listen: SocketAddr, floor_ms: u64) -> io::Result<Self> {
        let runtime = quinn::default_runtime().ok_or_else(|| {
            io::Error::other("the gateway must be started within a tokio runtime")
        })?;
        let socket = runtime.wrap_udp_socket(transport::bind(listen)?)?;
        let clock = SystemClock::new();
        clock.raise_to(floor_ms);
        Ok(Self {
            clock: Arc::new(clock),
            entropy: Arc::new(SystemEntropy),
            runtime,
            socket,
            slow_work: SlowWork::Beside,
        })
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("socket", &self.socket).finish_non_exhaustive()
    }
}
