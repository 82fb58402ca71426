//! Keeps what a handset was told of its payments: the very bytes that the gateway signed, a line of
//! hexadecimal digits each.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use kessai_client::wire::Notice;

const NAME: &str = "notices";

/// How many notices are kept.
const MOST: usize = 100;

/// The last notices of a handset, by rising number.
pub(super) struct History {
    path: PathBuf,
    notices: Vec<Notice>,
}

impl History {
    /// Reads what was kept in a folder. A line that a power cut has torn is left out: its notice
    /// comes again.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let read = |line: &str| Notice::decode(&hex::decode(line).ok()?).ok();
        let mut notices: Vec<Notice> = text.lines().filter_map(read).collect();
        notices.sort_by_key(|notice| notice.number);
        notices.dedup_by_key(|notice| notice.number);
        notices.drain(..notices.len().saturating_sub(MOST));
        // What is too old, or torn, goes now; a new line must begin at the beginning of one.
        let kept: String = notices.iter().map(line).collect();
        if kept != text {
            let draft = path.with_extension("new");
            fs::write(&draft, kept)?;
            fs::rename(&draft, &path)?;
        }
        Ok(Self { path, notices })
    }

    /// Keeps a notice, unless it is there; tells whether it is new.
    pub(super) fn add(&mut self, notice: &Notice) -> io::Result<bool> {
        if self.notices.iter().any(|kept| kept.number == notice.number) {
            return Ok(false);
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(line(notice).as_bytes())?;
        file.sync_all()?;
        self.notices.push(notice.clone());
        Ok(true)
    }

    /// Lends what is kept, the oldest first.
    pub(super) fn notices(&self) -> &[Notice] {
        &self.notices
    }
}

fn line(notice: &Notice) -> String {
    format!("{}\n", hex::encode(notice.encode()))
}

#[cfg(test)]
pub(super) mod tests {
    use kessai_client::wire::PaymentState;
    use kessai_engine::terms::{Amount, Currency, PaymentId, Reason};

    use super::*;

    pub(in super::super) fn declined(number: u64, reason: Reason) -> Notice {
        Notice {
            number: number.try_into().unwrap(),
            payment: PaymentId::from_parts(1, [7; 10]),
            state: PaymentState::Declined,
            reason,
            price: Amount::new(346).unwrap().of(Currency::JPY),
            store_name: "渋谷店".try_into().unwrap(),
            merchant_name: "Kessai Mart".try_into().unwrap(),
            at_ms: 1_795_353_128_000,
            approval: None,
            captured: Amount::ZERO,
            refunded: Amount::ZERO,
            foreign: None,
        }
    }

    #[test]
    fn notices_are_kept_once_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path()).unwrap();
        for number in 1..=105 {
            assert!(history.add(&declined(number, Reason::InsufficientFunds)).unwrap());
            assert!(!history.add(&declined(number, Reason::InsufficientFunds)).unwrap());
        }
        let path = folder.path().join(NAME);
        let torn = fs::read_to_string(&path).unwrap() + "0801";
        fs::write(&path, torn).unwrap();
        let mut again = History::open(folder.path()).unwrap();
        assert_eq!(again.notices(), &history.notices()[5..]);
        assert!(again.add(&declined(106, Reason::DayLimit)).unwrap());
        let last = History::open(folder.path()).unwrap();
        assert_eq!(last.notices().last().unwrap().reason, Reason::DayLimit);
    }
}
