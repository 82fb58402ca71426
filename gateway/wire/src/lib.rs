//! Speaks: messages and framing; bytes to values and back.
//!
//! This crate opens no socket, reads no clock, keeps no state and knows nothing about payments
//! beyond what their messages say. [`frame`] cuts a stream into the messages of [`v1`], which are
//! generated from the schema in `proto/kessai/v1/`; everything else turns those into values that
//! have been checked ([`Call`], [`Message`], [`Enrol`], [`Confirmation`], [`Notice`]) and such values
//! into messages. An [`Activation`] is all that a new peer needs to come at all. The protocol itself is written down in `docs/PROTOCOL.md`.

mod activation;
mod address;
mod call;
mod close;
mod confirmation;
mod connection;
mod content;
mod delivery;
mod enrolment;
mod exchange;
mod facts;
mod faults;
mod field;
pub mod frame;
mod identity;
pub mod limits;
mod message;
mod notice;
mod part;
mod payment;
mod presented;
mod prompt;
mod prove;
mod purchase;
mod receipt;
mod refund;
mod request;
mod state;
mod totals;
pub mod v1;

pub use kessai_terms as terms;

pub use activation::{Activation, ActivationError, Subject};
pub use address::{AddressError, GatewayAddress};
pub use call::{Call, CallError, RequestId};
pub use confirmation::{CaptureTerms, Confirmation};
pub use connection::{Hello, Limits, Refusal, Retry, SoftwareName, Welcome};
pub use content::ContentError;
pub use delivery::{DeliveredLines, Delivery};
pub use enrolment::{Enrol, EnrolAnswer, EnrolHandset, EnrolPeer};
pub use exchange::{Exchange, ForeignPrice};
pub use facts::{TerminalFacts, TerminalKind};
pub use field::{Approval, FieldError};
pub use identity::{Handset, Identity};
pub use message::{Answer, Message, MessageError, Push};
pub use notice::{Notice, SignedNotice};
pub use part::Part;
pub use payment::Payment;
pub use presented::PresentedCode;
pub use prompt::{Prompt, ProofResult, Verdict};
pub use prove::Prove;
pub use purchase::{Payer, Purchase};
pub use refund::{Refund, RefundDone};
pub use request::{HandsetRequest, Request, TerminalRequest};
pub use state::{Capture, PaymentState, ReverseCause};
pub use totals::{CurrencyTotals, Tally, TerminalTotals};
pub use v1::CloseCode;

/// The protocol versions that this crate speaks, by rising number.
pub const VERSIONS: &[u32] = &[1];

/// The version of the content of a [`Confirmation`].
pub const CONTENT_VERSION: u32 = 1;

/// The version of the content of a [`Notice`].
pub const NOTICE_VERSION: u32 = 1;

/// The ALPN protocol of a connection on which payments are made.
///
/// # Source
/// RFC 7301.
pub const ALPN: &[u8] = b"kessai/1";

/// The ALPN protocol of a connection on which a key is enrolled: one [`Enrol`], one [`EnrolAnswer`].
pub const ALPN_ENROLMENT: &[u8] = b"kessai-enrol/1";

/// The server name that a client asks for and that the gateway's certificate bears.
pub const SERVER_NAME: &str = "kessai";
