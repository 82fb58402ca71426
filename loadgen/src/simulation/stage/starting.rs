//! How a world begins, how its machine stops, and how it starts again.

use std::sync::LazyLock;

use kessai_engine::Lsn;

use super::{BEGINNING_MS, Event, INTO_MS, Stage, Tally};
use crate::simulation::actors::{Ending, Phone, Processor, Till};
use crate::simulation::agenda::Agenda;
use crate::simulation::cast::Cast;
use crate::simulation::chance::{Chance, Of};
use crate::simulation::faults::{Fault, Faults};
use crate::simulation::gateway::{Gateway, Node};
use crate::simulation::judge::{Judge, Violation, Wrong};
use crate::simulation::lines::Lines;
use crate::simulation::machine::{Machine, Start, new_engine};
use crate::simulation::trace::{Trace, Voice};
use crate::simulation::witness::WitnessedSlot;

/// What can go wrong with a machine that is up.
const MISFORTUNES: [Fault; 6] = [
    Fault::Killed,
    Fault::PowerLost,
    Fault::IoError,
    Fault::DiskFull,
    Fault::WriteLost,
    Fault::WriteMisdirected,
];

/// How far a wall clock can be set.
const JUMP_MS: u64 = 3_600_000;

static CAST: LazyLock<Cast> = LazyLock::new(Cast::new);

impl Stage {
    /// Builds a seed's world: everybody is entered, and that is on the disk.
    pub(in crate::simulation) fn new(seed: u64, voice: Voice) -> Result<Self, Violation> {
        let cast: &'static Cast = &CAST;
        let mut machine = Machine::new(seed);
        let mut well = Faults::none();
        let Start::Up(mut node, _) = machine.start(&mut well) else {
            return Err(Violation::new("an empty journal does not open"));
        };
        let wall_ms = BEGINNING_MS.saturating_add(machine.chance().between(0..=INTO_MS));
        let entered = enter(&mut node, cast, wall_ms)?;
        let gateway = Gateway::new(*node, 0, wall_ms);
        let tills = cast.tills.iter().enumerate();
        let mut stage = Self {
            seed,
            agenda: Agenda::new(),
            trace: Trace::new(voice),
            faults: Faults::draw(seed),
            cast,
            lines: Lines::default(),
            tills: tills.map(|(number, till)| Till::new(seed, number, till.capture)).collect(),
            phones: (0..cast.phones.len()).map(|number| Phone::new(seed, number)).collect(),
            processor: Processor::new(seed),
            machine,
            gateway: Some(gateway),
            judge: Judge::new(entered),
            bus_chance: Chance::new(seed, Of::Bus),
            gateway_chance: Chance::new(seed, Of::Gateway),
            turns: Default::default(),
            writing: false,
            ending: Ending::NotYet,
            wall_ms,
            gateway_clock_ms: wall_ms,
            lives: 0,
            is_copying: false,
            halted: false,
            tally: Tally::default(),
        };
        for event in
            [Event::Expire, Event::Trouble, Event::Misfortune, Event::Keep, Event::Snapshot]
        {
            stage.agenda.put(1, event);
        }
        for party in stage.parties() {
            let carrier = stage.carrier(party);
            stage.lines.of(carrier);
            stage.plan_turn(party);
        }
        Ok(stage)
    }

    /// Something may go wrong with the machine.
    pub(super) fn misfortune(&mut self) {
        let chance = self.machine.chance();
        let again_ms = chance.between(300..=4_000);
        let fault = MISFORTUNES.get(chance.below(MISFORTUNES.len())).copied();
        self.agenda.put(again_ms, Event::Misfortune);
        let fault = fault.filter(|fault| self.faults.has(*fault) && self.gateway.is_some());
        let Some(fault) = fault else { return };
        if self.faults.strikes(fault, self.machine.chance()) {
            self.trace.note(self.agenda.now_ms(), &fault);
            if fault == Fault::Killed {
                return self.crash();
            }
            self.machine.spoil(fault);
            // Whether a disk lies shows when it is read: sometimes before more is written.
            if self.machine.is_damaged() && self.machine.chance().coin() {
                let in_ms = self.machine.chance().between(5..=100);
                self.agenda.put(in_ms, Event::Kill);
            }
        }
    }

    /// The process is gone, with all that it had in memory, and its connections with it.
    pub(super) fn crash(&mut self) {
        self.gateway = None;
        self.lives = self.lives.saturating_add(1);
        self.writing = false;
        for carrier in self.lines.carriers() {
            self.lines.renew(carrier);
        }
        let in_ms = self.machine.chance().between(50..=2_000);
        self.agenda.put(in_ms, Event::Start);
    }

