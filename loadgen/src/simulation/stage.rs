//! One run of one seed: the loop that brings everybody together, one event after another.

use std::collections::BTreeMap;

use super::actors::{Ending, Phone, Processor, Scene, Till};
use super::agenda::Agenda;
use super::bus;
use super::cast::{Carrier, Cast};
use super::chance::Chance;
use super::faults::{Fault, Faults};
use super::gateway::{Around, Gateway, Written};
use super::judge::{Judge, Violation};
use super::lines::Lines;
use super::machine::Machine;
use super::message::{Address, Ask, Asked, Party, Tell, Told};
use super::trace::Trace;

mod ending;
mod keeping;
mod starting;

/// When the simulated world begins: Sunday, 22 November 2026, noon in Japan.
const BEGINNING_MS: u64 = 1_795_316_400_000;
/// Into that day, or the next, it begins.
const INTO_MS: u64 = 86_400_000;
/// How often payments are looked for whose time is over.
const EXPIRE_EVERY_MS: u64 = 250;
/// How often something may go wrong with a connection.
const TROUBLE_EVERY_MS: u64 = 400;

/// What happens.
#[derive(Debug, Hash)]
enum Event {
    /// A message comes to the gateway.
    Arrive(Box<Asked>),
    /// A message comes to whom it is for.
    Hear(Box<Told>),
    /// Somebody may have something to do.
    Turn(Party),
    /// The journal's writer has something to do.
    Write,
    /// Payments may have to be ended.
    Expire,
    /// Something may go wrong with a connection.
    Trouble,
    /// Something may go wrong with the machine.
    Misfortune,
    /// The archive follows, and payments leave the memory.
    Keep,
    /// A snapshot is due.
    Snapshot,
    /// The process is killed.
    Kill,
    /// The machine starts again.
    Start,
    /// Somebody has a connection again.
    Reconnect(Carrier),
}

/// What an actor does now.
enum Part<'a> {
    Turn,
    Reconnect,
    Hear(u64, &'a Tell),
}

/// What came of a run that broke no promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Course {
    pub(super) hash: u64,
    pub(super) tally: Tally,
}

/// What a run counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// What happened, one thing after another.
    pub events: u64,
    /// Of these, what the gateway did for somebody.
    pub steps: u64,
    /// Snapshots that were made.
    pub snapshots: u64,
    /// Payments that left the memory for the archive.
    pub evicted: u64,
    /// How often the journal was recovered.
    pub recoveries: u64,
    /// Payments that were opened, declined or called off.
    pub payments: u64,
    /// Messages that told how a payment stands.
    pub acknowledgements: u64,
    /// Facts that were lost with the last batch of a damaged disk without a mirror.
    pub lost_unmirrored: u64,
    /// Times that a damaged journal without a mirror refused to open, and named the place.
    pub refused_to_open: u64,
    /// Faults by their kind.
    pub faults: BTreeMap<Fault, u64>,
}

/// One seed's world.
pub(super) struct Stage {
    seed: u64,
    agenda: Agenda<Event>,
    trace: Trace,
    faults: Faults,
    cast: &'static Cast,
    lines: Lines,
    tills: Vec<Till>,
    phones: Vec<Phone>,
    processor: Processor,
    machine: Machine,
    /// None while the machine is down.
    gateway: Option<Gateway>,
    judge: Judge,
    bus_chance: Chance,
    gateway_chance: Chance,
    /// When each actor wants its turn.
    turns: BTreeMap<Party, u64>,
    /// Whether the writer's next step is on the agenda.
    writing: bool,
    ending: Ending,
    /// The wall clock's time at the beginning, with all that it was set by since.
    wall_ms: u64,
    /// What is added to virtual time to get the gateway's, as everybody knows it.
    gateway_clock_ms: u64,
    /// How many processes there were.
    lives: u64,
    /// Whether a snapshot is being made.
    is_copying: bool,
    /// The run cannot go on: a disk without a mirror is damaged, and that was said.
    halted: bool,
    tally: Tally,
}

