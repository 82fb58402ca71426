//! Holds the messages of the protobuf package `kessai.v1`, generated from `proto/kessai/v1/`.
//!
//! They are bytes made accessible, nothing has been checked: only this crate's parsers and a
//! test should look into them. The rest of the house works with the parsed values.

#![allow(
    missing_docs,
    clippy::use_self,
    clippy::as_conversions,
    clippy::doc_markdown,
    unused_qualifications,
    reason = "generated code; its documentation is the schema's comments"
)]

include!(concat!(env!("OUT_DIR"), "/kessai.v1.rs"));

impl std::fmt::Debug for Prove {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prove").field("payment_id", &self.payment_id).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for EnrolHandset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrolHandset").field("handset", &self.handset).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open")
            .field("payment_id", &self.payment_id)
            .field("payer", &self.payer)
            .field("lines", &self.lines)
            .field("total_minor", &self.total_minor)
            .field("currency", &self.currency)
            .field("capture", &self.capture)
            .finish()
    }
}

impl std::fmt::Debug for open::Payer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CustomerId(id) => f.debug_tuple("CustomerId").field(id).finish(),
            Self::PresentmentCode(_) => f.write_str("PresentmentCode(..)"),
        }
    }
}

impl std::fmt::Debug for PresentmentCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PresentmentCode")
            .field("expires_at_ms", &self.expires_at_ms)
            .finish_non_exhaustive()
    }
}
