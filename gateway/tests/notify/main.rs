//! Notifications against real servers in this process: a webhook's receiver and a mail server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

mod logs;
mod mail;
mod mail_server;
mod receiver;
mod stage;
mod tls;
mod webhook;