impl Stage {
    /// Plays until so many events have happened and everything has ended.
    ///
    /// # Errors
    /// The first broken promise.
    pub(super) fn play(mut self, events: u64) -> Result<Course, Violation> {
        while self.trace.events() < events && !self.halted {
            self.step()?;
        }
        self.end()?;
        let (payments, acknowledgements) = self.judge.counts();
        let faults = self.faults.into_counts();
        let events = self.trace.events();
        let tally = Tally { events, payments, acknowledgements, faults, ..self.tally };
        Ok(Course { hash: self.trace.hash(), tally })
    }

    /// Lets the next thing happen.
    fn step(&mut self) -> Result<(), Violation> {
        let Some(event) = self.agenda.next() else {
            return Err(Violation::new("nothing will ever happen any more"));
        };
        self.trace.note(self.agenda.now_ms(), &event);
        if let Some(gateway) = &mut self.gateway {
            gateway.tick(self.agenda.now_ms());
        }
        match event {
            Event::Arrive(asked) => self.arrive(*asked),
            Event::Hear(told) => {
                self.hear(&told);
                Ok(())
            }
            Event::Turn(party) => {
                // A turn that was put off is not on any more.
                if self.turns.get(&party) == Some(&self.agenda.now_ms()) {
                    self.turns.remove(&party);
                    self.act(party, &Part::Turn);
                }
                Ok(())
            }
            Event::Write => self.write(),
            Event::Expire => {
                self.agenda.put(EXPIRE_EVERY_MS, Event::Expire);
                self.command(Gateway::expire)
            }
            Event::Trouble => {
                self.agenda.put(TROUBLE_EVERY_MS, Event::Trouble);
                self.trouble();
                Ok(())
            }
            Event::Misfortune => {
                self.misfortune();
                Ok(())
            }
            Event::Keep => self.keep(),
            Event::Snapshot => self.snapshot(),
            Event::Kill => {
                if self.gateway.is_some() {
                    self.crash();
                }
                Ok(())
            }
            Event::Start => self.start(),
            Event::Reconnect(carrier) => {
                self.reconnect(carrier);
                Ok(())
            }
        }
    }

    fn arrive(&mut self, asked: Asked) -> Result<(), Violation> {
        let carrier = self.carrier(asked.from.party);
        // What goes over a connection that is broken is lost.
        if self.lines.of(carrier) != asked.from.line {
            return Ok(());
        }
        self.command(|gateway, around| gateway.take(asked, around))
    }

