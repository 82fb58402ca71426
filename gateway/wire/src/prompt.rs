//! Asks the customer through the handset, and tells what came of the proof.

use bytes::Bytes;
use kessai_terms::PaymentId;
use kessai_terms::collation::{Outcome, ServerNonce, Signature};

use crate::field::{self, FieldError};
use crate::notice::SignedNotice;
use crate::state;
use crate::v1;

/// Asks the customer to confirm a purchase.
///
/// # Source
/// Steps S25 and S26 of the patent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The exact bytes of a [`Confirmation`](crate::Confirmation), to hash and then to decode.
    pub content: Bytes,
    /// The nonce that the proof answers.
    pub server_nonce: ServerNonce,
    /// How many wrong proofs may still come.
    pub tries_left: u32,
    /// The gateway's clock when this was written.
    pub gateway_time_ms: u64,
}

impl Prompt {
    pub(crate) fn parse(message: &v1::Prompt) -> Result<Self, FieldError> {
        if message.content.is_empty() {
            return Err(FieldError("content"));
        }
        Ok(Self {
            content: message.content.clone(),
            server_nonce: nonce(&message.server_nonce)?,
            tries_left: message.tries_left,
            gateway_time_ms: message.gateway_time_ms,
        })
    }

    pub(crate) fn to_message(&self) -> v1::Prompt {
        v1::Prompt {
            content: self.content.clone(),
            server_nonce: Bytes::copy_from_slice(&self.server_nonce.0),
            tries_left: self.tries_left,
            gateway_time_ms: self.gateway_time_ms,
        }
    }
}

/// Tells what came of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofResult {
    /// Of which payment.
    pub payment: PaymentId,
    /// What came of it.
    pub verdict: Verdict,
}

/// Says what came of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It matched; the payment is approved.
    Approved {
        /// Over the outcome.
        signature: Signature,
        /// The approval, to keep.
        notice: SignedNotice,
    },
    /// It did not match; the customer may try again.
    TryAgain {
        /// Over the outcome.
        signature: Signature,
        /// How many wrong proofs may still come: at least one.
        tries_left: u32,
        /// The nonce to prove with next.
        server_nonce: ServerNonce,
    },
    /// It did not match, and it was the last; the payment is declined.
    Declined {
        /// Over the outcome.
        signature: Signature,
        /// The decline, to keep.
        notice: SignedNotice,
    },
    /// Its nonce was not the current one: nothing was checked, nothing counted.
    Stale {
        /// The nonce to prove with.
        server_nonce: ServerNonce,
    },
}

impl ProofResult {
    pub(crate) fn parse(message: &v1::ProofResult) -> Result<Self, FieldError> {
        let verdict = match message.result.as_ref().ok_or(FieldError("result"))? {
            v1::proof_result::Result::Collated(collated) => Verdict::parse(collated)?,
            v1::proof_result::Result::Stale(stale) => {
                Verdict::Stale { server_nonce: nonce(&stale.server_nonce)? }
            }
        };
        Ok(Self { payment: field::payment(&message.payment_id)?, verdict })
    }

    pub(crate) fn to_message(&self) -> v1::ProofResult {
        let result = match &self.verdict {
            Verdict::Approved { signature, notice } => {
                collated(Outcome::Approved, signature, 0, None, Some(notice))
            }
            Verdict::TryAgain { signature, tries_left, server_nonce } => {
                collated(Outcome::Refused, signature, *tries_left, Some(server_nonce), None)
            }
            Verdict::Declined { signature, notice } => {
                collated(Outcome::Refused, signature, 0, None, Some(notice))
            }
            Verdict::Stale { server_nonce } => v1::proof_result::Result::Stale(v1::Stale {
                server_nonce: Bytes::copy_from_slice(&server_nonce.0),
            }),
        };
        v1::ProofResult {
            payment_id: Bytes::copy_from_slice(self.payment.as_bytes()),
            result: Some(result),
        }
    }
}

impl Verdict {
    fn parse(message: &v1::Collated) -> Result<Self, FieldError> {
        let signature = field::signature(&message.signature)?;
        let notice = message.notice.as_ref().map(SignedNotice::parse).transpose()?;
        match (state::parse_outcome(message.outcome)?, notice, message.tries_left) {
            (Outcome::Approved, Some(notice), _) => Ok(Self::Approved { signature, notice }),
            (Outcome::Approved, None, _) => Err(FieldError("notice")),
            (Outcome::Refused, Some(notice), 0) => Ok(Self::Declined { signature, notice }),
            (Outcome::Refused, Some(_), _) | (Outcome::Refused, None, 0) => {
                Err(FieldError("tries_left"))
            }
            (Outcome::Refused, None, tries_left) => Ok(Self::TryAgain {
                signature,
                tries_left,
                server_nonce: nonce(&message.server_nonce)?,
            }),
        }
    }
}

fn collated(
    outcome: Outcome,
    signature: &Signature,
    tries_left: u32,
    server_nonce: Option<&ServerNonce>,
    notice: Option<&SignedNotice>,
) -> v1::proof_result::Result {
    v1::proof_result::Result::Collated(v1::Collated {
        outcome: v1::Outcome::from(outcome).into(),
        signature: Bytes::copy_from_slice(&signature.0),
        tries_left,
        server_nonce: server_nonce
            .map(|nonce| Bytes::copy_from_slice(&nonce.0))
            .unwrap_or_default(),
        notice: notice.map(SignedNotice::to_message),
    })
}

fn nonce(bytes: &[u8]) -> Result<ServerNonce, FieldError> {
    field::bytes("server_nonce", bytes).map(ServerNonce)
}
