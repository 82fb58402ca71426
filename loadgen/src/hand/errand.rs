//! Remembers what a till or a machine has begun with the gateway and has no answer to, through a
//! power cut: it does one thing at a time, and finishes it before the next.
//!
//! # Source
//! docs/PROTOCOL.md, "Payment ids": written before the first Open, and no second one before the end
//! of the first is known.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use kessai_client::wire::{Refund, ReverseCause};
use kessai_engine::terms::{Amount, PaymentId};
use serde::{Deserialize, Serialize};

use super::sales::Sale;

const NAME: &str = "unfinished";

/// What is unfinished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Errand {
    /// A payment is asked for; or it is approved, and the goods are coming out of a machine.
    Payment(Sale),
    /// A payment is being taken back.
    Reversal {
        payment: PaymentId,
        cause: Cause,
        /// What was sold, if that is known.
        sale: Option<Sale>,
    },
    /// Money is being paid back.
    Refund(Intent),
}

/// Why a payment is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Cause {
    OnRequest,
    NotDispensed,
}

impl From<Cause> for ReverseCause {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::OnRequest => Self::OnRequest,
            Cause::NotDispensed => Self::NotDispensed,
        }
    }
}

/// Which money is paid back, under an id that is made once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Intent {
    pub(super) refund: PaymentId,
    pub(super) payment: PaymentId,
    pub(super) amount: Amount,
}

impl From<Intent> for Refund {
    fn from(Intent { refund, payment, amount }: Intent) -> Self {
        Self { refund, payment, amount }
    }
}

impl Errand {
    /// Tells which payment it is about.
    pub(super) const fn payment(&self) -> PaymentId {
        match self {
            Self::Payment(sale) => sale.payment,
            Self::Reversal { payment, .. } | Self::Refund(Intent { payment, .. }) => *payment,
        }
    }
}

/// A file that is there for as long as something is unfinished.
pub(super) struct Errands {
    folder: PathBuf,
    path: PathBuf,
}

impl Errands {
    pub(super) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), path: folder.join(NAME) }
    }

    /// Tells what is unfinished, if anything is.
    pub(super) fn open(&self) -> io::Result<Option<Errand>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            let path = self.path.display();
            io::Error::new(ErrorKind::InvalidData, format!("{path} cannot be read: {error}"))
        })
    }

    /// Writes down what is going to be asked for.
    pub(super) fn keep(&self, errand: &Errand) -> io::Result<()> {
        let draft = self.path.with_extension("new");
        let mut file = File::create(&draft)?;
        writeln!(file, "{}", serde_json::to_string(errand)?)?;
        file.sync_all()?;
        fs::rename(&draft, &self.path)?;
        File::open(&self.folder)?.sync_all()
    }

    /// Forgets it: it is finished.
    pub(super) fn forget(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::sales::tests::sale;

    #[test]
    fn what_is_unfinished_is_remembered_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Errands::of(folder.path()).open();
        let errands = Errands::of(folder.path());
        assert_eq!(open().unwrap(), None);
        errands.forget().unwrap();
        let id = |number| PaymentId::from_parts(number, [7; 10]);
        let amount = Amount::new(100).unwrap();
        for errand in [
            Errand::Payment(sale(1)),
            Errand::Reversal { payment: id(1), cause: Cause::OnRequest, sale: None },
            Errand::Reversal { payment: id(1), cause: Cause::NotDispensed, sale: Some(sale(1)) },
            Errand::Refund(Intent { refund: id(2), payment: id(1), amount }),
        ] {
            errands.keep(&errand).unwrap();
            assert_eq!(open().unwrap().as_ref(), Some(&errand));
            assert_eq!(errand.payment(), id(1));
        }
        errands.forget().unwrap();
        assert_eq!(open().unwrap(), None);
        fs::write(folder.path().join(NAME), "{}\n").unwrap();
        assert_eq!(open().unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
