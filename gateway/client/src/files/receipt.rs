//! Keeps the highest receipt of a gateway's journal. It is no secret, and changes often.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use kessai_terms::JournalReceipt;
use kessai_terms::receipt::{ChainPrefix, JournalPoint, ReceiptMac};

use crate::files::text::{Reader, Writer};
use crate::files::{Draft, FileError, failed};
use crate::keys::RootPin;

const NAME: &str = "receipt";
const HEADING: &str = "kessai-receipt 1";

/// Reads the receipt that was kept of the gateway with this root. That of another gateway is none:
/// it would be false there.
pub(super) fn read(folder: &Path, root: RootPin) -> Result<Option<JournalReceipt>, FileError> {
    let path = folder.join(NAME);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&path, error)),
    };
    let mut reader = Reader::new(&path, &text, HEADING)?;
    let of = reader.line("root", |text| text.parse::<RootPin>().ok())?;
    let claimed = JournalPoint {
        partition: reader.line("partition", |text| text.parse().ok())?,
        epoch: reader.line("epoch", |text| text.parse().ok())?,
        lsn: reader.line("lsn", |text| text.parse().ok())?,
        chain: ChainPrefix(reader.bytes("chain")?),
    };
    let mac = ReceiptMac(reader.bytes("mac")?);
    Ok((of == root).then_some(JournalReceipt { claimed, mac }))
}

/// Keeps a receipt in place of a lower one, or of another gateway's.
pub(super) fn keep(
    folder: &Path,
    root: RootPin,
    receipt: &JournalReceipt,
) -> Result<(), FileError> {
    let JournalReceipt { claimed, mac } = receipt;
    if read(folder, root)?.is_some_and(|kept| kept.claimed >= *claimed) {
        return Ok(());
    }
    let text = Writer::new(HEADING)
        .line("root", root)
        .line("partition", claimed.partition)
        .line("epoch", claimed.epoch)
        .line("lsn", claimed.lsn)
        .line("chain", claimed.chain)
        .line("mac", mac)
        .text();
    Draft::write(folder, NAME, &text)?.keep()
}
