//! Carries receipts of the gateway's journal: to terminals in answers, and back in a Hello.

use bytes::Bytes;
use kessai_terms::JournalReceipt;
use kessai_terms::receipt::{ChainPrefix, JournalPoint, ReceiptMac};

use crate::field::{self, FieldError};
use crate::v1;

pub(crate) fn parse(message: &v1::JournalReceipt) -> Result<JournalReceipt, FieldError> {
    Ok(JournalReceipt {
        claimed: JournalPoint {
            epoch: message.epoch,
            lsn: message.lsn,
            partition: message.partition,
            chain: ChainPrefix(field::bytes("chain_prefix", &message.chain_prefix)?),
        },
        mac: ReceiptMac(field::bytes("mac", &message.mac)?),
    })
}

pub(crate) fn to_message(receipt: &JournalReceipt) -> v1::JournalReceipt {
    let JournalReceipt { claimed, mac } = receipt;
    v1::JournalReceipt {
        partition: claimed.partition,
        epoch: claimed.epoch,
        lsn: claimed.lsn,
        chain_prefix: Bytes::copy_from_slice(&claimed.chain.0),
        mac: Bytes::copy_from_slice(&mac.0),
    }
}
