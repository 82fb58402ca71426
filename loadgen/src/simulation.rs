//! A whole payment system in one thread and in virtual time, made up from a seed, with everything
//! going wrong that can: so that what is promised can be tried a million times a minute.
//!
//! The engine, the journal and recovery are the real ones. The disks are the journal's simulated
//! ones; the network is a bus that loses, repeats and delays; tills, handsets with their owners,
//! carriers and the processor are actors, who see nothing but what they are told. Beside the engine
//! stands a plain model as judge.
//!
//! Reading order: [`Fault`] (what goes wrong), `stage` (the loop), `gateway` (what stands between
//! actors and engine), `actors`, `machine` (disks, crashes, recovery), `judge` (what must be so),
//! [`campaign`] (many seeds) and [`Summary`] (what came of them). [`network`] is a second level, of
//! the real gateway and the real client on a simulated network.

mod actors;
mod agenda;
mod bus;
mod campaign;
mod cast;
mod chance;
mod faults;
mod gateway;
mod judge;
mod lines;
mod machine;
mod message;
pub mod network;
mod played;
mod rounds;
mod rules;
mod shelf;
mod stage;
mod summary;
mod trace;
mod witness;

pub use campaign::{Campaign, EVENTS, campaign, watched};
pub use faults::Fault;
pub use rounds::{Failure, Stop, name_seeds_in_panics};
pub use stage::Tally;
pub use summary::Summary;
pub use trace::Voice;
