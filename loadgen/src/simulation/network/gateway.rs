//! The gateway's machine: its disk, and the software that is started again whenever it has ended.
//!
//! The software is the real gateway on the real journal. Only the journal's writer has no thread: a
//! task steps it, after the time that the disk takes.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kessai_engine::{Corrupt, Engine, Layout};
use kessai_gateway::entropy::draw;
use kessai_gateway::settings::{Connections, Payments, Settings};
use kessai_gateway::{Gateway, Host, Keys, Node, SlowWork};
use kessai_journal::{
    ChainKey, Fault, Journal, JournalOptions, OnFailure, Recovered, SimulatedDisk,
    SimulatedStorage, Stepped, SteppedWriter,
};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::cast::Cast;
use super::judge::Judge;
use super::keys;
use super::plan::Plan;
use super::runtime::VirtualRuntime;
use super::socket::Socket;
use super::time::{LifeClock, SeededEntropy};
use super::weather::Weather;
use crate::simulation::chance::{Chance, Of};

/// Where the gateway listens.
pub(super) const PORT: u16 = 7_443;

/// How long a customer may take to answer.
pub(super) const PROMPT: Duration = Duration::from_secs(10);

/// How long a machine may take to report delivery.
pub(super) const DELIVERY: Duration = Duration::from_secs(15);

/// After how long a silence a connection is given up.
pub(super) const IDLE: Duration = Duration::from_secs(6);

/// What a stop that was asked for may take.
const DRAIN: Duration = Duration::from_secs(2);

/// Shards enough for customers to fall on several.
const SHARDS: u16 = 8;

/// Operations of the disk among which one may fail in a recovery.
const OPERATIONS_OF_RECOVERY: u64 = 8;

/// The gateway's machine.
pub(super) struct Machine {
    address: Cell<Option<IpAddr>>,
    plan: Rc<Plan>,
    cast: Rc<Cast>,
    judge: Rc<Judge>,
    weather: Weather,
    disk: SimulatedDisk,
    entropy: Arc<SeededEntropy>,
    chance: RefCell<Chance>,
    keys: Keys,
    settings: Settings,
    layout_seed: [u8; 16],
    /// The journal can promise nothing any more: the process ends.
    failed: Arc<AtomicBool>,
    /// The operator asks it to stop.
    asked: Notify,
    healed: Cell<bool>,
}

impl Machine {
    pub(super) fn new(
        seed: u64,
        plan: &Rc<Plan>,
        cast: &Rc<Cast>,
        judge: &Rc<Judge>,
        weather: &Weather,
    ) -> Self {
        let mut chance = Chance::new(seed, Of::Machine);
        Self {
            address: Cell::new(None),
            plan: Rc::clone(plan),
            cast: Rc::clone(cast),
            judge: Rc::clone(judge),
            weather: weather.clone(),
            disk: SimulatedDisk::new(chance.number()),
            layout_seed: chance.bytes(),
            chance: RefCell::new(chance),
            entropy: Arc::new(SeededEntropy::new(seed)),
            keys: keys::of_gateway(),
            settings: settings(),
            failed: Arc::default(),
            asked: Notify::new(),
            healed: Cell::new(false),
        }
    }

    /// What peers know the gateway by.
    pub(super) fn root_pin(&self) -> [u8; 32] {
        self.keys.root_pin.0
    }

    /// Gives the machine its place in the network.
    pub(super) fn stands_at(&self, address: IpAddr) {
        self.address.set(Some(address));
    }

    /// Has the disk fail with the machine, so many operations from now.
    pub(super) fn lose_power_in(&self, operations: u64) {
        self.disk.plan(self.disk.operations().saturating_add(operations), Fault::Crash);
    }

    /// Lets the power come back, if it was lost.
    pub(super) fn restart(&self) {
        self.disk.restart();
    }

    /// Asks the gateway to stop by itself.
    pub(super) fn ask_to_stop(&self) {
        self.asked.notify_one();
    }

