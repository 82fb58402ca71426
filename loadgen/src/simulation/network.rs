//! The second level: the real gateway and the real client, over QUIC, on simulated machines.
//!
//! Everything is real but the machines: server, sessions, dispatch, engine and journal on one side,
//! the client that vendors embed on the other, TLS and QUIC between them. Their sockets, clocks and
//! randomness are simulated, the disk is the journal's simulated one, and [turmoil] is the network
//! with its delays and partitions. Tills and handsets with their people see nothing but what the
//! client tells them; what they were told is held against what the gateway recovers.
//!
//! Two runs of a seed agree in the time, size and destination of every datagram and in all that
//! anybody was told. Only secrets of TLS differ, whose lengths do not.
//!
//! Reading order: `plan` (what goes wrong), `stage` (the loop), `gateway` (the machine that is
//! stopped and started), `till` and `phone` (who asks), `heard` and `judge` (what must be so); then
//! what makes it repeat: `runtime`, `socket`, `weather`, `time`, `keys`, `station`.

mod campaign;
#[cfg(test)]
mod cases;
mod cast;
mod gateway;
mod heard;
mod judge;
mod keys;
mod phone;
mod plan;
mod runtime;
mod socket;
mod stage;
mod station;
mod summary;
mod till;
mod time;
mod weather;

use std::time::Duration;

pub use campaign::{Campaign, campaign, watched};
pub use summary::Summary;

/// What came of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// A hash over all datagrams and all that was told.
    pub hash: u64,
    /// How long it took, in virtual time.
    pub virtual_time: Duration,
    /// How many datagrams were sent.
    pub datagrams: u64,
    /// How often anybody was told anything.
    pub told: u64,
    /// How often the gateway ended.
    pub stops: u64,
    /// How often it was recovered.
    pub recoveries: u64,
}