    /// Has the gateway do something, if it is up, and checks what is cheap to check.
    fn command(
        &mut self,
        command: impl FnOnce(&mut Gateway, &mut Around<'_>) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        let Some(gateway) = &mut self.gateway else { return Ok(()) };
        let Self { cast, judge, gateway_chance: chance, .. } = self;
        command(gateway, &mut Around { cast, judge, chance })?;
        self.judge.check_quickly(gateway.engine(), cast)?;
        self.tally.steps = self.tally.steps.saturating_add(1);
        if gateway.has_work() && !self.writing {
            self.writing = true;
            let slow = self.faults.strikes(Fault::DiskSlow, self.machine.chance());
            let takes_ms = if slow { 50..=1_000 } else { 1..=4 };
            let in_ms = self.machine.chance().between(takes_ms);
            self.agenda.put(in_ms, Event::Write);
        }
        self.deliver();
        Ok(())
    }

    /// The disk is done, or fails.
    fn write(&mut self) -> Result<(), Violation> {
        self.writing = false;
        let now_ms = self.agenda.now_ms();
        let mut written = Written::Well;
        self.command(|gateway, around| {
            written = gateway.write(now_ms, around)?;
            Ok(())
        })?;
        match written {
            Written::Failed => self.crash(),
            Written::Later(until) if !self.writing => {
                let until_ms = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
                self.writing = true;
                self.agenda.put(until_ms.saturating_sub(now_ms).max(1), Event::Write);
            }
            Written::Well | Written::Later(_) => {}
        }
        Ok(())
    }

    /// Puts what the gateway tells on the bus.
    fn deliver(&mut self) {
        let told = self.gateway.as_mut().map(Gateway::take_outgoing).unwrap_or_default();
        for told in told {
            for in_ms in bus::arrivals(&mut self.faults, &mut self.bus_chance) {
                self.agenda.put(in_ms, Event::Hear(Box::new(told.clone())));
            }
        }
    }

    fn hear(&mut self, told: &Told) {
        let Told { to: Address { party, line, request }, tell } = told;
        let carrier = self.carrier(*party);
        if self.lines.of(carrier) == *line {
            self.act(*party, &Part::Hear(*request, tell));
        }
    }

    /// Lets somebody do something.
    fn act(&mut self, party: Party, part: &Part<'_>) {
        let carrier = self.carrier(party);
        let (line, now_ms) = (self.lines.of(carrier), self.agenda.now_ms());
        let mut scene = Scene {
            now_ms,
            gateway_ms: self.gateway_clock_ms.saturating_add(now_ms),
            line,
            faults: &mut self.faults,
            ending: self.ending,
            asks: Vec::new(),
        };
        match party {
            Party::Till(number) => {
                let Some(till) = self.tills.get_mut(number) else { return };
                match part {
                    Part::Turn => till.act(&mut scene),
                    Part::Reconnect => till.reconnected(&mut scene),
                    Part::Hear(request, tell) => till.hear(*request, tell, &mut scene),
                }
            }
            Party::Phone(number) => {
                let Some(phone) = self.phones.get_mut(number) else { return };
                match part {
                    Part::Turn => phone.act(self.cast.phone(number), &mut scene),
                    Part::Reconnect => phone.reconnected(&mut scene),
                    Part::Hear(request, tell) => phone.hear(*request, tell, &mut scene),
                }
            }
            Party::Processor => match part {
                Part::Turn => self.processor.act(&mut scene),
                Part::Reconnect => self.processor.reconnected(&mut scene),
                Part::Hear(request, tell) => self.processor.hear(*request, tell),
            },
        }
        for (request, ask) in scene.asks {
            self.send(Address { party, line, request }, ask);
        }
        self.plan_turn(party);
    }

    fn send(&mut self, from: Address, ask: Ask) {
        let asked = Asked { from, ask };
        for in_ms in bus::arrivals(&mut self.faults, &mut self.bus_chance) {
            self.agenda.put(in_ms, Event::Arrive(Box::new(asked.clone())));
        }
    }

    /// Puts an actor's next turn on the agenda, unless it is there or comes earlier.
    fn plan_turn(&mut self, party: Party) {
        let wanted = match party {
            Party::Till(number) => self.tills.get(number).and_then(|t| t.next_ms(self.ending)),
            Party::Phone(number) => self.phones.get(number).and_then(Phone::next_ms),
            Party::Processor => self.processor.next_ms(self.ending),
        };
        let Some(at_ms) = wanted else { return };
        let now_ms = self.agenda.now_ms();
        let at_ms = at_ms.max(now_ms.saturating_add(1));
        if self.turns.get(&party).is_none_or(|planned| at_ms < *planned || *planned < now_ms) {
            self.turns.insert(party, at_ms);
            self.agenda.put(at_ms.saturating_sub(now_ms), Event::Turn(party));
        }
    }

    fn carrier(&self, party: Party) -> Carrier {
        match party {
            Party::Till(number) => self.cast.till(number).carrier,
            Party::Phone(number) => self.cast.phone(number).carrier,
            Party::Processor => Carrier::Processor,
        }
    }

    /// Everybody who takes part.
    fn parties(&self) -> Vec<Party> {
        let tills = (0..self.tills.len()).map(Party::Till);
        let phones = (0..self.phones.len()).map(Party::Phone);
        tills.chain(phones).chain([Party::Processor]).collect()
    }

    fn reconnect(&mut self, carrier: Carrier) {
        for party in self.parties() {
            if self.carrier(party) == carrier {
                self.act(party, &Part::Reconnect);
            }
        }
    }

    /// A connection may break.
    fn trouble(&mut self) {
        let carriers = self.lines.carriers();
        let chosen = carriers.get(self.bus_chance.below(carriers.len().max(1))).copied();
        let Some(carrier) = chosen else { return };
        if self.faults.strikes(Fault::LineBroken, &mut self.bus_chance) {
            self.lines.renew(carrier);
            let in_ms = self.bus_chance.between(10..=2_000);
            self.agenda.put(in_ms, Event::Reconnect(carrier));
        }
    }
}
