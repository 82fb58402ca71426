//! Calls: the QUIC client that a terminal or a handset embeds.
//!
//! A [`Terminal`] asks for payments, a [`Handset`] shows them to its customer and proves the
//! answer. Both keep one connection, come back with growing, random pauses when it is lost, and
//! send again what was not answered: every request is idempotent by its payment id. A handset
//! believes nothing that the gateway did not sign for it.
//!
//! Many terminals can share the connection of a [`Controller`], many handsets that of a [`Hub`].
//!
//! A peer comes to its key by enrolment: [`enrol_handset`] and [`enrol_peer`] turn an activation
//! string into a [`HandsetFile`] or a [`PeerFile`], the only things that this crate stores. It shows
//! nothing and keeps no password. How connections are made is a [`Connector`]'s affair:
//! [`QuicConnector`] is the one for the network. What the customer takes home is written by
//! [`receipt`].
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use kessai_client::{Options, PeerKey, QuicConnector, QuicOptions, RootPin, Terminal, endpoint};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let key = PeerKey::load("till.pem".as_ref())?;
//! let root: RootPin = std::fs::read_to_string("root.pin")?.trim().parse()?;
//! let endpoint = endpoint("[::]:0".parse()?)?;
//! let gateway = "[2001:db8::1]:4433".parse()?;
//! let connector = QuicConnector::new(endpoint, gateway, root, &key, &QuicOptions::default())?;
//!
//! let till = Terminal::connect(Arc::new(connector), "POS00001".parse()?, Options::default()).await?;
//! println!("the next payment is {}", till.payment_id());
//! # Ok(())
//! # }
//! ```

mod backoff;
mod clock;
mod connector;
mod controller;
mod enrolment;
mod error;
mod files;
mod handset;
mod hub;
mod keys;
mod line;
mod link;
mod options;
mod pins;
mod presence;
mod quic;
mod randomness;
pub mod receipt;
mod terminal;

pub use kessai_terms as terms;
pub use kessai_wire as wire;

pub use connector::{Connecting, Connector};
pub use controller::Controller;
pub use enrolment::{EnrolError, enrol_handset, enrol_peer};
pub use error::{CallError, ConnectError, Distrust, Fault};
pub use files::{FileError, HandsetFile, PeerFile};
pub use handset::{Answered, Event, Events, Handset, Presentment, Question};
pub use hub::{Hub, HubRoute};
pub use keys::{KeyError, PeerKey, PinError, RootPin};
pub use link::Link;
pub use options::{Backoff, Options};
pub use pins::{Guessable, check_password};
pub use presence::Presence;
pub use quic::{QuicConnector, QuicLoad, QuicOptions, endpoint, rebind, resolve};
pub use quinn::Endpoint;
pub use randomness::Randomness;
pub use terminal::Terminal;
