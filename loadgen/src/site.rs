//! A gateway in this process, with a data directory that is thrown away afterwards.
//!
//! It is the real gateway on a free port of the loopback address: nothing in it knows that it is
//! being tested, and only its limits on admission are raised.

mod clerk;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kessai_client::RootPin;
use kessai_engine::terms::{AmountError, JournalReceipt, PaymentId};
use kessai_engine::{AdminError, Engine, RegisterError};
use kessai_gateway::admin::rows::{JournalReceiptRow, ReceiptStanding};
use kessai_gateway::entropy::SystemEntropy;
use kessai_gateway::settings::{Connections, Exchange, JournalSettings, Payments, Settings};
use kessai_gateway::{Gateway, KeyError, Keys, Node, NodeError, StartError};
use tempfile::TempDir;

use crate::audit::{Baseline, Books, Budgets, CustomerEntry, Held, PaymentEntry, Tries};
use crate::exchange;
use crate::fleet::Road;
use crate::keyring::Pins;
use crate::population::Population;

/// Whether the gateway keeps a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As it must: nothing is told before it is durable.
    Journal,
    /// For benches that look at the rest: nothing is kept.
    Volatile,
}

/// What the gateway is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiteOptions {
    /// How long a customer may take to answer.
    pub prompt: Duration,
    /// How long a machine may take to report what came out.
    pub delivery: Duration,
    /// Connections that must find room.
    pub connections: usize,
    /// Whether it keeps a journal.
    pub durability: Durability,
}

