//! Snapshots: all journalled state, unit by unit, each exactly as it stood at one of its records.
//!
//! It knows no file: what it makes and takes are chunks of bytes, which the journal keeps. Commands
//! go on meanwhile; nothing is encoded or sealed under a lock.

use std::collections::VecDeque;

use crate::calendar::BusinessDate;
use crate::engine::Engine;
use crate::ledger::DayPlace;
use crate::record::Unit;

mod rows;

pub use rows::LoadError;
pub(crate) use rows::{Chunk, CustomerRow, Head, KeptPayment, Part, RegisterHead, Rows};

/// How many rows a chunk has at most.
const ROWS: usize = 256;

/// A snapshot that is being made: one shard after the other, the register last.
///
/// It has every record that was queued before it began, and some of those after. Whoever keeps it
/// gives it its name only once the journal is durable past the last that it may have.
#[derive(Debug)]
pub struct Snapshot<'a> {
    engine: &'a Engine,
    /// Marks the rows that it has.
    number: u32,
    step: Step,
    ready: VecDeque<Chunk>,
}

/// What is copied next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Shard(Unit),
    Customers(Unit, usize),
    Days(Unit, DayPlace),
    Payments(Unit, usize),
    Register,
    Done,
}

impl<'a> Snapshot<'a> {
    pub(crate) fn new(engine: &'a Engine, number: u32) -> Self {
        let step = Step::Shard(Unit(1));
        Self { engine, number, step, ready: VecDeque::new() }
    }
}

impl Snapshot<'_> {
    /// Appends the next chunk to `out`; false, and nothing appended, once there is none left.
    ///
    /// No shard is locked for longer than it takes to copy a few dozen rows.
    pub fn next_chunk(&mut self, out: &mut Vec<u8>) -> bool {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                chunk.encode_into(out);
                return true;
            }
            if matches!(self.step, Step::Done) {
                return false;
            }
            self.step = self.advance();
        }
    }

    fn advance(&mut self) -> Step {
        match self.step {
            Step::Shard(unit) => match self.engine.units().find(|other| *other == unit) {
                Some(unit) => self.begin(unit),
                None => Step::Register,
            },
            Step::Customers(unit, place) => self.copy_customers(unit, place),
            Step::Days(unit, place) => {
                let (rows, next) = self.engine.shard(unit).with(|shard| shard.copy_days(place));
                self.push(unit, rows, Part::Days);
                next.map_or(Step::Payments(unit, 0), |place| Step::Days(unit, place))
            }
            Step::Payments(unit, place) => self.copy_payments(unit, place),
            Step::Register => {
                let (head, changes) = self.engine.register_to_keep();
                let unit = Unit::REGISTER;
                self.ready.push_back(Chunk::new(unit, Part::Register(head)));
                self.push(unit, changes, Part::Changes);
                self.ready.push_back(Chunk::new(unit, Part::End));
                Step::Done
            }
            Step::Done => Step::Done,
        }
    }

    fn begin(&mut self, unit: Unit) -> Step {
        let number = self.number;
        let head = self.engine.shard(unit).with(|shard| shard.begin_cut(number));
        self.ready.push_back(Chunk::new(unit, Part::Head(Box::new(head))));
        Step::Customers(unit, 0)
    }

    fn copy_customers(&mut self, unit: Unit, place: usize) -> Step {
        let (copies, next) = self.engine.shard(unit).with(|shard| shard.copy_customers(place));
        let keyring = self.engine.keyring();
        let rows = copies.into_iter().map(|copy| copy.row.with_devices(&copy.devices, keyring));
        self.push(unit, rows.collect(), Part::Customers);
        let first_day = (BusinessDate(0), 0);
        next.map_or(Step::Days(unit, first_day), |place| Step::Customers(unit, place))
    }

    fn copy_payments(&mut self, unit: Unit, place: usize) -> Step {
        let (rows, next) = self.engine.shard(unit).with(|shard| {
            let (rows, next) = shard.copy_payments(place);
            if next.is_none() {
                shard.end_cut();
            }
            (rows, next)
        });
        self.push(unit, rows, Part::Payments);
        match next {
            Some(place) => Step::Payments(unit, place),
            None => {
                self.ready.push_back(Chunk::new(unit, Part::End));
                Step::Shard(Unit(unit.0.saturating_add(1)))
            }
        }
    }

    fn push<R>(&mut self, unit: Unit, rows: Vec<R>, part: fn(Vec<R>) -> Part) {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let part = part(rows.by_ref().take(ROWS).collect());
            self.ready.push_back(Chunk::new(unit, part));
        }
    }
}

impl Drop for Snapshot<'_> {
    /// Ends the copy of the shard that is under way, if one is.
    fn drop(&mut self) {
        match self.step {
            Step::Customers(unit, _) | Step::Days(unit, _) | Step::Payments(unit, _) => {
                self.engine.shard(unit).with(|shard| shard.end_cut());
            }
            Step::Shard(_) | Step::Register | Step::Done => {}
        }
        self.engine.snapshot_is_over();
    }
}
