//! What goes over the bus: what tills, handsets and the processor ask, and what they are told.

use kessai_engine::terms::collation::{ContentDigest, HandsetNonce, ServerNonce};
use kessai_engine::terms::ids::{ApprovalNumber, PaymentId, Reference};
use kessai_engine::terms::reason::Reason;
use kessai_engine::{Capture, NamedBy, PaymentState, PaymentView, RefundView, Standing};

/// Who asks, or is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Party {
    /// A till, by its number.
    Till(usize),
    /// A handset, by its number.
    Phone(usize),
    /// The processor.
    Processor,
}

/// To whom an answer goes: over the connection that the request came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) party: Party,
    /// The number of the connection; what goes over one that is broken is lost.
    pub(super) line: u64,
    /// The number of the request; 0 is a push.
    pub(super) request: u64,
}

/// A message to the gateway.
#[derive(Debug, Clone, Hash)]
pub(super) struct Asked {
    pub(super) from: Address,
    pub(super) ask: Ask,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Ask {
    Open(Purchase),
    Cancel(PaymentId),
    Status(PaymentId),
    /// How much of the price was handed out; none for all of it.
    Delivered(PaymentId, Option<u64>),
    Reverse(PaymentId),
    Refund {
        refund: PaymentId,
        payment: PaymentId,
        price: u64,
    },
    Attach {
        seen: u64,
    },
    Prove(Answer),
    Refuse(PaymentId),
    /// Raises a balance, or lowers it if negative, for a numbered reason.
    Transfer {
        customer: usize,
        reference: u64,
        amount: i64,
    },
    Unblock(usize),
    SetStanding(usize, Standing),
}

/// What a till wants to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Purchase {
    pub(super) payment: PaymentId,
    /// The customer's number; there may be nobody of it.
    pub(super) customer: usize,
    pub(super) named_by: NamedBy,
    pub(super) capture: Capture,
    pub(super) price: u64,
}

/// A handset's answer to a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Answer {
    pub(super) payment: PaymentId,
    pub(super) server_nonce: ServerNonce,
    pub(super) handset_nonce: HandsetNonce,
    pub(super) proof: [u8; 32],
    /// Made behind a hub.
    pub(super) tag: Option<[u8; 32]>,
    /// Whether the password was right: for the judge, which believes no proof.
    pub(super) password: Password,
}

/// What a customer typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Password {
    Right,
    Wrong,
}

/// A message from the gateway.
#[derive(Debug, Clone, Hash)]
pub(super) struct Told {
    pub(super) to: Address,
    pub(super) tell: Tell,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Tell {
    /// How a payment stands: to a till that asked or waits, or to a handset.
    Payment(Standpoint),
    /// What came of a refund.
    Refunded(Standpoint, RefundTold),
    Refused(Reason),
    /// A handset is heard from now on.
    Attached {
        latest: u64,
    },
    /// A customer is to be asked.
    Prompt {
        payment: PaymentId,
        content: ContentDigest,
        nonce: ServerNonce,
        tries_left: u8,
    },
    /// The password was wrong, and another may be tried.
    TryAgain {
        payment: PaymentId,
        nonce: ServerNonce,
        tries_left: u8,
    },
    /// The prompt was no longer open.
    Stale {
        payment: PaymentId,
        nonce: ServerNonce,
    },
    /// The processor's wish was done, or had been before.
    Done,
}

/// What is told of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Standpoint {
    pub(super) payment: PaymentId,
    pub(super) state: PaymentState,
    pub(super) captured: u64,
    pub(super) refunded: u64,
    pub(super) approval: Option<ApprovalNumber>,
    pub(super) reference: Option<Reference>,
    /// The number of the customer's notice about it.
    pub(super) notice: u64,
}

/// What is told of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RefundTold {
    pub(super) refund: PaymentId,
    pub(super) payment: PaymentId,
    pub(super) amount: u64,
    pub(super) reference: Reference,
}

impl From<&PaymentView> for Standpoint {
    fn from(view: &PaymentView) -> Self {
        Self {
            payment: view.payment,
            state: view.state,
            captured: view.captured.minor(),
            refunded: view.refunded.minor(),
            approval: view.approval,
            reference: view.reference,
            notice: view.notice,
        }
    }
}

impl From<&RefundView> for RefundTold {
    fn from(view: &RefundView) -> Self {
        Self {
            refund: view.refund,
            payment: view.payment,
            amount: view.amount.minor(),
            reference: view.reference,
        }
    }
}
