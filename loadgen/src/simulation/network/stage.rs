//! One run of a seed: the machines, the network between them, and the hand that stops, parts and
//! heals them.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use kessai_client::RootPin;
use tokio::task::JoinSet;
use tokio::time::sleep;
use turmoil::{Builder, Sim};

use super::Course;
use super::cast::{Cast, MACHINES};
use super::gateway::{DELIVERY, Machine, PORT, PROMPT};
use super::heard::Heard;
use super::judge::{Broken, Judge};
use super::phone::PhoneInUse;
use super::plan::{FAULTY, Mishap, Plan, Stop};
use super::station::Surroundings;
use super::till::TillAtWork;
use super::time::BEGINNING_MS;
use super::weather::Weather;
use crate::simulation::chance::{Chance, Of};
use crate::simulation::trace::Voice;

/// The name of the gateway's machine.
const GATEWAY: &str = "gateway";

/// How far time goes on at once.
const TICK: Duration = Duration::from_millis(2);

/// How often the books are looked at meanwhile.
const LOOK: Duration = Duration::from_secs(1);

/// When everything must be over: things have gone wrong until [`FAULTY`], and nothing takes longer
/// than this after that.
const END: Duration = Duration::from_secs(180);

/// How long the gateway is away, in milliseconds.
const AWAY_MS: std::ops::RangeInclusive<u64> = 100..=4_000;

/// One run.
pub(super) struct Stage<'a> {
    sim: Sim<'a>,
    machine: Rc<Machine>,
    judge: Rc<Judge>,
    pub(super) heard: Rc<Heard>,
    weather: Weather,
    chance: Chance,
    mishaps: VecDeque<(Duration, Mishap)>,
    /// When the gateway is started again, and whether its machine is.
    back_at: Option<(Duration, Comeback)>,
    stops: u64,
}

/// How the gateway comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comeback {
    /// The process alone.
    OfProcess,
    /// With its machine.
    OfMachine,
}