/// Why a gateway cannot be set up here, or its books not be read.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// There is no place for its files.
    #[error("cannot make a temporary data directory: {0}")]
    Folder(#[from] std::io::Error),
    /// Its keys cannot be made.
    #[error("cannot make the gateway's keys: {0}")]
    Keys(#[from] KeyError),
    /// Its data directory cannot be made or read again.
    #[error("cannot use the gateway's data directory: {0}")]
    Node(#[from] NodeError),
    /// It cannot start.
    #[error("cannot start the gateway: {0}")]
    Start(#[from] StartError),
    /// The register does not take what is entered.
    #[error("cannot enter merchants, stores and terminals: {0}")]
    Register(#[from] RegisterError),
    /// A customer or handset cannot be entered.
    #[error("cannot enter customers and handsets: {0}")]
    Admin(#[from] AdminError),
    /// A sum in the books leaves its range.
    #[error("the books cannot be added up: {0}")]
    Books(#[from] AmountError),
    /// It has been stopped.
    #[error("the gateway has been stopped")]
    Stopped,
}

/// A gateway in this process.
pub struct Site {
    door: Door,
    engine: Arc<Engine>,
    settings: Settings,
    keys: Keys,
    options: SiteOptions,
    _folder: TempDir,
}

/// The way in to a gateway in this process, until it is stopped.
#[derive(Clone)]
pub struct Door(Arc<Mutex<Option<Gateway>>>);

impl Door {
    pub(crate) fn with<R>(&self, look: impl FnOnce(&Gateway) -> R) -> Result<R, SiteError> {
        let gateway = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gateway.as_ref().map(look).ok_or(SiteError::Stopped)
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Door(..)")
    }
}

impl Site {
    /// Makes keys and a data directory, and starts the gateway on a free loopback port. Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// [`SiteError`], naming what stands in the way.
    pub fn start(options: SiteOptions) -> Result<Self, SiteError> {
        let folder = tempfile::Builder::new().prefix("kessai-loadgen-").tempdir()?;
        let settings = settings(folder.path(), &options);
        std::fs::create_dir(&settings.keys)?;
        std::fs::write(&settings.exchange.rates, exchange::file())?;
        Keys::create(&settings.keys, &SystemEntropy)?;
        let keys = Keys::load(&settings.keys)?;
        let node = match options.durability {
            Durability::Journal => {
                Node::create(&settings, &SystemEntropy)?;
                Node::open(&settings, &keys, &SystemEntropy)?
            }
            Durability::Volatile => Node::volatile(&settings, &keys, &SystemEntropy),
        };
        let gateway = Gateway::start(&node, &settings, &keys)?;
        let engine = Arc::clone(node.engine());
        let door = Door(Arc::new(Mutex::new(Some(gateway))));
        Ok(Self { door, engine, settings, keys, options, _folder: folder })
    }

    /// The address that the gateway listens at.
    ///
    /// # Errors
    /// [`SiteError::Stopped`].
    pub fn address(&self) -> Result<SocketAddr, SiteError> {
        self.door.with(Gateway::local_addr)
    }

    /// The road to it over the network.
    ///
    /// # Errors
    /// [`SiteError::Stopped`].
    pub fn over_network(&self) -> Result<Road, SiteError> {
        self.door.with(|gateway| Road::Network(gateway.local_addr(), RootPin(gateway.root_pin().0)))
    }

    /// The road to it without a network.
    #[must_use]
    pub fn inside(&self) -> Road {
        Road::Inside(self.door.clone())
    }

    /// How many wrong passwords the gateway bears.
    #[must_use]
    pub fn tries(&self) -> Tries {
        let payments = &self.settings.payments;
        Tries { a_payment: payments.tries.into(), in_row: payments.tries_in_row.into() }
    }

    /// When the gateway leaves customers in peace.
    #[must_use]
    pub const fn budgets(&self) -> Budgets {
        let Payments { asks_per_minute, mute_after, mute_window: window, .. } =
            self.settings.payments;
        Budgets { asks_per_minute, mute_after, window }
    }

    /// Enters everybody, and returns what the books hold then, when all of it is durable. `entered`
    /// is called with the number of customers entered so far.
    ///
    /// # Errors
    /// [`SiteError`], naming what is not taken.
    pub async fn provision(
        &self,
        population: &Population,
        pins: &Pins,
        entered: impl FnMut(usize),
    ) -> Result<Baseline, SiteError> {
        let (engine, journal, now_ms) = self.door.with(|gateway| {
            (Arc::clone(gateway.engine()), gateway.journal().clone(), gateway.now_ms())
        })?;
        let sealing = self.keys.current_sealing_key();
        clerk::Clerk { engine, journal, sealing, now_ms }.enter(population, pins, entered).await?;
        let customers = population.customers.iter();
        let customers =
            customers.map(|customer| (customer.id, CustomerEntry::new(customer.opening)));
        Ok(Baseline { customers: customers.collect(), ..Baseline::default() })
    }

    /// Copies the books. Nothing may move meanwhile.
    ///
    /// # Errors
    /// [`SiteError::Books`] if they cannot be added up.
    pub fn books<P: Default + Extend<(PaymentId, PaymentEntry)>>(
        &self,
    ) -> Result<Books<P>, SiteError> {
        Ok(Books::read(&self.engine)?)
    }

    /// Says how the records that terminals hold receipts of stand in the journal.
    ///
    /// # Errors
    /// [`SiteError::Stopped`].
    pub async fn receipts(
        &self,
        held: &[Held],
    ) -> Result<Vec<(JournalReceiptRow, ReceiptStanding)>, SiteError> {
        // What came out of a receipt is one.
        let held = held.iter().filter_map(|held| {
            Some((held.receipt.clone(), JournalReceipt::try_from(&held.receipt).ok()?))
        });
        let (rows, receipts): (Vec<_>, Vec<_>) = held.unzip();
        let checking = self.door.with(|gateway| gateway.check_receipts(receipts))?;
        Ok(rows.into_iter().zip(checking.await).collect())
    }

    /// Stops the gateway, recovers the books from its journal as after a crash, and says whether
    /// they are what they were: nothing, if they are or if there is no journal.
    ///
    /// # Errors
    /// [`SiteError::Node`] if the journal cannot be recovered.
    pub async fn stop(self) -> Result<Option<String>, SiteError> {
        let gateway = self.door.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        gateway.ok_or(SiteError::Stopped)?.stop().await;
        if self.options.durability == Durability::Volatile {
            return Ok(None);
        }
        let live = self.engine.state_hash();
        let node = Node::open(&self.settings, &self.keys, &SystemEntropy)?;
        let recovered = node.engine().state_hash();
        node.journal().close();
        Ok((live != recovered).then(|| {
            "the books recovered from the journal are not those that the gateway had".to_owned()
        }))
    }
}

/// Handshakes that may be under way at a time, and segments small enough for a short life.
const HANDSHAKES: usize = 4_096;
const SEGMENT_MIB: u32 = 32;

fn settings(folder: &Path, options: &SiteOptions) -> Settings {
    let defaults = Settings::default();
    Settings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: folder.join("data"),
        keys: folder.join("keys"),
        payments: Payments {
            prompt: options.prompt,
            delivery: options.delivery,
            // The books are read from the engine, and not from the archive: nothing leaves it.
            memory: Duration::from_secs(86_400),
            // Few customers stand for many here, and buy more often than anybody does in life.
            asks_per_minute: u32::MAX,
            mute_after: u8::MAX,
            declines_per_terminal_per_minute: u32::MAX,
            ..defaults.payments
        },
        exchange: Exchange { rates: folder.join("rates.csv") },
        connections: Connections {
            // All peers share one address here, and may come twice.
            most: options.connections.saturating_mul(2).max(64),
            handshakes: HANDSHAKES,
            per_source_per_second: 1_000_000,
            handshake: Duration::from_secs(10),
            ..defaults.connections
        },
        journal: JournalSettings { segment_mib: SEGMENT_MIB, ..defaults.journal },
        ..defaults
    }
}