    /// The machine starts, and the journal is recovered.
    pub(super) fn start(&mut self) -> Result<(), Violation> {
        if self.faults.strikes(Fault::ClockJumped, self.machine.chance()) {
            let jump_ms = self.machine.chance().between(0..=JUMP_MS).cast_signed();
            let ahead = self.machine.chance().coin();
            let jump_ms = if ahead { jump_ms } else { jump_ms.saturating_neg() };
            self.wall_ms = self.wall_ms.saturating_add_signed(jump_ms);
        }
        let (was_damaged, lies) = (self.machine.is_damaged(), self.machine.lies());
        let start = self.machine.start(&mut self.faults);
        self.trace.note(self.agenda.now_ms(), &start.to_string());
        match start {
            Start::Crashed => {
                let in_ms = self.machine.chance().between(50..=1_000);
                self.agenda.put(in_ms, Event::Start);
                Ok(())
            }
            Start::Refused { names_place, problem } => self.refused(names_place, &problem),
            Start::Up(node, last) => self.up(*node, last, was_damaged.then_some(lies)),
        }
    }

    /// The journal does not open. That is what is promised of a disk without a mirror that was
    /// damaged, and of nothing else.
    fn refused(&mut self, names_place: bool, problem: &str) -> Result<(), Violation> {
        if self.machine.is_mirrored() || !self.machine.is_damaged() || !names_place {
            return Err(Violation::of(Wrong::FalseRefusal, format!("no start: {problem}")));
        }
        self.tally.refused_to_open = self.tally.refused_to_open.saturating_add(1);
        if self.machine.put_right() {
            self.agenda.put(10, Event::Start);
        } else {
            self.halted = true;
        }
        Ok(())
    }

    /// The journal was recovered up to `last`, from a disk that has lied so often if it was damaged.
    fn up(&mut self, node: Node, last: Lsn, lies: Option<usize>) -> Result<(), Violation> {
        self.tally.recoveries = self.tally.recoveries.saturating_add(1);
        // The last batch of a damaged disk can be taken for an unfinished write, and what a disk never
        // wrote at the end leaves no trace.
        let is_excused = lies.is_some_and(|lies| self.judge.lacks_at_most(lies.max(1), last));
        self.machine.log().take_back(last);
        let gone = self.judge.recovered(last);
        if gone > 0 {
            // One disk alone can lose the last batches and nobody can tell; that is all.
            if self.machine.is_mirrored() || !is_excused {
                let what = format!("{gone} records are gone that were on the disk");
                return Err(Violation::of(Wrong::Lost, what));
            }
            let forgiven = self.judge.forgive();
            for phone in &mut self.phones {
                phone.forget(|payment| !self.judge.knows(payment));
            }
            self.tally.lost_unmirrored = self.tally.lost_unmirrored.saturating_add(forgiven);
        }
        let now_ms = self.agenda.now_ms();
        let gateway = Gateway::new(node, now_ms, self.wall_ms.saturating_add(now_ms));
        self.gateway_clock_ms = gateway.now_ms().saturating_sub(now_ms);
        self.gateway = Some(gateway);
        for carrier in self.lines.carriers() {
            let in_ms = self.bus_chance.between(5..=500);
            self.agenda.put(in_ms, Event::Reconnect(carrier));
        }
        self.check_whole()
    }

    /// Checks everything that can be checked of a gateway that is up.
    pub(super) fn check_whole(&mut self) -> Result<(), Violation> {
        let Some(gateway) = &self.gateway else { return Ok(()) };
        let engine = gateway.engine();
        self.judge.check_whole((engine, gateway.shelf()), self.cast)?;
        let log = self.machine.log();
        if let Some(lsn) = log.disorder() {
            return Err(Violation::new(format!("record {} was numbered out of turn", lsn.0)));
        }
        let again = new_engine(self.seed);
        let replayed = log.each(log.latest(), |_, entry| again.replay(entry));
        replayed.map_err(|corrupt| Violation::new(format!("no replay: {corrupt}")))?;
        if again.state_hash() == engine.state_hash() {
            Ok(())
        } else {
            Err(Violation::new("what is replayed is not what is there"))
        }
    }
}

/// Enters everybody, and makes that durable.
fn enter(node: &mut Node, cast: &Cast, now_ms: u64) -> Result<Lsn, Violation> {
    let failed = |what: &dyn std::fmt::Display| Violation::new(format!("not entered: {what}"));
    let slot = |node: &Node| {
        let slot = node.journal.reserve().ok_or_else(|| failed(&"the journal is full"))?;
        Ok::<_, Violation>(WitnessedSlot::new(slot, &node.log))
    };
    for change in cast.register() {
        let changes = vec![(change, slot(node)?)];
        node.engine.enter_register(changes, now_ms).map_err(|error| failed(&error))?;
    }
    for customer in cast.opening() {
        let slot = slot(node)?;
        node.engine.add_customer(customer, now_ms, slot).map_err(|error| failed(&error))?;
    }
    for device in cast.enrolments() {
        let slot = slot(node)?;
        node.engine.add_device(device, now_ms, slot).map_err(|error| failed(&error))?;
    }
    node.writer.step(std::time::Duration::ZERO);
    let latest = node.log.latest();
    if node.journal.durable() == latest { Ok(latest) } else { Err(failed(&"not durable")) }
}
