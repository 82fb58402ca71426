//! The engine from outside: every way into it, by the records and answers that come out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

mod administering;
mod altering;
mod checking;
mod delivering;
mod displacing;
mod ending;
mod forgetting;
mod format;
mod keys;
mod kit;
mod listing;
mod model;
mod opening;
mod owing;
mod pestering;
mod policies;
mod racing;
mod random;
mod refunding;
mod relaying;
mod replaying;
#[cfg(feature = "shuttle")]
mod schedules;
mod snapshots;
mod transferring;
