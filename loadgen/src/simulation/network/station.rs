//! Where a till or handset stands in the network: an endpoint of its own, that may come to have
//! another address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use kessai_client::wire::{CloseCode, Retry};
use kessai_client::{Backoff, ConnectError, Options, QuicConnector, QuicOptions, RootPin};
use quinn::{Endpoint, EndpointConfig};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::sleep;

use super::cast::Peer;
use super::gateway::IDLE;
use super::runtime::VirtualRuntime;
use super::socket::Socket;
use super::weather::Weather;

/// What a peer must know of the world to connect.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// The address of the machine that it runs on.
    pub(super) machine: IpAddr,
    pub(super) gateway: SocketAddr,
    pub(super) root: RootPin,
    pub(super) weather: Weather,
    /// How often its address changes.
    pub(super) moves_every: Option<Duration>,
}

/// A peer's place in the network; when it is dropped, the peer stays where it is.
pub(super) struct Station {
    connector: Arc<QuicConnector>,
    moving: Option<JoinHandle<()>>,
}

impl Station {
    /// Opens an endpoint for a peer.
    ///
    /// # Errors
    /// If there is no socket for it, or its key cannot be used.
    pub(super) async fn open(peer: &Peer, around: &Surroundings) -> turmoil::Result<Self> {
        let socket = Socket::bind(around.machine, 0, &around.weather).await?;
        let mut config = EndpointConfig::default();
        config.rng_seed(Some(peer.endpoint_seed));
        let runtime = Arc::new(VirtualRuntime);
        let endpoint = Endpoint::new_with_abstract_socket(config, None, socket, runtime)?;
        let options =
            QuicOptions { keep_alive: Some(IDLE / 3), idle: IDLE, ..QuicOptions::default() };
        let (gateway, root) = (around.gateway, around.root);
        let connector = QuicConnector::new(endpoint.clone(), gateway, root, &peer.key, &options)?;
        let moving = around.moves_every.map(|every| {
            let around = around.clone();
            spawn_local(async move { move_about(&endpoint, every, &around).await })
        });
        Ok(Self { connector: Arc::new(connector), moving })
    }

    /// How it connects.
    pub(super) fn connector(&self) -> Arc<QuicConnector> {
        Arc::clone(&self.connector)
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        if let Some(moving) = self.moving.take() {
            moving.abort();
        }
    }
}

/// Changes the address now and then, as long as things go wrong.
async fn move_about(endpoint: &Endpoint, every: Duration, around: &Surroundings) {
    loop {
        sleep(every).await;
        if super::time::elapsed() > super::plan::FAULTY {
            return;
        }
        let moved = Socket::bind(around.machine, 0, &around.weather).await;
        if let Ok(socket) = moved {
            // The old address is given up with its socket.
            drop(endpoint.rebind_abstract(socket));
        }
    }
}

/// How patient everybody is: their attempts are short, as the gateway is away for seconds only.
pub(super) fn options(peer: &Peer) -> Options {
    Options {
        connect_within: Duration::from_secs(10),
        greet_within: Duration::from_secs(2),
        call_within: Duration::from_secs(5),
        pay_within: Duration::from_secs(20),
        backoff: Backoff { first: Duration::from_millis(100), most: Duration::from_secs(1) },
        randomness: peer.randomness.clone(),
        ..Options::default()
    }
}

/// Connects, as often as it takes.
///
/// # Errors
/// What is final: a peer that was entered is never turned away.
pub(super) async fn persist<T, F>(mut connect: impl FnMut() -> F) -> Result<T, ConnectError>
where
    F: Future<Output = Result<T, ConnectError>>,
{
    loop {
        match connect().await {
            Err(error) if !is_for_ever(&error) => sleep(Duration::from_millis(200)).await,
            connected => return connected,
        }
    }
}

fn is_for_ever(error: &ConnectError) -> bool {
    match error {
        ConnectError::Closed(code) => *code == CloseCode::NotEnrolled,
        ConnectError::Refused(refusal) => refusal.retry == Retry::Never,
        ConnectError::Unreachable(_)
        | ConnectError::TurnedAway
        | ConnectError::TimedOut
        | ConnectError::EventsNotRead => false,
        ConnectError::Untrusted(_)
        | ConnectError::Greeting(_)
        | ConnectError::Garbage(_)
        | ConnectError::Setup(_) => true,
    }
}