impl Stage<'_> {
    /// Sets everything up as `plan` wants it.
    pub(super) fn new(seed: u64, plan: Plan, voice: Voice) -> Self {
        let weather = Weather::new(seed, plan.loss, voice);
        let plan = Rc::new(plan);
        let cast = Rc::new(Cast::new(seed));
        let heard = Rc::new(Heard::new(&weather));
        let judge = Rc::new(Judge::new(&heard));
        let machine = Rc::new(Machine::new(seed, &plan, &cast, &judge, &weather));
        let mut sim = Builder::new()
            .epoch(UNIX_EPOCH + Duration::from_millis(BEGINNING_MS))
            .simulation_duration(END)
            .tick_duration(TICK)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(plan.latency)
            .udp_capacity(4_096)
            .rng_seed(seed)
            .build();
        let gateway = Rc::clone(&machine);
        sim.host(GATEWAY, move || Rc::clone(&gateway).live());
        machine.stands_at(sim.lookup(GATEWAY));
        let tills_open = Rc::new(Cell::new(cast.tills.len()));
        for number in 0..MACHINES {
            let name = machine_name(number);
            let around = Surroundings {
                machine: sim.lookup(name.as_str()),
                gateway: SocketAddr::new(sim.lookup(GATEWAY), PORT),
                root: RootPin(machine.root_pin()),
                weather: weather.clone(),
                moves_every: plan.moves_every,
            };
            let people = People {
                seed,
                number,
                plan: Rc::clone(&plan),
                cast: Rc::clone(&cast),
                heard: Rc::clone(&heard),
                around,
                tills_open: Rc::clone(&tills_open),
            };
            sim.client(name.as_str(), people.live());
        }
        Self {
            sim,
            machine,
            judge,
            heard,
            weather,
            chance: Chance::new(seed, Of::Processor),
            mishaps: plan.mishaps.iter().copied().collect(),
            back_at: None,
            stops: 0,
        }
    }

    /// Plays until everybody has found out what they want to know.
    ///
    /// # Errors
    /// [`Broken`] names the promise that is broken.
    pub(super) fn play(&mut self) -> Result<Course, Broken> {
        let mut look_at = LOOK;
        let mut healed = false;
        loop {
            let now = self.sim.elapsed();
            self.pass_over(now);
            if now >= FAULTY && !healed {
                self.heal();
                healed = true;
            }
            if now >= look_at {
                self.judge.look()?;
                look_at = now + LOOK;
            }
            if self.sim.step().map_err(|error| Broken(error.to_string()))? {
                break;
            }
        }
        self.judge.at_rest()?;
        Ok(Course {
            hash: self.weather.hash(),
            virtual_time: self.sim.elapsed(),
            datagrams: self.weather.datagrams(),
            told: self.heard.count(),
            stops: self.stops,
            recoveries: self.judge.recoveries(),
        })
    }

    /// Lets happen what is due.
    fn pass_over(&mut self, now: Duration) {
        if self.machine.has_failed() {
            self.end(now, Comeback::OfMachine);
        }
        if let Some((_, comeback)) = self.back_at.take_if(|(at, _)| *at <= now) {
            match comeback {
                Comeback::OfProcess => {}
                Comeback::OfMachine => self.machine.restart(),
            }
            self.sim.bounce(GATEWAY);
        }
        while let Some((_, mishap)) = self.mishaps.pop_front_if(|(at, _)| *at <= now) {
            match mishap {
                Mishap::Part(number) => self.sim.partition(GATEWAY, machine_name(number).as_str()),
                Mishap::Join(number) => self.sim.repair(GATEWAY, machine_name(number).as_str()),
                Mishap::Stop(stop) => self.stop(now, stop),
            }
        }
    }

    fn stop(&mut self, now: Duration, stop: Stop) {
        if self.back_at.is_some() || !self.judge.has_begun() {
            return;
        }
        match stop {
            Stop::Asked => {
                self.machine.ask_to_stop();
                // It may take its time; whoever waits too long kills it.
                let at = now + Duration::from_secs(3);
                self.back_at = Some((at, Comeback::OfProcess));
                self.stops = self.stops.saturating_add(1);
            }
            Stop::Killed => self.end(now, Comeback::OfProcess),
            Stop::PowerLost => self.end(now, Comeback::OfMachine),
            Stop::PowerLostIn(operations) => self.machine.lose_power_in(operations),
        }
    }

    /// Ends the gateway at once, to be started again.
    fn end(&mut self, now: Duration, comeback: Comeback) {
        self.sim.crash(GATEWAY);
        let away = Duration::from_millis(self.chance.between(AWAY_MS));
        self.back_at = Some((now + away, comeback));
        self.stops = self.stops.saturating_add(1);
    }

    /// From now on nothing goes wrong any more.
    fn heal(&mut self) {
        self.weather.clear_up();
        self.machine.heal();
        self.mishaps.clear();
        for number in 0..MACHINES {
            self.sim.repair(GATEWAY, machine_name(number).as_str());
        }
    }
}

fn machine_name(number: usize) -> String {
    format!("machine-{number}")
}

/// The tills and handsets of one machine.
struct People {
    seed: u64,
    number: usize,
    plan: Rc<Plan>,
    cast: Rc<Cast>,
    heard: Rc<Heard>,
    around: Surroundings,
    /// Tills that have not settled everything yet, on all machines.
    tills_open: Rc<Cell<usize>>,
}

impl People {
    async fn live(self) -> turmoil::Result {
        let mut all = JoinSet::new();
        let Self { seed, number, plan, cast, heard, around, tills_open } = self;
        for till in cast.tills.iter().filter(|till| till.peer.machine == number) {
            let till = TillAtWork::new(seed, till.number, &plan, &cast, &heard, around.clone());
            let tills_open = Rc::clone(&tills_open);
            all.spawn_local(async move {
                till.work().await?;
                tills_open.set(tills_open.get().saturating_sub(1));
                turmoil::Result::Ok(())
            });
        }
        for phone in cast.phones.iter().filter(|phone| phone.peer.machine == number) {
            let phone = PhoneInUse::new(seed, phone.number, &plan, &cast, &heard, around.clone());
            let tills_open = Rc::clone(&tills_open);
            all.spawn_local(async move { phone.live(async || wait(&tills_open).await).await });
        }
        while let Some(ended) = all.join_next().await {
            ended??;
        }
        Ok(())
    }
}

/// Waits until all tills have settled everything, and what may be open still has ended by itself.
async fn wait(tills_open: &Cell<usize>) {
    while tills_open.get() > 0 {
        sleep(Duration::from_millis(500)).await;
    }
    let last = (FAULTY + PROMPT + DELIVERY).saturating_sub(super::time::elapsed());
    sleep(last).await;
}
