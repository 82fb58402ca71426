//! Connections as load: handshakes a second, connections held, and what becomes of them when all are
//! lost at once or change their address.
//!
//! It plays peers of a provision against a gateway that runs somewhere else, one connection for each
//! key, many of them over one socket. No money moves, but what bystanders pay. What a limit of the
//! gateway turns away is counted and named apart: that is what limits are for.
//!
//! Reading order: [`Plan`] (what is done), `crowd` (by whom), `held` (one task for each connection),
//! `phases` (how it goes), [`report`] (what came of it).

mod attempts;
mod bystanders;
mod came;
mod crowd;
mod failure;
mod handshakes;
mod held;
mod hole;
mod limits;
mod page;
mod phases;
mod progress;
pub mod report;
mod usage;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use kessai_gateway::admin::rows::GatewayRow;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::administration::Administration;
use crate::audit::Baseline;
use crate::capacity::{NotReady, readiness, road};
use crate::fleet::{FleetError, Ways, side_of};
use crate::keyring::Keyring;
use crate::population::Population;
use crate::provision::Provision;
use crate::schedule::{Form, Rate, Spacing};
use crate::trial::{TrialError, unless_stopped};
use crowd::{Crowd, Roads};

pub use attempts::AttemptsReport;
pub use crowd::Peers;
pub use limits::GatewayLimits;
pub use progress::{Lines, Progress};
pub use report::ConnectionsReport;
pub use usage::{Knocks, Side, Stretch, Usage};

/// What is done to a gateway, by whom.
#[derive(Debug, Clone)]
pub struct ConnectionsTest {
    /// What is done.
    pub plan: Plan,
    /// Whose keys connect.
    pub peers: Peers,
    /// Who lives there.
    pub provision: Provision,
    /// Where the provision lies.
    pub folder: PathBuf,
    /// The gateway, as `host:port`.
    pub gateway: String,
    /// Its administration.
    pub administration: Administration,
    /// The addresses to go out by; any, if there is none.
    pub from: Vec<IpAddr>,
    /// UDP sockets for each of them.
    pub sockets: usize,
    /// How often a silent connection makes a sign of life; never, if none.
    pub keep_alive: Option<Duration>,
    /// How long one attempt at connecting, or one round trip, may take.
    pub patience: Duration,
    /// What is random is drawn from this.
    pub seed: u64,
}

/// What is done to a gateway.
#[derive(Debug, Clone)]
pub enum Plan {
    /// Full handshakes, so many a second.
    Handshakes(Offer, Spacing),
    /// Connections that are held and say nothing.
    Idle(Gathering, Duration),
    /// Connections that are held, with so many round trips a second over all of them.
    LongLived(Gathering, Offer),
    /// All connections are lost at once, and come back.
    Storm(Gathering, Storm),
    /// All connections change their address.
    Migration(Gathering, Moves),
}

/// How many of something are offered.
#[derive(Debug, Clone)]
pub struct Offer {
    /// How many a second.
    pub rate: Rate,
    /// How that changes.
    pub form: Form,
    /// For how long.
    pub span: Duration,
}

/// How connections are gathered.
#[derive(Debug, Clone, Copy)]
pub struct Gathering {
    /// How many.
    pub connections: usize,
    /// How many are opened a second.
    pub rate: Rate,
    /// For how long those who are turned away try again.
    pub give_up: Duration,
}

/// What happens in a storm.
#[derive(Debug, Clone, Copy)]
pub struct Storm {
    /// How the connections are lost.
    pub loss: Loss,
    /// How long all is quiet before.
    pub calm: Duration,
    /// How long nobody can connect.
    pub outage: Duration,
    /// Within which time, after that, each makes its first attempt.
    pub within: Duration,
    /// How long they try.
    pub give_up: Duration,
    /// How many others pay meanwhile.
    pub bystanders: usize,
}

/// How connections are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The network is out: the gateway hears nothing, and has the old connections until they are idle
    /// for too long, or taken over by the new ones
    Silent,
    /// Each says that it goes
    Closed,
}

/// How connections change their address.
#[derive(Debug, Clone, Copy)]
pub struct Moves {
    /// How often.
    pub count: u32,
    /// How long they stay.
    pub every: Duration,
}

/// A gateway that was looked at, and all who are going to connect.
struct Ready {
    gateway: GatewayRow,
    population: Arc<Population>,
    before: Arc<Baseline>,
    keyring: Keyring,
    roads: Roads,
    crowd: Crowd,
}

