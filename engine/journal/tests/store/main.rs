//! What is kept beside the journal, from outside: snapshots and the archive.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::panic,
    reason = "a test may panic"
)]

mod archiving;
mod crashes;
mod damage;
mod lookups;
mod model;
mod rebuilding;
mod snapshots;
mod world;
