//! The gateway over real QUIC on loopback: with the client that vendors embed, and with peers that
//! keep to nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    reason = "a test may panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod bad_requests;
mod codes;
mod connections;
mod controllers;
mod enrolling;
mod foreign;
mod giving_back;
mod hubs;
mod intruders;
mod leaving;
mod newcomers;
mod payments;
mod policies;
mod proofs;
mod returning;
mod rogue_hubs;
mod standing;
mod taking_back;
mod vending;
