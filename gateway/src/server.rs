//! The running gateway: keeps time, and stops without losing an answer.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kessai_engine::terms::JournalReceipt;
use kessai_engine::terms::collation::{ActivationCode, ChannelBinding};
use kessai_engine::{Engine, KeyPin, Peer};
use kessai_journal::Journal;
use kessai_wire::{CloseCode, SoftwareName, Subject};
use quinn::crypto::rustls::NoInitialCipherSuite;
use quinn::{Endpoint, VarInt};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activations::{Activations, TooManyOpen};
use crate::admin::rows::ReceiptStanding;
use crate::clock::{Clock, Lent};
use crate::contacts::Profiles;
use crate::counters::Counters;
use crate::dispatch::{Dispatch, Options};
use crate::enrolment::Registry;
use crate::entropy::Entropy;
use crate::host::{Host, SlowWork};
use crate::keeping::{Condition, Keeping};
use crate::keys::Keys;
use crate::local::{self, LocalLink};
use crate::metered::Metered;
use crate::node::{Node, Shelf};
use crate::notify::{Channels, Notifier, NotifyError, Surroundings};
use crate::rates::{Rates, RatesError};
use crate::receipts::{Checking, Receipts};
use crate::session::Reception;
use crate::settings::{Connections, Settings, millis};
use crate::{tls, transport};

mod door;
mod sessions;

use door::Door;
pub(crate) use sessions::{Connected, Sessions};

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(10);

/// How often connections are looked through for keys that were revoked.
const REVOCATIONS: Duration = Duration::from_secs(2);

/// How often the file of rates is looked at.
const RATES: Duration = Duration::from_secs(2);

