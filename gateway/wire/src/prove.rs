//! Reads how a handset proves password and possession.

use bytes::Bytes;
use kessai_terms::collation::{HandsetNonce, Proof, ServerNonce, Signature};
use kessai_terms::{PaymentId, Reason};

use crate::field::{self, FieldError};
use crate::purchase::payment_id;
use crate::v1;

/// Proves password and possession for one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prove {
    /// Which payment.
    pub payment: PaymentId,
    /// The gateway's nonce that it answers.
    pub server_nonce: ServerNonce,
    /// The handset's own nonce.
    pub handset_nonce: HandsetNonce,
    /// The proof.
    pub proof: Proof,
    /// Shows, through a carrier hub, that the proof comes from the handset: only then does a wrong
    /// one count.
    pub hub_tag: Option<Signature>,
    /// How long ago the handset showed the purchase, if it knows. It is not under the proof:
    /// nothing hangs on it.
    ///
    /// # Units
    /// Milliseconds.
    pub shown_ago_ms: Option<u32>,
}

impl Prove {
    pub(crate) fn parse(message: &v1::Prove) -> Result<Self, Reason> {
        let fields = || -> Result<_, FieldError> {
            Ok((
                field::bytes("server_nonce", &message.server_nonce)?,
                field::bytes("handset_nonce", &message.handset_nonce)?,
                field::bytes("proof", &message.proof)?,
                field::optional_bytes("hub_tag", &message.hub_tag)?,
            ))
        };
        let (server_nonce, handset_nonce, proof, hub_tag) = fields()?;
        Ok(Self {
            payment: payment_id(&message.payment_id)?,
            server_nonce: ServerNonce(server_nonce),
            handset_nonce: HandsetNonce(handset_nonce),
            proof: Proof(proof),
            hub_tag: hub_tag.map(Signature),
            shown_ago_ms: message.shown_ago_ms,
        })
    }

    pub(crate) fn to_message(&self) -> v1::Prove {
        v1::Prove {
            payment_id: Bytes::copy_from_slice(self.payment.as_bytes()),
            server_nonce: Bytes::copy_from_slice(&self.server_nonce.0),
            handset_nonce: Bytes::copy_from_slice(&self.handset_nonce.0),
            proof: Bytes::copy_from_slice(&self.proof.0),
            hub_tag: field::optional_copy(self.hub_tag.as_ref().map(Signature::as_bytes)),
            shown_ago_ms: self.shown_ago_ms,
        }
    }
}
