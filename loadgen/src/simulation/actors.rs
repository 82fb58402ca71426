//! Who acts: tills with their clerks, handsets with their owners, the processor. They see nothing
//! but what they are told over the bus, and whatever they ask they ask again until it is answered.

mod errands;
mod phone;
mod processor;
mod till;

pub(super) use phone::Phone;
pub(super) use processor::Processor;
pub(super) use till::Till;

use super::faults::Faults;
use super::message::Ask;

/// What an actor can do while it acts.
pub(super) struct Scene<'a> {
    /// Milliseconds of virtual time.
    pub(super) now_ms: u64,
    /// The gateway's time as it was told last, gone on since.
    pub(super) gateway_ms: u64,
    /// The connection that it has now.
    pub(super) line: u64,
    pub(super) faults: &'a mut Faults,
    /// Whether the end is near: nothing new is begun, and nobody dallies.
    pub(super) ending: Ending,
    /// What it asks, each with the number of the request.
    pub(super) asks: Vec<(u64, Ask)>,
}

/// Whether something new may be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Life goes on.
    NotYet,
    /// Everything is to be brought to its end.
    Now,
}
