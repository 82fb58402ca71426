//! Serves: one QUIC port before the engine and its journal.
//!
//! The path of a payment, and the reading order: `connection` (bytes) → `session` (who, and may
//! it) → `dispatch` (talks to the engine, and performs what was decided once it is durable) →
//! `outgoing` (messages owed to peers). `server` admits connections and keeps time, `node` brings
//! engine and journal to life from a data directory.
//!
//! It decides nothing about money: that is the engine's. It keeps nothing: that is the journal's.

mod activations;
pub mod admin;
mod budget;
pub mod clock;
mod connection;
mod contacts;
mod counters;
mod deliveries;
mod dispatch;
pub mod dump;
mod enrolment;
pub mod entropy;
pub mod evidence;
mod host;
pub mod init;
mod keeping;
pub mod keys;
mod local;
mod lookups;
pub mod losses;
mod metered;
mod node;
pub mod notify;
mod offer;
mod outgoing;
mod presentments;
mod private;
mod rates;
mod receipts;
mod reply;
mod server;
mod session;
pub mod settings;
pub mod shell;
#[cfg(test)]
mod testing;
pub mod tls;
mod told;
mod transport;
mod waiting;

pub use activations::{ATTEMPTS, LIFETIME_MS, TooManyOpen};
pub use host::{Host, SlowWork};
pub use keys::{KeyError, Keys};
pub use local::LocalLink;
pub use node::{Node, NodeError, Progress, Stage, Watch, archive_in, journal_in};
pub use rates::RatesError;
pub use server::{Gateway, StartError};
pub use settings::Settings;
