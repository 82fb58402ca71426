//! The real binary: killed right after an approval, stopped, and started wrongly.
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

mod kit;
mod lost;
mod serving;
mod snapshots;
