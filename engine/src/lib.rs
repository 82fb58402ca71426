//! Decides: the lock-sharded authorisation engine of Kessai.
//!
//! It knows customers, handsets, merchants, terminals and payments, and what may become of them.
//! It opens no socket and no file, reads no clock, starts no thread and draws no randomness: time,
//! nonces and seeds are arguments, and what it decided leaves as records through a [`Slot`].
//!
//! Reading order: [`PaymentState`] (the life of a payment), `shard.rs` and `shard/collate.rs` (the
//! rules), `shard/apply.rs` (how a record changes a shard), [`Engine`] (routing and locks),
//! [`Record`] (what is kept).
#![warn(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

pub use kessai_terms as terms;

mod calendar;
mod command;
mod customer;
mod device;
mod engine;
mod ledger;
mod offer;
mod payment;
mod permit;
mod record;
mod register;
mod rules;
mod shard;
mod slot;
mod state;
mod sync;

pub use calendar::{BusinessDate, Calendar};
pub use command::{
    Claim, Collated, Freshness, KeyChange, Keyring, Opening, Owed, PromptView, Retirement, Way,
};
pub use customer::{CustomerView, RECENT_NOTICES};
pub use device::Device;
pub use engine::{AdminError, Books, CurrencyBooks, Engine, Layout, MAX_SHARDS, Tallies};
pub use ledger::Turnover;
pub use offer::{Capture, Charge, ForeignPrice, Offer};
pub use payment::PaymentView;
pub use record::{
    Approved, Captured, Credited, CustomerAdded, Debited, Declined, DecodeError, DeviceAdded,
    DeviceRevoked, Ended, Entry, Mismatched, Opened, Overtaken, ProfileSet, Record, Rekeyed,
    RequestDigest, Reversed, Terms, Unit, Verdict,
};
pub use register::{
    Controller, Hub, KeyPin, Merchant, Peer, Place, Register, RegisterChange, RegisterError,
    Station, Store, Terminal, TerminalKind,
};
pub use rules::Rules;
pub use shard::Corrupt;
pub use slot::{Lsn, Slot};
pub use state::{Event, PaymentState};