    /// Says whether the process has ended by a failure of the disk, once for each.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.swap(false, Ordering::Relaxed)
    }

    /// From now on the disk does not fail any more.
    pub(super) fn heal(&self) {
        self.healed.set(true);
    }

    /// Lives until it is asked to stop, or for ever.
    ///
    /// # Errors
    /// What keeps the gateway from starting, but for the disk.
    pub(super) async fn live(self: Rc<Self>) -> turmoil::Result {
        let Some((engine, journal, writer, recovered)) = self.recover()? else {
            // The machine has stopped in the middle; it will be started again.
            return std::future::pending().await;
        };
        let writing = tokio::task::spawn_local(Rc::clone(&self).write(writer));
        self.judge.recovered(&engine)?;
        if engine.register().merchants().next().is_none() {
            let last = self.cast.enter(&engine, &journal)?;
            journal.when_durable(last).await;
        }
        let floor_ms = engine.latest_ms();
        let ahead_ms = self.chance.borrow_mut().between(0..=self.plan.clock_ahead_ms);
        let address = self.address.get().ok_or("the machine has no address")?;
        let host = Host {
            clock: Arc::new(LifeClock::start(ahead_ms, floor_ms)),
            entropy: Arc::<SeededEntropy>::clone(&self.entropy),
            runtime: Arc::new(VirtualRuntime),
            socket: Socket::bind(address, PORT, &self.weather).await?,
            slow_work: SlowWork::InPlace,
        };
        let node = Node::on(engine, journal, recovered);
        let gateway = Gateway::start_on(host, &node, &self.settings, &self.keys)?;
        self.judge.serves(node.engine());
        self.asked.notified().await;
        gateway.stop().await;
        drop(node);
        writing.await?;
        Ok(())
    }

    /// Recovers engine and journal from the disk; nothing if the power is lost meanwhile.
    ///
    /// # Errors
    /// What the journal says of a disk that works: it must always come back.
    fn recover(&self) -> turmoil::Result<Option<Recovery>> {
        let mut chance = self.chance.borrow_mut();
        let (unlucky, operations) = (
            chance.per_cent(self.plan.crash_in_recovery_per_cent),
            chance.between(0..=OPERATIONS_OF_RECOVERY),
        );
        if unlucky && self.judge.has_begun() && !self.healed.get() {
            self.lose_power_in(operations);
        }
        let layout = Layout::new(SHARDS, self.layout_seed).ok_or("a power of two")?;
        let map_seed = u64::from_le_bytes(draw(self.entropy.as_ref()));
        let rules = self.settings.rules();
        let engine = Arc::new(Engine::new(rules, layout, self.keys.keyring(), map_seed));
        let replay = |_, entry| engine.replay(&entry).map_err(Box::<Corrupt>::new);
        let chain_key = ChainKey(*self.keys.chain_key());
        let opened = Journal::open_stepped(self.disk.storage(), &self.options(), chain_key, replay);
        match opened {
            Ok((journal, writer, recovered)) => Ok(Some((engine, journal, writer, recovered))),
            Err(_) if self.disk.has_failed() => {
                self.failed.store(true, Ordering::Relaxed);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what is queued, batch by batch, until the journal is closed or has failed.
    async fn write(self: Rc<Self>, mut writer: SteppedWriter<SimulatedStorage>) {
        loop {
            let batch_ms = self.chance.borrow_mut().between(self.plan.batch_ms.clone());
            sleep(Duration::from_millis(batch_ms)).await;
            if writer.step(super::time::elapsed()) == Stepped::Ended {
                return;
            }
        }
    }

    fn options(&self) -> JournalOptions {
        let failed = Arc::clone(&self.failed);
        JournalOptions {
            segment_bytes: 256 << 10,
            queue_records: 1_024,
            queue_bytes: 128 << 10,
            record_bytes: 32 << 10,
            on_failure: OnFailure::call(move |_| failed.store(true, Ordering::Relaxed)),
            ..JournalOptions::default()
        }
    }
}

/// What comes of a disk.
type Recovery = (Arc<Engine>, Journal, SteppedWriter<SimulatedStorage>, Recovered);

/// Short times, as everybody here is quick, and no limit on what a customer is asked: how often is
/// not what is tried here.
fn settings() -> Settings {
    let defaults = Settings::default();
    Settings {
        payments: Payments {
            prompt: PROMPT,
            delivery: DELIVERY,
            asks_per_minute: u32::MAX,
            mute_after: u8::MAX,
            declines_per_terminal_per_minute: u32::MAX,
            ..defaults.payments
        },
        connections: Connections { idle: IDLE, drain: DRAIN, ..defaults.connections },
        ..defaults
    }
}