/// What a stop leaves the network for the last answers.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// When a drained peer is advised to come back.
const RECONNECT_AFTER_MS: u32 = 1_000;

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why; most often another process is there already.
        source: io::Error,
    },
    /// Server key and certificates do not belong together.
    #[error("the server key or its certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// The TLS library lacks what QUIC begins with.
    #[error("the TLS library cannot do QUIC: {0}")]
    Quic(#[from] NoInitialCipherSuite),
    /// Notifications cannot be set up.
    #[error(transparent)]
    Notify(#[from] NotifyError),
    /// The rates of exchange cannot be used.
    #[error("cannot use the rates of exchange: {0}")]
    Rates(#[from] RatesError),
}

/// A gateway that serves.
pub struct Gateway {
    reception: Arc<Reception>,
    endpoint: Endpoint,
    address: SocketAddr,
    root_pin: KeyPin,
    sessions: Arc<Sessions>,
    activations: Arc<Activations>,
    clock: Arc<dyn Clock>,
    channels: Arc<Channels>,
    rates: Arc<Rates>,
    /// Ends the tasks that would go on for ever.
    stop: CancellationToken,
    tasks: TaskTracker,
    drain: Duration,
    /// How it goes apart from payments.
    condition: Arc<Condition>,
    slow_work: SlowWork,
}

impl Gateway {
    /// Listens and serves. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`], naming what stands in the way.
    pub fn start(node: &Node, settings: &Settings, keys: &Keys) -> Result<Self, StartError> {
        let host = Host::of_the_system(settings.listen, node.engine().latest_ms())
            .map_err(|source| StartError::Listen { address: settings.listen, source })?;
        Self::start_on(host, node, settings, keys)
    }

    /// Serves on what it is given. Must be called within the tokio runtime that its tasks shall run
    /// in, and whose time its deadlines shall go by.
    ///
    /// # Errors
    /// [`StartError`], naming what stands in the way.
    pub fn start_on(
        host: Host,
        node: &Node,
        settings: &Settings,
        keys: &Keys,
    ) -> Result<Self, StartError> {
        let Host { clock, entropy, runtime, socket, slow_work } = host;
        let listen = |source| StartError::Listen { address: settings.listen, source };
        let tls = tls::server_config(keys.chain.clone(), keys.server.clone_key())?;
        let time = Lent::new(Arc::clone(&clock));
        let config = transport::server_config(tls, &settings.connections, time)?;
        let counters = Arc::<Counters>::default();
        let endpoint = Endpoint::new_with_abstract_socket(
            transport::endpoint_config(keys, entropy.as_ref()),
            Some(config),
            Arc::new(Metered::new(socket, Arc::clone(&counters))),
            runtime,
        )
        .map_err(listen)?;
        let address = endpoint.local_addr().map_err(listen)?;
        let channels = Arc::new(channels(node, settings, keys, (&clock, &entropy))?);
        let notifier: Arc<dyn Notifier> = Arc::<Channels>::clone(&channels);
        let rates = Rates::load(settings.exchange.file().map(Path::to_owned))?;
        let rates = Arc::new(rates);
        let (receipts, checking) = Receipts::of(node, keys, Arc::clone(&clock));
        let mut gateway = Self {
            reception: Arc::new(Reception {
                dispatch: Dispatch::new(
                    Arc::clone(node.engine()),
                    receipts,
                    Arc::clone(&clock),
                    Arc::clone(&entropy),
                    Options {
                        prompt_ms: millis(settings.payments.prompt),
                        code_ms: millis(settings.payments.code),
                        status_per_minute: settings.payments.status_per_terminal_per_minute,
                        codes_per_minute: settings.payments.codes_per_handset_per_minute,
                        wrong_codes_per_minute: settings
                            .payments
                            .wrong_codes_per_terminal_per_minute,
                    },
                    notifier,
                    Arc::clone(&rates),
                )
                .with_archive(node.shelf(), millis(settings.payments.memory))
                .with_counters(counters),
                name: software_name(),
                idle_ms: u32::try_from(millis(settings.connections.idle)).unwrap_or(u32::MAX),
            }),
            endpoint,
            address,
            root_pin: keys.root_pin,
            sessions: Arc::new(Sessions::default()),
            activations: Arc::new(Activations::default()),
            clock,
            channels,
            rates,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            drain: settings.connections.drain,
            condition: Arc::default(),
            slow_work,
        };
        gateway.spawn_keeping(node, settings);
        let registry = Registry {
            reception: Arc::clone(&gateway.reception),
            activations: Arc::clone(&gateway.activations),
            sealing: keys.current_sealing_key(),
            entropy,
        };
        gateway.spawn_tasks(&settings.connections, registry, checking);
        Ok(gateway)
    }

    /// Makes snapshots, fills the archive and lets payments leave, where there is a disk for it.
    fn spawn_keeping(&mut self, node: &Node, settings: &Settings) {
        let Some(kept) = node.kept() else { return };
        let (engine, journal) = (Arc::clone(self.engine()), self.journal().clone());
        let keeping = Keeping::new(engine, journal, self.clock(), kept.clone(), settings);
        self.condition = keeping.condition();
        // Not cut short by a stop: it ends by itself, with its files closed.
        self.tasks.spawn(Arc::new(keeping).run(self.stop.clone()));
        let (reception, stop) = (Arc::clone(&self.reception), self.stop.clone());
        self.tasks.spawn(async move { reception.dispatch.answer_from_archive(&stop).await });
    }

    fn spawn_tasks(&self, connections: &Connections, registry: Registry, checking: Checking) {
        let door = Arc::new(Door::new(self, connections, registry));
        let endpoint = self.endpoint.clone();
        self.spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                door.admit(incoming);
            }
        });
        let reception = Arc::clone(&self.reception);
        self.spawn(async move { reception.dispatch.deliver().await });
        self.spawn(checking.run(self.slow_work));
        let reception = Arc::clone(&self.reception);
        self.spawn(async move {
            let mut ticks = interval(TICK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                reception.dispatch.expire().await;
            }
        });
        let sessions = Arc::clone(&self.sessions);
        self.spawn(async move {
            let mut ticks = interval(REVOCATIONS);
            loop {
                ticks.tick().await;
                sessions.live().for_each(|session| session.end_if_revoked());
            }
        });
        let rates = self.rates();
        self.spawn(async move {
            let mut ticks = interval(RATES);
            loop {
                ticks.tick().await;
                match rates.reload_if_changed() {
                    Ok(true) => tracing::info!("the rates of exchange were read again"),
                    Ok(false) => {}
                    Err(error) => tracing::error!(%error, "the rates before stay in force"),
                }
            }
        });
    }

    /// Runs `work` until it ends or the gateway stops.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// The UDP address that it listens at.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What clients know it by.
    #[must_use]
    pub const fn root_pin(&self) -> KeyPin {
        self.root_pin
    }

    /// The engine behind it.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        self.reception.dispatch.engine()
    }

    /// The journal behind it.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        self.reception.dispatch.journal()
    }

    /// The gateway's clock, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.reception.dispatch.now_ms()
    }

    /// Says how the records that terminals hold receipts of stand in the journal.
    pub fn check_receipts(
        &self,
        receipts: Vec<JournalReceipt>,
    ) -> impl Future<Output = Vec<ReceiptStanding>> + use<> {
        self.receipts().standings(receipts, self.slow_work)
    }

    pub(crate) fn receipts(&self) -> Arc<Receipts> {
        Arc::clone(self.reception.dispatch.receipts())
    }

    pub(crate) fn rates(&self) -> Arc<Rates> {
        Arc::clone(&self.rates)
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Payments that have left the memory.
    pub(crate) fn shelf(&self) -> Shelf {
        self.reception.dispatch.shelf().clone()
    }

    /// How it goes apart from payments.
    pub(crate) fn condition(&self) -> Arc<Condition> {
        Arc::clone(&self.condition)
    }

    /// What it has counted.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(self.reception.dispatch.counters())
    }

    /// The connections that are there.
    pub(crate) fn sessions(&self) -> Arc<Sessions> {
        Arc::clone(&self.sessions)
    }

    pub(crate) fn activations(&self) -> Arc<Activations> {
        Arc::clone(&self.activations)
    }

    /// Is cancelled when the gateway stops.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stop.child_token()
    }

    /// Gives out a code with which `subject` may enrol a key, once and within ten minutes.
    ///
    /// # Errors
    /// [`TooManyOpen`] if too many codes are open.
    pub fn activate(&self, subject: Subject, code: ActivationCode) -> Result<(), TooManyOpen> {
        self.activations.issue(subject, code, self.now_ms())
    }

    /// Connects a peer without a network: the same sessions and decisions, messages over channels.
    #[must_use]
    pub fn local(&self, peer: Peer, channel: ChannelBinding) -> LocalLink {
        let number = self.sessions.number();
        let end = self.stop.child_token();
        local::link(Arc::clone(&self.reception), number, peer, channel, end)
    }

    /// Stops: takes no more payments and connections, tells what was decided, closes the
    /// connections and makes everything durable. Pending payments go on after the next start.
    pub async fn stop(self) {
        self.reception.dispatch.drain();
        self.endpoint.set_server_config(None);
        self.sessions.live().for_each(|session| session.announce_drain(RECONNECT_AFTER_MS));
        let settled = async {
            while !self.reception.dispatch.is_settled() {
                sleep(TICK).await;
            }
            // What was handed to the streams last gets time to leave.
            sleep(LAST_WORDS).await;
        };
        if timeout(self.drain, settled).await.is_err() {
            tracing::warn!("stopped before every answer was told; they can be asked for again");
        }
        let code = CloseCode::ShuttingDown;
        self.endpoint.close(VarInt::from_u32(code.number()), code.name().as_bytes());
        if timeout(self.drain, self.endpoint.wait_idle()).await.is_err() {
            tracing::warn!("some connections did not close in time");
        }
        self.channels.stop().await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.reception.dispatch.shelf().close();
        let journal = self.journal().clone();
        // Joins the writer's thread, which may be syncing.
        if self.slow_work.perform(move || journal.close()).await.is_err() {
            tracing::error!("the journal did not close");
        }
    }
}

/// The ways to customers whose handset is away.
fn channels(
    node: &Node,
    settings: &Settings,
    keys: &Keys,
    (clock, entropy): (&Arc<dyn Clock>, &Arc<dyn Entropy>),
) -> Result<Channels, NotifyError> {
    let engine = Arc::clone(node.engine());
    let around = Surroundings {
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
        contacts: Arc::new(Profiles { engine, sealing: keys.sealing_keys() }),
    };
    Channels::start(&settings.notify, &around)
}

fn software_name() -> SoftwareName {
    #[expect(clippy::expect_used, reason = "a constant of the right form")]
    SoftwareName::new(concat!("kessai ", env!("CARGO_PKG_VERSION"))).expect("a short name")
}
