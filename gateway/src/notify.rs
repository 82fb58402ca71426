//! Tells customers whose handset is not connected to open their app, because a payment waits.
//!
//! It never blocks the payment path, never knows a payment, a shop or an amount, and never decides
//! anything: that a notification arrives is a convenience, what counts is the prompt on the
//! handset.
//!
//! ```text
//!   dispatch -- notify() --> a queue with a bound, one for each channel --> attempts, with
//!                            (over it: dropped and counted)                  pauses between them
//!                                                                             |            |
//!                                                              webhook or mail server   too late, refused
//!                                                                                          |
//!                                                                                     dead letters
//! ```
//!
//! Two channels can be set up, either or both: a signed webhook ([`SIGNATURE_HEADER`],
//! [`verify_signature`]), which names the customer by id alone, and mail, whose address a
//! [`Contacts`] gives at the moment of sending.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use kessai_engine::terms::CustomerId;

use crate::clock::Clock;
use crate::entropy::Entropy;

mod backoff;
mod dead;
mod mail;
mod postbox;
mod recent;
mod secret;
mod settings;
mod signature;
mod trust;
mod webhook;

pub use postbox::Counts;
pub use settings::{MailSettings, NotifySettings, Security, WebhookSettings};
pub use signature::{SECRET_LEAST, SIGNATURE_HEADER, SignatureError, verify_signature};

use dead::DeadLetters;
use mail::Mail;
use postbox::{Office, Postbox};
use webhook::Webhook;

/// Tells customers to open their app.
pub trait Notifier: Send + Sync + 'static {
    /// Queues a notification; never waits, and never fails: what finds no place is counted.
    fn notify(&self, notification: Notification);
}

/// What a customer is told.
///
/// It holds nothing that a lost or overheard message could give away about a purchase.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Notification {
    /// Names it; the same in every attempt and over every channel.
    pub event: EventId,
    /// What to do.
    pub kind: Kind,
    /// Whom it is for.
    pub customer: CustomerId,
    /// When it is of no more use, in milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
}

/// Leaves the customer out: an id may be a telephone number, and this may end in a log.
impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification")
            .field("event", &self.event)
            .field("kind", &self.kind)
            .field("expires_at_ms", &self.expires_at_ms)
            .finish_non_exhaustive()
    }
}

/// What a customer is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Open the app: it will show what waits.
    OpenApp,
}

impl Kind {
    /// Names the kind as messages do.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenApp => "open_app",
        }
    }
}

/// Names a notification: a UUID of version 7 (RFC 9562), unrelated to the payment's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(uuid::Uuid);

impl EventId {
    /// Makes an id from a time and ten random bytes.
    ///
    /// # Units
    /// `unix_ms` is in milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn from_parts(unix_ms: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Finds where a customer's mail goes.
///
/// It is asked only when a mail is about to be sent, off the payment path, so that a sealed
/// profile is opened no earlier and the address is kept nowhere.
pub trait Contacts: Send + Sync + 'static {
    /// Gives the address, or nothing if the customer has none.
    fn mail_address(&self, customer: CustomerId) -> Lookup<'_>;
}

/// An address on its way.
pub type Lookup<'a> = Pin<Box<dyn Future<Output = Option<MailAddress>> + Send + 'a>>;

/// Where a customer's mail goes.
#[derive(Clone, PartialEq, Eq)]
pub struct MailAddress(lettre::Address);

impl MailAddress {
    /// Takes a text of the form `local@domain`.
    ///
    /// # Errors
    /// [`MailAddressError`] if it is no address.
    pub fn parse(text: &str) -> Result<Self, MailAddressError> {
        text.parse().map(Self).map_err(|_| MailAddressError)
    }
}

/// Shows nothing: an address is personal.
impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailAddress(..)")
    }
}

/// Says that a text is no mail address, without quoting it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a mail address")]
pub struct MailAddressError;

/// Why one attempt failed. It never quotes what a server said, which may name the recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("no connection")]
    Unreachable,
    #[error("the connection broke")]
    Broken,
    #[error("no answer in time")]
    TimedOut,
    #[error("HTTP status {0}")]
    Status(u16),
    #[error("SMTP reply {0}")]
    Reply(u16),
    #[error("the mail server cannot do what is needed")]
    Unable,
    #[error("the message cannot be written")]
    Unwritable,
}

/// Why notifications cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than the owner may read a secret.
    #[error("{0} can be read by others than its owner: chmod 600 it")]
    Exposed(PathBuf),
    /// A file does not hold what it should.
    #[error("{path} does not hold {what}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// Settings are out of their bounds.
    #[error("{}", .0.join("; "))]
    Settings(Vec<String>),
    /// No certificate authority is trusted, so no server could be.
    #[error("no certificate authorities are found: set notify.roots")]
    NoRoots,
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The mail client cannot be set up.
    #[error("mail: {0}")]
    Mail(#[from] lettre::transport::smtp::Error),
}

/// What notifications take from the rest of the gateway.
#[derive(Clone)]
pub struct Surroundings {
    /// Tells whether a notification is of use still.
    pub clock: Arc<dyn Clock>,
    /// Varies the pauses between attempts.
    pub entropy: Arc<dyn Entropy>,
    /// Knows addresses; only mail asks.
    pub contacts: Arc<dyn Contacts>,
}

/// Notifies over every channel that is set up; over none if none is.
#[derive(Debug)]
pub struct Channels {
    postboxes: Vec<Postbox>,
}

impl Channels {
    /// Sets up what `settings` name; must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`NotifyError`], naming the setting or the file that is at fault.
    pub fn start(
        settings: &NotifySettings,
        surroundings: &Surroundings,
    ) -> Result<Self, NotifyError> {
        let problems = settings.problems();
        if !problems.is_empty() {
            return Err(NotifyError::Settings(problems));
        }
        if !settings.webhook.is_on() && !settings.mail.is_on() {
            return Ok(Self { postboxes: Vec::new() });
        }
        let path = &settings.dead_letters;
        let letters = DeadLetters::open(path, settings.dead_letters_bytes())
            .map_err(|source| NotifyError::File { path: path.clone(), source })?;
        let office = Office::new(settings, surroundings, Arc::new(letters));
        let mut postboxes = Vec::new();
        if settings.webhook.is_on() {
            let clock = Arc::clone(&surroundings.clock);
            postboxes.push(Postbox::open(&office, Webhook::new(settings, clock)?));
        }
        if settings.mail.is_on() {
            postboxes.push(Postbox::open(&office, Mail::new(settings, surroundings)?));
        }
        Ok(Self { postboxes })
    }

    /// Counts what has become of notifications, for each channel by name.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, Counts)> {
        self.postboxes.iter().map(|postbox| (postbox.name(), postbox.counts()))
    }

    /// Lets attempts under way end, and writes down as dead letters what waits.
    ///
    /// It takes no longer than one attempt may. What comes afterwards is dropped.
    pub async fn stop(&self) {
        self.postboxes.iter().for_each(Postbox::close);
        for postbox in &self.postboxes {
            postbox.closed().await;
        }
    }
}

impl Notifier for Channels {
    fn notify(&self, notification: Notification) {
        for postbox in &self.postboxes {
            postbox.post(notification);
        }
    }
}
