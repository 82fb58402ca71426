//! What callers hand in and get back, beside offers and views.

use kessai_terms::collation::{
    ChannelBinding, DeviceKeys, HandsetNonce, Proof, SealedRow, SealingKey, ServerNonce, Signature,
};
use kessai_terms::ids::{CustomerId, DeviceId, PaymentId};

use bytes::Bytes;

use crate::payment::PaymentView;
use crate::register::KeyPin;
use crate::slot::Lsn;

/// The sealing keys that handset rows may be sealed under, the current one first.
#[derive(Default)]
pub struct Keyring(Vec<SealingKey>);

impl Keyring {
    /// Takes the keys, the current one first.
    #[must_use]
    pub const fn new(keys: Vec<SealingKey>) -> Self {
        Self(keys)
    }

    /// Finds the key of that number.
    #[must_use]
    pub fn key(&self, id: u32) -> Option<&SealingKey> {
        self.0.iter().find(|key| key.id() == id)
    }

    /// Opens a handset's keys: nothing if their key is not here, or the row belongs elsewhere.
    pub(crate) fn open(
        &self,
        row: &SealedRow,
        customer: &CustomerId,
        device: &DeviceId,
    ) -> Option<DeviceKeys> {
        self.key(row.key_id)?.open(row, customer, device).ok()
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({} keys)", self.0.len())
    }
}

/// How a handset's answer came, which says what a wrong one may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over the handset's own connection: nobody else can have sent it.
    Own,
    /// Through a carrier hub, which may have made it up.
    Hub {
        /// What only the handset can make for this answer.
        tag: Signature,
    },
}

/// A handset's answer to a prompt, with whom and where it came from.
#[derive(Clone)]
pub struct Claim {
    /// The payment that it approves.
    pub payment: PaymentId,
    /// Whose connection it came over.
    pub customer: CustomerId,
    /// Which handset's.
    pub device: DeviceId,
    /// That connection, or what stands for it behind a hub.
    pub channel: ChannelBinding,
    /// Our nonce of the prompt that it answers.
    pub server_nonce: ServerNonce,
    /// The handset's own nonce.
    pub handset_nonce: HandsetNonce,
    /// What stands for the password.
    pub proof: Proof,
    /// How it came.
    pub way: Way,
    /// When it came, in milliseconds since the Unix epoch.
    pub answered_at_ms: u64,
    /// When the handset says that it showed the prompt; none if it does not say.
    pub shown_at_ms: Option<u64>,
}

/// Whether a command changed anything: only then is there anybody else to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It has just happened.
    First,
    /// It had happened before; the answer is the stored one.
    Repeat,
}

/// Where a payment stands after a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The payment.
    pub view: PaymentView,
    /// Whether this command brought it there.
    pub freshness: Freshness,
    /// Payments of the same customer that this command called off, an open's by presentment code:
    /// there are more to be told.
    pub displaced: Vec<PaymentView>,
}

impl Opening {
    /// Tells again where a payment stands, to whom it may be told.
    pub(crate) fn repeat(view: &PaymentView) -> Self {
        Self { view: view.clone(), freshness: Freshness::Repeat, displaced: Vec::new() }
    }
}

/// Why a terminal takes a payment back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReverseCause {
    /// Because somebody wants it so, or the answer was lost.
    OnRequest,
    /// Because the goods did not come out.
    NotDispensed,
}

/// What came of a credit or debit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transferred {
    /// Not to be told before this is durable.
    pub after: Lsn,
    /// Whether this command moved the money.
    pub freshness: Freshness,
}

/// What a proof led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collated {
    /// It matched: the customer is debited, or will be on delivery.
    Approved {
        /// The payment.
        view: PaymentView,
        /// The outcome under the server key.
        signature: Signature,
    },
    /// It did not match, and another may be tried.
    Mismatched {
        /// The payment.
        view: PaymentView,
        /// The outcome under the server key.
        signature: Signature,
        /// What the next proof must cover.
        nonce: ServerNonce,
        /// How many more wrong proofs are borne, that many less one without consequence.
        tries_left: u8,
    },
    /// It did not match and was the last try.
    Declined {
        /// The payment.
        view: PaymentView,
        /// The outcome under the server key.
        signature: Signature,
    },
    /// It answers a prompt that is no longer open on this connection; nothing was counted.
    Stale {
        /// What a fresh proof must cover.
        nonce: ServerNonce,
    },
    /// The payment is no longer pending.
    Ended {
        /// The payment.
        view: PaymentView,
        /// Whether it has expired at this very moment.
        freshness: Freshness,
    },
}

/// What a handset needs to ask its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptView {
    /// The exact bytes to show and to cover by the proof.
    pub confirmation: Bytes,
    /// How many wrong proofs are still borne.
    pub tries_left: u8,
    /// Until when it can be answered, in milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
    /// Not to be told before this is durable.
    pub after: Lsn,
}

/// What a handset that comes back has missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// Payments that wait for an answer, the oldest first.
    pub prompts: Vec<PaymentId>,
    /// Payments that changed since the notice that it saw last, in the order of the notices.
    pub notices: Vec<PaymentView>,
    /// Those of them that have left the memory, by the numbers of their notices: the archive tells
    /// where they stand.
    pub archived: Vec<(u64, PaymentId)>,
    /// The number of the customer's latest notice.
    pub latest: u64,
    /// Not to be told before this is durable.
    pub after: Lsn,
}

/// What a command did to keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyChange {
    /// Its last record: not to be told before this is durable.
    pub after: Lsn,
    /// The TLS keys that it took out of use. Whoever is connected with one speaks for nobody any
    /// more, so the connection is to be closed at once.
    pub retired: Vec<KeyPin>,
}

/// How far a retirement of all handsets has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retirement {
    /// What was done.
    pub change: KeyChange,
    /// How many handsets are left because the journal's queue was full: to be gone on with.
    pub left: usize,
}
