//! Remembers the payment that a till has asked for, through a power cut.
//!
//! # Source
//! docs/PROTOCOL.md, "Payment ids": written before the first Open, and no second one before the end
//! of the first is known.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use kessai_engine::terms::PaymentId;

const NAME: &str = "open-payment";

/// A file that is there for as long as the end of a payment is not known.
pub(super) struct Memory {
    folder: PathBuf,
    path: PathBuf,
}

impl Memory {
    pub(super) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), path: folder.join(NAME) }
    }

    /// Tells which payment is open, if one is.
    pub(super) fn open(&self) -> io::Result<Option<PaymentId>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let malformed = |_| {
            let path = self.path.display();
            io::Error::new(ErrorKind::InvalidData, format!("{path} holds no payment id"))
        };
        text.trim_end().parse().map(Some).map_err(malformed)
    }

    /// Writes down that a payment is going to be asked for.
    pub(super) fn keep(&self, payment: PaymentId) -> io::Result<()> {
        let draft = self.path.with_extension("new");
        let mut file = File::create(&draft)?;
        writeln!(file, "{payment}")?;
        file.sync_all()?;
        fs::rename(&draft, &self.path)?;
        File::open(&self.folder)?.sync_all()
    }

    /// Forgets the payment, whose end is known.
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

    #[test]
    fn a_payment_is_remembered_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Memory::of(folder.path()).open();
        let memory = Memory::of(folder.path());
        assert_eq!(open().unwrap(), None);
        memory.forget().unwrap();
        for number in [1, 2] {
            let payment = PaymentId::from_parts(number, [7; 10]);
            memory.keep(payment).unwrap();
            assert_eq!(open().unwrap(), Some(payment));
        }
        memory.forget().unwrap();
        assert_eq!(open().unwrap(), None);
        fs::write(folder.path().join(NAME), "no id\n").unwrap();
        assert_eq!(open().unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
