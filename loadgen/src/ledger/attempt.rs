//! What tills do about a payment beyond asking for it, and what they are answered.

use kessai_engine::terms::{Amount, PaymentId, Reason, Reference, TerminalId};
use serde::{Deserialize, Serialize};

use super::{Moment, Told};

/// Something that was done about an approved payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: Moment,
    /// By which terminal.
    pub terminal: TerminalId,
    /// What.
    pub deed: Done,
    /// What came of it, once for each time that it was sent and answered.
    pub answers: Vec<Heard>,
    /// When the first of the answers came.
    pub answered: Option<Moment>,
}

/// What was done about an approved payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Done {
    /// Goods for so much came out of a machine.
    Dispensed(Amount),
    /// Nothing came out.
    Jammed,
    /// So much was to go back to the customer, under an id of its own.
    Refunded(PaymentId, Amount),
}

/// What a till was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heard {
    /// How the payment stands; with the reference of a refund.
    Told(Told, Option<Reference>),
    /// That it is not to be.
    Refused(Reason),
}

impl Attempt {
    /// What it changed: how the payment stood then, if it was not refused.
    #[must_use]
    pub fn told(&self) -> Option<&Told> {
        self.answers.iter().find_map(|heard| match heard {
            Heard::Told(told, _) => Some(told),
            Heard::Refused(_) => None,
        })
    }
}

/// A code that a till sent and that was none, or no longer one: under a payment id that must never
/// come to anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slip {
    /// The id that it was sent under.
    pub payment: PaymentId,
    /// What the till was told; nothing if no answer came.
    pub refused: Option<Reason>,
}
