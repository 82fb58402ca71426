//! Decides: the lock-sharded authorisation engine of Kessai.
//!
//! It knows customers, handsets, merchants, terminals and payments, and what may become of them.
//! It opens no socket and no file, reads no clock, starts no thread and draws no randomness: time,
//! nonces and seeds are arguments, and what it decided leaves as records through a [`Slot`].
//!
//! Reading order: [`PaymentState`] (the life of a payment), `shard.rs` and the files beside it (the
//! rules: `opening`, `collate`, `delivery`, `refunds`, `ending`), `shard/apply.rs` and those beside it
//! (how a record changes a shard), [`Engine`] (routing and locks) with `engine/admission.rs` (what is
//! refused before a lock), [`Record`] (what is kept), `shard/memory.rs` (what leaves, and what stays) and
//! `shard/cut.rs` (how a snapshot is made while commands run).
#![warn(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

pub use kessai_terms as terms;

mod archived;
mod calendar;
mod command;
mod customer;
mod device;
mod digest;
mod dossier;
mod engine;
mod ledger;
mod meter;
mod offer;
mod payment;
mod permit;
pub mod planted;
mod policy;
mod record;
mod refund;
mod register;
mod rules;
mod shard;
mod slot;
mod snapshot;
mod state;
mod sync;

pub use archived::ArchivedPayment;
pub use calendar::{BusinessDate, Calendar};
pub use command::{
    Claim, Collated, Freshness, KeyChange, Keyring, Opening, Owed, PromptView, Retirement,
    ReverseCause, Transferred, Way,
};
pub use customer::{CustomerView, RECENT_NOTICES};
pub use device::Device;
pub use dossier::{RECENT_IN_VAIN, TRANSFER_DAYS};
pub use engine::{AdminError, Books, CurrencyBooks, Engine, Layout, MAX_SHARDS, Tallies};
pub use ledger::{TURNOVER_DAYS, Turnover};
pub use offer::{Capture, Charge, ForeignPrice, NamedBy, Offer, Portion};
pub use payment::PaymentView;
pub use policy::{CustomerPolicy, Limits, Naming, Spending, Standing};
pub use record::{
    Approved, Captured, Credited, CustomerAdded, Debited, Declined, DecodeError, DeviceAdded,
    DeviceRevoked, Ended, Entry, Mismatched, Opened, Overtaken, PaymentRow, PolicySet, ProfileSet,
    Record, RefundRow, Refunded, Rekeyed, RequestDigest, Reversed, Terms, Trail, Unit, Verdict,
};
pub use refund::{Refund, RefundView, Refunding};
pub use register::{
    Controller, DefaultLimits, Hub, KeyPin, LimitHolder, Merchant, Peer, Place, Register,
    RegisterChange, RegisterError, Station, Store, Terminal, TerminalKind,
};
pub use rules::{Disclosure, PlainIds, Rules};
pub use shard::Corrupt;
pub use slot::{Lsn, Slot};
pub use snapshot::{LoadError, Snapshot};
pub use state::{Event, PaymentState};
