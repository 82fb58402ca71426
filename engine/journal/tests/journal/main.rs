//! The journal from outside: what was told durable is there after whatever happened to the disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::panic,
    reason = "a test may panic"
)]

mod bounds;
mod checking;
mod crashes;
mod damage;
mod files;
mod mirror;
mod points;
mod reading;
mod reopening;
mod stamps;
mod support;
mod syncs;
mod tallies;
mod two_directories;
mod waking;
