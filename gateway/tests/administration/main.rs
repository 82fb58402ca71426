//! Administration by the real binary's own commands and over HTTP: by hand, one by one, and whole
//! tables at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::panic,
    unreachable_pub,
    dead_code,
    missing_docs,
    reason = "a test may panic, and uses a part of what tests share"
)]

#[path = "../support/mod.rs"]
mod support;

mod archive;
mod bad_lines;
mod by_command;
mod doors;
mod evidence;
mod importing;
mod importing_limits;
mod journal;
mod limits;
mod metrics;
mod payments;
mod policies;
mod processor;
mod rates;
mod tables;
mod updating;