impl Plan {
    /// Counts the connections that stand at a time; none if they come and go.
    #[must_use]
    pub const fn connections(&self) -> Option<usize> {
        match self {
            Self::Handshakes(..) => None,
            Self::Idle(gathering, _)
            | Self::LongLived(gathering, _)
            | Self::Storm(gathering, _)
            | Self::Migration(gathering, _) => Some(gathering.connections),
        }
    }
}

impl ConnectionsTest {
    /// Says in a line what is done.
    #[must_use]
    pub fn heading(&self) -> String {
        let (gateway, peers) = (&self.gateway, self.peers.name());
        let rate = |rate: Rate| format!("{rate} a second");
        let what = match &self.plan {
            Plan::Handshakes(offer, _) => {
                format!("handshakes of {peers}, {} for {:?}", rate(offer.rate), offer.span)
            }
            Plan::Idle(gathering, span) => {
                format!("{} idle connections of {peers} for {span:?}", gathering.connections)
            }
            Plan::LongLived(gathering, trips) => format!(
                "{} connections of {peers} with {} round trips for {:?}",
                gathering.connections,
                rate(trips.rate),
                trips.span
            ),
            Plan::Storm(gathering, storm) => format!(
                "a storm of {} {peers} within {:?} after an outage of {:?}",
                gathering.connections, storm.within, storm.outage
            ),
            Plan::Migration(gathering, moves) => {
                format!("{} moves of {} connections of {peers}", moves.count, gathering.connections)
            }
        };
        format!("Kessai connections against {gateway}: {what}, seed {}", self.seed)
    }
}

/// Does what the plan says, to the report. It ends early when `stop` becomes true, or when nobody is
/// left who could set it.
///
/// # Errors
/// [`TrialError`] if it could not be done; what becomes of connections is no error.
pub async fn run(
    test: &ConnectionsTest,
    progress: &Progress,
    mut stop: watch::Receiver<bool>,
) -> Result<ConnectionsReport, TrialError> {
    let ready = unless_stopped(&mut stop, prepare(test)).await?;
    let started_at = SystemTime::now();
    let done = phases::play(test, &ready, progress, &mut stop).await;
    progress.close();
    Ok(ConnectionsReport::of(test, &ready.gateway, started_at, done?))
}

/// Peers that take turns at handshakes at the most.
const TURNS: usize = 2_000;

/// Looks at the gateway, makes everybody up again, and sees that one of them can connect.
async fn prepare(test: &ConnectionsTest) -> Result<Ready, TrialError> {
    let provision = test.provision;
    let making = spawn_blocking(move || Population::new(provision.size(), provision.seed()));
    let population = Arc::new(making.await??);
    let found = test.peers.count(&population);
    let needed = test.plan.connections().unwrap_or_else(|| found.min(TURNS));
    if needed > found {
        let (peers, folder) = (test.peers.name(), test.folder.display().to_string());
        return Err(NotReady::TooFewPeers { peers, found, needed, folder }.into());
    }
    let (administration, folder) = (test.administration.clone(), test.folder.clone());
    let known = Arc::clone(&population);
    let reading = spawn_blocking(move || {
        let gateway: GatewayRow = administration.ask("/v1/gateway")?;
        readiness::check_register(&administration, &known, Ways::default(), &folder)?;
        let before = readiness::baseline(&administration, &known, &folder)?;
        Ok::<_, TrialError>((gateway, Arc::new(before)))
    });
    let (gateway, before) = reading.await??;
    let (address, root) = road(&test.gateway, &gateway).await?;
    let from = match test.from.as_slice() {
        [] => vec![side_of(address.ip())],
        from => from.to_vec(),
    };
    let (sockets, keep_alive) = (test.sockets, test.keep_alive);
    let roads = Roads { gateway: address, root, from, sockets, keep_alive };
    let (keyring, peers) = (Keyring::new(provision.seed()), (test.peers, needed));
    let (known, entries) = (Arc::clone(&population), Arc::clone(&before));
    let (ways, sockets) = (roads.clone(), roads.sockets()?);
    let gathering =
        spawn_blocking(move || Crowd::gather(&ways, sockets, peers, &known, (keyring, &entries)));
    let crowd = gathering.await??;
    try_one(&crowd, test.patience).await?;
    Ok(Ready { gateway, population, before, keyring, roads, crowd })
}

/// Sees that one can connect, and so probably all.
async fn try_one(crowd: &Crowd, patience: Duration) -> Result<(), FleetError> {
    let Some(first) = crowd.visitors().first() else { return Ok(()) };
    let presence = first.greet(patience).await.map_err(|why| first.cannot(why))?;
    presence.close();
    Ok(())
}
